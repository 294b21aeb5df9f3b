"""Out of memory: a MemoryError or the end of one connection, never of the process."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from support import stacks

TESTS = Path(__file__).parent

# The process has room for a few connections but not for the frame that one peer sends.
LARGE_FRAME = """
import asyncio, logging, resource, sys
from support import stacks
from picows.testing import wire
from picows.testing.recorder import Recorder, serving
from picows.testing.peers import open_upgraded
from picows.testing.wire import BINARY, TEXT, Frame

use_aiofastnet = stacks.TRANSPORTS[sys.argv[1]]
logging.basicConfig(stream=sys.stdout)
asyncio_errors = []

async def main():
    listeners = []
    def factory(request):
        listeners.append(Recorder())
        return listeners[-1]
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: asyncio_errors.append(context))
    async with serving(factory, max_frame_size=1 << 40, use_aiofastnet=use_aiofastnet) as port:
        first = await open_upgraded(port)
        second = await open_upgraded(port)
        with open("/proc/self/statm") as statm:
            pages = int(statm.read().split()[0])
        room = pages * resource.getpagesize() + (64 << 20)
        resource.setrlimit(resource.RLIMIT_AS, (room, room))
        first.send_bytes(wire.encode(Frame(BINARY), wire.MASKING_KEY, size=1 << 39))
        piece = bytes(1 << 20)
        try:
            while not first.reader.at_eof():
                first.send_bytes(piece)
                await first.writer.drain()
        except OSError:
            pass
        await listeners[0].until_disconnected()
        assert listeners[0].frames == []
        second.send(Frame(TEXT, b"still here"))
        await listeners[1].until_frames(1)
        await first.close()
        await second.close()
        await listeners[1].until_disconnected()

asyncio.run(main())
assert [type(context["exception"]) for context in asyncio_errors] == [MemoryError], asyncio_errors
print("survived")
"""

# Every single allocation fails in turn while a connection is opened, used and lost.
EACH_ALLOCATION = """
import asyncio, logging, sys
import _testcapi
from support import driven
from picows.testing import wire
from picows.testing.recorder import Recorder
from picows.testing.wire import BINARY, CLOSE, PING, TEXT, Frame

role = sys.argv[1]
options = {"coalesce_sends": sys.argv[2] == "coalesced"}
logging.getLogger("picows").addHandler(logging.NullHandler())
logging.getLogger("picows").propagate = False
unraisable = []
sys.unraisablehook = lambda args: unraisable.append(args.exc_value)
FRAMES = [
    Frame(TEXT, b"a"), Frame(PING, b"ping"), Frame(BINARY, bytes(300)),
    Frame(BINARY, bytes(70_000)), Frame(BINARY, bytes(300_000)), wire.close(1000, "bye"),
]
chosen = []
BAD = [[], [Frame(3)], [Frame(BINARY, bytes(2000), rsv=1)]]

class Listener(Recorder):
    def on_ws_frame(self, transport, frame):
        memory = frame.get_payload_as_memoryview()
        transport.send(int(frame.msg_type) % 8 or 2, memory)
        if frame.msg_type == CLOSE:
            transport.send_close(frame.get_close_code(), frame.get_close_reason())

async def run(fail_at, bad):
    listener = Listener()
    transport = await driven.open_as(role, listener, strict=bool(bad), **options)
    data = b"".join(wire.encode(frame, transport.key) for frame in bad or FRAMES)
    completed = False
    try:
        _testcapi.set_nomemory(fail_at, fail_at + 1)
        try:
            transport.feed(data, 60_000)
            completed = True
        finally:
            _testcapi.remove_mem_hooks()
    except MemoryError:
        pass
    transport.abort()
    await listener.until_disconnected()
    return completed

async def run_handshake(fail_at):
    loop = asyncio.get_running_loop()
    transport = None
    try:
        _testcapi.set_nomemory(fail_at, fail_at + 1)
        try:
            transport = driven.DrivenTransport(loop, loop.factory())
            transport.feed(wire.request())
        finally:
            _testcapi.remove_mem_hooks()
    except MemoryError:
        pass
    if transport:
        transport.abort()
    await asyncio.sleep(0)

async def run_waiting(fail_at):
    loop = asyncio.get_running_loop()
    transport = None
    completed = False
    chosen.append(loop.create_future())
    listener = Listener()
    try:
        _testcapi.set_nomemory(fail_at, fail_at + 1)
        try:
            transport = driven.DrivenTransport(loop, loop.factory())
            transport.feed(wire.request() + wire.encode(FRAMES[0], wire.MASKING_KEY))
            chosen[-1].set_result(listener)
            transport.protocol.decided(chosen[-1])
            completed = True
        finally:
            _testcapi.remove_mem_hooks()
    except MemoryError:
        pass
    if transport:
        if not transport.is_closed:
            transport.feed(wire.request())
        transport.abort()
    for _ in range(3):
        await asyncio.sleep(0)
    assert "connected" not in listener.events or "disconnected" in listener.events
    return completed and "connected" in listener.events

async def main():
    failures = 0
    for bad in BAD:
        for fail_at in range(140):
            failures += not await run(fail_at, bad)
    if role == "server":
        await driven.serve(Listener, **options)
        for fail_at in range(300):
            await run_handshake(fail_at)
        await driven.serve(lambda: chosen[-1], **options)
        results = [await run_waiting(fail_at) for fail_at in range(400)]
        assert not all(results) and all(results[-20:]), results
    # What cannot be raised where it happens is reported: by us, or by logging in other words.
    for error in unraisable:
        assert isinstance(error, MemoryError) or isinstance(error.__cause__, MemoryError), error
    assert failures > 50
    print("survived")

driven.run(main())
"""


def run_script(script: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", script, *arguments],
        cwd=TESTS,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.skipif(sys.platform != "linux", reason="needs RLIMIT_AS and /proc")
@pytest.mark.parametrize("transport", stacks.TRANSPORTS)
def test_a_frame_that_does_not_fit_ends_its_connection_alone(transport: str) -> None:
    assert run_script(LARGE_FRAME, transport).endswith("survived\n")


@pytest.mark.skipif(find_spec("_testcapi") is None, reason="needs _testcapi")
@pytest.mark.skipif(
    hasattr(sys, "gettotalrefcount"), reason="a debug CPython asserts on its own failed allocations"
)
@pytest.mark.parametrize("sends", ["at once", "coalesced"])
@pytest.mark.parametrize("role", ["client", "server"])
def test_any_allocation_may_fail(role: str, sends: str) -> None:
    assert "survived" in run_script(EACH_ALLOCATION, role, sends)
