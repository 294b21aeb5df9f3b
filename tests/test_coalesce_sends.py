"""coalesce_sends: what callbacks of one read send leaves in order, by one call at their end."""

from __future__ import annotations

import asyncio
import socket
import struct
import sys
import threading
from collections.abc import Callable

import pytest
from support import driven, stacks
from support.coalescing import (
    KIB,
    ROLES,
    Answering,
    echo,
    numbered,
    open_driven,
    served,
    written,
)
from support.stacks import Stack

from picows import WSTransport, ws_broadcast
from picows.testing.recorder import Recorder
from picows.testing.wire import BINARY, PING, PONG, Frame

GATHERED_MAX = 64 * KIB
ALONE_MIN = 16 * KIB
"""Frames from here on are written on their own."""

# How many writes


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("is_on", [False, True], ids=["off", "on"])
def test_answers_to_one_read_are_one_write(role: str, is_on: bool) -> None:
    async def main() -> None:
        options = {"coalesce_sends": True} if is_on else {}
        transport = await driven.open_as(role, Answering(echo), **options)
        for _ in range(2):
            transport.write_sizes.clear()
            transport.written.clear()
            transport.feed_frames(*numbered(40))
            assert written(role, transport) == numbered(40)
            assert len(transport.write_sizes) == (1 if is_on else 40)

    driven.run(main())


def data_segments(transport: WSTransport) -> int:
    """Segments with data that the kernel has sent: tcpi_data_segs_out of Linux' struct tcp_info."""
    sock = transport.underlying_transport.get_extra_info("socket")
    info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
    if len(info) < 160:
        pytest.skip("qemu and Linux before 4.6 do not tell how many segments were sent")
    return int(struct.unpack_from("I", info, 156)[0])


@pytest.mark.skipif(sys.platform != "linux", reason="Linux tells how many segments it has sent")
@pytest.mark.parametrize("stack", stacks.STACKS, ids=str)
def test_answers_to_one_read_are_one_segment(stack: Stack) -> None:
    async def main() -> None:
        listener = Answering(echo)
        async with served(stack, listener) as peer:
            before = data_segments(listener.transport)
            peer.send(*numbered(64))
            await peer.expect(*numbered(64))
            assert data_segments(listener.transport) == before + 1

    stacks.run(stack.loop, main())


@pytest.mark.parametrize("role", ROLES)
def test_nothing_is_written_before_the_last_callback_and_all_is_after_it(role: str) -> None:
    seen = []

    async def main() -> None:
        def answer(transport: WSTransport, payload: bytes) -> None:
            transport.send(BINARY, payload)
            seen.append(len(underlying.written))

        underlying = await open_driven(role, answer)
        underlying.feed_frames(*numbered(3))
        assert seen == [0, 0, 0]
        assert len(written(role, underlying)) == 3

    driven.run(main())


@pytest.mark.parametrize("role", ROLES)
def test_outside_of_callbacks_every_send_is_written_at_once(role: str) -> None:
    async def main() -> None:
        listener = Answering(echo)
        underlying = await driven.open_as(role, listener, coalesce_sends=True)
        underlying.feed_frames(*numbered(2))
        for number in range(1, 4):
            underlying.write_sizes.clear()
            listener.transport.send(BINARY, bytes(number))
            assert len(underlying.write_sizes) == 1

    driven.run(main())


class Subscribing(Recorder):
    def on_ws_connected(self, transport: WSTransport) -> None:
        super().on_ws_connected(transport)
        for frame in numbered(5):
            transport.send(BINARY, frame.payload)


def test_what_on_ws_connected_sends_is_one_write() -> None:
    async def main() -> None:
        client = await driven.connect(Subscribing(), coalesce_sends=True)
        assert written("client", client) == numbered(5)
        server = (await driven.serve(Subscribing, coalesce_sends=True))()
        for transport in client, server:
            assert len(transport.write_sizes) == 2  # the first is of the opening handshake

    driven.run(main())


