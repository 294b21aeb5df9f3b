"""Where websockets has its server without I/O; there is none here."""

from __future__ import annotations

from typing import Any

from .protocol import NO_SANS_IO

__all__: list[str] = []


def __getattr__(name: str) -> Any:
    if name == "ServerProtocol":
        raise AttributeError(NO_SANS_IO.format(name))
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
