"""Auto-ping: who is silent and who only seems to be, and that nothing keeps a dead peer."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable
from typing import Any

import pytest
from support.stacks import LOOPS, run

from picows import WSAutoPingStrategy, WSDisconnectCause, WSTransport
from picows.testing import wire
from picows.testing.recorder import Recorder, paired
from picows.testing.wire import BINARY, CLOSE, PING, PONG, TEXT, Frame

ROLES = ["client", "server"]
STRATEGIES = list(WSAutoPingStrategy)
PERIODICALLY = WSAutoPingStrategy.PING_PERIODICALLY


def pinging(role: str, listener: Any = Recorder, seconds: float = 0.05, **options: Any) -> Any:
    options |= {"auto_ping_idle_timeout": seconds, "auto_ping_reply_timeout": seconds}
    return paired(role, listener, enable_auto_ping=True, **options)


class OwnPing(Recorder):
    """Its pings are messages."""

    def send_user_specific_ping(self, transport: Any) -> None:
        transport.send(TEXT, "ping?")

    def is_user_specific_pong(self, frame: Any) -> bool:
        return bool(frame.get_payload_as_bytes() == b"pong!")


class Broken(Recorder):
    """Its first ping, which is that of a measure, raises."""

    count = 0

    def send_user_specific_ping(self, transport: Any) -> None:
        self.count += 1
        if self.count == 1:
            raise ValueError("cannot ping")
        transport.send_ping()


Measuring = Callable[[WSTransport], Any]


async def none(transport: WSTransport) -> None:
    pass


async def waiting(transport: WSTransport) -> None:
    with pytest.raises(ConnectionResetError):
        await transport.measure_roundtrip_time(1)


async def many(transport: WSTransport) -> None:
    measures = [transport.measure_roundtrip_time(2) for _ in range(70)]  # more than can wait
    errors = await asyncio.gather(*measures, return_exceptions=True)
    assert {type(error) for error in errors} == {ConnectionResetError, RuntimeError}


async def cancelled(transport: WSTransport) -> None:
    for _ in range(3):
        measuring = asyncio.create_task(transport.measure_roundtrip_time(1))
        await asyncio.sleep(0)
        measuring.cancel()
        with pytest.raises(asyncio.CancelledError):
            await measuring


async def raising(transport: WSTransport) -> None:
    with pytest.raises(ValueError, match="cannot ping"):
        await transport.measure_roundtrip_time(1)


async def closing(transport: WSTransport) -> None:
    transport.send_close(1000)
    with pytest.raises(ConnectionResetError):
        await transport.measure_roundtrip_time(1)


CASES = [
    (none, Recorder),
    (none, OwnPing),
    (waiting, Recorder),
    (waiting, OwnPing),
    (many, Recorder),
    (many, OwnPing),
    (cancelled, Recorder),
    (cancelled, OwnPing),
    (raising, Broken),
    (closing, Recorder),
    (closing, OwnPing),
]


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize(("measure", "listener"), CASES)
def test_a_dead_peer_is_found_whatever_a_measure_does(
    measure: Measuring, listener: Any, strategy: WSAutoPingStrategy, role: str, loop: str
) -> None:
    """A measure that waited on a dead peer kept auto-ping from ever pinging again."""

    async def main() -> None:
        async with pinging(role, listener, 0.03, auto_ping_strategy=strategy) as pair:
            measuring = asyncio.create_task(measure(pair.transport))
            frames = await pair.peer.read_rest()
            await measuring
            assert frames[-1].opcode == CLOSE
            await pair.listener.until_disconnected()
            assert pair.transport.disconnect_info.cause is WSDisconnectCause.PING_TIMEOUT

    run(loop, main())


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("listener", [Recorder, OwnPing])
async def test_measures_and_auto_ping_go_on_side_by_side(
    listener: Any, strategy: WSAutoPingStrategy, role: str
) -> None:
    async with pinging(role, listener, 0.05, auto_ping_strategy=strategy) as pair:
        answering = asyncio.create_task(answer_all(pair))
        end = time.monotonic() + 0.4
        while time.monotonic() < end:
            measure = pair.transport.measure_roundtrip_time
            results = await asyncio.gather(measure(2), measure(1), measure(1))
            assert [len(seconds) for seconds in results] == [2, 1, 1]
            await asyncio.sleep(0.06)  # longer than idle
        assert not pair.transport.is_disconnected
        assert pair.listener.frames == []
        answering.cancel()


async def answer_all(pair: Any) -> None:
    while True:
        frame = await pair.peer.read_frame()
        if frame.opcode == PING:
            pair.peer.send(Frame(PONG, frame.payload))
        else:
            assert frame == Frame(TEXT, b"ping?")
            pair.peer.send(Frame(TEXT, b"pong!"))


async def test_a_pong_that_nobody_asked_for_is_no_answer() -> None:
    async with pinging("client", auto_ping_strategy=PERIODICALLY) as pair:
        assert await pair.peer.read_frame() == Frame(PING)
        pair.peer.send(Frame(PONG, b"unasked"))
        assert [frame.opcode for frame in await pair.peer.read_rest()] == [CLOSE]
        assert pair.listener.frames == [Frame(PONG, b"unasked")]


async def test_a_measure_that_is_answered_is_an_answer_as_well() -> None:
    """A peer may leave the auto-ping's own out (RFC 6455 5.5.3)."""
    async with pinging("client", seconds=0.2, auto_ping_strategy=PERIODICALLY) as pair:
        for _ in range(2):
            assert await pair.peer.read_frame() == Frame(PING)
            measuring = asyncio.create_task(pair.transport.measure_roundtrip_time(1))
            ping = await pair.peer.read_frame()
            pair.peer.send(Frame(PONG, ping.payload))
            await measuring
        assert pair.listener.frames == []