@pytest.mark.parametrize("role", ROLES)
def test_no_more_than_64_kib_is_gathered(role: str) -> None:
    async def main() -> None:
        def answer(transport: WSTransport, payload: bytes) -> None:
            for number in range(100):
                transport.send(BINARY, bytes([number]) * 4000)
                assert 4000 * (number + 1) - len(underlying.written) <= GATHERED_MAX

        underlying = await open_driven(role, answer)
        underlying.feed_frames(Frame(BINARY))
        assert written(role, underlying) == numbered(100, 4000)
        assert max(underlying.write_sizes) <= GATHERED_MAX
        assert len(underlying.write_sizes) <= 400_000 // (GATHERED_MAX - ALONE_MIN) + 1

    driven.run(main())


@pytest.mark.parametrize("role", ROLES)
def test_large_frames_are_written_on_their_own_behind_what_was_gathered(role: str) -> None:
    sizes = [10, 20, ALONE_MIN, 30, ALONE_MIN - 100, 1 << 20, 40, 50]

    def answer(transport: WSTransport, payload: bytes) -> None:
        for size in sizes:
            transport.send(BINARY, bytes(size))
        for size in sizes:
            transport.send_reuse_external_bytearray(BINARY, bytearray(14 + size), 14)

    async def main() -> None:
        underlying = await open_driven(role, answer)
        underlying.feed_frames(Frame(BINARY))
        assert [len(frame.payload) for frame in written(role, underlying)] == sizes * 2
        # Gathered, alone, gathered, alone; the end of one round and the start of the next are one.
        assert len(underlying.write_sizes) == 9

    driven.run(main())


@pytest.mark.parametrize("role", ROLES)
def test_gathered_memory_is_the_callers_to_change(role: str) -> None:
    def answer(transport: WSTransport, payload: bytes) -> None:
        buffer = bytearray(20)
        for number in range(10):
            buffer[14:] = bytes([number]) * 6
            transport.send_reuse_external_bytearray(BINARY, buffer, 14)
            buffer[14:] = bytes([number + 100]) * 6
            transport.send(BINARY, memoryview(buffer)[14:])

    async def main() -> None:
        underlying = await open_driven(role, answer)
        underlying.feed_frames(Frame(BINARY))
        got = [frame.payload[0] for frame in written(role, underlying)]
        assert got == [value for number in range(10) for value in (number, number + 100)]

    driven.run(main())


# Order, and what is not gathered


@pytest.mark.parametrize("role", ROLES)
def test_the_librarys_own_frames_keep_their_place(role: str) -> None:
    def answer(transport: WSTransport, payload: bytes) -> None:
        transport.send_ping(b"ours")
        transport.send(BINARY, payload)
        transport.send_pong(b"ours")

    async def main() -> None:
        underlying = await open_driven(role, answer)
        underlying.feed_frames(Frame(BINARY, b"1"), Frame(PING, b"yours"), Frame(BINARY, b"2"))
        first, second = (
            [Frame(PING, b"ours"), Frame(BINARY, payload), Frame(PONG, b"ours")]
            for payload in (b"1", b"2")
        )
        assert written(role, underlying) == [*first, Frame(PONG, b"yours"), *second]
        assert len(underlying.write_sizes) == 1

    driven.run(main())


@pytest.mark.parametrize("role", ROLES)
def test_a_broadcast_follows_what_was_gathered_and_is_written_at_once(role: str) -> None:
    async def main() -> None:
        def answer(transport: WSTransport, payload: bytes) -> None:
            transport.send(BINARY, b"before")
            assert not ws_broadcast([transport], BINARY, b"to all").full
            assert written(role, underlying)[-2:] == [
                Frame(BINARY, b"before"),
                Frame(BINARY, b"to all"),
            ]
            transport.send(BINARY, b"after")

        underlying = await open_driven(role, answer)
        underlying.feed_frames(Frame(BINARY), Frame(BINARY))
        payloads = [frame.payload for frame in written(role, underlying)]
        assert payloads == [b"before", b"to all", b"after"] * 2
        # What the first callback sent last and the second one first goes together.
        assert len(underlying.write_sizes) == 5

    driven.run(main())


def test_another_connection_of_the_loop_does_not_wait() -> None:
    async def main() -> None:
        def answer(transport: WSTransport, payload: bytes) -> None:
            transport.send(BINARY, b"here")
            for frame in numbered(3):
                second.transport.send(BINARY, frame.payload)
            assert written("server", there) == numbered(3)
            assert not here.written

        listeners = [Answering(answer), second := Answering(echo)]
        accept = await driven.serve(iter(listeners).__next__, coalesce_sends=True)
        here, there = accept(), accept()
        here.feed_frames(Frame(BINARY))
        assert written("server", here) == [Frame(BINARY, b"here")]

    driven.run(main())


