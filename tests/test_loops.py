"""What the connections of one event loop share: nobody else's, and keys that do not repeat."""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
import threading
import weakref
from pathlib import Path

import pytest
from support import echo, stacks

from picows import WSListener, WSMsgType, ws_connect
from picows._native import LoopState
from picows.loop.state import loop_state
from picows.testing.peers import raw_server
from picows.testing.recorder import Recorder, serving


async def test_a_loop_has_one_state() -> None:
    loop = asyncio.get_running_loop()
    assert isinstance(loop_state(loop), LoopState)
    assert loop_state(loop) is loop_state(loop)


def test_loops_have_states_of_their_own() -> None:
    loops = [asyncio.new_event_loop() for _ in range(3)]
    try:
        assert len({id(loop_state(loop)) for loop in loops}) == 3
    finally:
        for loop in loops:
            loop.close()


def test_threads_that_ask_at_once_get_the_same_state() -> None:
    loop = asyncio.new_event_loop()
    barrier = threading.Barrier(8)
    states = []

    def ask() -> None:
        barrier.wait()
        states.append(loop_state(loop))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    loop.close()
    assert len(states) == 8
    assert len({id(state) for state in states}) == 1


@pytest.mark.parametrize("name", stacks.LOOPS)
def test_a_state_goes_with_its_loop(name: str) -> None:
    loop = stacks.LOOPS[name]()
    loop_state(loop)
    gone = weakref.ref(loop)
    loop.close()
    del loop
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize("stack", stacks.STACKS, ids=str)
def test_nothing_is_left_of_connections_and_their_loop(stack: stacks.Stack) -> None:
    gone: list[weakref.ref[object]] = []

    def listener(*_: object) -> Recorder:
        made = Recorder()
        gone.append(weakref.ref(made))
        return made

    async def main() -> None:
        gone.append(weakref.ref(asyncio.get_running_loop()))
        async with serving(listener, **stack.server_options) as port:
            transport, ours = await ws_connect(listener, stack.url(port), **stack.client_options)
            gone.append(weakref.ref(transport))
            transport.send(WSMsgType.TEXT, "x" * 100_000)
            server = gone[-2]() if gone[-2]() is not ours else gone[-3]()
            assert isinstance(server, Recorder)
            await server.until_frames(1)
            transport.disconnect()
            await transport.wait_disconnected()
            await server.until_disconnected()

    stacks.run(stack.loop, main())
    gc.collect()
    assert len(gone) == 4
    assert [ref() for ref in gone] == [None] * 4


@pytest.mark.parametrize("seed", [b"", bytes(31), bytes(33), "x" * 32, None, 32])
def test_a_seed_is_32_bytes(seed: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        LoopState(seed)  # type: ignore[arg-type]
    with pytest.raises((TypeError, ValueError)):
        LoopState(os.urandom(32)).after_fork(seed)  # type: ignore[arg-type]


async def masking_keys(count: int) -> list[bytes]:
    """The keys of so many frames of a new connection."""
    async with raw_server() as server:
        connecting = asyncio.create_task(
            ws_connect(WSListener, f"ws://127.0.0.1:{server.port}/", use_aiofastnet=False)
        )
        peer = await server.accept_upgraded()
        transport, _ = await connecting
        for _ in range(count):
            transport.send(WSMsgType.BINARY, b"")
        keys = [(await peer.reader.readexactly(6))[2:] for _ in range(count)]
        transport.disconnect()
        await transport.wait_disconnected()
        return keys


async def test_masking_keys_are_unpredictable_at_least_by_counting() -> None:
    keys = await masking_keys(2000)
    # Of 2000 keys of 32 bits two are the same in one run of 2000; three, in none of ours.
    assert len(set(keys)) >= 1998
    ones = sum(int.from_bytes(key, "big").bit_count() for key in keys)
    assert abs(ones - 32000) < 800  # the standard deviation is 126
    for bit in range(32):
        assert 0 < sum(int.from_bytes(key, "big") >> bit & 1 for key in keys) < 2000


AFTER_FORK = """
import asyncio, os, sys
from test_loops import masking_keys
from picows.loop.state import loop_state

# One loop, used in the parent before the fork and by both after it.
loop = asyncio.new_event_loop()
loop.run_until_complete(masking_keys(3))
state = loop_state(loop)
read, write = os.pipe()
child = os.fork()
assert loop_state(loop) is state
if child == 0:
    # epoll's file descriptor is shared with the parent: the child takes a loop of its own,
    # but the state that it inherited.
    import picows.loop.state
    own = asyncio.new_event_loop()
    picows.loop.state._states[own] = state
    loop = own
keys = b"".join(loop.run_until_complete(masking_keys(50)))
if child == 0:
    os.write(write, keys)
    os._exit(0)
_, status = os.waitpid(child, 0)
assert status == 0, status
theirs = os.read(read, 1 << 16)
assert len(keys) == len(theirs) == 200
mine = {keys[i:i + 4] for i in range(0, 200, 4)}
assert not mine & {theirs[i:i + 4] for i in range(0, 200, 4)}
loop.close()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_after_a_fork_parent_and_child_mask_with_different_keys() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", AFTER_FORK],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_loops_in_threads_do_not_disturb_each_other() -> None:
    """A server and a client in each of several threads, with different loops and stacks."""
    messages = echo.make_messages([0, 1, 125, 126, 65535, 65536, 300_000]) * 3
    failures: list[BaseException] = []
    stacks.server_tls()  # made here, because a cache fills more than once if threads race
    stacks.client_tls()

    async def exchange(stack: stacks.Stack) -> None:
        async with serving(echo.EchoListener, **stack.server_options) as port:
            await asyncio.gather(*(echo.our_exchange(stack, port, messages) for _ in range(3)))

    def work(stack: stacks.Stack) -> None:
        try:
            stacks.run(stack.loop, exchange(stack))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(stack,)) for stack in stacks.STACKS]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