@pytest.mark.slow
async def test_who_sends_without_end_but_answers_nothing_is_given_up() -> None:
    async with pinging("client", seconds=0.03, auto_ping_strategy=PERIODICALLY) as pair:
        flood = asyncio.create_task(send_without_end(pair))
        await pair.listener.until_disconnected()
        flood.cancel()
        assert pair.transport.disconnect_info.cause is WSDisconnectCause.PING_TIMEOUT


async def send_without_end(pair: Any) -> None:
    while True:
        pair.peer.send(Frame(BINARY, b"data"))
        await asyncio.sleep(0)


# PING_WHEN_IDLE: idle means that no byte is received.


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("role", ROLES)
def test_a_large_frame_that_keeps_arriving_is_no_silence(role: str, loop: str) -> None:
    """The PONG stands behind it, so it came too late."""

    async def main() -> None:
        async with pinging(role, seconds=0.1) as pair:
            data = wire.encode(Frame(BINARY, bytes(100_000)), pair.peer.key)
            pair.peer.send_bytes(data[:1000])
            assert await pair.peer.read_frame() == Frame(PING)
            end = time.monotonic() + 0.5
            for position in itertools.count(1000):
                pair.peer.send_bytes(data[position : position + 1])
                await asyncio.sleep(0.02)
                if time.monotonic() > end:
                    break
            pair.peer.send_bytes(data[position + 1 :] + wire.encode(Frame(PONG), pair.peer.key))
            await pair.listener.until_frames(1)
            assert pair.listener.frames == [Frame(BINARY, bytes(100_000))]
            assert not pair.transport.is_disconnected

    run(loop, main())


async def test_a_byte_begins_the_wait_anew() -> None:
    async with pinging("server") as pair:
        data = wire.encode(Frame(BINARY, bytes(100)), pair.peer.key)
        for position in range(3):
            assert await pair.peer.read_frame() == Frame(PING)
            pair.peer.send_bytes(data[position : position + 1])
        frames = await pair.peer.read_rest()
        assert [frame.opcode for frame in frames] == [PING, CLOSE]
        assert pair.transport.disconnect_info.cause is WSDisconnectCause.PING_TIMEOUT


@pytest.mark.parametrize("strategy", STRATEGIES)
async def test_who_sends_after_our_close_is_not_given_up(strategy: WSAutoPingStrategy) -> None:
    """No ping can follow a CLOSE, and what the peer began it may finish."""
    async with pinging("client", auto_ping_strategy=strategy) as pair:
        pair.transport.send_close(1000)
        assert await pair.peer.read_frame() == wire.close(1000)
        for count in range(1, 16):
            pair.peer.send(Frame(BINARY, b"data"))
            await pair.listener.until_frames(count)
            await asyncio.sleep(0.02)
        pair.peer.send(wire.close(1000))
        await pair.listener.until_frames(16)
        assert not pair.transport.is_disconnected
