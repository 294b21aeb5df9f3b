"""The echo of tests/test_echo.py: messages, and clients and servers of three libraries.

A client is a coroutine `exchange(stack, port, messages)`, a server an async context manager that
gives its port. Servers answer each message with the same message. The path of the request says in
how many frames our own server answers, since not every client can send fragments.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import aiohttp
import aiohttp.web
import websockets.asyncio.client
import websockets.asyncio.server

from picows import (
    WSFrame,
    WSListener,
    WSMsgType,
    WSTransport,
    WSUpgradeRequest,
    ws_connect,
    ws_create_server,
)

from .stacks import Stack, client_tls, server_tls

SIZE_MAX = 9 << 20
#: Not a multiple of any size of buffer, chunk or mask: an offset by one shows everywhere.
_PATTERN = bytes(range(32, 127)) * (SIZE_MAX // 95 + 2)


@dataclass(frozen=True)
class Message:
    msg_type: WSMsgType
    payload: bytes
    pieces: int

    def fragments(self) -> list[bytes]:
        """Pieces of different sizes, the first ones of them small."""
        size, count = len(self.payload), self.pieces
        cuts = [size * i * i // (count * count) for i in range(count + 1)]
        return [self.payload[start:end] for start, end in itertools.pairwise(cuts)]


def make_messages(sizes: list[int]) -> list[Message]:
    return [
        Message(msg_type, _PATTERN[size % 95 : size % 95 + size], pieces)
        for size in sizes
        for pieces in (1, 3)
        for msg_type in (WSMsgType.TEXT, WSMsgType.BINARY)
    ]


def send_fragments(transport: WSTransport, msg_type: WSMsgType, fragments: list[bytes]) -> None:
    *others, last = fragments
    for fragment in others:
        transport.send(msg_type, fragment, fin=False)
        msg_type = WSMsgType.CONTINUATION
    transport.send(msg_type, last)


class Assembler(WSListener):
    """Puts fragments together again."""

    def __init__(self) -> None:
        self._msg_type = WSMsgType.CONTINUATION
        self._fragments: list[bytes] = []

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code(), frame.get_close_message())
            transport.disconnect()
            return
        if frame.msg_type != WSMsgType.CONTINUATION:
            assert not self._fragments
            self._msg_type = frame.msg_type
        self._fragments.append(frame.get_payload_as_bytes())
        if frame.fin:
            payload = b"".join(self._fragments)
            self._fragments = []
            self.on_message(transport, self._msg_type, payload)

    def on_message(self, transport: WSTransport, msg_type: WSMsgType, payload: bytes) -> None:
        raise NotImplementedError


class EchoListener(Assembler):
    def __init__(self, request: WSUpgradeRequest) -> None:
        super().__init__()
        self._pieces = int(request.path.removeprefix(b"/") or b"1")

    def on_message(self, transport: WSTransport, msg_type: WSMsgType, payload: bytes) -> None:
        message = Message(msg_type, payload, self._pieces)
        send_fragments(transport, msg_type, message.fragments())


class QueueListener(Assembler):
    def __init__(self) -> None:
        super().__init__()
        self.messages: asyncio.Queue[tuple[WSMsgType, bytes]] = asyncio.Queue()

    def on_message(self, transport: WSTransport, msg_type: WSMsgType, payload: bytes) -> None:
        self.messages.put_nowait((msg_type, payload))


@contextlib.asynccontextmanager
async def our_server(stack: Stack) -> AsyncIterator[int]:
    server = await ws_create_server(EchoListener, "127.0.0.1", 0, **stack.server_options)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


@contextlib.asynccontextmanager
async def websockets_server(stack: Stack) -> AsyncIterator[int]:
    async def echo(connection: Any) -> None:
        async for message in connection:
            await connection.send(message)

    ssl_context = server_tls() if stack.tls else None
    async with websockets.asyncio.server.serve(
        echo, "127.0.0.1", 0, ssl=ssl_context, max_size=None
    ) as server:
        yield server.sockets[0].getsockname()[1]


@contextlib.asynccontextmanager
async def aiohttp_server(stack: Stack) -> AsyncIterator[int]:
    async def echo(request: aiohttp.web.Request) -> aiohttp.web.WebSocketResponse:
        response = aiohttp.web.WebSocketResponse(max_msg_size=0)
        await response.prepare(request)
        async for message in response:
            if message.type == aiohttp.WSMsgType.TEXT:
                await response.send_str(message.data)
            else:
                await response.send_bytes(message.data)
        return response

    application = aiohttp.web.Application()
    application.router.add_get("/", echo)
    runner = aiohttp.web.AppRunner(application, access_log=None)
    await runner.setup()
    try:
        ssl_context = server_tls() if stack.tls else None
        await aiohttp.web.TCPSite(runner, "127.0.0.1", 0, ssl_context=ssl_context).start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def our_exchange(stack: Stack, port: int, messages: list[Message]) -> None:
    transport, listener = await ws_connect(QueueListener, stack.url(port), **stack.client_options)
    assert isinstance(listener, QueueListener)
    assert transport.is_secure == stack.tls
    for message in messages:
        send_fragments(transport, message.msg_type, message.fragments())
        assert await listener.messages.get() == (message.msg_type, message.payload)
    transport.send_close(1000)
    await transport.wait_disconnected()
    assert transport.close_handshake.recv.code == 1000


async def websockets_exchange(stack: Stack, port: int, messages: list[Message]) -> None:
    ssl_context = client_tls() if stack.tls else None
    async with websockets.asyncio.client.connect(
        stack.url(port) + "3", ssl=ssl_context, max_size=None
    ) as connection:
        for message in messages:
            fragments = message.fragments()
            is_text = message.msg_type == WSMsgType.TEXT
            data: list[Any] = [piece.decode() for piece in fragments] if is_text else fragments
            await connection.send(data if len(data) > 1 else data[0])
            expected = message.payload.decode() if is_text else message.payload
            assert await connection.recv() == expected


async def aiohttp_exchange(stack: Stack, port: int, messages: list[Message]) -> None:
    ssl_context = client_tls() if stack.tls else True
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(stack.url(port) + "3", ssl=ssl_context, max_msg_size=0) as connection,
    ):
        for message in messages:
            if message.msg_type == WSMsgType.TEXT:
                await connection.send_str(message.payload.decode())
                assert await connection.receive_str() == message.payload.decode()
            else:
                await connection.send_bytes(message.payload)
                assert await connection.receive_bytes() == message.payload


Server = Callable[[Stack], contextlib.AbstractAsyncContextManager[int]]
Client = Callable[[Stack, int, list[Message]], Awaitable[None]]

PAIRS: dict[str, tuple[Client, Server]] = {
    "ours to ours": (our_exchange, our_server),
    "ours to websockets": (our_exchange, websockets_server),
    "ours to aiohttp": (our_exchange, aiohttp_server),
    "websockets to ours": (websockets_exchange, our_server),
    "aiohttp to ours": (aiohttp_exchange, our_server),
}
