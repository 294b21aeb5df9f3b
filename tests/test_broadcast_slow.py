"""Broadcasts to peers that do not read: they keep nobody waiting, and cost a bound."""

from __future__ import annotations

import asyncio
import gc
import random
import sys
from typing import Any

import pytest
from support import stacks
from support.groups import Quiet, expect, group, waiting
from support.stacks import Stack

from picows import (
    WSBroadcastResult,
    WSDisconnectCause,
    WSMsgType,
    WSTransport,
    _native,
    ws_broadcast,
)
from picows.testing import wire
from picows.testing.wire import Frame

BINARY = WSMsgType.BINARY
NOTHING = WSBroadcastResult((), ())
every_stack = pytest.mark.parametrize("stack", stacks.STACKS, ids=str)


@every_stack
def test_a_slow_receiver_delays_nobody_and_is_bounded(stack: Stack) -> None:
    """The others read each message when it is sent; it gets, in order, what there was room for."""
    size, limit = 50_000, 400_000

    async def main() -> None:
        async with group(3, stack) as members:
            slow = members.transports[1]
            kept, left_out, number = [], 0, 0
            while left_out < 3:
                number += 1
                frame = Frame(wire.BINARY, number.to_bytes(4, "big") * (size // 4))
                result = ws_broadcast(members.transports, BINARY, frame.payload, max_queued=limit)
                for each in (0, 2):
                    await expect(members.peers[each], frame)
                assert waiting(slow) <= limit
                if slow in result.full:
                    assert slow not in result.queued
                    assert waiting(slow) > limit - size - 10
                    left_out += 1
                else:
                    kept.append(frame)
                assert set(result.full) <= {slow}
                assert number < 1000
            # Smaller ones still have room, and what it does get is whole and in order.
            kept.append(Frame(wire.TEXT, b"small"))
            assert slow in ws_broadcast([slow], WSMsgType.TEXT, "small").queued
            await expect(members.peers[1], *kept)
            await members.listeners[1].until(lambda: waiting(slow) == 0)
            frame = Frame(wire.BINARY, b"again")
            assert ws_broadcast(members.transports, BINARY, b"again") == NOTHING
            await members.expect(frame)

    stacks.run(stack.loop, main())


async def test_nothing_but_what_one_frame_leaves_may_wait() -> None:
    """max_queued=0: a frame goes to whoever has nothing waiting, however large it is."""
    async with group(1) as members:
        slow = members.transports[0]
        large = Frame(wire.BINARY, b"l" * 20_000_000)
        assert ws_broadcast([slow], BINARY, large.payload, max_queued=0).queued == (slow,)
        assert 0 < waiting(slow) < 20_000_010
        assert ws_broadcast([slow], BINARY, b"", max_queued=0).full == (slow,)
        await members.expect(large)


async def test_disconnecting_the_slow() -> None:
    async with group(3) as members:
        slow = members.transports[0]
        count = 0
        while not (result := ws_broadcast([slow], BINARY, b"x" * 100_000)).full:
            count += 1
            assert count < 1000
        assert result.full == (slow,)
        assert not slow.is_disconnected
        result = ws_broadcast(members.transports, BINARY, b"x" * 100_000, when_full="disconnect")
        assert result == WSBroadcastResult((), (slow,))
        assert ws_broadcast(members.transports, BINARY, b"y", when_full="disconnect") == NOTHING
        async with asyncio.timeout(10):
            await slow.wait_disconnected()
        assert slow.disconnect_info is not None
        assert slow.disconnect_info.cause is WSDisconnectCause.OWN_DISCONNECT
        for peer in members.peers[1:]:
            await expect(peer, Frame(wire.BINARY, b"x" * 100_000), Frame(wire.BINARY, b"y"))


@every_stack
def test_order_with_other_sends(stack: Stack) -> None:
    async def main() -> None:
        rng = random.Random(stack.transport)
        async with group(3, stack) as members:
            expected: list[list[Frame]] = [[], [], []]
            for number in range(150):
                payload = number.to_bytes(2, "big") * rng.choice([1, 60, 3000, 9000, 40_000])
                chosen = rng.sample(range(3), rng.randrange(1, 4))
                receivers = [members.transports[each] for each in chosen]
                if rng.random() < 0.6:
                    ws_broadcast(receivers, BINARY, payload, max_queued=1 << 30)
                else:
                    for transport in receivers:
                        transport.send(BINARY, payload)
                for each in chosen:
                    expected[each].append(Frame(wire.BINARY, payload))
                if rng.random() < 0.3:
                    await asyncio.sleep(0)
                if rng.random() < 0.2:
                    each = rng.randrange(3)
                    await expect(members.peers[each], *expected[each])
                    expected[each].clear()
            for peer, frames in zip(members.peers, expected, strict=True):
                await expect(peer, *frames)

    stacks.run(stack.loop, main())


@every_stack
def test_what_pause_writing_may_do(stack: Stack) -> None:
    """It runs in the middle of the broadcast: it may change the collection, send, end, raise."""
    reported: list[str] = []
    audience: list[WSTransport] = []

    class Wild(Quiet):
        def pause_writing(self) -> None:
            audience.clear()
            ws_broadcast([last], WSMsgType.TEXT, "paused")
            gone.disconnect(graceful=False)
            self.transport.send(WSMsgType.TEXT, "own")
            raise ValueError("asked for")

    async def main() -> None:
        nonlocal gone, last
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: reported.append(str(context["exception"])))
        async with group(3, stack, Wild) as members:
            slow, gone, last = members.transports
            slow.underlying_transport.set_write_buffer_limits(high=1000)
            large = Frame(wire.BINARY, b"x" * 8_000_000)
            rounds = 0
            while not reported:
                rounds += 1
                audience[:] = members.transports
                result = ws_broadcast(audience, BINARY, large.payload, max_queued=1 << 30)
            assert audience == []
            assert gone not in result.queued
            assert slow in result.queued
            before = [large] * (rounds - 1)
            await expect(members.peers[0], *before, large, Frame(wire.TEXT, b"own"))
            await expect(members.peers[2], *before, Frame(wire.TEXT, b"paused"), large)
            assert reported[0] == "asked for"

    gone: Any = None
    last: Any = None
    stacks.run(stack.loop, main())


async def test_a_transport_that_raises_does_not_keep_others_from_it() -> None:
    class Failing(Quiet):
        def pause_writing(self) -> None:
            if self.transport is slow:
                raise KeyboardInterrupt("fatal, so the transport lets it through")

    slow: Any = None
    async with group(3, listener_class=Failing) as members:
        slow = members.transports[1]
        large = Frame(wire.BINARY, b"x" * 8_000_000)
        with pytest.raises(KeyboardInterrupt, match="fatal"):
            ws_broadcast(members.transports, BINARY, large.payload)
        for peer in members.peers[::2]:
            await expect(peer, large)


async def test_what_waits_is_shared_and_let_go() -> None:
    """The frame is not copied for each connection that queues it, and nothing outlives them."""
    before = sys.getrefcount(_native.Chunk)
    message = b"x" * 3_000_000
    references = sys.getrefcount(message)
    async with group(20) as members:
        counts = [sys.getrefcount(transport) for transport in members.transports]
        chunks = sys.getrefcount(_native.Chunk)
        for _ in range(2):
            ws_broadcast(members.transports, BINARY, message, max_queued=1 << 30)
        assert all(waiting(transport) > 1_000_000 for transport in members.transports)
        assert sys.getrefcount(_native.Chunk) <= chunks + 2
        for _ in range(3):
            with pytest.raises(TypeError):
                ws_broadcast([*members.transports, None], BINARY, message)  # type: ignore[list-item]
            with pytest.raises(ValueError, match="fragment"):
                ws_broadcast(members.transports, BINARY, message, fin=False)
            ws_broadcast(members.transports, BINARY, message, max_queued=0)
        assert [sys.getrefcount(transport) for transport in members.transports] == counts
        assert sys.getrefcount(message) == references
        await members.expect(*[Frame(wire.BINARY, message)] * 2)
    assert sys.getrefcount(_native.Chunk) <= before + 3


class Finalizer:
    """Garbage in a cycle whose destructor sends."""

    def __init__(self, transport: WSTransport) -> None:
        self.cycle = self
        self.transport = transport

    def __del__(self) -> None:
        self.transport.send(WSMsgType.TEXT, "destructor")


@pytest.mark.parametrize("how", ["send", "broadcast"])
async def test_a_destructor_does_not_send_into_a_frame(how: str) -> None:
    """A collection may run while what the socket did not take is queued (CPython 3.11)."""
    gc.collect()
    gc.freeze()  # makes the collections below quick
    thresholds = gc.get_threshold()
    try:
        async with group(1) as members:
            transport, peer = members.transports[0], members.peers[0]
            large = Frame(wire.BINARY, b"x" * 7_000_000)
            for count in range(8):
                gc.disable()
                garbage = Finalizer(transport)
                del garbage
                gc.enable()
                gc.set_threshold(gc.get_count()[0] + count)
                if how == "send":
                    transport.send(BINARY, large.payload)
                else:
                    ws_broadcast([transport], BINARY, large.payload)
                gc.set_threshold(*thresholds)
                gc.collect(0)
                received = [await peer.read_frame() for _ in range(2)]
                assert large in received, count
                assert Frame(wire.TEXT, b"destructor") in received, count
                assert waiting(transport) == 0
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()
