"""measure_roundtrip_time(): every answer belongs to its ping, and no wait is without an end."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from typing import Any

import pytest
from support.stacks import LOOPS, run

from picows import WSListener
from picows.testing import wire
from picows.testing.memory import memory_pair
from picows.testing.recorder import Recorder, paired
from picows.testing.wire import PING, PONG, TEXT, Frame

ROLES = ["client", "server"]


async def read_ping(pair: Any) -> Frame:
    """The next frame, which is a PING of a measure: those have numbers."""
    frame: Frame = await pair.peer.read_frame()
    assert frame.opcode == PING and frame.payload
    return frame


async def answer(pair: Any, count: int) -> None:
    for _ in range(count):
        pair.peer.send(Frame(PONG, (await read_ping(pair)).payload))


async def seen(pair: Any, *frames: Frame) -> None:
    """The peer sends a mark; what the listener saw in front of it has to be these frames."""
    pair.peer.send(Frame(TEXT, b"mark"))
    await pair.listener.until(lambda: Frame(TEXT, b"mark") in pair.listener.frames)
    assert pair.listener.frames == [*frames, Frame(TEXT, b"mark")]
    pair.listener.frames.clear()


async def cancelled(measuring: asyncio.Task[Any]) -> None:
    measuring.cancel()
    with pytest.raises(asyncio.CancelledError):
        await measuring


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("role", ROLES)
def test_each_round_is_a_ping_and_its_answer(role: str, loop: str) -> None:
    async def main() -> None:
        async with paired(role) as pair:
            answering = asyncio.create_task(answer(pair, 3))
            seconds = await pair.transport.measure_roundtrip_time(rounds=3)
            await answering
            assert len(seconds) == 3
            assert all(0 < value < 10 for value in seconds)
            await seen(pair)  # the answers are used up

    run(loop, main())


async def test_it_counts_the_time_of_the_peer() -> None:
    async with paired("client") as pair:
        measuring = asyncio.create_task(pair.transport.measure_roundtrip_time(1))
        ping = await read_ping(pair)
        await asyncio.sleep(0.05)
        pair.peer.send(Frame(PONG, ping.payload))
        assert (await measuring)[0] >= 0.05


async def test_no_rounds_are_no_pings() -> None:
    async with paired("client") as pair:
        assert await pair.transport.measure_roundtrip_time(0) == []
        pair.transport.send(TEXT, b"first")
        assert await pair.peer.read_frame() == Frame(TEXT, b"first")


@pytest.mark.parametrize("role", ROLES)
async def test_several_at_once_do_not_wait_for_each_other(role: str) -> None:
    async with paired(role) as pair:
        measure = pair.transport.measure_roundtrip_time
        tasks = [asyncio.create_task(measure(1)) for _ in range(5)]
        pings = [await read_ping(pair) for _ in tasks]
        assert len({ping.payload for ping in pings}) == 5
        pair.peer.send(*(Frame(PONG, ping.payload) for ping in pings))
        assert [len(seconds) for seconds in await asyncio.gather(*tasks)] == [1] * 5
        await seen(pair)


async def test_one_answer_may_stand_for_those_before_it() -> None:
    """RFC 6455 5.5.3: a peer may answer only the last of several PINGs."""
    async with paired("client") as pair:
        measure = pair.transport.measure_roundtrip_time
        tasks = [asyncio.create_task(measure(1)) for _ in range(3)]
        pings = [await read_ping(pair) for _ in tasks]
        pair.peer.send(Frame(PONG, pings[1].payload))
        await asyncio.gather(*tasks[:2])
        assert not tasks[2].done()
        pair.peer.send(Frame(PONG, pings[2].payload))
        await tasks[2]


@pytest.mark.parametrize("role", ROLES)
async def test_a_pong_that_nobody_asked_for_is_no_answer(role: str) -> None:
    """Some peers send empty PONGs as a heartbeat; each round would have had the one before's."""
    async with paired(role) as pair:
        measuring = asyncio.create_task(pair.transport.measure_roundtrip_time(2))
        for _ in range(2):
            ping = await read_ping(pair)
            pair.peer.send(Frame(PONG), Frame(PONG, b"unasked"))
            await seen(pair, Frame(PONG), Frame(PONG, b"unasked"))
            assert not measuring.done()
            pair.peer.send(Frame(PONG, ping.payload))
        assert len(await measuring) == 2


@pytest.mark.parametrize("loop", LOOPS)
async def test_the_answer_to_an_auto_ping_is_no_answer(loop: str) -> None:
    async def main() -> None:
        auto_ping = {"auto_ping_idle_timeout": 0.1, "auto_ping_reply_timeout": 0.1}
        async with paired("client", enable_auto_ping=True, **auto_ping) as pair:
            assert await pair.peer.read_frame() == Frame(PING)
            measuring = asyncio.create_task(pair.transport.measure_roundtrip_time(1))
            ping = await read_ping(pair)
            pair.peer.send(Frame(PONG))
            await seen(pair)
            assert not measuring.done()
            pair.peer.send(Frame(PONG, ping.payload))
            assert len(await measuring) == 1

    await asyncio.to_thread(run, loop, main())


