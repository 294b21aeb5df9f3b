"""MessageListener: asyncio runs its coroutines as its own, and no message is lost."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import random
import sys
import warnings
from collections.abc import Coroutine
from contextlib import suppress

import pytest
from support import stacks
from support.mailbox import Mailbox, ends, on_all_loops, passes_until

from picows._native import Done, MessageCoroutine


@on_all_loops
async def test_a_second_receiver_is_refused_and_the_first_goes_on() -> None:
    async with ends() as (ws, peer):
        first = asyncio.ensure_future(ws.recv())
        await asyncio.sleep(0)
        for again in (ws.recv, ws.recv_batch, ws._recv_frame, ws.__anext__):
            with pytest.raises(RuntimeError, match="another task waits"):
                await again()
        with pytest.raises(RuntimeError, match="another task waits"):
            ws.recv_nowait()
        peer.text("a")
        assert await first == "a"


@on_all_loops
async def test_asyncio_takes_the_coroutines_for_coroutines() -> None:
    async with ends() as (ws, peer):
        peer.text("a", "b", "c", "d", "e")
        assert isinstance(Done(), Coroutine)
        assert await asyncio.create_task(ws.recv()) == "a"
        assert await asyncio.wait_for(ws.recv(), 10) == "b"
        assert await asyncio.gather(ws.recv(), ws.drain()) == ["c", None]
        assert await asyncio.shield(ws.recv()) == "d"
        async with asyncio.TaskGroup() as group:
            task = group.create_task(ws.recv())
        assert task.result() == "e"
        assert await asyncio.gather(Done(), Done()) == [None, None]


@on_all_loops
async def test_cancelling_loses_no_message() -> None:
    """At a random moment: before, while and after the message comes."""
    rng = random.Random(3)
    async with ends() as (ws, peer):
        loop = asyncio.get_running_loop()
        got = []
        sent = 0
        while len(got) < 300:
            task = loop.create_task(ws.recv())
            for act in rng.sample(["send", "cancel", "pass", "pass"], 4):
                if act == "send":
                    peer.text(str(sent))
                    sent += 1
                elif act == "cancel":
                    task.cancel("why")
                else:
                    await asyncio.sleep(0)
            try:
                got.append(await task)
            except asyncio.CancelledError:
                while (message := ws.recv_nowait()) is not None:
                    got.append(message)
        while len(got) < sent:
            got.append(await ws.recv())
        assert got == [str(number) for number in range(sent)]


@on_all_loops
async def test_a_time_out_in_the_same_pass_as_the_message_loses_nothing() -> None:
    async with ends() as (ws, peer):
        got = []
        for number in range(200):
            peer.text(str(number))
            with suppress(TimeoutError):
                got.append(await asyncio.wait_for(ws.recv(), random.random() / 2000))
        while len(got) < 200:
            got.append(await ws.recv())
        assert got == [str(number) for number in range(200)]


@pytest.mark.skipif(sys.version_info < (3, 12), reason="no eager tasks")
def test_eager_tasks() -> None:
    """Not with uvloop, which cannot make them on every version."""
    stacks.run("asyncio", eager_tasks())


async def eager_tasks() -> None:
    loop = asyncio.get_running_loop()
    loop.set_task_factory(asyncio.eager_task_factory)
    async with ends() as (ws, peer):
        peer.text("a")
        await passes_until(lambda: ws.queued == 1)
        task = loop.create_task(ws.recv())
        assert task.done() and task.result() == "a"
        task = loop.create_task(ws.recv())
        assert not task.done()
        peer.text("b")
        assert await task == "b"


@pytest.mark.parametrize("loop", stacks.LOOPS)
def test_debug_mode(loop: str) -> None:
    async def main() -> None:
        asyncio.get_running_loop().set_debug(True)
        async with ends() as (ws, peer):
            for number in range(20):
                task = asyncio.create_task(ws.recv())
                await asyncio.sleep(0)
                assert "recv" in repr(task)
                peer.text(str(number))
                assert await task == str(number)

    stacks.run(loop, main())


@on_all_loops
async def test_a_task_sees_its_own_context() -> None:
    variable = contextvars.ContextVar("variable", default="nothing")

    async def receive(ws: Mailbox) -> str:
        variable.set("the task's")
        await ws.recv()
        return variable.get()

    async with ends() as (ws, peer):
        task = asyncio.create_task(receive(ws))
        await asyncio.sleep(0)
        peer.text("a")
        assert await task == "the task's"
        assert variable.get() == "nothing"


@on_all_loops
async def test_a_task_may_run_in_a_context_that_others_are_in() -> None:
    """It cannot be entered twice: then the task is called in the next pass."""
    async with ends() as (ws, peer):
        context = contextvars.copy_context()
        loop = asyncio.get_running_loop()
        task = loop.create_task(ws.recv(), context=context)
        await asyncio.sleep(0)
        waiter = task.get_coro()
        assert isinstance(waiter, MessageCoroutine)
        peer.text("a")
        context.run(lambda: None)
        assert await task == "a"


@on_all_loops
async def test_one_wake_serves_all_messages_of_a_read() -> None:
    async with ends() as (ws, peer):
        sizes = []

        async def receive() -> None:
            count = 0
            while count < 1000:
                batch = await ws.recv_batch()
                sizes.append(len(batch))
                count += len(batch)

        task = asyncio.create_task(receive())
        await asyncio.sleep(0)
        frame = bytes([0x82, 1, 7])
        peer.transport.underlying_transport.write(frame * 1000)
        await task
        assert max(sizes) > 100


@on_all_loops
async def test_a_coroutine_is_awaited_once_and_warns_if_it_never_is() -> None:
    async with ends() as (ws, peer):
        peer.text("a", "b")
        once = ws.recv()
        assert await once == "a"
        with pytest.raises(RuntimeError, match="cannot reuse already awaited coroutine"):
            await once
        del once
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            ws.recv()
            assert await ws.recv() == "b"
            ws.drain()
            await ws.drain()
        assert [str(each.message) for each in caught] == [
            "coroutine 'recv' was never awaited",
            "coroutine 'drain' was never awaited",
        ]


@on_all_loops
async def test_coroutines_speak_the_protocol_of_generators() -> None:
    async with ends() as (ws, peer):
        peer.text("a")
        await passes_until(lambda: ws.queued == 1)
        with pytest.raises(StopIteration) as stopped:
            ws.recv().send(None)
        assert stopped.value.value == "a"
        with pytest.raises(StopIteration) as stopped:
            next(iter(Done()))
        assert stopped.value.value is None
        for make in (ws.recv, ws.drain, Done):
            with pytest.raises(KeyError, match="thrown"):
                make().throw(KeyError("thrown"))
            with pytest.raises(KeyError):
                make().throw(KeyError, None, None)
            make().close()
        waiting = ws.recv()
        waiting.send(None)
        waiting.close()
        peer.text("b")
        assert await ws.recv() == "b"


def test_a_dropped_connection_leaves_nothing_behind() -> None:
    async def main() -> None:
        async with ends() as (ws, peer):
            task = asyncio.create_task(ws.recv())
            await asyncio.sleep(0)
            peer.text("a", "b")
            await task

    asyncio.run(main())
    gc.collect()
    assert not [each for each in gc.get_objects() if isinstance(each, Mailbox)]
