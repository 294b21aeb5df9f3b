"""Connecting to the first of several addresses that answers: happy eyeballs (RFC 8305)."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
from collections.abc import Sequence
from typing import Any, Final

#: How long an address is waited for until the next one is tried as well (RFC 8305, 5).
DELAY_SECONDS: Final = 0.25

#: What getaddrinfo() says of an address.
AddressInfo = tuple[int, int, int, str, tuple[Any, ...]]


def interleaved(infos: Sequence[AddressInfo], first_count: int) -> list[AddressInfo]:
    """The addresses with their families in turn, after `first_count` of the first family.

    All addresses of one family may be out of reach (RFC 8305, 4).
    """
    families: dict[int, list[AddressInfo]] = {}
    for info in infos:
        families.setdefault(info[0], []).append(info)
    first, *others = families.values()
    turns = itertools.zip_longest(first[first_count - 1 :], *others)
    return first[: first_count - 1] + [info for turn in turns for info in turn if info is not None]


class Race:
    """Sockets that are being connected. The first that is belongs to the caller, `close` closes the
    others.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._running: set[socket.socket] = set()
        self._winner: socket.socket | None = None
        self._changed = asyncio.Event()
        self.errors: dict[int, OSError] = {}
        """Why sockets could not be connected, by their places."""

    @property
    def is_running(self) -> bool:
        return bool(self._running)

    def add(self, sock: socket.socket, place: int, address: tuple[Any, ...]) -> None:
        self._running.add(sock)
        self._loop.add_writer(sock, self._finish, sock, place, address)

    async def next(self, seconds_max: float | None) -> socket.socket | None:
        """Wait for a connected socket; None if one could not be, or if none was in time."""
        self._changed.clear()
        if self._winner is None and self._running:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds_max):
                    await self._changed.wait()
        winner, self._winner = self._winner, None
        return winner

    def close(self) -> None:
        for sock in self._running:
            self._loop.remove_writer(sock)
            sock.close()
        self._running.clear()
        if self._winner is not None:
            self._winner.close()

    def _finish(self, sock: socket.socket, place: int, address: tuple[Any, ...]) -> None:
        self._loop.remove_writer(sock)
        self._running.discard(sock)
        self._changed.set()
        if code := sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self.errors[place] = OSError(code, f"Connect call failed {address}")
            sock.close()
        elif self._winner is None:
            self._winner = sock
        else:
            sock.close()
