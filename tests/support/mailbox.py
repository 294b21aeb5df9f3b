"""A connection whose user takes messages, and a peer that sends frames."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest

from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect, ws_create_server
from picows._native import MessageListener

from . import stacks

TEXT, BINARY, CONT = WSMsgType.TEXT, WSMsgType.BINARY, WSMsgType.CONTINUATION


class Mailbox(MessageListener):
    """The end under test."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.pongs: list[bytes] = []
        self.bad_text: list[UnicodeDecodeError] = []

    def _ended(self, is_iterating: bool, /) -> BaseException:
        return StopAsyncIteration() if is_iterating else EOFError("the end")

    def _on_pong(self, payload: bytes, /) -> None:
        self.pongs.append(payload)

    def _on_bad_text(self, error: UnicodeDecodeError, /) -> None:
        self.bad_text.append(error)
        super()._on_bad_text(error)


class Peer(WSListener):
    """The other end: sends frames, and keeps what it gets."""

    def __init__(self) -> None:
        self.frames: list[tuple[WSMsgType, bytes]] = []
        self.close: tuple[int, str | None] | None = None
        self.got = asyncio.Event()

    def on_ws_connected(self, transport: WSTransport, /) -> None:
        self.transport = transport

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame, /) -> None:
        if frame.msg_type == WSMsgType.CLOSE:
            self.close = frame.get_close_code(), frame.get_close_reason()
        else:
            self.frames.append((frame.msg_type, frame.get_payload_as_bytes()))
        self.got.set()

    def text(self, *messages: str) -> None:
        for message in messages:
            self.transport.send(TEXT, message)

    async def until(self, count: int) -> None:
        while len(self.frames) < count:
            self.got.clear()
            await self.got.wait()


@asynccontextmanager
async def ends(make: Callable[[], Mailbox] = Mailbox, **tls: Any) -> AsyncIterator[Any]:
    """A client that takes messages, and the server's end."""
    peers: asyncio.Queue[Peer] = asyncio.Queue()

    def factory(_: Any) -> Peer:
        peer = Peer()
        peers.put_nowait(peer)
        return peer

    secure = bool(tls.get("ssl"))
    server = await ws_create_server(factory, "127.0.0.1", 0, ssl=tls.get("ssl"))
    port = server.sockets[0].getsockname()[1]
    url = f"{'wss' if secure else 'ws'}://127.0.0.1:{port}/"
    context = stacks.client_tls() if secure else None
    transport, mailbox = await ws_connect(make, url, ssl_context=context)
    peer = await peers.get()
    try:
        yield mailbox, peer
    finally:
        transport.disconnect(False)
        peer.transport.disconnect(False)
        server.close()
        await server.wait_closed()


def on_all_loops(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[[str], None]:
    @pytest.mark.parametrize("loop", stacks.LOOPS)
    def run(loop: str) -> None:
        stacks.run(loop, test())

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    return run


async def passes_until(is_so: Callable[[], bool]) -> None:
    """Lets the event loop run until something is seen to be so."""
    while not is_so():  # noqa: ASYNC110 - there is no event
        await asyncio.sleep(0)
