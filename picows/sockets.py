"""Sockets under our transports: whose descriptor it is, and who warns if nobody closes it."""

from __future__ import annotations

import socket


class QuietSocket(socket.socket):
    """Closes itself when it goes, without a warning: the transport over it warns."""

    __slots__ = ()

    def __del__(self) -> None:
        if self.fileno() != -1:
            self.close()


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
