"""How a connection ends: the CLOSE frames seen, and waiting for the end."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._native import WSCloseCode, WSTransport


class WSCloseInfo:
    """One CLOSE frame (RFC 6455 5.5.1).

    code: a WSCloseCode, or an int for codes 3000 to 4999; NO_INFO if the frame had no payload.
    reason: its text, None if the frame had no payload.
    """

    __slots__ = ("code", "reason")

    def __init__(self, code: WSCloseCode | int, reason: str | None) -> None:
        self.code = code
        self.reason = reason

    def __repr__(self) -> str:
        return f"WSCloseInfo(code={self.code!r}, reason={self.reason!r})"


class WSCloseHandshake:
    """The CLOSE frames of a connection, as far as they were seen.

    recv, sent: the WSCloseInfo of each direction, or None.
    recv_then_sent: whether the peer's came first.
    """

    __slots__ = ("recv", "recv_then_sent", "sent")

    def __init__(self, recv_then_sent: bool) -> None:
        self.recv: WSCloseInfo | None = None
        self.sent: WSCloseInfo | None = None
        self.recv_then_sent = recv_then_sent

    def __repr__(self) -> str:
        return (
            f"WSCloseHandshake(recv={self.recv!r}, sent={self.sent!r}, "
            f"recv_then_sent={self.recv_then_sent!r})"
        )


async def wait_disconnected(transport: WSTransport) -> None:
    """Body of WSTransport.wait_disconnected()."""
    future = transport._disconnected
    if future is not None:
        # Waiters share the future: one that is cancelled must not take it from the others.
        await asyncio.shield(future)
    if transport.is_client_side and transport._exception is not None:
        raise transport._exception