def test_what_a_user_writes_to_the_underlying_transport_keeps_its_place() -> None:
    async def main() -> None:
        def answer(transport: WSTransport, payload: bytes) -> None:
            transport.send(BINARY, b"first")
            underlying = transport.underlying_transport
            underlying.write(b"\x82\x03raw")
            transport.send(BINARY, b"second")
            underlying.write(b"\x82\x04last")

        underlying = await open_driven("server", answer)
        for _ in range(2):
            underlying.written.clear()
            underlying.feed_frames(Frame(BINARY))
            payloads = [frame.payload for frame in written("server", underlying)]
            assert payloads == [b"first", b"raw", b"second", b"last"]

    driven.run(main())


def write_raw(underlying: asyncio.Transport) -> None:
    underlying.write(b"\x82\x03raw")


def write_raw_lines(underlying: asyncio.Transport) -> None:
    underlying.writelines([b"\x82", b"\x03raw"])


@pytest.mark.parametrize("way", [write_raw, write_raw_lines])
@pytest.mark.parametrize("stack", stacks.STACKS, ids=str)
def test_it_keeps_its_place_on_the_wire(
    stack: Stack, way: Callable[[asyncio.Transport], None]
) -> None:
    """It was written in front of what was gathered before."""

    def answer(transport: WSTransport, payload: bytes) -> None:
        transport.send(BINARY, b"first")
        way(transport.underlying_transport)
        transport.send(BINARY, b"second")

    async def main() -> None:
        async with served(stack, Answering(answer)) as peer:
            for _ in range(2):
                peer.send(Frame(BINARY))
                for payload in b"first", b"raw", b"second":
                    assert await peer.read_frame() == Frame(BINARY, payload)

    stacks.run(stack.loop, main())


@pytest.mark.parametrize("stack", stacks.STACKS, ids=str)
def test_a_user_who_closes_the_underlying_transport_loses_nothing(stack: Stack) -> None:
    def answer(transport: WSTransport, payload: bytes) -> None:
        transport.send(BINARY, payload)
        transport.underlying_transport.close()

    async def main() -> None:
        listener = Answering(answer)
        async with served(stack, listener) as peer:
            peer.send(Frame(BINARY, b"last"))
            assert await peer.read_frame() == Frame(BINARY, b"last")
            assert await peer.read_rest() == []

    stacks.run(stack.loop, main())


@pytest.mark.parametrize("role", ROLES)
def test_a_read_inside_of_a_callback_ends_with_a_write(role: str) -> None:
    async def main() -> None:
        def answer(transport: WSTransport, payload: bytes) -> None:
            transport.send(BINARY, payload + b" begins")
            if payload == b"outer":
                underlying.feed_frames(Frame(BINARY, b"inner"), Frame(BINARY, b"inner"))
                assert len(underlying.write_sizes) == 1
            transport.send(BINARY, payload + b" ends")

        underlying = await open_driven(role, answer)
        underlying.feed_frames(Frame(BINARY, b"outer"))
        inner = [b"inner begins", b"inner ends"] * 2
        payloads = [frame.payload for frame in written(role, underlying)]
        assert payloads == [b"outer begins", *inner, b"outer ends"]
        assert len(underlying.write_sizes) == 2

    driven.run(main())


@pytest.mark.parametrize("role", ROLES)
def test_wrong_use_raises_as_ever_and_adds_nothing(role: str) -> None:
    def answer(transport: WSTransport, payload: bytes) -> None:
        transport.send(BINARY, b"good")
        with pytest.raises(ValueError, match="msg_type"):
            transport.send(7, b"bad")
        with pytest.raises(ValueError, match="125"):
            transport.send_ping(bytes(126))
        errors = []

        def other_thread() -> None:
            with pytest.raises(RuntimeError, match="another thread") as caught:
                transport.send(BINARY, b"bad")
            errors.append(caught.value)

        thread = threading.Thread(target=other_thread)
        thread.start()
        thread.join()
        assert len(errors) == 1

    async def main() -> None:
        underlying = await open_driven(role, answer)
        underlying.feed_frames(Frame(BINARY))
        assert written(role, underlying) == [Frame(BINARY, b"good")]

    driven.run(main())
