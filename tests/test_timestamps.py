"""When a frame was received, by our clock and by the kernel's."""

from __future__ import annotations

import asyncio
import socket
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
from support import driven
from support.stacks import LOOPS, STACKS, Stack, run

from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect, ws_create_server
from picows.testing import recorder as ours
from picows.testing import wire
from picows.testing.wire import Frame

OWN = [stack for stack in STACKS if stack.use_aiofastnet is None]
needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="the kernel's time is Linux's")
SO_TIMESTAMPNS = 35


@pytest.fixture(scope="module")
def timing_kernel() -> Iterator[None]:
    """A kernel notes no times as long as nobody asks, and begins some time after the first does."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        ours, peer = socket.create_connection(listening.getsockname()), listening.accept()[0]
        with ours, peer:
            told: list[Any] = []
            while not told:
                ours.send(b"x")
                told = peer.recvmsg(1, 64)[1]
            yield


class Timed(ours.Recorder):
    """Keeps the frames, and the time at which it saw each."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[WSFrame] = []
        self.seen_at: list[float] = []

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        self.kept.append(frame)
        self.seen_at.append(time.monotonic())
        super().on_ws_frame(transport, frame)


async def _echoed(stack: Stack, **options: Any) -> tuple[Timed, Timed, float]:
    """A client's frame and its echo, and when the client sent: what the server and it saw."""
    server_side, client_side = Timed(), Timed()
    given = stack.server_options | options
    server = await ws_create_server(lambda _: server_side, "127.0.0.1", 0, **given)
    url = stack.url(server.sockets[0].getsockname()[1])
    given = stack.client_options | options
    transport, _ = await ws_connect(lambda: client_side, url, **given)
    sent_at = time.monotonic()
    transport.send(WSMsgType.TEXT, b"there")
    await server_side.until_frames(1)
    server_side.transport.send(WSMsgType.TEXT, b"and back")
    await client_side.until_frames(1)
    transport.disconnect()
    for side in (server_side, client_side):
        await side.until_disconnected()
    server.close()
    return server_side, client_side, sent_at


@pytest.mark.parametrize("stack", STACKS, ids=str)
def test_a_frame_says_when_it_was_received(stack: Stack) -> None:
    server_side, client_side, sent_at = run(stack.loop, _echoed(stack))
    there, back = server_side.kept[0].received_at, client_side.kept[0].received_at
    assert sent_at <= there <= server_side.seen_at[0] <= back <= client_side.seen_at[0]
    assert server_side.kept[0].kernel_time_ns is None


@pytest.mark.parametrize("role", ["client", "server"])
def test_it_is_the_read_that_completed_the_frame(role: str) -> None:
    listener = Timed()

    async def main() -> None:
        transport = await driven.open_as(role, listener)
        transport.feed_frames(Frame(wire.TEXT, b"a"), Frame(wire.TEXT, b"b"))
        whole = wire.encode(Frame(wire.TEXT, b"in two pieces"), transport.key)
        transport.feed(whole[:-1])
        between = time.monotonic()
        transport.feed(whole[-1:])
        a, b, in_pieces = listener.kept
        assert a.received_at == b.received_at < between <= in_pieces.received_at

    driven.run(main())


class Slow(WSListener):
    """What it does with one frame takes long enough for the clock to go on."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        self.times.append(frame.received_at)
        while time.monotonic() == frame.received_at:
            pass


def test_frames_of_one_read_share_its_time_however_long_the_callbacks_take() -> None:
    listener = Slow()

    async def main() -> None:
        transport = await driven.connect(listener)
        transport.feed_frames(*[Frame(wire.TEXT, b"x")] * 5)

    driven.run(main())
    assert len(listener.times) == 5 and len(set(listener.times)) == 1


@needs_linux
@pytest.mark.usefixtures("timing_kernel")
@pytest.mark.parametrize("stack", OWN, ids=str)
def test_the_kernel_says_when_the_bytes_came(stack: Stack) -> None:
    before = time.time_ns()
    sides = run(stack.loop, _echoed(stack, enable_kernel_timestamps=True))
    for side in sides[:2]:
        kernel_time = side.kept[0].kernel_time_ns
        assert isinstance(kernel_time, int)
        assert before <= kernel_time <= time.time_ns()


@needs_linux
@pytest.mark.usefixtures("timing_kernel")
@pytest.mark.parametrize("loop", LOOPS)
def test_the_kernels_time_is_from_before_a_busy_loop_reads(loop: str) -> None:
    """The loop is held up until the bytes are known to be in the kernel, and only then reads."""

    async def main() -> None:
        async with ours.paired("client", Timed, enable_kernel_timestamps=True) as pair:
            listener: Any = pair.listener
            pair.peer.send(Frame(wire.TEXT, b"early"))
            await pair.peer.writer.drain()
            raw = pair.transport.underlying_transport.get_extra_info("socket")
            with socket.socket(fileno=socket.dup(raw.fileno())) as same:
                same.setblocking(True)
                assert same.recv(1, socket.MSG_PEEK)
            arrived_ns, arrived = time.time_ns(), time.monotonic()
            assert not listener.kept, "nothing was read so far"
            await listener.until_frames(1)
            assert listener.kept[0].kernel_time_ns <= arrived_ns
            assert arrived <= listener.kept[0].received_at

    run(loop, main())


@needs_linux
@pytest.mark.parametrize("where", ["unix", "loop"])
async def test_where_the_kernel_does_not_say_it_is_none(where: str, socket_path: str) -> None:
    options: dict[str, Any] = {"enable_kernel_timestamps": True}
    address: dict[str, Any] = {"path": socket_path} if where == "unix" else {}
    if where == "loop":
        options["use_aiofastnet"] = False
    listener = Timed()
    given = address or {"host": "127.0.0.1", "port": 0}
    server = await ws_create_server(lambda _: listener, **given, **options)
    port = 1 if address else server.sockets[0].getsockname()[1]
    transport, _ = await ws_connect(WSListener, ours.URL.format(port), **address, **options)
    transport.send(WSMsgType.TEXT, b"x")
    await listener.until_frames(1)
    assert listener.kept[0].kernel_time_ns is None
    assert listener.kept[0].received_at <= listener.seen_at[0]
    transport.disconnect()
    await listener.until_disconnected()
    server.close()


async def test_a_kept_frame_keeps_its_time() -> None:
    async with ours.paired("server", Timed) as pair:
        listener: Any = pair.listener
        pair.peer.send(Frame(wire.TEXT, b"first"))
        await listener.until_frames(1)
        then = listener.kept[0].received_at
        pair.peer.send(Frame(wire.TEXT, b"second"))
        await listener.until_frames(2)
        assert listener.kept[0].received_at == then <= listener.kept[1].received_at
        assert asyncio.get_running_loop().time() >= listener.kept[1].received_at
