"""measure_roundtrip_time()."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from picows.testing.recorder import Recorder, paired
from picows.testing.wire import PING, PONG, TEXT, Frame


async def answer(pair: Any, count: int) -> None:
    for _ in range(count):
        assert await pair.peer.read_frame() == Frame(PING)
        pair.peer.send(Frame(PONG))


@pytest.mark.parametrize("role", ["client", "server"])
async def test_each_round_is_a_ping_and_its_answer(role: str) -> None:
    async with paired(role) as pair:
        answering = asyncio.create_task(answer(pair, 3))
        seconds = await pair.transport.measure_roundtrip_time(rounds=3)
        await answering
        assert len(seconds) == 3
        assert all(0 < value < 10 for value in seconds)
        assert pair.listener.frames == []  # the answers are used up


async def test_it_counts_the_time_of_the_peer() -> None:
    async with paired("client") as pair:
        measuring = asyncio.create_task(pair.transport.measure_roundtrip_time(1))
        assert await pair.peer.read_frame() == Frame(PING)
        await asyncio.sleep(0.05)
        pair.peer.send(Frame(PONG))
        assert (await measuring)[0] >= 0.05


async def test_two_at_once_take_turns() -> None:
    async with paired("client") as pair:
        answering = asyncio.create_task(answer(pair, 4))
        measure = pair.transport.measure_roundtrip_time
        results = await asyncio.gather(measure(2), measure(2))
        await answering
        assert [len(result) for result in results] == [2, 2]


async def test_it_waits_for_the_answer_to_an_auto_ping() -> None:
    async with paired(
        "client",
        enable_auto_ping=True,
        auto_ping_idle_timeout=0.05,
        auto_ping_reply_timeout=0.05,
    ) as pair:
        assert await pair.peer.read_frame() == Frame(PING)
        measuring = asyncio.create_task(pair.transport.measure_roundtrip_time(1))
        pair.transport.send(TEXT, b"in between")
        assert await pair.peer.read_frame() == Frame(TEXT, b"in between")
        pair.peer.send(Frame(PONG))
        assert await pair.peer.read_frame() == Frame(PING)
        pair.peer.send(Frame(PONG))
        assert len(await measuring) == 1


@pytest.mark.parametrize("role", ["client", "server"])
async def test_a_lost_connection_ends_it(role: str) -> None:
    async with paired(role) as pair:
        measuring = asyncio.create_task(pair.transport.measure_roundtrip_time(1))
        assert await pair.peer.read_frame() == Frame(PING)
        await pair.peer.close()
        with pytest.raises(ConnectionResetError):
            await measuring
        with pytest.raises(ConnectionResetError):
            await pair.transport.measure_roundtrip_time(1)


class OwnPing(Recorder):
    def send_user_specific_ping(self, transport: Any) -> None:
        transport.send(TEXT, "ping?")

    def is_user_specific_pong(self, frame: Any) -> bool:
        return bool(frame.get_payload_as_bytes() == b"pong!")


async def test_it_uses_the_ping_of_the_listener() -> None:
    async with paired("client", OwnPing) as pair:
        measuring = asyncio.create_task(pair.transport.measure_roundtrip_time(1))
        assert await pair.peer.read_frame() == Frame(TEXT, b"ping?")
        pair.peer.send(Frame(PONG), Frame(TEXT, b"pong!"))
        assert len(await measuring) == 1
        assert pair.listener.frames == [Frame(PONG)]
