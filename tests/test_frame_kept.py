"""Frames and memoryviews that outlive their callback: valid, unchanged whatever arrives later."""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support import driven, stacks
from support.behind import PADDING, read_behind
from support.stacks import Stack

from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect
from picows.testing import recorder as ours
from picows.testing import wire
from picows.testing.wire import Frame

SIZES = [0, 1, 3, 125, 126, 1000, 65_535, 65_536, 262_000, 262_144, 300_000, 600_000]


def message(number: int, size: int) -> bytes:
    """Every byte says which message it belongs to, and where in it."""
    return random.Random(number).randbytes(min(size, 997)) * (size // 997 + 1)


class Keeper(WSListener):
    """Keeps what it gets in all the ways that there are."""

    def __init__(self) -> None:
        self.count = 0
        self.kept: dict[int, Any] = {}
        self.progress = asyncio.Event()

    def keep(self, frame: WSFrame) -> Any:
        ways: list[Callable[[], Any]] = [
            lambda: frame,
            frame.get_payload_as_memoryview,
            lambda: memoryview(frame),
            lambda: frame.get_payload_as_memoryview()[:],
            lambda: memoryview(frame.get_payload_as_memoryview()).cast("b").cast("B"),
            lambda: None,
        ]
        return ways[random.Random(self.count).randrange(len(ways))]()

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        kept = self.keep(frame)
        if kept is not None:
            self.kept[self.count] = kept
        self.count += 1
        self.progress.set()

    async def until(self, count: int) -> None:
        while self.count < count:
            self.progress.clear()
            await self.progress.wait()

    def check(self, sizes: list[int], first: int) -> None:
        for number, kept in self.kept.items():
            size = sizes[number]
            expected = message(first + number, size)[:size]
            if isinstance(kept, WSFrame):
                assert kept.msg_type == WSMsgType.BINARY
                assert kept.payload_size == size
                assert kept.get_payload_as_bytes() == expected
            assert memoryview(kept) == expected


async def exchange(stack: Stack, connections: int, sizes: list[int]) -> None:
    """Every connection sends and receives all the messages, all of them at once."""
    servers: list[Keeper] = []
    accepted: list[WSTransport] = []

    class Server(Keeper):
        def on_ws_connected(self, transport: WSTransport) -> None:
            accepted.append(transport)

    def factory(request: Any) -> Server:
        servers.append(Server())
        return servers[-1]

    async with ours.serving(factory, **stack.server_options) as port:
        clients: list[Keeper] = []
        connected: list[WSTransport] = []
        for _ in range(connections):
            transport, listener = await ws_connect(Keeper, stack.url(port), **stack.client_options)
            assert isinstance(listener, Keeper)
            connected.append(transport)
            clients.append(listener)
        for number, size in enumerate(sizes):
            for i, (ours_, theirs) in enumerate(zip(connected, accepted, strict=True)):
                data = message(1000 * i + number, size)[:size]
                ours_.send(WSMsgType.BINARY, data)
                theirs.send(WSMsgType.BINARY, data)
            await asyncio.sleep(0)
        for keeper in clients + servers:
            await keeper.until(len(sizes))
        for keepers in (clients, servers):
            for i, keeper in enumerate(keepers):
                keeper.check(sizes, 1000 * i)
        for transport in connected:
            transport.disconnect()
            await transport.wait_disconnected()
    # Also after their connections are gone.
    for i, keeper in enumerate(clients):
        keeper.check(sizes, 1000 * i)


@pytest.mark.parametrize("stack", stacks.STACKS, ids=str)
def test_what_was_kept_stays_what_it_was(stack: Stack) -> None:
    sizes = random.Random(7).choices([*SIZES, *range(50)], k=200)
    stacks.run(stack.loop, exchange(stack, 3, sizes))


class Later(WSListener):
    """Calls `action` within the callback of the first frame; keeps all frames."""

    def __init__(self) -> None:
        self.kept: list[WSFrame] = []
        self.action: Callable[[], None] | None = None

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        self.kept.append(frame)
        before = frame.get_payload_as_bytes()
        action, self.action = self.action, None
        if action is not None:
            action()
            assert frame.get_payload_as_bytes() == before


@pytest.mark.parametrize("size", [10, 70_000, 300_000])
def test_reads_while_a_frame_is_delivered(size: int) -> None:
    """A callback that runs the event loop (as people do in notebooks) sees other reads come."""
    first, inner, other = (Frame(wire.BINARY, bytes([i]) * size) for i in (1, 2, 3))

    async def main() -> None:
        listeners = [Later(), Later()]
        pending = iter(listeners)
        accept = await driven.serve(lambda: next(pending))
        transports = [accept(), accept()]

        def action() -> None:
            transports[1].feed_frames(other, other)
            transports[0].feed_frames(inner)
            transports[1].feed_frames(other)

        listeners[0].action = action
        transports[0].feed_frames(first)
        transports[0].feed_frames(inner, inner)
        got = [[frame.get_payload_as_bytes()[:1] for frame in each.kept] for each in listeners]
        assert got == [[b"\1", b"\2", b"\2", b"\2"], [b"\3"] * 3]
        for listener in listeners:
            for frame in listener.kept:
                view = frame.get_payload_as_memoryview()
                assert view == bytes(view[:1]) * size

    driven.run(main())


@pytest.mark.parametrize("cut", [1, 3, 8, 9, 12])
@pytest.mark.parametrize("size", [0, 3, 50_000])
def test_frames_that_wait_behind_the_one_delivered(size: int, cut: int) -> None:
    """They come before those of a read that happens meanwhile, and a frame cut off is completed."""
    payloads = [bytes([i]) * (size + i) for i in range(5)]

    async def main() -> None:
        listener = Later()
        transport = (await driven.serve(lambda: listener))()
        data = [wire.encode(Frame(wire.BINARY, payload), transport.key) for payload in payloads]
        whole = b"".join(data)
        start = len(data[0] + data[1]) + cut

        def again() -> None:
            transport.protocol.get_buffer(-1)  # a read that brings nothing
            transport.feed(whole[start + 1 :])

        def action() -> None:
            listener.action = again
            transport.feed(whole[start : start + 1])

        listener.action = action
        transport.feed(whole[:start])
        assert [frame.get_payload_as_bytes() for frame in listener.kept] == payloads
        transport.feed(whole)
        assert [frame.get_payload_as_bytes() for frame in listener.kept] == payloads * 2

    driven.run(main())


def test_a_connection_lost_while_its_large_frame_is_delivered() -> None:
    """Its memory serves other connections only once nobody is shown it any more."""
    size = 300_000
    frames = [Frame(wire.BINARY, bytes([i]) * size) for i in range(3)]

    async def main() -> None:
        listeners = [Later(), Later()]
        pending = iter(listeners)
        accept = await driven.serve(lambda: next(pending))
        transports = [accept(), accept()]

        def action() -> None:
            transports[0].protocol.connection_lost(None)
            transports[1].feed_frames(frames[1])

        listeners[0].action = action
        transports[0].feed_frames(frames[0])
        transports[1].feed_frames(frames[2], frames[2])
        assert [len(listener.kept) for listener in listeners] == [1, 3]
        assert listeners[0].kept[0].get_payload_as_bytes() == frames[0].payload

    driven.run(main())


@pytest.mark.parametrize("size", [10, 300_000])
def test_a_frame_in_a_traceback(size: int) -> None:
    """The exception of a callback keeps the frame by way of its traceback."""

    class Raising(WSListener):
        def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
            raise ValueError(frame.payload_size)

    async def main() -> None:
        transport = await driven.connect(Raising(), disconnect_on_exception=True)
        ws_transport = transport.protocol.transport
        transport.feed_frames(Frame(wire.BINARY, b"a" * size))
        for _ in range(5):  # dropped: the connection is about to end
            transport.feed_frames(Frame(wire.BINARY, b"b" * size))
        exception = ws_transport._exception
        assert isinstance(exception, ValueError)
        traceback = exception.__traceback__
        assert traceback is not None
        frame = traceback.tb_frame.f_locals["frame"]
        assert frame.get_payload_as_bytes() == b"a" * size

    driven.run(main())


def test_a_frame_that_was_not_kept_costs_no_new_one() -> None:
    addresses: set[int] = set()

    class Addresses(WSListener):
        def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
            addresses.add(id(frame))

    async def main() -> None:
        transport = await driven.connect(Addresses())
        for _ in range(10):
            transport.feed_frames(*[Frame(wire.BINARY, b"abc")] * 10)

    driven.run(main())
    assert len(addresses) == 1


@pytest.mark.parametrize("role", ["client", "server"])
def test_bytes_behind_a_payload_are_readable(role: str) -> None:
    """Wherever it ends: at the end of the shared chunk, of a chunk of its own, or before."""
    size_max = driven.READ_SIZE_MAX
    key = None if role == "client" else wire.MASKING_KEY
    head_size = len(wire.encode(Frame(wire.BINARY, b"x" * 70_000), key)) - 70_000
    sizes = [0, 1, 60_000, size_max - head_size, size_max - head_size + 1, 300_000, 3_000_000]

    class Reader(WSListener):
        def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
            assert len(read_behind(frame)) == PADDING
            seen.append(frame.payload_size)

    seen: list[int] = []

    async def main() -> None:
        transport = await driven.open_as(role, Reader())
        for size in sizes:
            transport.feed_frames(Frame(wire.BINARY, b"x" * size))

    driven.run(main())
    assert seen == sizes


def test_frames_go_to_other_threads() -> None:
    """Event loops in two threads; what each received is looked at and given up in the other."""
    sizes = random.Random(3).choices(SIZES, k=60)
    errors: list[BaseException] = []

    def work() -> None:
        try:
            stacks.run("asyncio", exchange(Stack("asyncio", False, False), 2, sizes))
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


def test_a_frame_dies_in_another_thread() -> None:
    frames: list[WSFrame] = []

    async def main() -> None:
        listener = Later()
        transport = await driven.connect(listener)
        for _ in range(50):
            transport.feed_frames(Frame(wire.BINARY, b"k" * 1000))
            frames.append(listener.kept.pop())
            thread = threading.Thread(target=frames.clear)
            thread.start()
            thread.join()

    driven.run(main())
    assert frames == []


SCRIPTS = {
    "frames kept in a global": """
frames = kept
""",
    "frames shown by a destructor at the end": """
class Shown:
    def __init__(self, frame):
        self.frame, self.loop = frame, self
    def __del__(self):
        assert "BINARY" in str(self.frame)
        assert bytes(memoryview(self.frame)) == b"abc"
shown = [Shown(frame) for frame in kept]
import builtins
builtins.shown = shown
""",
    "a memoryview in a cycle": """
class Node: pass
node = Node(); node.node = node; node.view = memoryview(kept[0]); node.frame = kept[1]
""",
    "the connection still open": """
import builtins
builtins.transport = transports[0]
""",
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_interpreter_ends_with(name: str) -> None:
    """What is alive when a process ends is no reason to crash."""
    head = """
import asyncio
from support import driven
from picows.testing import wire
from picows import WSListener
kept, transports = [], []
class Keep(WSListener):
    def on_ws_frame(self, transport, frame):
        kept.append(frame)
        transports.append(transport)
async def main():
    # That this machine is slow is nothing to be logged here.
    asyncio.get_running_loop().slow_callback_duration = 60
    transport = await driven.connect(Keep())
    transport.feed_frames(*[wire.Frame(wire.BINARY, b"abc")] * 3)
driven.run(main())
"""
    tests = Path(__file__).parent
    paths = [str(tests.parent), str(tests), os.environ.get("PYTHONPATH", "")]
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-c", head + SCRIPTS[name] + "print('end')\n"],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))},
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "end\n", "")
