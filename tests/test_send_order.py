"""What is written to the underlying transport and what is sent stay in order on the wire."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from typing import Any

import pytest
from support import stacks
from support.stacks import STACKS, Stack

from picows import WSTransport, ws_broadcast, ws_connect
from picows.testing import wire
from picows.testing.peers import open_upgraded
from picows.testing.recorder import Recorder, paired, serving
from picows.testing.wire import BINARY, TEXT, Frame

LARGE = Frame(BINARY, b"L" * 9_000_000)
SMALL = Frame(TEXT, b"small")


def send(transport: WSTransport) -> None:
    transport.send(TEXT, SMALL.payload)


def send_reuse(transport: WSTransport) -> None:
    buffer = bytearray(14) + SMALL.payload
    transport.send_reuse_external_bytearray(TEXT, buffer, 14)


def broadcast(transport: WSTransport) -> None:
    ws_broadcast([transport], TEXT, SMALL.payload, max_queued=1 << 30)


WAYS = [send, send_reuse, broadcast]


class WritesFirst(Recorder):
    """In a callback: a frame by hand through the underlying transport, then one more."""

    way: Callable[[WSTransport], None]
    key: bytes | None

    def on_ws_frame(self, transport: WSTransport, frame: Any) -> None:
        transport.underlying_transport.write(wire.encode(LARGE, self.key))
        self.way(transport)
        super().on_ws_frame(transport, frame)


def writes_first(way: Callable[[WSTransport], None], key: bytes | None) -> WritesFirst:
    listener = WritesFirst()
    listener.way = way
    listener.key = key
    return listener


@pytest.mark.parametrize("coalesce_sends", [False, True], ids=["at-once", "coalesced"])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("stack", STACKS, ids=str)
def test_behind_bytes_that_the_underlying_transport_was_given(
    stack: Stack, way: Callable[[WSTransport], None], coalesce_sends: bool
) -> None:
    """The small frame landed inside of the large one, of which the kernel had taken a part."""

    async def main() -> None:
        listener = writes_first(way, None)
        options = stack.server_options | {"coalesce_sends": coalesce_sends}
        async with serving(lambda _: listener, **options) as port:
            tls = stacks.client_tls() if stack.tls else None
            peer = await open_upgraded(port, ssl_context=tls)
            for _ in range(2):
                peer.send(Frame(TEXT, b"go"))
                assert await peer.read_frame() == LARGE
                assert await peer.read_frame() == SMALL
            listener.transport.disconnect()
            await listener.until_disconnected()
            await peer.close()

    stacks.run(stack.loop, main())


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("stack", [each for each in STACKS if not each.tls], ids=str)
def test_on_a_client(stack: Stack, way: Callable[[WSTransport], None]) -> None:
    async def main() -> None:
        options = stack.client_options
        del options["ssl_context"]
        key = wire.MASKING_KEY
        async with paired("client", lambda: writes_first(way, key), **options) as pair:
            pair.peer.send(Frame(TEXT, b"go"))
            assert await pair.peer.read_frame() == LARGE
            assert await pair.peer.read_frame() == SMALL

    stacks.run(stack.loop, main())


@pytest.mark.parametrize("use_aiofastnet", stacks.TRANSPORTS.values(), ids=stacks.TRANSPORTS)
@pytest.mark.parametrize("loop", stacks.LOOPS)
def test_a_transport_that_was_taken_before(loop: str, use_aiofastnet: bool | None) -> None:
    """Between other sends, and again once all has left."""

    async def main() -> None:
        async with paired("server", use_aiofastnet=use_aiofastnet) as pair:
            underlying = pair.transport.underlying_transport
            for number in range(1, 4):
                send(pair.transport)
                underlying.write(wire.encode(LARGE))
                send(pair.transport)
                underlying.write(wire.encode(SMALL))
                await pair.peer.expect(SMALL, LARGE, SMALL, SMALL)
                pair.peer.send(SMALL)
                await pair.listener.until_frames(number)

    stacks.run(loop, main())


async def test_a_request_that_does_not_fit_into_the_socket_is_sent_whole() -> None:
    """What was left of it was never sent: the hub heard of it before it knew the connection."""
    headers = {"X-Large": "x" * (9 << 20)}
    loop = asyncio.get_running_loop()
    received = loop.create_future()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.set_result(await reader.readuntil(b"\r\n\r\n"))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=1 << 24)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(Exception, match="closed before"):
        await ws_connect(Recorder, f"ws://127.0.0.1:{port}/", extra_headers=headers)
    assert len(await received) > 9 << 20
    server.close()
    await server.wait_closed()


class Sending:
    """Garbage that sends when it is collected."""

    def __init__(self, transport: WSTransport) -> None:
        self.transport = transport
        self.itself = self

    def __del__(self) -> None:
        send(self.transport)


@pytest.mark.parametrize("stack", [each for each in STACKS if not each.tls], ids=str)
def test_garbage_that_sends_does_not_get_into_a_frame(stack: Stack) -> None:
    """asyncio's transport collected it before it had kept the rest of the large frame."""

    async def main() -> None:
        async with paired("server", use_aiofastnet=stack.use_aiofastnet) as pair:
            pair.peer.writer.transport.pause_reading()
            gc.disable()
            thresholds = gc.get_threshold()
            try:
                Sending(pair.transport)
                gc.set_threshold(1, 1, 1)
                gc.enable()
                pair.transport.send(BINARY, LARGE.payload)
            finally:
                gc.set_threshold(*thresholds)
                gc.enable()
            gc.collect()
            pair.peer.writer.transport.resume_reading()
            frames = [await pair.peer.read_frame() for _ in range(2)]
            assert sorted(frames, key=lambda frame: len(frame.payload)) == [SMALL, LARGE]

    stacks.run(stack.loop, main())
