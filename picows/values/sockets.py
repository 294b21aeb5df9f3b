"""Sockets under our transports: whose descriptor it is, and who warns if nobody closes it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import Any, cast


class QuietSocket(socket.socket):
    """Closes itself when it goes, without a warning: the transport over it warns."""

    __slots__ = ()

    def __del__(self) -> None:
        if self.fileno() != -1:
            self.close()


def socket_from_handle(handle: int) -> socket.socket:
    """Called by the compiled module: a socket object that owns a handle from now on."""
    return QuietSocket(fileno=handle)


def watch_hub(loop: asyncio.AbstractEventLoop, handle: int, hub: Any) -> None:
    """Called by the compiled module: have an event loop call hub.ready() whenever a handle
    is ready to be read.

    The hub serves many connections, so it has to be called also inside of a callback that runs the
    event loop (as nest_asyncio lets it). asyncio runs a reader in a context, and no context can be
    entered twice: each such call would fail, at once and again as long as the callback lasts. The
    hub needs none, for it runs callbacks in the contexts of their connections, and so stands in
    the place of its reader's.
    """
    loop.add_reader(handle, hub.ready)
    if type(loop) is asyncio.SelectorEventLoop:
        with contextlib.suppress(AttributeError, KeyError):  # private names
            reader, _ = cast(Any, loop)._selector.get_key(handle).data
            reader._context = hub


#: Sockets of users, each by the id of ours. Not in an attribute: the garbage collector could find
#: theirs unclosed before ours goes, and warn of a connection twice.
_lenders: dict[int, socket.socket] = {}


class LentSocket(QuietSocket):
    """The same connection as a user's socket under a descriptor of our own; closes both.

    The user's may be used, and closed, as long as the connection lasts. What we would send to a
    number that its owner has closed could go to the file that has the number next.
    """

    __slots__ = ()

    def __init__(self, lender: socket.socket) -> None:
        super().__init__(lender.family, lender.type, lender.proto, socket.dup(lender.fileno()))
        self.setblocking(False)
        _lenders[id(self)] = lender

    def close(self) -> None:
        super().close()
        self._close_lender()

    def detach(self) -> int:
        """What uvloop does when it has closed, or is about to close, the descriptor itself."""
        self._close_lender()
        return super().detach()

    def _close_lender(self) -> None:
        if lender := _lenders.pop(id(self), None):
            lender.close()
