"""picows.fanout: whose subscriptions, who gets what. With brokers: test_fanout_brokers.py."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

import pytest

from picows import WSListener, WSMsgType, WSTransport, ws_connect
from picows.fanout import Fanout
from picows.testing import Recorder, open_upgraded
from picows.testing.recorder import serving
from picows.testing.wire import BINARY, TEXT, Frame


class Broker:
    """Notes what it is asked for, and does it when `opens` is set."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.opens = asyncio.Event()
        self.opens.set()
        self.error: Exception | None = None
        self.changed = asyncio.Event()

    async def subscribe(self, subject: str) -> None:
        await self._do(f"+{subject}")

    async def unsubscribe(self, subject: str) -> None:
        await self._do(f"-{subject}")

    async def _do(self, call: str) -> None:
        await self.opens.wait()
        self.calls.append(call)
        self.changed.set()
        if self.error:
            raise self.error

    async def until(self, *calls: str) -> None:
        async with asyncio.timeout(30):
            while tuple(self.calls) != calls:
                self.changed.clear()
                await self.changed.wait()


class Served(WSListener):
    """A server's end, which takes a slow client as it is."""

    def __init__(self, transports: asyncio.Queue[WSTransport]) -> None:
        self.transports = transports

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.transports.put_nowait(transport)

    def pause_writing(self) -> None:
        pass

    resume_writing = pause_writing


class Room:
    """Clients, and the server's ends of their connections."""

    def __init__(self, port: int, transports: asyncio.Queue[WSTransport]) -> None:
        self.port = port
        self._transports = transports

    async def enter(self) -> tuple[WSTransport, Recorder]:
        _, client = await ws_connect(Recorder, f"ws://127.0.0.1:{self.port}/")
        assert isinstance(client, Recorder)
        return await self.newcomer(), client

    async def newcomer(self) -> WSTransport:
        async with asyncio.timeout(30):
            return await self._transports.get()


@contextlib.asynccontextmanager
async def open_room() -> AsyncIterator[Room]:
    transports: asyncio.Queue[WSTransport] = asyncio.Queue()
    async with serving(lambda request: Served(transports)) as port:
        yield Room(port, transports)


async def left(client: Recorder, served: WSTransport) -> None:
    client.transport.disconnect()
    await served.wait_disconnected()


async def test_one_subscription_for_all_until_the_last_is_gone() -> None:
    broker = Broker()
    fanout = Fanout(broker.subscribe, broker.unsubscribe)
    async with open_room() as room:
        members = [await room.enter() for _ in range(3)]
        other, stranger = await room.enter()
        for served, _ in members:
            await fanout.join(served, "news")
        await fanout.join(other, "weather")
        assert broker.calls == ["+news", "+weather"]
        result = fanout.deliver("news", "extra")
        assert (result.queued, result.full) == ((), ())
        for _, client in members:
            assert await client.until_frames(1) == [Frame(TEXT, b"extra")]
        fanout.deliver("weather", b"rain")
        assert await stranger.until_frames(1) == [Frame(TEXT, b"rain")]

        for served, client in members:
            assert broker.calls == ["+news", "+weather"]
            await left(client, served)
        await broker.until("+news", "+weather", "-news")
        fanout.deliver("news", "to nobody")
        await left(stranger, other)
        await broker.until("+news", "+weather", "-news", "-weather")


async def test_leaving_by_hand_is_counted() -> None:
    broker = Broker()
    fanout = Fanout(broker.subscribe, broker.unsubscribe, msg_type=WSMsgType.BINARY)
    async with open_room() as room:
        served, client = await room.enter()
        await fanout.join(served, "news")
        await fanout.join(served, "news")
        fanout.leave(served, "news")
        fanout.deliver("news", b"once")
        fanout.leave(served, "news")
        fanout.deliver("news", b"not any more")
        await broker.until("+news", "-news")
        fanout.leave(served, "news")
        fanout.leave(served, "nothing")
        await fanout.join(served, "news")
        fanout.deliver("news", b"again")
        assert await client.until_frames(2) == [Frame(BINARY, b"once"), Frame(BINARY, b"again")]
        await left(client, served)
        await broker.until("+news", "-news", "+news", "-news")


async def test_who_comes_and_goes_while_the_broker_is_slow() -> None:
    broker = Broker()
    broker.opens.clear()
    fanout = Fanout(broker.subscribe, broker.unsubscribe)
    async with open_room() as room:
        served, client = await room.enter()
        first = fanout.join(served, "news")
        await asyncio.sleep(0)  # subscribe() was called
        fanout.leave(served, "news")
        second = fanout.join(served, "news")
        assert not first.done() and not second.done()
        fanout.deliver("news", "early")
        broker.opens.set()
        await first
        await second
        assert broker.calls == ["+news"]

        broker.opens.clear()
        fanout.leave(served, "news")
        await asyncio.sleep(0)  # unsubscribe() was called
        third = fanout.join(served, "news")
        await asyncio.sleep(0)
        assert not third.done()
        broker.opens.set()
        await third
        assert broker.calls == ["+news", "-news", "+news"]
        fanout.deliver("news", "late")
        assert [f.payload for f in await client.until_frames(2)] == [b"early", b"late"]
        await left(client, served)


