"""One frame to many connections: who gets it, and what is refused before anything is sent."""

from __future__ import annotations

import asyncio
import contextlib
import random
import threading
from typing import Any

import pytest
from support import stacks
from support.groups import expect, group
from support.machine import connections_max
from support.stacks import Stack

from picows import (
    WSBroadcastResult,
    WSListener,
    WSMsgType,
    WSTransport,
    ws_broadcast,
)
from picows.testing import recorder as ours
from picows.testing import wire
from picows.testing.wire import Frame

BINARY = WSMsgType.BINARY
SIZES = [0, 1, 125, 126, 5000, 16_000, 65_536, 300_000]
NOTHING = WSBroadcastResult((), ())
every_stack = pytest.mark.parametrize("stack", stacks.STACKS, ids=str)


@every_stack
def test_all_get_the_same_bytes(stack: Stack) -> None:
    async def main() -> None:
        async with group(3, stack) as members:
            for size in SIZES:
                payload = random.Random(size).randbytes(size)
                message = bytearray(payload)
                result = ws_broadcast(members.transports, BINARY, message)
                message[:] = b"\xdd" * size
                assert not result.full
                assert set(result.queued) <= set(members.transports)
                await members.expect(Frame(wire.BINARY, payload))

    stacks.run(stack.loop, main())


async def test_clients_and_servers_mixed() -> None:
    """Each client masks with a key of its own (RFC 6455 5.3)."""
    async with (
        ours.paired("server") as server,
        ours.paired("client") as one,
        ours.paired("client") as other,
        group(1, next(stack for stack in stacks.STACKS if stack.tls)) as secure,
    ):
        pairs = [one, server, other]
        members = [*(pair.transport for pair in pairs), *secure.transports]
        for size in SIZES[:-1]:
            assert ws_broadcast(iter(members), BINARY, b"m" * size).full == ()
            for peer in [*(pair.peer for pair in pairs), *secure.peers]:
                await expect(peer, Frame(wire.BINARY, b"m" * size))
        ws_broadcast(members, WSMsgType.TEXT, "héllo")
        heads = [await pair.peer.reader.readexactly(2 + 4 + 6) for pair in (one, other)]
        assert heads[0][2:6] != heads[1][2:6], "the masking keys"
        assert [wire.mask(head[6:], head[2:6]) for head in heads] == ["héllo".encode()] * 2


async def test_types_and_flags() -> None:
    async with group(2) as members:
        assert ws_broadcast(tuple(members.transports), WSMsgType.TEXT, "a", rsv2=True) == NOTHING
        ws_broadcast(members.transports, 1, "b", False, True, False, True, when_full="disconnect")
        ws_broadcast(set(members.transports), WSMsgType.PING, None)
        ws_broadcast(
            transports=dict.fromkeys(members.transports),
            msg_type=WSMsgType.CONTINUATION,
            message=memoryview(b"c"),
            when_full="disconnect",
            max_queued=1 << 100,
        )
        await members.expect(
            Frame(wire.TEXT, b"a", rsv=0b010),
            Frame(wire.TEXT, b"b", fin=False, rsv=0b101),
            Frame(wire.PING, b""),
            Frame(wire.CONTINUATION, b"c"),
        )
        assert ws_broadcast([], BINARY, b"to nobody") is ws_broadcast([], BINARY, b"")