@pytest.mark.parametrize("role", ROLES)
async def test_one_that_was_cancelled_spoils_nothing(role: str) -> None:
    """A later measure sent nothing and hung."""
    async with paired(role) as pair:
        measure = pair.transport.measure_roundtrip_time
        first = asyncio.create_task(measure(1))
        late = await read_ping(pair)
        await cancelled(first)
        second = asyncio.create_task(measure(1))
        ping = await read_ping(pair)
        pair.peer.send(Frame(PONG, late.payload))
        await seen(pair)  # it is nobody's, but ours
        assert not second.done()
        pair.peer.send(Frame(PONG, ping.payload))
        assert len(await second) == 1


Ending = Callable[[Any], Any]


def by_our_close(pair: Any) -> None:
    pair.transport.send_close(1000)


def by_disconnect(pair: Any) -> None:
    pair.transport.disconnect()


def by_underlying(pair: Any) -> None:
    pair.transport.underlying_transport.close()


async def by_the_peers_close(pair: Any) -> None:
    pair.peer.send(wire.close(1000))
    await pair.listener.until_frames(1)


async def by_the_peers_end(pair: Any) -> None:
    await pair.peer.close()
    await pair.listener.until_disconnected()


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(
    "end", [by_our_close, by_disconnect, by_underlying, by_the_peers_close, by_the_peers_end]
)
def test_where_no_answer_can_come_it_says_so(end: Ending, role: str, loop: str) -> None:
    """After send_close() it hung without a word."""

    async def main() -> None:
        async with paired(role) as pair:
            if (ending := end(pair)) is not None:
                await ending
            with pytest.raises(ConnectionResetError, match="closing or closed"):
                await pair.transport.measure_roundtrip_time(1)

    run(loop, main())


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(
    "end", [by_disconnect, by_underlying, by_the_peers_close, by_the_peers_end]
)
def test_where_no_answer_can_come_any_more_waiting_ends(end: Ending, role: str, loop: str) -> None:
    async def main() -> None:
        async with paired(role) as pair:
            measure = pair.transport.measure_roundtrip_time
            tasks = [asyncio.create_task(measure(1)) for _ in range(2)]
            for _ in tasks:
                await read_ping(pair)
            if (ending := end(pair)) is not None:
                await ending
            for measuring in tasks:
                with pytest.raises(ConnectionResetError, match="ended before"):
                    await measuring

    run(loop, main())


async def test_our_close_leaves_the_peer_time_to_answer() -> None:
    async with paired("client") as pair:
        measuring = asyncio.create_task(pair.transport.measure_roundtrip_time(1))
        ping = await read_ping(pair)
        pair.transport.send_close(1000)
        pair.peer.send(Frame(PONG, ping.payload))
        assert len(await measuring) == 1


async def test_pings_that_wait_are_bounded() -> None:
    async with paired("client") as pair:
        measure = pair.transport.measure_roundtrip_time
        tasks = [asyncio.create_task(measure(1)) for _ in range(64)]
        pings = [await read_ping(pair) for _ in tasks]
        with pytest.raises(RuntimeError, match="too many PINGs wait for an answer"):
            await measure(1)
        await cancelled(tasks.pop())  # makes room
        tasks.append(asyncio.create_task(measure(1)))
        pings[-1] = await read_ping(pair)
        pair.peer.send(*(Frame(PONG, ping.payload) for ping in pings))
        await asyncio.gather(*tasks)


class OwnPing(Recorder):
    def send_user_specific_ping(self, transport: Any) -> None:
        transport.send(TEXT, "ping?")

    def is_user_specific_pong(self, frame: Any) -> bool:
        return bool(frame.get_payload_as_bytes() == b"pong!")


@pytest.mark.parametrize("role", ROLES)
async def test_messages_are_answered_in_order(role: str) -> None:
    async with paired(role, OwnPing) as pair:
        measure = pair.transport.measure_roundtrip_time
        tasks = [asyncio.create_task(measure(1)) for _ in range(2)]
        for _ in tasks:
            assert await pair.peer.read_frame() == Frame(TEXT, b"ping?")
        pair.peer.send(Frame(PONG), Frame(TEXT, b"pong!"))
        await tasks[0]
        assert not tasks[1].done()
        pair.peer.send(Frame(TEXT, b"pong!"))
        await tasks[1]
        await seen(pair, Frame(PONG))


