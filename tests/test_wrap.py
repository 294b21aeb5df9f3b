"""ws_wrap: connections whose opening handshake somebody else has done."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from collections.abc import AsyncIterator
from typing import Any

import pytest
from support import stacks
from support.stacks import LOOPS

from picows import WSUpgradeRequest, ws_create_server, ws_wrap
from picows.testing import wire
from picows.testing.peers import SECONDS_MAX, Peer, open_raw, raw_server
from picows.testing.recorder import Recorder
from picows.testing.wire import BINARY, CLOSE, PING, PONG, TEXT, Frame


class Accepted(asyncio.Protocol):
    """Gives its transport away."""

    def __init__(self, transports: asyncio.Queue[asyncio.Transport]) -> None:
        self.transports = transports

    def connection_made(self, transport: Any) -> None:
        self.transports.put_nowait(transport)


@contextlib.asynccontextmanager
async def accepted() -> AsyncIterator[tuple[asyncio.Transport, Peer]]:
    """A connection as a server has it, and the client's end of it."""
    transports: asyncio.Queue[asyncio.Transport] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Accepted(transports), "127.0.0.1", 0)
    client = await open_raw(server.sockets[0].getsockname()[1])
    yield await transports.get(), client
    await client.close()
    server.close()
    await server.wait_closed()


@pytest.mark.parametrize("loop", LOOPS)
def test_a_server_that_sent_its_own_101(loop: str) -> None:
    async def main() -> None:
        async with accepted() as (below, client):
            listener = Recorder()
            request = WSUpgradeRequest(path=b"/asked")
            below.write(b"HTTP/1.1 101 Fine\r\n\r\n" + b"-" * 4_000_000)
            received = wire.encode(Frame(TEXT, b"in the segment of the head"), wire.MASKING_KEY)
            transport = ws_wrap(below, listener, request=request, received=received)
            assert listener.events == ["connected", "frame"]
            assert transport is listener.transport
            assert transport.request is request
            assert not transport.is_client_side
            transport.send(BINARY, b"behind what waits")
            await client.expect_bytes(b"HTTP/1.1 101 Fine\r\n\r\n" + b"-" * 4_000_000)
            await client.expect(Frame(BINARY, b"behind what waits"))
            client.send(Frame(PING, b"p"), Frame(TEXT, b"more"))
            await client.expect(Frame(PONG, b"p"))
            await listener.until_frames(2)
            client.send(wire.close(1000))
            await listener.until_frames(3)
            transport.send_close(1000)
            transport.disconnect()
            assert await client.read_rest() == [wire.close(1000)]
            await listener.until_disconnected()

    stacks.run(loop, main())


async def test_a_client_masks() -> None:
    async with raw_server() as server:
        loop = asyncio.get_running_loop()
        below, _ = await loop.create_connection(asyncio.Protocol, "127.0.0.1", server.port)
        peer = await server.accept()  # whose read_frame() wants masked frames
        listener = Recorder()
        transport = ws_wrap(below, listener, role="client")
        assert transport.is_client_side
        assert transport.request.path == b"/"
        transport.send(TEXT, b"masked")
        await peer.expect(Frame(TEXT, b"masked"))
        peer.send(Frame(TEXT, b"plain"))
        await listener.until_frames(1)
        await peer.close()
        await listener.until_disconnected()
        await transport.wait_disconnected()


async def test_options_hold() -> None:
    """Here: auto-ping, with the close code that other libraries use."""
    async with accepted() as (below, client):
        listener = Recorder()
        ws_wrap(
            below,
            listener,
            enable_auto_ping=True,
            auto_ping_idle_timeout=0.02,
            auto_ping_reply_timeout=0.05,
            auto_ping_close_code=1011,
        )
        *pings, last = await client.read_rest()
        assert pings == [Frame(PING)]
        assert (last.opcode, last.payload[:2]) == (CLOSE, (1011).to_bytes(2, "big"))
        async with asyncio.timeout(SECONDS_MAX):
            await listener.until_disconnected()


def test_the_options_are_those_of_a_server() -> None:
    servers = inspect.signature(ws_create_server).parameters
    parameters = inspect.signature(ws_wrap).parameters
    assert {name for name in parameters if name not in servers} == {
        "transport",
        "ws_listener",
        "role",
        "request",
        "received",
    }
    for name in parameters.keys() & servers.keys():
        assert parameters[name] == servers[name]


async def test_wrong_arguments() -> None:
    async with accepted() as (below, _):
        transport: Any = below
        with pytest.raises(ValueError, match="role must be 'server' or 'client'"):
            ws_wrap(transport, Recorder(), role="proxy")  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="must be an instance of WSListener"):
            ws_wrap(transport, Recorder)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="received must be bytes-like"):
            ws_wrap(transport, Recorder(), received=None)  # type: ignore[arg-type]
        transport.close()
        with pytest.raises(ValueError, match="transport is closing"):
            ws_wrap(transport, Recorder())
