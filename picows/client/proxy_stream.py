"""The connection to a proxy until its tunnel is open.

The methods `write`, `read_exactly` and `close` are those that python-socks asks of a stream.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from typing import Final, TypeAlias, cast

from ..loop.choose import Wrap
from ..values.exceptions import WSProxyError

# Interim answers (1xx) count, as they do before a server's answer: zig/core/http/answer.zig.
_ANSWER_SIZE_MAX: Final = 16 * 1024
_RECORD_SIZE_MAX: Final = 16 * 1024

#: TLS whose handshake is done, between whole records. TcpTransport goes on with it.
Opened: TypeAlias = tuple[ssl.SSLObject, ssl.MemoryBIO, ssl.MemoryBIO]


class ProxyStream:
    """What the proxy sent and nobody read. A derived class has the connection."""

    def __init__(self) -> None:
        self._received = bytearray()
        self._received_size = 0

    async def write(self, data: bytes) -> None:
        raise NotImplementedError

    async def _more(self) -> None:
        """Wait until more is received. WSProxyError if nothing comes."""
        raise NotImplementedError

    def abort(self) -> None:
        raise NotImplementedError

    async def close(self) -> None:
        self.abort()

    def check_nothing_came(self) -> None:
        """Refuse bytes that arrive before we sent anything: they are not the server's."""
        if self._received:
            raise WSProxyError("bytes came through the proxy before the opening handshake began")

    async def read_exactly(self, size: int) -> bytes:
        while len(self._received) < size:
            await self._more()
        return self._take(size)

    async def read_http_head(self) -> bytes:
        """An answer's head with the empty line. Bytes that cannot be one are refused at once."""
        start = b"HTTP/1."
        while (end := self._received.find(b"\r\n\r\n")) < 0:
            if not start.startswith(self._received[: len(start)]):
                raise not_http(self._received)
            await self._more()
        return self._take(end + 4)

    def _take(self, size: int) -> bytes:
        taken = bytes(self._received[:size])
        del self._received[:size]
        return taken

    def _keep(self, data: bytes | memoryview) -> None:
        self._received_size += len(data)
        if self._received_size > _ANSWER_SIZE_MAX:
            raise WSProxyError("the proxy's answer is too long")
        self._received += data


class TransportStream(ProxyStream, asyncio.BufferedProtocol):
    """On a transport of the event loop, or of aiofastnet.

    It is buffered because the protocol that follows on the same transport is, and not every event
    loop allows for a change of kind.
    """

    transport: asyncio.Transport | None = None

    def __init__(self) -> None:
        super().__init__()
        self._memory = bytearray(4096)
        self._is_lost = False
        self._why_lost: Exception | None = None
        self._changed = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def get_buffer(self, sizehint: int) -> bytearray:
        return self._memory

    def buffer_updated(self, nbytes: int) -> None:
        try:
            self._keep(memoryview(self._memory)[:nbytes])
        except WSProxyError as error:
            self._lose(error)
            self.abort()
        self._changed.set()

    def eof_received(self) -> None:
        self._lose(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self._lose(exc)

    def _lose(self, why: Exception | None) -> None:
        if not self._is_lost:
            self._is_lost = True
            self._why_lost = why
            self._changed.set()

    def abort(self) -> None:
        if self.transport is not None:
            self.transport.abort()

    def check_nothing_came(self) -> None:
        super().check_nothing_came()
        if self._is_lost:
            raise _lost(self._why_lost)

    async def _more(self) -> None:
        if self._is_lost:
            raise _lost(self._why_lost)
        self._changed.clear()
        await self._changed.wait()

    async def write(self, data: bytes) -> None:
        assert self.transport is not None
        self.transport.write(data)


class SocketStream(ProxyStream):
    """On a connected socket, which it does not close; TcpTransport goes on with it.

    opened: TLS with the proxy, if there is any.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, sock: socket.socket) -> None:
        super().__init__()
        self._loop = loop
        self._sock = sock
        self.opened: Opened | None = None

    async def begin_tls(self, wrap: Wrap) -> None:
        """Do the TLS handshake with the proxy. Raises what it failed with, as ssl has it."""
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        ssl_object = wrap(incoming, outgoing)
        self.opened = ssl_object, incoming, outgoing
        while True:
            try:
                ssl_object.do_handshake()
            except ssl.SSLWantReadError:
                await self._loop.sock_sendall(self._sock, outgoing.read())
            except BaseException:
                with contextlib.suppress(OSError):
                    await self._loop.sock_sendall(self._sock, outgoing.read())  # the alert
                raise
            else:
                return await self._loop.sock_sendall(self._sock, outgoing.read())
            if not await self._receive_record(incoming):
                raise ConnectionResetError("the connection was lost during the TLS handshake")

    def abort(self) -> None:
        pass  # the socket is whose it was

    async def write(self, data: bytes) -> None:
        if self.opened is not None:
            ssl_object, _, outgoing = self.opened
            while data:
                data = data[ssl_object.write(data) :]
            data = outgoing.read()
        await self._loop.sock_sendall(self._sock, data)

    async def _more(self) -> None:
        try:
            data = await self._receive()
        except OSError as error:
            raise _lost(error) from error
        if not data:
            raise _lost(None)
        self._keep(data)

    async def _receive(self) -> bytes:
        """Some bytes; none at the end."""
        if self.opened is None:
            return await self._loop.sock_recv(self._sock, _ANSWER_SIZE_MAX)
        ssl_object, incoming, _ = self.opened
        while True:
            try:
                return ssl_object.read(_RECORD_SIZE_MAX)
            except ssl.SSLWantReadError:
                if not await self._receive_record(incoming):
                    return b""
            except ssl.SSLZeroReturnError:
                return b""

    async def _receive_record(self, incoming: ssl.MemoryBIO) -> bool:
        """Give TLS one whole record, or bytes that are none; False at the end of the connection."""
        header = await self._receive_exactly(5)  # RFC 8446, 5.1: type, version, size
        if not header:
            return False
        incoming.write(header)
        size = int.from_bytes(header[3:], "big")
        if not 20 <= header[0] <= 24 or header[1] != 3 or size > _RECORD_SIZE_MAX + 2048:
            return True
        body = await self._receive_exactly(size)
        incoming.write(body)
        return len(body) == size

    async def _receive_exactly(self, size: int) -> bytes:
        """Nothing if the connection ends before."""
        data = b""
        while len(data) < size:
            piece = await self._loop.sock_recv(self._sock, size - len(data))
            if not piece:
                return b""
            data += piece
        return data


def _lost(why: Exception | None) -> WSProxyError:
    if isinstance(why, WSProxyError):
        return why
    error = WSProxyError("the proxy closed the connection instead of opening a tunnel")
    error.__cause__ = why
    return error


def not_http(answer: bytes | bytearray) -> WSProxyError:
    return WSProxyError(f"the proxy's answer is not HTTP/1.1: {shown(answer)}")


def shown(answer: bytes | bytearray) -> str:
    """A piece of what a stranger sent, made safe for a log file."""
    return repr(bytes(answer[:80]))[1:]
