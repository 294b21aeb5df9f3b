"""The words between a supervisor and a worker: lines over a pair of sockets."""

from __future__ import annotations

import asyncio
import enum
import socket
from collections.abc import AsyncIterator


class Word(enum.Enum):
    """What is said."""

    #: The worker listens.
    READY = "ready"
    #: The worker wants to end, because it got SIGTERM: it asks for a successor.
    LEAVING = "leaving"
    #: The worker accepts no more connections.
    RETIRED = "retired"
    #: A worker has a successor: it stops listening and drains.
    RETIRE = "retire"
    #: All end: a worker answers newcomers with 503 and drains.
    DRAIN = "drain"


class Channel:
    """One end."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def over(cls, sock: socket.socket) -> Channel:
        """Take a socket over."""
        return cls(*await asyncio.open_unix_connection(sock=sock))

    def say(self, word: Word) -> None:
        """Send a word. Nothing happens if the other end is gone."""
        if not self._writer.is_closing():
            self._writer.write(f"{word.value}\n".encode())

    async def words(self) -> AsyncIterator[Word]:
        """What the other end says, until it is gone."""
        try:
            while line := await self._reader.readline():
                yield Word(line.decode().strip())
        except ConnectionError:
            pass

    def close(self) -> None:
        self._writer.close()
