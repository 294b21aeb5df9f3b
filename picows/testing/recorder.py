"""Our own ends of connections: a listener that keeps what it saw, servers, pairs."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

from .. import WSFrame, WSListener, WSTransport, ws_connect, ws_create_server
from .peers import SECONDS_MAX, Peer, open_upgraded, raw_server
from .wire import Frame

URL = "ws://127.0.0.1:{}/"


class Recorder(WSListener):
    """Keeps what happens to it, in order."""

    def __init__(self) -> None:
        self.transport: WSTransport
        self.events: list[str] = []
        self.frames: list[Frame] = []
        self._changed = asyncio.Event()

    def _note(self, event: str) -> None:
        self.events.append(event)
        self._changed.set()

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.transport = transport
        self._note("connected")

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        rsv = frame.rsv1 << 2 | frame.rsv2 << 1 | frame.rsv3
        payload = frame.get_payload_as_bytes()
        assert frame.payload_size == len(payload)
        self.frames.append(Frame(int(frame.msg_type), payload, frame.fin, rsv))
        self._note("frame")

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self._note("disconnected")

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(SECONDS_MAX):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    async def until_frames(self, count: int) -> list[Frame]:
        await self.until(lambda: len(self.frames) >= count)
        return self.frames

    async def until_disconnected(self) -> None:
        await self.until(lambda: "disconnected" in self.events)


@contextlib.asynccontextmanager
async def serving(factory: Callable[..., Any], **options: Any) -> AsyncIterator[int]:
    """A server of ours on loopback; gives its port."""
    server = await ws_create_server(factory, "127.0.0.1", 0, **options)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


@dataclass
class Pair:
    """A connection between us and a raw peer."""

    listener: Recorder
    peer: Peer

    @property
    def transport(self) -> WSTransport:
        return self.listener.transport


@contextlib.asynccontextmanager
async def paired(
    role: str, listener_class: Callable[[], Recorder] = Recorder, **options: Any
) -> AsyncIterator[Pair]:
    """A connection on which we are `role`, "client" or "server", and the peer is a raw one."""
    if role == "client":
        async with raw_server() as server:
            connecting = asyncio.create_task(
                ws_connect(listener_class, URL.format(server.port), **options)
            )
            peer = await server.accept_upgraded()
            async with asyncio.timeout(SECONDS_MAX):
                _, listener = await connecting
            async with _closing(Pair(listener, peer)) as pair:
                yield pair
    else:
        listeners: list[Recorder] = []

        def factory(request: Any) -> Recorder:
            listeners.append(listener_class())
            return listeners[0]

        async with serving(factory, **options) as port:
            peer = await open_upgraded(port)
            async with _closing(Pair(listeners[0], peer)) as pair:
                yield pair


@contextlib.asynccontextmanager
async def _closing(pair: Pair) -> AsyncIterator[Pair]:
    try:
        yield pair
    finally:
        await pair.peer.close()
        pair.transport.disconnect(graceful=False)
        await pair.listener.until_disconnected()
