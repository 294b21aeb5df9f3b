"""Peers without the library: what they send is exactly what the test wrote."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import AsyncIterator
from typing import Any

from ..loop.state import network_of
from . import wire
from .wire import Frame

SECONDS_MAX = 10.0
"""Nothing on this machine takes this long: who waits for what does not come gets TimeoutError."""


class Peer:
    """One end of a connection. `key` masks what it sends: a client has one, a server None."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, key: bytes | None
    ) -> None:
        self.reader = reader
        self.writer = writer
        self.key = key

    def send_bytes(self, data: bytes) -> None:
        self.writer.write(data)

    def send(self, *frames: Frame) -> None:
        """Send frames in one piece."""
        self.send_bytes(b"".join(wire.encode(frame, self.key) for frame in frames))

    async def read_head(self) -> tuple[str, dict[str, str]]:
        async with asyncio.timeout(SECONDS_MAX):
            return wire.parse_head(await self.reader.readuntil(b"\r\n\r\n"))

    async def read_frame(self) -> Frame:
        async with asyncio.timeout(SECONDS_MAX):
            return await self._read_frame()

    async def _read_frame(self) -> Frame:
        first, second = await self.reader.readexactly(2)
        size = second & 0x7F
        if size > 125:
            size = int.from_bytes(await self.reader.readexactly(2 if size == 126 else 8), "big")
        is_masked = second >= 0x80
        assert is_masked == (self.key is None), "a client masks its frames, a server does not"
        key = await self.reader.readexactly(4) if is_masked else b"\0\0\0\0"
        payload = wire.mask(await self.reader.readexactly(size), key)
        return Frame(first & 0xF, payload, bool(first & 0x80), first >> 4 & 7)

    async def expect(self, *frames: Frame) -> None:
        """Read frames, which have to be these. AssertionError otherwise."""
        for frame in frames:
            received = await self.read_frame()
            assert received == frame, f"expected {frame}, received {received}"

    async def expect_bytes(self, data: bytes) -> None:
        """Read bytes, which have to be these. AssertionError otherwise, or after a shorter end."""
        async with asyncio.timeout(SECONDS_MAX):
            try:
                received = await self.reader.readexactly(len(data))
            except asyncio.IncompleteReadError as error:
                received = error.partial
        assert received == data, f"expected {data!r}, received {received!r}"

    async def read_rest(self) -> list[Frame]:
        """Every frame up to the end of the connection, which has to be an orderly one."""
        frames = []
        async with asyncio.timeout(SECONDS_MAX):
            while True:
                try:
                    frames.append(await self._read_frame())
                except asyncio.IncompleteReadError as error:
                    if error.partial:
                        raise
                    return frames

    async def read_to_end(self) -> bytes:
        async with asyncio.timeout(SECONDS_MAX):
            return await self.reader.read()

    def reset(self) -> None:
        """Vanish with a RST instead of a FIN."""
        linger = struct.pack("ii", 1, 0)
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.writer.transport.abort()

    async def close(self) -> None:
        self.writer.close()
        with contextlib.suppress(OSError):
            await self.writer.wait_closed()


async def open_raw(
    port: int, ssl_context: ssl.SSLContext | None = None, *, host: str = "127.0.0.1"
) -> Peer:
    """A client's connection on which nothing was said yet; through a MemoryNetwork inside of one.

    ssl_context: for TLS with a server that has a certificate for localhost.
    """
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(reader)
    options = {"ssl": ssl_context, "server_hostname": "localhost"} if ssl_context else {}
    opener: Any = network_of(loop) or loop
    transport, _ = await opener.create_connection(lambda: protocol, host, port, **options)
    writer = asyncio.StreamWriter(transport, protocol, reader, loop)
    return Peer(reader, writer, wire.MASKING_KEY)


async def open_upgraded(
    port: int,
    line: str = "GET / HTTP/1.1",
    ssl_context: ssl.SSLContext | None = None,
    *,
    host: str = "127.0.0.1",
) -> Peer:
    """A client whose opening handshake is done. AssertionError if the server does not agree."""
    peer = await open_raw(port, ssl_context, host=host)
    peer.send_bytes(wire.request(line=line))
    status, headers = await peer.read_head()
    assert status.split(" ")[:2] == ["HTTP/1.1", "101"]
    assert headers["sec-websocket-accept"] == wire.accept(wire.HANDSHAKE_KEY)
    return peer


class RawServer:
    """Listens on loopback. `accept` gives the next connection, `peers` are all there were."""

    def __init__(self) -> None:
        self._waiting: asyncio.Queue[Peer] = asyncio.Queue()
        self.peers: list[Peer] = []
        self.port = 0
        self.server: asyncio.Server
        self._is_closed = False

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_closed:  # it was accepted in the turn in which the server was closed
            writer.transport.abort()
            return
        peer = Peer(reader, writer, None)
        self.peers.append(peer)
        self._waiting.put_nowait(peer)

    async def accept(self) -> Peer:
        """The next connection, with nothing read from it."""
        async with asyncio.timeout(SECONDS_MAX):
            return await self._waiting.get()

    async def accept_upgraded(self, followed_by: bytes = b"") -> Peer:
        """The next connection, with its opening handshake answered."""
        peer = await self.accept()
        _, headers = await peer.read_head()
        peer.send_bytes(wire.response(headers["sec-websocket-key"]) + followed_by)
        return peer

    async def close(self) -> None:
        self._is_closed = True
        self.server.close()
        for peer in self.peers:
            await peer.close()
        await self.server.wait_closed()


@contextlib.asynccontextmanager
async def raw_server(
    ssl_context: ssl.SSLContext | None = None, *, host: str = "127.0.0.1", port: int = 0
) -> AsyncIterator[RawServer]:
    """A server whose every answer the test sends; in a MemoryNetwork inside of one."""
    server = RawServer()
    loop = asyncio.get_running_loop()

    def factory() -> asyncio.StreamReaderProtocol:
        return asyncio.StreamReaderProtocol(asyncio.StreamReader(), server._connected)

    opener: Any = network_of(loop) or loop
    server.server = await opener.create_server(factory, host, port, ssl=ssl_context)
    server.port = server.server.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        await server.close()
