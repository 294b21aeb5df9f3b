"""Which transports the connections of an event loop run on, and who runs TLS."""

from __future__ import annotations

import asyncio
import os
import ssl
import sys
from collections.abc import Callable

#: How long a peer may take to end its side when we have ended ours: asyncio's default.
SHUTDOWN_SECONDS = 30.0

#: Makes the SSLObject of a connection from two MemoryBIOs.
Wrap = Callable[[ssl.MemoryBIO, ssl.MemoryBIO], ssl.SSLObject]


def has_own_transport(loop: asyncio.AbstractEventLoop) -> bool:
    """Whether TCP connections of an event loop can run on TcpTransport.

    It watches sockets through the loop's readers and writers, on Linux. Other loops than those
    of asyncio and uvloop, derived ones too, may have their reasons to make transports themselves.
    """
    if sys.platform != "linux":
        return False
    kind = type(loop)
    return kind is asyncio.SelectorEventLoop or is_uvloop(loop)


def is_uvloop(loop: asyncio.AbstractEventLoop) -> bool:
    kind = type(loop)
    return (kind.__module__, kind.__qualname__) == ("uvloop", "Loop")


def own_engine() -> str | None:
    """The TLS engine on our own transport; None for the event loop's TLS."""
    name = os.environ.get("PICOWS_TLS", "direct")
    if name not in ("direct", "objects", "loop"):
        raise ValueError(f"PICOWS_TLS must be direct, objects or loop, not {name!r}")
    return None if name == "loop" else name
