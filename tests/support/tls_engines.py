"""Who runs TLS on our own transport, and what stands between two ends of it."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from picows import WSTransport

#: Values of PICOWS_TLS under which our own transport does TLS.
OWN = ("direct", "objects")
ENGINES = (*OWN, "loop") if sys.platform == "linux" else ("loop",)


def engine_of(transport: WSTransport) -> str:
    """The engine that a connection has."""
    found: str = transport.underlying_transport.get_extra_info("picows.tls", "loop")
    return found


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Every engine, one after the other, for all connections of a test."""
    monkeypatch.setenv("PICOWS_TLS", request.param)
    name: str = request.param
    return name


@pytest.fixture(params=OWN)
def own_engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Those of our own transport."""
    if sys.platform != "linux":
        pytest.skip("our own transport is Linux's")
    monkeypatch.setenv("PICOWS_TLS", request.param)
    name: str = request.param
    return name


Change = Callable[[bytes, int], list[bytes] | None]


def byte_by_byte(data: bytes, _: int) -> list[bytes]:
    return [data[i : i + 1] for i in range(len(data))]


def cut_behind(size: int) -> Change:
    """Lets so many bytes through; then the connection ends."""

    def change(data: bytes, before: int) -> list[bytes] | None:
        left = size - before
        return [data] if len(data) <= left else [data[:left], b""]

    return change


@contextlib.asynccontextmanager
async def relay(
    port: int, to_server: Change | None = None, to_client: Change | None = None
) -> AsyncIterator[int]:
    """Listens, and carries bytes to a port and back; gives its own port.

    A change is called with bytes and how many came before them. It returns the pieces to pass on,
    each in a segment of its own; an empty one ends both connections.
    """
    tasks: list[asyncio.Task[Any]] = []

    async def carry(
        reader: asyncio.StreamReader, writers: list[asyncio.StreamWriter], change: Change | None
    ) -> None:
        before = 0
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                for piece in change(data, before) or [] if change else [data]:
                    if not piece:
                        for writer in writers:
                            writer.close()
                        return
                    writers[0].write(piece)
                    await writers[0].drain()
                before += len(data)
            writers[0].write_eof()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there = await asyncio.open_connection("127.0.0.1", port)
        ways = (
            carry(reader, [there, writer], to_server),
            carry(there_reader, [writer, there], to_client),
        )
        tasks.extend(asyncio.ensure_future(way) for way in ways)
        await asyncio.gather(*tasks[-2:], return_exceptions=True)
        there.close()
        writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