async def test_a_waiter_that_is_cancelled_disturbs_nobody() -> None:
    broker = Broker()
    broker.opens.clear()
    fanout = Fanout(broker.subscribe, broker.unsubscribe)
    async with open_room() as room:
        served, client = await room.enter()
        fanout.join(served, "news").cancel()
        other = fanout.join(served, "news")
        broker.opens.set()
        await other
        await left(client, served)


async def test_a_subscription_that_fails() -> None:
    broker = Broker()
    broker.error = ConnectionError("no broker")
    fanout = Fanout(broker.subscribe, broker.unsubscribe)
    async with open_room() as room:
        served, client = await room.enter()
        waiting = [fanout.join(served, "news") for _ in range(2)]
        for joined in waiting:
            with pytest.raises(ConnectionError, match="no broker"):
                await joined
        fanout.deliver("news", "to nobody")
        broker.error = None
        await fanout.join(served, "news")
        assert broker.calls == ["+news", "+news"]
        fanout.deliver("news", "to one")
        assert await client.until_frames(1) == [Frame(TEXT, b"to one")]
        await left(client, served)


async def test_an_end_that_fails_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    broker = Broker()
    fanout = Fanout(broker.subscribe, broker.unsubscribe)
    async with open_room() as room:
        served, client = await room.enter()
        await fanout.join(served, "news")
        broker.error = ConnectionError("no broker")
        fanout.leave(served, "news")
        await broker.until("+news", "-news")
        await asyncio.sleep(0)
        assert "unsubscribe raised for subject 'news'" in caplog.text
        broker.error = None
        await fanout.join(served, "news")
        await left(client, served)


async def test_functions_that_do_it_at_once() -> None:
    calls: list[str] = []
    fanout = Fanout(calls.append, calls.append)
    async with open_room() as room:
        served, client = await room.enter()
        await fanout.join(served, "news")
        assert calls == ["news"]
        await left(client, served)


async def test_who_is_gone_does_not_join() -> None:
    broker = Broker()
    fanout = Fanout(broker.subscribe, broker.unsubscribe)
    async with open_room() as room:
        served, client = await room.enter()
        await left(client, served)
        await fanout.join(served, "news")
        fanout.deliver("news", "to nobody")
        assert broker.calls == []


@pytest.mark.parametrize("when_full", ["skip", "disconnect"])
async def test_slow_clients_are_the_policys(when_full: str) -> None:
    fanout = Fanout(lambda _: None, lambda _: None, max_queued=0, when_full=when_full)  # type: ignore[arg-type]
    async with open_room() as room:
        slow = await open_upgraded(room.port)
        served = await room.newcomer()
        quick, client = await room.enter()
        await fanout.join(served, "news")
        await fanout.join(quick, "news")
        count = 0
        while not (result := fanout.deliver("news", bytes(100_000))).full:
            count += 1
            await client.until_frames(count)
        assert result.full == (served,)
        assert await client.until_frames(count + 1)
        if when_full == "disconnect":
            await served.wait_disconnected()
        await slow.close()
        await left(client, quick)


async def test_a_gap_ends_connections_unless_the_program_knows_better() -> None:
    fanout = Fanout(lambda _: None, lambda _: None)
    async with open_room() as room:
        served, client = await room.enter()
        other, stranger = await room.enter()
        await fanout.join(served, "news")
        await fanout.join(other, "weather")
        fanout.gap("nothing")
        fanout.gap("news")
        await client.until_disconnected()
        handshake = client.transport.close_handshake
        assert handshake and handshake.recv
        assert (handshake.recv.code, handshake.recv.reason) == (1012, "messages may be missing")
        fanout.deliver("weather", "rain")
        await stranger.until_frames(1)
        fanout.gap()
        await stranger.until_disconnected()


async def test_on_gap_is_told_subject_and_connections(caplog: pytest.LogCaptureFixture) -> None:
    told: dict[str, tuple[WSTransport, ...]] = {}

    def resync(subject: str, transports: tuple[WSTransport, ...]) -> None:
        told[subject] = transports
        if subject == "news":
            raise ValueError("no news")

    fanout = Fanout(lambda _: None, lambda _: None, on_gap=resync)
    async with open_room() as room:
        served, client = await room.enter()
        await fanout.join(served, "news")
        await fanout.join(served, "weather")
        with caplog.at_level(logging.ERROR, "picows.fanout"):
            fanout.gap()
        assert told == {"news": (served,), "weather": (served,)}
        assert "on_gap raised for subject 'news'" in caplog.text
        await left(client, served)


def test_wrong_arguments_fail_before_a_message_comes() -> None:
    with pytest.raises(ValueError, match="when_full"):
        Fanout(print, print, when_full="wait")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="max_queued"):
        Fanout(print, print, max_queued=-1)
    with pytest.raises(ValueError, match="msg_type must be"):
        Fanout(print, print, msg_type=5)
