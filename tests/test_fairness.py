"""A turn of the event loop is bounded for all connections together, and nobody is passed over."""

from __future__ import annotations

import asyncio
import os
import sys
from collections import Counter
from typing import Any

import pytest
from support import stacks

from picows.testing import wire
from picows.testing.peers import Peer, open_upgraded
from picows.testing.recorder import Recorder, serving
from picows.testing.wire import BINARY, TEXT, Frame

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the hub is Linux's")
LOOPS = pytest.mark.parametrize("loop", stacks.LOOPS)
EMPTY = wire.encode(Frame(BINARY), wire.MASKING_KEY)
READ_SIZE_MAX = 256 * 1024
FLOOD = EMPTY * (2 * READ_SIZE_MAX // len(EMPTY))


class Counting(Recorder):
    """Notes in which turn of the event loop how many frames came."""

    turn = 0
    peer: Peer

    def __init__(self) -> None:
        super().__init__()
        self.turns: Counter[int] = Counter()

    def on_ws_frame(self, transport: Any, frame: Any) -> None:
        self.turns[Counting.turn] += 1
        if frame.payload_size:
            super().on_ws_frame(transport, frame)


async def count_turns() -> None:
    """Takes part in each turn of the event loop."""
    while True:
        await asyncio.sleep(0)
        Counting.turn += 1


async def flood(listeners: list[Counting], count: int, *last: Frame) -> None:
    """Fill the sockets of some connections before the event loop sees any of it."""
    counting = asyncio.create_task(count_turns())
    for peer in [each.peer for each in listeners[:count]]:
        sent = os.write(peer.writer.get_extra_info("socket").fileno(), FLOOD)
        assert sent > READ_SIZE_MAX
        peer.send_bytes(FLOOD[sent:] + b"".join(wire.encode(frame, peer.key) for frame in last))
    for each in listeners:
        await each.until_frames(1)
    counting.cancel()


async def connect(port: int, made: list[Counting], count: int) -> None:
    for _ in range(count):
        peer = await open_upgraded(port)
        made[-1].peer = peer


def run_flood(loop: str, flooding: int, quiet: int = 0) -> list[Counting]:
    made: list[Counting] = []

    def factory(request: Any) -> Counting:
        made.append(Counting())
        return made[-1]

    async def main() -> None:
        Counting.turn = 0
        async with serving(factory) as port:
            await connect(port, made, flooding + quiet)
            for each in made[flooding:]:
                each.peer.send(Frame(TEXT, b"quiet"))
            await flood(made, flooding, Frame(TEXT, b"last"))
            for each in made:
                each.transport.disconnect(graceful=False)
                await each.until_disconnected()
                await each.peer.close()

    stacks.run(loop, main())
    return made


@LOOPS
def test_a_turn_is_bounded_for_all_connections_together(loop: str) -> None:
    """Of 16 full sockets each was read four times in a turn, which took 0.8 s."""
    made = run_flood(loop, 16)
    frames: Counter[int] = Counter()
    for each in made:
        frames.update(each.turns)
    # One read as large as there is, and what fits into the time before it.
    assert max(frames.values()) < 2 * READ_SIZE_MAX / len(EMPTY)


@LOOPS
def test_who_was_left_out_goes_first(loop: str) -> None:
    made = run_flood(loop, 16)
    first = [min(each.turns) for each in made]
    third = [sorted(each.turns)[2] for each in made if len(each.turns) > 2]
    assert max(first) <= min(third), (first, third)


@LOOPS
def test_a_quiet_connection_waits_for_one_turn_of_each_that_floods(loop: str) -> None:
    made = run_flood(loop, 4, quiet=8)
    last = max(max(each.turns) for each in made[:4])
    for each in made[4:]:
        assert max(each.turns) - min(min(other.turns) for other in made[:4]) <= 4 + 2, last
