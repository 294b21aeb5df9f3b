"""Standard input as something to await: what is typed, or what a pipe or a file brings."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import Callable, Iterator

_READ_SIZE = 64 * 1024
#: Pieces read ahead of who takes them: a file must not end up in memory.
_AHEAD_MAX = 16


class Input:
    """Reads standard input in a thread of its own, for pipes, files and terminals alike.

    There is no other way that works for all of them: an event loop cannot wait for a file.
    """

    def __init__(self, produce: Callable[[], Iterator[bytes]]) -> None:
        """produce: gives one piece after another, and may block; it runs in the thread."""
        self._produce = produce
        self._pieces: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._room = threading.Semaphore(_AHEAD_MAX)
        self._loop = asyncio.get_running_loop()
        # A read that never returns must not keep the process.
        threading.Thread(target=self._read, daemon=True).start()

    async def next(self) -> bytes | None:
        """The next piece; None at the end."""
        piece = await self._pieces.get()
        self._room.release()
        return piece

    def _read(self) -> None:
        # The loop may be closed by the time that something is read: then nobody wants it.
        with contextlib.suppress(RuntimeError):
            for piece in self._produce():
                self._put(piece)
            self._put(None)

    def _put(self, piece: bytes | None) -> None:
        self._room.acquire()
        self._loop.call_soon_threadsafe(self._pieces.put_nowait, piece)


def read_pieces(descriptor: int = 0) -> Iterator[bytes]:
    """What can be read, as it comes, in pieces of up to 64 KiB."""
    # Not sys.stdin: a thread that is blocked in it makes the interpreter abort when it exits.
    while piece := os.read(descriptor, _READ_SIZE):
        yield piece


def read_lines(descriptor: int = 0) -> Iterator[bytes]:
    """Lines without their ends, LF or CRLF; the last one needs none."""
    rest: list[bytes] = []
    for piece in read_pieces(descriptor):
        first, *more = piece.split(b"\n")
        rest.append(first)
        for line in more:
            yield b"".join(rest).removesuffix(b"\r")
            rest = [line]
    if last := b"".join(rest):
        yield last.removesuffix(b"\r")