async def test_who_is_closing_or_gone_is_passed_over() -> None:
    async with group(4) as members:
        closing, leaving, gone, stays = members.transports
        closing.send_close(1000)
        leaving.disconnect()
        members.peers[2].reset()
        await gone.wait_disconnected()
        assert ws_broadcast(members.transports, BINARY, b"x") == NOTHING
        await expect(members.peers[3], Frame(wire.BINARY, b"x"))
        closing.disconnect()
        assert [frame.opcode for frame in await members.peers[0].read_rest()] == [wire.CLOSE]
        assert await members.peers[1].read_rest() == []
        assert not stays.is_disconnected


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("x", b""), TypeError, "int"),
        ((BINARY, 5), TypeError, "message must be"),
        ((BINARY,), TypeError, "missing the required argument 'message'"),
        ((BINARY, b"", 1, 0, 0, 0, 5), TypeError, "at most 7 positional"),
        ((WSMsgType.CLOSE, b""), ValueError, "send_close"),
        ((7, b""), ValueError, "WSMsgType"),
        ((WSMsgType.PING, b"x" * 126), ValueError, "125"),
        ((BINARY, b"", False), ValueError, "fragment cannot be skipped"),
        ((WSMsgType.CONTINUATION, b""), ValueError, "fragment cannot be skipped"),
    ],
)
async def test_what_may_not_be_sent(arguments: Any, error: Any, message: str) -> None:
    async with group(1) as members:
        with pytest.raises(error, match=message):
            ws_broadcast(members.transports, *arguments)
        ws_broadcast(members.transports, BINARY, b"next")
        await members.expect(Frame(wire.BINARY, b"next"))


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"max_queued": -1}, ValueError, "must be at least 0"),
        ({"max_queued": 1.5}, TypeError, "float"),
        ({"max_queued": None}, TypeError, "NoneType"),
        ({"when_full": "wait"}, ValueError, "'skip' or 'disconnect', not 'wait'"),
        ({"when_full": None}, ValueError, "'skip' or 'disconnect', not None"),
        ({"policy": "skip"}, TypeError, "unexpected keyword argument 'policy'"),
    ],
)
async def test_wrong_options(options: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        ws_broadcast([], BINARY, b"", **options)


async def test_wrong_transports() -> None:
    """Nothing is sent to the right ones either."""

    def failing(good: WSTransport) -> Any:
        yield good
        raise LookupError("of the generator")

    async with group(1) as members:
        good = members.transports[0]
        cases: list[tuple[Any, type[Exception]]] = [
            (good, TypeError),
            (None, TypeError),
            ([good, None], TypeError),
            ([good, members.listeners[0]], TypeError),
            (failing(good), LookupError),
        ]
        for transports, error in cases:
            with pytest.raises(error):
                ws_broadcast(transports, BINARY, b"not to be sent")
        ws_broadcast([good], BINARY, b"next")
        await members.expect(Frame(wire.BINARY, b"next"))


async def test_a_connection_of_another_thread() -> None:
    async with group(1) as members:
        errors: list[RuntimeError] = []
        with ours_in_a_thread() as foreign:
            with pytest.raises(RuntimeError, match="another thread"):
                ws_broadcast([*members.transports, foreign], BINARY, b"not to be sent")

            def call() -> None:
                try:
                    ws_broadcast(members.transports, BINARY, b"not to be sent")
                except RuntimeError as error:
                    errors.append(error)

            thread = threading.Thread(target=call)
            thread.start()
            thread.join()
        assert len(errors) == 1
        ws_broadcast(members.transports, BINARY, b"next")
        await members.expect(Frame(wire.BINARY, b"next"))


@contextlib.contextmanager
def ours_in_a_thread() -> Any:
    """A connection that lives in an event loop of another thread."""
    made, ended = threading.Event(), threading.Event()
    transports: list[WSTransport] = []

    async def main() -> None:
        async with ours.paired("server") as pair:
            transports.append(pair.transport)
            made.set()
            await asyncio.to_thread(ended.wait)

    thread = threading.Thread(target=asyncio.run, args=(main(),))
    thread.start()
    made.wait(10)
    try:
        yield transports[0]
    finally:
        ended.set()
        thread.join()


async def test_a_thousand() -> None:
    """Each gets all of it, the ones in the middle of a large frame too."""
    async with group(connections_max(1000)) as members:
        small, large = Frame(wire.BINARY, b"s" * 256), Frame(wire.BINARY, b"l" * 20_000)
        assert ws_broadcast(members.transports, BINARY, small.payload) == NOTHING
        assert not ws_broadcast(members.transports, BINARY, large.payload).full
        await members.expect(small, large)


def test_the_result_reads_well() -> None:
    listener = WSListener()
    assert repr(NOTHING) == "WSBroadcastResult(queued=(), full=())"
    with pytest.raises(AttributeError):
        NOTHING.queued = (listener,)  # type: ignore[misc, assignment]
