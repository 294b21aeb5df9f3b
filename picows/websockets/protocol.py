"""Where a connection stands."""

from __future__ import annotations

import enum
from typing import Any, Final

from .frames import OK_CLOSE_CODES

__all__ = ["OK_CLOSE_CODES", "SEND_EOF", "Side", "State"]


class Side(enum.IntEnum):
    """Which end of a connection this is."""

    SERVER = 0
    CLIENT = 1


SERVER: Final = Side.SERVER
CLIENT: Final = Side.CLIENT


class State(enum.IntEnum):
    """States of a connection (RFC 6455, 4.1 and 7.1)."""

    CONNECTING = 0
    OPEN = 1
    CLOSING = 2
    CLOSED = 3


CONNECTING: Final = State.CONNECTING
OPEN: Final = State.OPEN
CLOSING: Final = State.CLOSING
CLOSED: Final = State.CLOSED

#: What sans-I/O code of websockets writes for the end of a stream.
SEND_EOF: Final = b""


def __getattr__(name: str) -> Any:
    if name == "Protocol":
        raise AttributeError(NO_SANS_IO.format(name))
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


#: Said of Protocol, ClientProtocol and ServerProtocol.
NO_SANS_IO: Final = (
    "picows.websockets has no {}: the protocol without I/O is websockets' alone; import it from"
    " websockets"
)
