"""Peers that mean harm: what they cost is bounded, and others do not notice them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import resource
from collections.abc import AsyncIterator
from typing import Any

import pytest
from support.machine import connections_max

from picows.testing import wire
from picows.testing.peers import Peer, open_raw, open_upgraded
from picows.testing.recorder import Recorder, paired, serving
from picows.testing.wire import BINARY, CONTINUATION, PING, PONG, TEXT, Frame


class Echo(Recorder):
    def on_ws_frame(self, transport: Any, frame: Any) -> None:
        super().on_ws_frame(transport, frame)
        transport.send(frame.msg_type, frame.get_payload_as_bytes(), frame.fin)


@contextlib.asynccontextmanager
async def others_go_on(port: int) -> AsyncIterator[None]:
    """A well-behaved client beside the attack: it is answered before, and after."""
    peer = await open_upgraded(port)

    async def is_answered() -> None:
        peer.send(Frame(TEXT, b"still there?"))
        assert await peer.read_frame() == Frame(TEXT, b"still there?")

    await is_answered()
    yield
    await is_answered()
    await peer.close()


async def test_the_oldest_handshake_makes_room_for_a_new_one(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with serving(lambda _: Echo(), max_pending_handshakes=10) as port:
        async with others_go_on(port):
            waiting = []
            for _ in range(30):
                peer = await open_raw(port)
                peer.send_bytes(b"GET / HTTP/1.1\r\n")
                waiting.append(peer)
            for peer in waiting[:20]:  # pushed out, in order
                with contextlib.suppress(ConnectionResetError):
                    assert await peer.read_to_end() == b""
            for peer in waiting[20:]:  # still welcome
                peer.send_bytes(wire.request().partition(b"\r\n")[2])
                status, _ = await peer.read_head()
                assert "101" in status
        for peer in waiting:
            await peer.close()
    lines = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(lines) == 20


async def test_a_request_that_drips_is_cut_off_by_the_timeout() -> None:
    async def drip(peer: Peer) -> None:
        for byte in wire.request() * 100:
            peer.send_bytes(bytes([byte]))
            await asyncio.sleep(0.01)

    options = {"websocket_handshake_timeout": 0.2}
    async with serving(lambda _: Echo(), **options) as port, others_go_on(port):
        peer = await open_raw(port)
        dripping = asyncio.create_task(drip(peer))
        with contextlib.suppress(ConnectionResetError):
            assert await peer.read_to_end() == b""
        dripping.cancel()
        await peer.close()


async def test_each_handshake_has_its_own_time() -> None:
    """Also of those that began while others were waiting, done or not."""
    seconds = 0.3

    async def silent(port: int) -> tuple[float, float]:
        loop = asyncio.get_running_loop()
        peer = await open_raw(port)
        begun = loop.time()
        with contextlib.suppress(ConnectionResetError):
            assert await peer.read_to_end() == b""
        ended = loop.time()
        await peer.close()
        return begun, ended

    async with serving(lambda _: Echo(), websocket_handshake_timeout=seconds) as port:
        waiting = []
        for _ in range(4):
            async with others_go_on(port):
                waiting.append(asyncio.create_task(silent(port)))
                await asyncio.sleep(seconds / 6)
        times = await asyncio.gather(*waiting)
        assert [ended for _, ended in times] == sorted(ended for _, ended in times)
        # The server's clock may begin a little later, and a timer may be early by a step of it.
        assert all(ended - begun > seconds - 0.01 for begun, ended in times)


async def test_pings_of_a_peer_that_does_not_read_do_not_pile_up() -> None:
    async with paired("server") as pair:
        pair.peer.writer.transport.pause_reading()
        ping = wire.encode(Frame(PING, b"p" * 125), pair.peer.key)
        last = wire.encode(Frame(PING, b"the last one"), pair.peer.key)
        queued = 0
        for _ in range(400):
            pair.peer.send_bytes(ping * 400)
            await pair.peer.writer.drain()
            queued = max(queued, pair.transport.underlying_transport.get_write_buffer_size())
        pair.peer.send(Frame(TEXT, b"read up to here"))
        pair.peer.send_bytes(last)
        pair.peer.send(Frame(TEXT, b"and here"))
        await pair.listener.until_frames(2)
        assert queued > 0, "the flood was too small to fill the sockets"
        assert queued < 1 << 20
        pair.peer.writer.transport.resume_reading()
        while True:
            frame = await pair.peer.read_frame()
            assert frame.opcode == PONG
            if frame.payload == b"the last one":
                break


@pytest.mark.parametrize("strict", [False, True])
async def test_a_message_of_countless_fragments_keeps_nothing(strict: bool) -> None:
    class Counter(Recorder):
        count = 0

        def on_ws_frame(self, transport: Any, frame: Any) -> None:
            self.count += 1
            if frame.fin:
                self._note("frame")

    async with paired("server", Counter, strict=strict) as pair:
        before = resident_bytes()
        empty = wire.encode(Frame(CONTINUATION, b"", fin=False), pair.peer.key) * 5000
        pair.peer.send(Frame(BINARY, b"", fin=False))
        for _ in range(40):
            pair.peer.send_bytes(empty)
            await pair.peer.writer.drain()
        pair.peer.send(Frame(CONTINUATION, b"end"))
        await pair.listener.until(lambda: "frame" in pair.listener.events)
        assert pair.listener.count == 200_002  # type: ignore[attr-defined]
        assert resident_bytes() - before < 8 << 20


async def test_announced_lengths_take_no_memory() -> None:
    async with serving(lambda _: Echo(), max_frame_size=1 << 40) as port, others_go_on(port):
        before = resident_bytes()
        peers = []
        for _ in range(100):
            peer = await open_upgraded(port)
            header = wire.encode(Frame(BINARY), peer.key, size=1 << 39)
            peer.send_bytes(header + b"a few bytes")
            peers.append(peer)
        async with others_go_on(port):
            pass
        assert resident_bytes() - before < 32 << 20
        for peer in peers:
            await peer.close()


async def test_many_connections_at_once() -> None:
    count = connections_max(2000)

    async def one(port: int) -> None:
        peer = await open_upgraded(port)
        peer.send(Frame(TEXT, b"me too"))
        assert await peer.read_frame() == Frame(TEXT, b"me too")
        await peer.close()

    async with serving(lambda _: Echo(), backlog=count) as port:
        await asyncio.gather(*(one(port) for _ in range(count)))


async def test_resets_in_the_middle_of_everything() -> None:
    frames = wire.encode(Frame(BINARY, bytes(70_000)), wire.MASKING_KEY) * 2
    async with serving(lambda _: Echo(), use_aiofastnet=False) as port, others_go_on(port):
        for size in (0, 1, 2, 7, 100, 66_000, len(frames) - 1, len(frames)):
            for is_upgraded in (False, True):
                peer: Peer = await (open_upgraded if is_upgraded else open_raw)(port)
                peer.send_bytes(frames[:size] if is_upgraded else wire.request()[:size])
                peer.reset()


def resident_bytes() -> int:
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * resource.getpagesize()
