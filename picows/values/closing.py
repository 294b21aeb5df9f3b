"""How a connection ends: its CLOSE frames, and waiting for the end."""

from __future__ import annotations

import asyncio
import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .exceptions import as_error

if TYPE_CHECKING:
    from .._native import WSCloseCode, WSTransport


class CloseCodeBase(enum.IntEnum):
    """The base class from which the compiled module derives WSCloseCode."""

    @classmethod
    def _missing_(cls, value: object) -> CloseCodeBase | None:
        # Private codes (RFC 6455 7.4.2) have no names, but Cython turns each code that it passes
        # to Python into a WSCloseCode. This must not fail.
        if not isinstance(value, int) or not 3000 <= value <= 4999:
            return None
        member = int.__new__(cls, value)
        member._name_ = f"PRIVATE_{value}"
        member._value_ = value
        return member


class WSCloseInfo:
    """One CLOSE frame (RFC 6455 5.5.1)."""

    __slots__ = ("code", "reason")

    code: WSCloseCode | int
    """An int for codes 3000 to 4999; NO_INFO if the frame had no payload."""
    reason: str | None
    """Its text, None if the frame had none."""

    def __init__(self, code: WSCloseCode | int, reason: str | None) -> None:
        self.code = code
        self.reason = reason

    def __repr__(self) -> str:
        return f"WSCloseInfo(code={self.code!r}, reason={self.reason!r})"


class WSCloseHandshake:
    """The CLOSE frames of a connection that were sent and received so far."""

    __slots__ = ("recv", "recv_then_sent", "sent")

    recv: WSCloseInfo | None
    """The peer's, or None."""
    sent: WSCloseInfo | None
    """Ours, or None."""
    recv_then_sent: bool
    """Whether the peer's came first."""

    def __init__(self, recv_then_sent: bool) -> None:
        self.recv = None
        self.sent = None
        self.recv_then_sent = recv_then_sent

    def __repr__(self) -> str:
        return (
            f"WSCloseHandshake(recv={self.recv!r}, sent={self.sent!r}, "
            f"recv_then_sent={self.recv_then_sent!r})"
        )


class WSDisconnectCause(enum.Enum):
    """Why a connection ended. The first reason counts, not its consequences."""

    #: The peer sent a CLOSE first.
    PEER_CLOSE = "peer_close"
    #: We sent a CLOSE first.
    OWN_CLOSE = "own_close"
    #: disconnect() was called without a CLOSE.
    OWN_DISCONNECT = "own_disconnect"
    #: A ping was not answered in time.
    PING_TIMEOUT = "ping_timeout"
    #: The peer broke the protocol.
    PROTOCOL_ERROR = "protocol_error"
    #: A callback of the listener raised.
    LISTENER_ERROR = "listener_error"
    #: The peer ended the connection without a CLOSE.
    EOF = "eof"
    #: The connection broke (reset by the peer, no route, a TLS error).
    RESET = "reset"


@dataclass(frozen=True, slots=True)
class WSDisconnectInfo:
    """How a connection ended. `WSTransport.close_handshake` has the CLOSE frames."""

    cause: WSDisconnectCause
    """The first reason."""
    exception: BaseException | None
    """The WSProtocolError, the listener's exception or the OSError behind it, if any."""
    received_at: float | None
    """`time.monotonic()` when the last bytes were received; None for never."""
    sent_at: float | None
    """`time.monotonic()` when the last frame was sent; None for never."""


def make_disconnect_info(
    cause: str, exception: BaseException | None, received_at: float | None, sent_at: float | None
) -> WSDisconnectInfo:
    """Called by the compiled module."""
    return WSDisconnectInfo(WSDisconnectCause(cause), exception, received_at, sent_at)


async def wait_disconnected(transport: WSTransport) -> None:
    """Body of WSTransport.wait_disconnected()."""
    waiters = transport._waiters
    if waiters is not None:
        # Each waiter has a future of its own, because cancelling a waiter cancels its future.
        waiter = asyncio.get_running_loop().create_future()
        waiters.append(waiter)
        try:
            await waiter
        finally:
            waiters.remove(waiter)
    exception = transport._exception
    if transport.is_client_side and exception is not None:
        name = type(exception).__name__
        error = as_error(exception, f"a callback of the listener raised {name}")
        # It is the same exception each time: without this its traceback would grow each time.
        raise error.with_traceback(transport._traceback if error is exception else None)
