"""Connections without sockets: what one end writes, the other end reads, through real framing."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

from .. import WSListener, WSTransport, ws_connect, ws_create_server
from ..loop.state import network_of, set_network
from .recorder import Recorder

READ_SIZE_MAX = 256 * 1024
_HIGH_WATER = 64 * 1024
_NO_SOCKETS = "a MemoryNetwork has no sockets: leave out socket_factory"


class MemoryTransport(asyncio.Transport):
    """One end of a connection in memory. It behaves as a transport of TCP does: reads come later
    and in pieces, and who does not read makes the other end pause."""

    def __init__(self, read_size: int, extra: dict[str, Any]) -> None:
        super().__init__(extra)
        self.peer: MemoryTransport
        self._loop = asyncio.get_running_loop()
        self._read_size = read_size
        self._protocol: Any = None
        self._queued = bytearray()
        self._limits = (_HIGH_WATER // 4, _HIGH_WATER)
        self._is_delivering = False
        self._is_reading = True
        self._is_writing_paused = False
        self._is_eof_written = False
        self._is_eof_delivered = False
        self._is_closing = False
        self.is_closed = False

    def start(self, protocol: asyncio.BaseProtocol) -> None:
        """Hand the connection to its protocol."""
        self._protocol = protocol
        protocol.connection_made(self)

    # What asyncio.Transport has

    def write(self, data: Any) -> None:
        if self._is_eof_written:
            raise RuntimeError("write() after write_eof()")
        if self._is_closing:
            return
        self._queued += data
        self._deliver_soon()
        if len(self._queued) > self._limits[1] and not self._is_writing_paused:
            self._is_writing_paused = True
            self._protocol.pause_writing()

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self._is_eof_written = True
        self._deliver_soon()

    def close(self) -> None:
        if not self._is_closing:
            self._is_closing = True
            self._is_reading = False
            self._deliver_soon()

    def abort(self) -> None:
        self._is_closing = True
        self._queued.clear()
        self._deliver_soon()

    def reset(self, error: OSError | None = None) -> None:
        """Break the connection: both ends lose it with an error, ConnectionResetError if None."""
        for end in (self, self.peer):
            end._queued.clear()
            end._lose(error or ConnectionResetError("the connection was reset"))

    def is_closing(self) -> bool:
        return self._is_closing

    def pause_reading(self) -> None:
        self._is_reading = False

    def resume_reading(self) -> None:
        if not self._is_closing:
            self._is_reading = True
            self.peer._deliver_soon()

    def is_reading(self) -> bool:
        return self._is_reading

    def get_protocol(self) -> Any:
        return self._protocol

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._protocol = protocol

    def get_write_buffer_size(self) -> int:
        return len(self._queued)

    def get_write_buffer_limits(self) -> tuple[int, int]:
        return self._limits

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        if high is None:
            high = _HIGH_WATER if low is None else 4 * low
        self._limits = (high // 4 if low is None else low, high)

    # From here to the other end

    def _deliver_soon(self) -> None:
        if not (self._is_delivering or self.is_closed or self._loop.is_closed()):
            self._is_delivering = True
            self._loop.call_soon(self._deliver)

    def _deliver(self) -> None:
        """Bring one piece to the other end, or say that there is no more."""
        self._is_delivering = False
        if self.is_closed:
            return
        if self._queued and self.peer._is_closing:
            self._queued.clear()  # nobody is there to read it
        if self._queued:
            if not self.peer._is_reading:
                return
            piece = bytes(self._queued[: self._read_size])
            del self._queued[: len(piece)]
            self.peer._receive(piece)
            if self._is_writing_paused and len(self._queued) <= self._limits[0]:
                self._is_writing_paused = False
                self._protocol.resume_writing()
        if self._queued:
            self._deliver_soon()
            return
        if (self._is_eof_written or self._is_closing) and not self._is_eof_delivered:
            self._is_eof_delivered = True
            self.peer._receive_eof()
        if self._is_closing:
            self._lose(None)

    def _receive(self, data: bytes) -> None:
        if not isinstance(self._protocol, asyncio.BufferedProtocol):
            self._protocol.data_received(data)
            return
        rest = memoryview(data)
        while rest and not self._is_closing:
            view: Any = self._protocol.get_buffer(-1)
            count = min(len(view), len(rest))
            view[:count] = rest[:count]
            rest = rest[count:]
            self._protocol.buffer_updated(count)

    def _receive_eof(self) -> None:
        if not self._is_closing and not self._protocol.eof_received():
            self.close()

    def _lose(self, error: OSError | None) -> None:
        if self.is_closed or self._loop.is_closed():
            return
        self.is_closed = self._is_closing = True
        self._is_reading = False
        self._loop.call_soon(self._protocol.connection_lost, error)


class _Address:
    """What `server.sockets` has: enough to ask for the port."""

    def __init__(self, name: Any) -> None:
        self._name = name

    def getsockname(self) -> Any:
        return self._name


class MemoryServer(asyncio.AbstractServer):
    """What ws_create_server returns inside of a MemoryNetwork."""

    def __init__(self, network: MemoryNetwork, place: Any, factory: Callable[[], Any]) -> None:
        self.sockets = (_Address(place),)
        self.factory = factory
        self._network = network
        self._place = place
        self._closed = asyncio.Event()

    def close(self) -> None:
        self._network._servers.pop(self._place, None)
        self._closed.set()

    def is_serving(self) -> bool:
        return not self._closed.is_set()

    def get_loop(self) -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()

    async def start_serving(self) -> None:
        """It does already."""

    async def serve_forever(self) -> None:
        """Wait until it is closed or, as asyncio's does, until this is cancelled, and close."""
        try:
            await self._closed.wait()
        finally:
            self.close()

    async def wait_closed(self) -> None:
        await self._closed.wait()


