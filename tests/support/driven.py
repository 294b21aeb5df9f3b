"""Connections that a test drives by hand: it decides what each read brings, to the byte.

The event loop is an ordinary one whose transports are not connected to anything. Like any event
loop it asks the protocol for memory, writes into it and says how much. Before each read it fills
all of that memory with garbage, so whatever was not to be overwritten shows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from picows import WSListener, ws_connect, ws_create_server
from picows.testing import wire
from picows.testing.wire import Frame

from . import model

GARBAGE = 0xDD
READ_SIZE_MAX = 256 * 1024
"""The most that one read takes, unless a frame is larger (shared/api.md, section 6)."""


class DrivenTransport(asyncio.Transport):
    """Keeps what is written to it. `feed` is what the peer sends."""

    def __init__(self, loop: asyncio.AbstractEventLoop, protocol: asyncio.BaseProtocol) -> None:
        super().__init__()
        self._loop = loop
        self.protocol: Any = protocol
        self.written = bytearray()
        self.write_sizes: list[int] = []
        self.read_sizes: list[int] = []
        self.is_closed = False
        self.key: bytes | None = None
        protocol.connection_made(self)

    def write(self, data: Any) -> None:
        self.written += data
        self.write_sizes.append(len(data))

    def get_write_buffer_size(self) -> int:
        return 0

    def can_write_eof(self) -> bool:
        return False

    def get_protocol(self) -> Any:
        return self.protocol

    def is_closing(self) -> bool:
        return self.is_closed

    def close(self) -> None:
        if not self.is_closed:
            self.is_closed = True
            self._loop.call_soon(self.protocol.connection_lost, None)

    abort = close

    def feed(self, data: bytes, read_size_max: int = READ_SIZE_MAX) -> None:
        """Reads until all of `data` was received, each as large as the protocol's memory allows."""
        rest = memoryview(data)
        while rest:
            view = self.protocol.get_buffer(-1)
            assert len(view) > 0
            view[:] = bytes([GARBAGE]) * len(view)
            count = min(len(view), len(rest), read_size_max)
            view[:count] = rest[:count]
            self.read_sizes.append(len(view))
            rest = rest[count:]
            self.protocol.buffer_updated(count)

    def feed_frames(self, *frames: Frame, read_size_max: int = READ_SIZE_MAX) -> None:
        """Frames in one piece, as the peer would send them."""
        data = b"".join(wire.encode(frame, self.key) for frame in frames)
        self.feed(data, read_size_max)


class DrivenLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        super().__init__()
        self.factory: Callable[[], asyncio.BaseProtocol]
        self.connecting: asyncio.Queue[DrivenTransport] = asyncio.Queue()

    async def create_server(self, protocol_factory: Any, *_: Any, **__: Any) -> Any:
        self.factory = protocol_factory

    async def create_connection(self, protocol_factory: Any, *_: Any, **__: Any) -> Any:
        protocol = protocol_factory()
        transport = DrivenTransport(self, protocol)
        self.connecting.put_nowait(transport)
        return transport, protocol


async def serve(factory: Callable[[], WSListener], **options: Any) -> Callable[[], DrivenTransport]:
    """A server; each call of the result is a client that connects, its handshake done."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, DrivenLoop)
    await ws_create_server(lambda request: factory(), "", 0, use_aiofastnet=False, **options)

    def accept() -> DrivenTransport:
        transport = DrivenTransport(loop, loop.factory())
        transport.key = wire.MASKING_KEY
        transport.feed(wire.request())
        assert transport.written.startswith(b"HTTP/1.1 101 ")
        transport.written.clear()
        return transport

    return accept


async def connect(listener: WSListener, **options: Any) -> DrivenTransport:
    """A client whose opening handshake is done."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, DrivenLoop)
    url = "ws://127.0.0.1/"
    connecting = asyncio.create_task(
        ws_connect(lambda: listener, url, use_aiofastnet=False, **options)
    )
    transport = await loop.connecting.get()
    _, headers = wire.parse_head(bytes(transport.written))
    transport.written.clear()
    transport.feed(wire.response(headers["sec-websocket-key"]))
    await connecting
    return transport


async def open_as(role: str, listener: WSListener, **options: Any) -> DrivenTransport:
    """A connection on which we are `role`, "client" or "server"."""
    if role == "client":
        return await connect(listener, **options)
    return (await serve(lambda: listener, **options))()


def sent(transport: DrivenTransport, role: str = "client") -> list[Frame]:
    """The frames that we, being `role`, wrote so far."""
    outcome = model.receive(bytes(transport.written), is_server=role == "client")
    assert outcome.consumed == len(transport.written) and outcome.failure is None
    return outcome.frames


def run(main: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=DrivenLoop) as runner:
        runner.run(main)