async def test_the_answer_to_a_cancelled_message_is_not_the_next_ones() -> None:
    async with paired("client", OwnPing) as pair:
        measure = pair.transport.measure_roundtrip_time
        first = asyncio.create_task(measure(1))
        assert await pair.peer.read_frame() == Frame(TEXT, b"ping?")
        await cancelled(first)
        second = asyncio.create_task(measure(1))
        assert await pair.peer.read_frame() == Frame(TEXT, b"ping?")
        pair.peer.send(Frame(TEXT, b"pong!"))
        await seen(pair)
        assert not second.done()
        pair.peer.send(Frame(TEXT, b"pong!"))
        await second


async def test_a_peer_that_left_out_an_answer_is_not_one_behind_for_ever() -> None:
    async with paired("client", OwnPing) as pair:
        measure = pair.transport.measure_roundtrip_time
        for answers in ([], [Frame(TEXT, b"pong!")]):  # the second is taken for the first's
            measuring = asyncio.create_task(measure(1))
            assert await pair.peer.read_frame() == Frame(TEXT, b"ping?")
            pair.peer.send(*answers)
            await seen(pair)
            await cancelled(measuring)
        measuring = asyncio.create_task(measure(1))
        assert await pair.peer.read_frame() == Frame(TEXT, b"ping?")
        pair.peer.send(Frame(TEXT, b"pong!"))
        await measuring


class OwnPayload(Recorder):
    """PINGs of its own, told apart by the library."""

    number = 0

    def send_user_specific_ping(self, transport: Any) -> None:
        self.number += 1
        transport.send_ping(b"%d" % self.number)


class Later(Recorder):
    """Pings in another turn of the event loop."""

    def send_user_specific_ping(self, transport: Any) -> None:
        asyncio.get_running_loop().call_soon(transport.send_ping, b"later")


class Through(Recorder):
    """Overrides one of the two, with what it would be anyway."""

    def is_user_specific_pong(self, frame: Any) -> bool:
        return super().is_user_specific_pong(frame)


@pytest.mark.parametrize("listener", [OwnPayload, Later, Through])
async def test_a_listener_may_send_pings_as_it_likes(listener: Callable[[], Recorder]) -> None:
    async with paired("client", listener) as pair:
        measuring = asyncio.create_task(pair.transport.measure_roundtrip_time(3))
        for _ in range(3):
            ping = await pair.peer.read_frame()
            assert ping.opcode == PING
            pair.peer.send(Frame(PONG, ping.payload))
        assert len(await measuring) == 3
        await seen(pair)


async def test_payloads_of_a_listeners_own_are_told_apart() -> None:
    async with paired("client", OwnPayload) as pair:
        measure = pair.transport.measure_roundtrip_time
        first, second = asyncio.create_task(measure(1)), asyncio.create_task(measure(1))
        await pair.peer.expect(Frame(PING, b"1"), Frame(PING, b"2"))
        await cancelled(first)
        pair.peer.send(Frame(PONG, b"1"))
        await seen(pair)
        assert not second.done()
        pair.peer.send(Frame(PONG, b"2"))
        await second


class Broken(Recorder):
    """Its pings fail every other time; before, or after a PING is out."""

    sends = False
    count = 0

    def send_user_specific_ping(self, transport: Any) -> None:
        self.count += 1
        if self.sends or self.count % 2 == 0:
            transport.send_ping(b"%d" % self.count)
        if self.count % 2:
            raise ValueError("cannot ping")


@pytest.mark.parametrize("sends", [False, True])
async def test_a_ping_that_raises_is_told_and_spoils_nothing(sends: bool) -> None:
    async with paired("client", Broken) as pair:
        pair.listener.sends = sends
        for number in (1, 3):
            with pytest.raises(ValueError, match="cannot ping"):
                await pair.transport.measure_roundtrip_time(1)
            measuring = asyncio.create_task(pair.transport.measure_roundtrip_time(1))
            if sends:
                await pair.peer.expect(Frame(PING, b"%d" % number))
                pair.peer.send(Frame(PONG, b"%d" % number))
                await seen(pair)
            await pair.peer.expect(Frame(PING, b"%d" % (number + 1)))
            assert not measuring.done()
            pair.peer.send(Frame(PONG, b"%d" % (number + 1)))
            await measuring


def futures() -> int:
    gc.collect()
    return sum(isinstance(thing, asyncio.Future) for thing in gc.get_objects())


async def test_futures_of_measures_are_let_go() -> None:
    async with memory_pair(Recorder, WSListener) as ((client, _), _):
        before = futures()
        for count in (1, 5, 64):
            tasks = [asyncio.create_task(client.measure_roundtrip_time(1)) for _ in range(count)]
            await asyncio.sleep(0)
            tasks[0].cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        del tasks
        await asyncio.sleep(0)  # callbacks of the last ones
        assert futures() <= before