class MemoryNetwork:
    """A network in memory. Inside of `async with`, ws_connect and ws_create_server on this event
    loop use it, as do the raw peers of this package: no sockets, no ports of the machine, no names
    that have to be resolved. Each event loop can have one at a time.

    A server that listens at a host is found under that name alone, one without a host under any.
    wss:// is taken for what it says (`transport.is_secure`), but nothing is encrypted.

    read_size: bytes that a read brings at most; 1 tries how code takes fragments.
    """

    def __init__(self, *, read_size: int = READ_SIZE_MAX) -> None:
        if read_size < 1:
            raise ValueError("read_size is 1 or more")
        self.transports: list[MemoryTransport] = []
        self._read_size = read_size
        self._servers: dict[Any, MemoryServer] = {}
        self._port_next = 50_000
        self._loop: asyncio.AbstractEventLoop | None = None

    async def __aenter__(self) -> MemoryNetwork:
        self._loop = asyncio.get_running_loop()
        if network_of(self._loop) is not None:
            raise RuntimeError("this event loop has a network already: leave that one first")
        set_network(self._loop, self)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._loop is not None
        set_network(self._loop, None)
        for server in list(self._servers.values()):
            server.close()
        for transport in self.transports:
            transport.abort()
        for _step in range(3):  # the last delivery, connection_lost, and who waits for that
            await asyncio.sleep(0)

    def break_connections(self, error: OSError | None = None) -> None:
        """Break all connections: both ends lose them with an error, as when a cable is cut."""
        for transport in self.transports:
            if not transport.is_closed:
                transport.reset(error)

    # What an event loop has

    async def sock_connect(self, sock: Any, address: Any) -> None:
        """A socket that is to be connected is as little use here as a connected one."""
        raise ValueError(_NO_SOCKETS)

    async def create_connection(
        self,
        protocol_factory: Callable[[], Any],
        host: str | None = None,
        port: int | None = None,
        *,
        ssl: Any = None,
        sock: Any = None,
        **_: Any,
    ) -> tuple[MemoryTransport, Any]:
        """Connect. ConnectionRefusedError if nobody listens there."""
        if sock is not None:
            raise ValueError(_NO_SOCKETS)
        return await self._connect(protocol_factory, (host, port), ssl)

    async def create_unix_connection(
        self, protocol_factory: Callable[[], Any], path: Any, *, ssl: Any = None, **_: Any
    ) -> tuple[MemoryTransport, Any]:
        """Connect to a path."""
        return await self._connect(protocol_factory, str(path), ssl)

    async def create_server(
        self,
        protocol_factory: Callable[[], Any],
        host: str | None = None,
        port: int | None = None,
        **_: Any,
    ) -> MemoryServer:
        """Listen. OSError if somebody does so there."""
        if not port:
            port = self._port_next
            self._port_next += 1
        return self._listen(protocol_factory, (host or None, port))

    async def create_unix_server(
        self, protocol_factory: Callable[[], Any], path: Any, **_: Any
    ) -> MemoryServer:
        """Listen at a path."""
        return self._listen(protocol_factory, str(path))

    def _listen(self, factory: Callable[[], Any], place: Any) -> MemoryServer:
        if place in self._servers:
            raise OSError(f"somebody listens at {place} already")
        server = self._servers[place] = MemoryServer(self, place, factory)
        return server

    async def _connect(
        self, factory: Callable[[], Any], place: Any, tls: Any
    ) -> tuple[MemoryTransport, Any]:
        await asyncio.sleep(0)  # it takes a while everywhere
        server = self._servers.get(place)
        if server is None and isinstance(place, tuple):
            server = self._servers.get((None, place[1]))
        if server is None:
            raise ConnectionRefusedError(f"nobody listens at {place} in this MemoryNetwork")
        name = place if isinstance(place, str) else ("127.0.0.1", self._port_next)
        self._port_next += 1
        secure = {"ssl_object": tls, "sslcontext": tls} if tls else {}
        client = MemoryTransport(self._read_size, {"sockname": name, "peername": place} | secure)
        far = MemoryTransport(self._read_size, {"sockname": place, "peername": name} | secure)
        client.peer, far.peer = far, client
        self.transports = [one for one in self.transports if not one.is_closed] + [client, far]
        protocol = factory()
        client.start(protocol)
        far.start(server.factory())
        return client, protocol


@contextlib.asynccontextmanager
async def memory_pair(
    client_factory: Callable[[], WSListener] = Recorder,
    server_factory: Callable[[], WSListener] = Recorder,
    *,
    client_options: dict[str, Any] | None = None,
    server_options: dict[str, Any] | None = None,
    read_size: int = READ_SIZE_MAX,
) -> AsyncIterator[tuple[tuple[WSTransport, Any], tuple[WSTransport, Any]]]:
    """Two WSTransports that are connected to each other in memory.

    Gives ((client's transport, its listener), (server's transport, its listener)).

    client_factory, server_factory: make the listeners; a Recorder each by default.
    client_options, server_options: of ws_connect and ws_create_server.
    read_size: see MemoryNetwork.
    """
    listeners: list[WSListener] = []

    def factory(_: object) -> WSListener:
        listeners.append(server_factory())
        return listeners[0]

    async with MemoryNetwork(read_size=read_size) as network:
        await ws_create_server(factory, None, 80, **(server_options or {}))
        url = "ws://memory.test/"
        transport, listener = await ws_connect(client_factory, url, **(client_options or {}))
        far = network.transports[-1].get_protocol().transport
        yield (transport, listener), (far, listeners[0])
