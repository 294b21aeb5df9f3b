"""A callback that runs the event loop, as nest_asyncio lets it: all others go on meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import Callable
from typing import Any

import pytest

from picows import WSHandshakeError, ws_connect
from picows.testing import wire
from picows.testing.peers import Peer, open_raw, open_upgraded, raw_server
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


class NestingAtFirst(Recorder):
    """Runs the event loop before the first frame: in the factory, or when it is connected."""

    def __init__(self, nest: Callable[[], None], where: str) -> None:
        super().__init__()
        self._nest = nest
        self._where = where
        if where == "factory":
            nest()

    def on_ws_connected(self, transport: Any) -> None:
        super().on_ws_connected(transport)
        if self._where == "on_ws_connected":
            self._nest()


@contextlib.asynccontextmanager
async def opened(role: str, listener_class: Callable[[], Recorder]) -> Any:
    """A raw peer of a connection of ours, which sends two frames right behind its part of the
    opening handshake, and a future of our listener."""
    ready = asyncio.get_running_loop().create_future()

    def factory(*_: Any) -> Recorder:
        listener = listener_class()
        ready.set_result(listener)
        return listener

    if role == "server":
        async with serving(factory) as port:
            peer = await open_raw(port)
            peer.key = wire.MASKING_KEY
            peer.send_bytes(wire.request() + encoded(peer, 0, 2))
            yield peer, ready
            await peer.close()
            await (await ready).until_disconnected()
    else:
        async with raw_server() as server:
            url = f"ws://127.0.0.1:{server.port}/"
            connecting = asyncio.create_task(ws_connect(factory, url))
            peer = await server.accept_upgraded(wire.encode(numbered(0)) + wire.encode(numbered(1)))
            yield peer, ready
            transport, listener = await connecting
            transport.disconnect()
            await listener.until_disconnected()


def numbered(number: int) -> Frame:
    return Frame(BINARY, b"%d" % number)


def encoded(peer: Peer, start: int, end: int) -> bytes:
    return b"".join(wire.encode(numbered(number), peer.key) for number in range(start, end))


@pytest.mark.parametrize("where", ["factory", "on_ws_connected"])
@pytest.mark.parametrize("role", ["client", "server"])
async def test_frames_that_arrive_before_there_is_a_listener(role: str, where: str) -> None:
    """In a factory that ran the event loop they were lost, and on a server ended the connection."""
    reports = reported()
    count = 40
    opening = Opening()

    async def send_more() -> None:
        await opening.ready.wait()
        for number in range(2, count):
            opening.peer.send_bytes(encoded(opening.peer, number, number + 1))
            await asyncio.sleep(0)
        await turns(5)

    meanwhile = asyncio.create_task(send_more())
    make = functools.partial(NestingAtFirst, lambda: opening.nest(meanwhile), where)
    async with opened(role, make) as (peer, ready):
        opening.note_peer(peer)
        await asyncio.wait_for(meanwhile, 8)
        listener = await ready
        frames = await asyncio.wait_for(listener.until_frames(count), 8)
        assert frames == [numbered(number) for number in range(count)]
    assert reports == []


async def turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


class Opening:
    """`ready` is set when there is a peer, and the user's code runs the event loop."""

    peer: Peer

    def __init__(self) -> None:
        self.ready = asyncio.Event()
        self._is_nested = False

    def note_peer(self, peer: Peer) -> None:
        self.peer = peer
        if self._is_nested:
            self.ready.set()

    def nest(self, until: asyncio.Task[None]) -> None:
        self._is_nested = True
        if hasattr(self, "peer"):
            self.ready.set()
        run_loop(until.done)


@pytest.mark.parametrize("role", ["client", "server"])
async def test_a_peer_that_leaves_while_the_factory_runs(role: str) -> None:
    """The listener was told that it is connected, after the end."""
    opening = Opening()
    made = asyncio.get_running_loop().create_future()

    async def leave() -> None:
        await opening.ready.wait()
        opening.peer.reset()
        await turns(50)

    leaving = asyncio.create_task(leave())

    def factory(*_: Any) -> Recorder:
        listener = NestingAtFirst(lambda: opening.nest(leaving), "factory")
        made.set_result(listener)
        return listener

    if role == "server":
        async with serving(factory) as port:
            opening.note_peer(await open_raw(port))
            opening.peer.send_bytes(wire.request())
            listener = await asyncio.wait_for(made, 8)
            await turns(10)
    else:
        async with raw_server() as server:
            connecting = asyncio.create_task(ws_connect(factory, f"ws://127.0.0.1:{server.port}/"))
            opening.note_peer(await server.accept_upgraded())
            with pytest.raises(WSHandshakeError):
                await connecting
            listener = await made
    assert listener.events == []
