"""MessageListener: messages queued natively, and sent."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from support import stacks
from support.mailbox import BINARY, CONT, TEXT, Mailbox, ends, on_all_loops, passes_until

from picows import WSCloseCode


@on_all_loops
async def test_messages_are_str_and_bytes_in_order() -> None:
    async with ends() as (ws, peer):
        peer.text("one", "zwölf", "")
        peer.transport.send(BINARY, b"\xff\x00")
        assert [await ws.recv() for _ in range(4)] == ["one", "zwölf", "", b"\xff\x00"]
        assert ws.recv_nowait() is None


@pytest.mark.parametrize("loop", stacks.LOOPS)
def test_over_tls(loop: str) -> None:
    async def main() -> None:
        async with ends(ssl=stacks.server_tls()) as (ws, peer):
            for size in (0, 100, 70_000, 1_000_000):
                peer.transport.send(BINARY, bytes(size))
                assert await ws.recv() == bytes(size)
            assert ws._send_nowait("back")
            await peer.until(1)
            assert peer.frames == [(TEXT, b"back")]

    stacks.run(loop, main())


@on_all_loops
async def test_fragments_are_joined_also_inside_of_a_character() -> None:
    async with ends() as (ws, peer):
        peer.transport.send(TEXT, b"z\xc3", fin=False)
        peer.transport.send_ping(b"between")
        peer.transport.send(CONT, b"", fin=False)
        peer.transport.send(CONT, b"\xb6lf")
        peer.transport.send(BINARY, b"a", fin=False)
        peer.transport.send(CONT, b"b")
        assert await ws.recv() == "zölf"
        assert await ws.recv() == b"ab"


@on_all_loops
async def test_a_batch_is_all_that_is_there() -> None:
    async with ends() as (ws, peer):
        peer.text("a", "b", "c", "d")
        first = await ws.recv()
        await passes_until(lambda: ws.queued == 3)
        assert first == "a"
        assert await ws.recv_batch(2) == ["b", "c"]
        assert await ws.recv_batch() == ["d"]
        waiting = asyncio.ensure_future(ws.recv_batch())
        await asyncio.sleep(0)
        peer.text("e")
        assert await waiting == ["e"]
        with pytest.raises(ValueError, match="max must be at least 1, or None"):
            ws.recv_batch(0)


@on_all_loops
async def test_iteration_ends_with_the_connection_after_what_was_queued() -> None:
    async with ends() as (ws, peer):
        peer.text("a", "b")
        peer.transport.send_close(WSCloseCode.OK, "bye")
        assert [message async for message in ws] == ["a", "b"]
        with pytest.raises(EOFError, match="the end"):
            await ws.recv()
        with pytest.raises(EOFError, match="the end"):
            ws.recv_nowait()
        await peer.got.wait()
        assert peer.close == (WSCloseCode.OK, None)  # the answer


@on_all_loops
async def test_text_that_is_not_utf8_fails_the_connection() -> None:
    for fragments in ([b"a\xff"], [b"a", b"\xff"], [b"\xc3", b""]):
        async with ends() as (ws, peer):
            peer.text("ok")
            for index, part in enumerate(fragments):
                is_last = index == len(fragments) - 1
                peer.transport.send(CONT if index else TEXT, part, fin=is_last)
            assert [message async for message in ws] == ["ok"]
            await peer.got.wait()
            assert peer.close == (WSCloseCode.INVALID_TEXT, "TEXT message is not UTF-8")


@on_all_loops
async def test_decode_bytes_takes_any_bytes() -> None:
    async with ends(lambda: Mailbox(decode="bytes")) as (ws, peer):
        peer.transport.send(TEXT, b"\xff")
        peer.transport.send(TEXT, b"\xfe", fin=False)
        peer.transport.send(CONT, b"\xfd")
        assert [await ws.recv(), await ws.recv()] == [b"\xff", b"\xfe\xfd"]


@on_all_loops
async def test_decode_with_a_callable_at_arrival() -> None:
    kept = []

    def number(view: memoryview) -> int:
        kept.append(view)
        return int(bytes(view))

    async with ends(lambda: Mailbox(decode=number)) as (ws, peer):
        peer.text("12", "no number", "13")
        peer.transport.send(TEXT, "1", fin=False)
        peer.transport.send(CONT, "4")
        assert await ws.recv() == 12
        with pytest.raises(ValueError, match="invalid literal"):
            await ws.recv()
        assert await ws.recv_batch() == [13, 14]
        assert [bytes(view) for view in kept] == [b"12", b"no number", b"13", b"14"]


@on_all_loops
async def test_by_frame() -> None:
    async with ends(lambda: Mailbox(by_frame=True)) as (ws, peer):
        peer.transport.send(TEXT, b"a\xc3", fin=False)
        peer.transport.send(CONT, b"\xa4")
        assert await ws._recv_frame() == (b"a\xc3", True, False)
        assert await ws._recv_frame() == (b"\xa4", True, True)
        peer.text("x")
        assert await ws._recv_frame() == ("x", True, True)
        peer.text("x", "y")
        peer.transport.send(BINARY, b"z")
        assert await ws.recv(decode=False) == b"x"
        assert await ws.recv(decode=True) == "y"
        assert await ws.recv(decode=True) == "z"
        peer.transport.send(TEXT, b"\xff")
        assert await ws.recv(decode=False) == b"\xff"
        peer.transport.send(TEXT, b"a", fin=False)
        peer.transport.send(CONT, b"\xfe", fin=True)
        with pytest.raises(EOFError):
            await ws.recv()
        assert [error.start for error in ws.bad_text] == [1]
        await peer.got.wait()
        assert peer.close == (WSCloseCode.INVALID_TEXT, "TEXT message is not UTF-8")


@on_all_loops
async def test_pongs_reach_the_hook_if_wanted() -> None:
    async with ends() as (ws, peer):
        peer.transport.send_pong(b"unasked")
        peer.text("a")
        await ws.recv()
        assert ws.pongs == []
        ws._wants_pongs = True
        peer.transport.send_pong(b"asked")
        peer.text("a")
        await ws.recv()
        assert ws.pongs == [b"asked"]


@on_all_loops
async def test_sending() -> None:
    async with ends() as (ws, peer):
        assert ws._send_nowait("text") is True
        assert ws._send_nowait(bytearray(b"bytes")) is True
        assert ws._send_nowait("binary", text=False) is True
        assert await ws._send_wait(memoryview(b"text"), True) is None
        await peer.until(4)
        assert peer.frames == [
            (TEXT, b"text"),
            (BINARY, b"bytes"),
            (BINARY, b"binary"),
            (TEXT, b"text"),
        ]
        for wrong in (None, 1, ["list"]):
            with pytest.raises(TypeError, match="message must be"):
                ws._send_nowait(wrong)
            with pytest.raises(TypeError, match="message must be"):
                await ws._send_wait(wrong)
        ws.ws_transport.send_close(WSCloseCode.OK)
        with pytest.raises(ConnectionError, match="closing or closed"):
            ws._send_nowait("late")


@on_all_loops
async def test_a_slow_send_is_left_to_the_hook() -> None:
    class Slow(Mailbox):
        async def _send_slow(self, message: Any, text: bool | None) -> None:
            await asyncio.sleep(0)
            self._send_nowait(f"{message} {text}")

    async with ends(Slow) as (ws, peer):
        await ws._send_wait(1)
        ws._is_send_locked = True
        await ws._send_wait("locked", True)
        task = asyncio.ensure_future(ws._send_wait(2))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        ws._is_send_locked = False
        await ws._send_wait("end")
        await peer.until(3)
        assert [data for _, data in peer.frames] == [b"1 None", b"locked True", b"end"]


def test_it_is_for_one_connection_and_its_thread() -> None:
    ws = Mailbox()
    for call in (ws.recv, ws.recv_nowait, ws.drain, lambda: ws._send_nowait("a")):
        with pytest.raises(RuntimeError, match="from on_ws_connected on"):
            call()

    async def main() -> None:
        async with ends() as (ws, _):
            with pytest.raises(RuntimeError, match="in the thread of its event loop"):
                await asyncio.to_thread(ws.recv)
            with pytest.raises(RuntimeError, match="in the thread of its event loop"):
                await asyncio.to_thread(ws._send_nowait, "a")

    asyncio.run(main())


def test_arguments() -> None:
    for options, message in (
        ({"max_queue": -1}, "max_queue must be at least 0, or None"),
        ({"max_message_size": -1}, "max_message_size must be at least 0, or None"),
        ({"max_fragments": 0}, "max_fragments must be at least 1, or None"),
        ({"max_queue": 1, "min_queue": 2}, "must be at most max_queue"),
        (
            {"when_full": "burst"},
            "when_full must be 'pause', 'drop_oldest' or 'close', not 'burst'",
        ),
        ({"by_frame": True, "decode": "bytes"}, "decode must be None with by_frame"),
    ):
        with pytest.raises(ValueError, match=message):
            Mailbox(**options)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="decode must be None, 'bytes' or a callable, not 5"):
        Mailbox(decode=5)
