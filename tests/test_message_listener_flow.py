"""MessageListener: how much is queued, and what happens if more comes or waits to be sent."""

from __future__ import annotations

import asyncio

import pytest
from support import stacks
from support.mailbox import BINARY, CONT, Mailbox, ends, on_all_loops, passes_until

from picows import WSCloseCode


def test_reading_pauses_and_goes_on() -> None:
    async def main() -> None:
        make = lambda: Mailbox(max_queue=8, min_queue=2)  # noqa: E731
        async with ends(make) as (ws, peer):
            for number in range(5):
                peer.transport.send(BINARY, bytes([number]) * 2_000_000)
            while not ws.is_reading_paused:
                peer.text("more")
                await asyncio.sleep(0)
            assert ws.queued >= 8
            peer.text("last")
            got = []
            while (message := await ws.recv()) != "last":
                got.append(message)
            assert [len(m) for m in got if m != "more"] == [2_000_000] * 5
            assert not ws.is_reading_paused
            assert (ws.queued, ws.queued_bytes) == (0, 0)

    stacks.run("asyncio", main())


@on_all_loops
async def test_a_message_larger_than_the_queue_is_received() -> None:
    for by_frame in (False, True):
        async with ends(lambda: Mailbox(max_queue=2, max_queue_bytes=100, by_frame=by_frame)) as (  # noqa: B023
            ws,
            peer,
        ):
            for take in (ws.recv, ws.recv_nowait):
                peer.transport.send(BINARY, b"", fin=False)
                for _ in range(50):
                    peer.transport.send(CONT, bytes(1000), fin=False)
                peer.transport.send(CONT, b"")
                message = take()
                while message is None:
                    await asyncio.sleep(0)
                    message = take()
                if not isinstance(message, bytes):
                    message = await message
                assert message == bytes(50_000)


@on_all_loops
async def test_drop_oldest_keeps_the_newest() -> None:
    async with ends(lambda: Mailbox(max_queue=1, when_full="drop_oldest")) as (ws, peer):
        for number in range(100):
            peer.text(str(number))
        await passes_until(lambda: ws.dropped == 99)
        assert await ws.recv() == "99"
        assert ws.dropped == 99


@on_all_loops
async def test_a_full_queue_closes_if_it_is_to() -> None:
    async with ends(lambda: Mailbox(max_queue=3, when_full="close")) as (ws, peer):
        peer.text(*"abcdefgh")
        assert [message async for message in ws][:4] == ["a", "b", "c", "d"]
        await peer.got.wait()
        assert peer.close == (
            WSCloseCode.POLICY_VIOLATION,
            "messages are not taken as fast as they come",
        )


@on_all_loops
async def test_limits_of_a_message() -> None:
    for options, reason in (
        ({"max_message_size": 10}, "message is larger than the limit"),
        ({"max_fragments": 2}, "message has more fragments than the limit"),
    ):
        async with ends(lambda: Mailbox(**options)) as (ws, peer):  # noqa: B023
            peer.text("ok")
            for _ in range(3):
                peer.transport.send(BINARY if _ == 0 else CONT, b"1234", fin=False)
            assert [message async for message in ws] == ["ok"]
            await peer.got.wait()
            assert peer.close == (WSCloseCode.MESSAGE_TOO_BIG, reason)


@on_all_loops
async def test_who_sends_waits_for_a_peer_that_does_not_read() -> None:
    async with ends() as (ws, peer):
        peer.transport.underlying_transport.pause_reading()
        while ws._send_nowait(bytes(100_000)):
            pass
        assert ws.is_writing_paused
        drains = [asyncio.ensure_future(ws.drain()) for _ in range(3)]
        sending = asyncio.ensure_future(ws._send_wait(b"behind"))
        drains[0].cancel()
        await asyncio.sleep(0)
        assert not any(task.done() for task in [*drains[1:], sending])
        peer.transport.underlying_transport.resume_reading()
        await asyncio.gather(*drains[1:], sending)
        assert drains[0].cancelled()
        while peer.frames[-1:] != [(BINARY, b"behind")]:
            peer.got.clear()
            await peer.got.wait()


@on_all_loops
async def test_who_waits_to_send_is_told_of_the_end() -> None:
    async with ends() as (ws, peer):
        peer.transport.underlying_transport.pause_reading()
        while ws._send_nowait(bytes(100_000)):
            pass
        drain = asyncio.ensure_future(ws.drain())
        await asyncio.sleep(0)
        ws.ws_transport.disconnect(graceful=False)
        with pytest.raises(ConnectionError):
            await drain
