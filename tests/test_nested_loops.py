"""A callback that runs the event loop, as nest_asyncio lets it: all others go on meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from picows.testing import wire
from picows.testing.peers import Peer, open_upgraded
from picows.testing.recorder import Recorder, paired, serving
from picows.testing.wire import BINARY, TEXT, Frame


def run_loop(until: Callable[[], bool]) -> None:
    """Turns of the running event loop, as nest_asyncio makes them."""
    loop: Any = asyncio.get_running_loop()
    for _ in range(2000):
        if until():
            return
        loop.call_soon(int)  # so that it does not wait
        loop._run_once()
    raise TimeoutError


class Echo(Recorder):
    def on_ws_frame(self, transport: Any, frame: Any) -> None:
        super().on_ws_frame(transport, frame)
        transport.send(frame.msg_type, frame.get_payload_as_bytes())


class Nesting(Recorder):
    """Runs the event loop inside of its first frame."""

    def __init__(self, until: Callable[[], bool]) -> None:
        super().__init__()
        self._until = until
        self.is_nested = False

    def on_ws_frame(self, transport: Any, frame: Any) -> None:
        super().on_ws_frame(transport, frame)
        if frame.get_payload_as_bytes() == b"nest":
            self.is_nested = True
            run_loop(self._until)
            self.is_nested = False


def reported() -> list[dict[str, Any]]:
    reports: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reports.append(context))
    return reports


async def talk(peer: Peer, rounds: int) -> None:
    for number in range(rounds):
        frame = Frame(BINARY, b"%d" % number)
        peer.send(frame)
        await peer.expect(frame)


async def test_other_connections_of_the_hub_go_on() -> None:
    """They stalled, and the event loop's exception handler was called again and again."""
    reports = reported()
    tasks: list[asyncio.Task[None]] = []
    nesting = Nesting(lambda: bool(tasks) and all(task.done() for task in tasks))
    listeners: list[Recorder] = [nesting]
    made = iter(listeners)

    def factory(request: Any) -> Recorder:
        return next(made, None) or Echo()

    async with serving(factory) as port:
        peers = [await open_upgraded(port) for _ in range(4)]
        peers[0].send(Frame(TEXT, b"nest"))
        await nesting.until(lambda: nesting.is_nested or bool(nesting.frames))
        tasks.extend(asyncio.create_task(talk(peer, 20)) for peer in peers[1:])
        peers[0].send(Frame(TEXT, b"own"))
        await asyncio.gather(*tasks)
        assert await nesting.until_frames(2) == [Frame(TEXT, b"nest"), Frame(TEXT, b"own")]
        for peer in peers:
            await peer.close()
    assert reports == []


async def test_a_connection_that_is_accepted_meanwhile_is_served() -> None:
    reports = reported()
    task: list[asyncio.Task[None]] = []

    async def come_and_talk(port: int) -> None:
        peer = await open_upgraded(port)
        await talk(peer, 3)
        await peer.close()

    nesting = Nesting(lambda: bool(task) and task[0].done())
    made = iter([nesting])
    async with serving(lambda request: next(made, None) or Echo()) as port:
        first = await open_upgraded(port)
        task.append(asyncio.create_task(come_and_talk(port)))
        first.send(Frame(TEXT, b"nest"))
        await task[0]
        await first.close()
    assert reports == []


@pytest.mark.parametrize("count", [1, 50])
async def test_frames_of_the_same_connection_stay_in_order(count: int) -> None:
    reports = reported()
    frames = [Frame(TEXT, b"nest"), *[Frame(BINARY, b"%d" % number) for number in range(count)]]
    turns = iter(range(30))
    nesting = Nesting(lambda: next(turns, None) is None)
    async with paired("server", lambda: nesting) as pair:
        pair.peer.send(frames[0])
        pair.peer.send_bytes(b"".join(wire.encode(each, pair.peer.key) for each in frames[1:]))
        assert await nesting.until_frames(len(frames)) == frames
    assert reports == []
