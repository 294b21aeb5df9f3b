"""Sending from a caller's own buffer, to slow receivers, and from inside of other sends."""

from __future__ import annotations

import array
import asyncio
import gc
import logging
import socket
import sys
from typing import Any

import pytest
from support import driven, stacks
from support.stacks import Stack

from picows import WSListener, WSMsgType, WSTransport
from picows.testing import recorder as ours
from picows.testing import wire
from picows.testing.peers import Peer
from picows.testing.wire import Frame

role = pytest.mark.parametrize("role", ["client", "server"])
BINARY = WSMsgType.BINARY
SIZES = [0, 1, 125, 126, 4096, 65_535, 65_536, 300_000, 3_000_000]


def pattern(size: int) -> bytes:
    return (bytes(range(251)) * (size // 251 + 1))[:size]


@role
@pytest.mark.parametrize("offset", [14, 15, 1000])
@pytest.mark.parametrize("size", SIZES)
async def test_the_header_goes_in_front_of_the_message(size: int, offset: int, role: str) -> None:
    front, payload = b"\xee" * offset, pattern(size)
    buffer = bytearray(front + payload)
    async with ours.paired(role) as pair:
        pair.transport.send_reuse_external_bytearray(BINARY, buffer, offset)
        assert len(buffer) == offset + size
        head = wire.encode(Frame(wire.BINARY, payload))[: -size or None]
        if role == "client":
            head = bytes([head[0], head[1] | 0x80]) + head[2:]
            key = bytes(buffer[offset - 4 : offset])
            assert buffer[offset:] == wire.mask(payload, key)
            head += key
        else:
            assert buffer[offset:] == payload
        start = offset - len(head)
        assert buffer[start:offset] == head
        assert buffer[:start] == front[:start], "nothing further in front is touched"
        # The caller may do what it likes with it now, whatever is still on its way.
        buffer[:] = b"\xdd" * len(buffer)
        buffer.clear()
        buffer += b"z" * 100
        assert await pair.peer.read_frame() == Frame(wire.BINARY, payload)


@role
async def test_flags_of_a_reused_buffer(role: str) -> None:
    async with ours.paired(role) as pair:
        send = pair.transport.send_reuse_external_bytearray
        send(WSMsgType.TEXT, bytearray(b"h" * 14 + b"a"), 14, False, True, False, True)
        send(buffer=bytearray(b"h" * 14 + b"b"), msg_offset=14, msg_type=0, rsv2=True)
        assert await pair.peer.read_frame() == Frame(wire.TEXT, b"a", fin=False, rsv=0b101)
        assert await pair.peer.read_frame() == Frame(wire.CONTINUATION, b"b", rsv=0b010)


@pytest.mark.parametrize(
    ("buffer", "offset", "error"),
    [
        (bytearray(100), 13, ValueError),
        (bytearray(100), 0, ValueError),
        (bytearray(100), -1, ValueError),
        (bytearray(100), 101, ValueError),
        (bytearray(13), 14, ValueError),
        (bytearray(), 14, ValueError),
        (bytearray(100), 1 << 62, ValueError),
        (bytearray(100), 1 << 70, OverflowError),
        (bytearray(100), -(1 << 70), OverflowError),
        (bytearray(100), "14", TypeError),
        (bytearray(100), None, TypeError),
        (bytes(100), 14, (BufferError, TypeError)),
        ("x" * 100, 14, TypeError),
        (None, 14, TypeError),
        (memoryview(bytearray(100))[::2], 14, (BufferError, TypeError)),
        (memoryview(bytes(100)), 14, (BufferError, TypeError)),
    ],
)
async def test_wrong_buffers_and_offsets(buffer: Any, offset: Any, error: Any) -> None:
    before = None if buffer is None or isinstance(buffer, str) else bytes(buffer)
    async with ours.paired("client") as pair:
        with pytest.raises(error) as caught:
            pair.transport.send_reuse_external_bytearray(BINARY, buffer, offset)
        assert str(caught.value)
        assert before is None or bytes(buffer) == before
        pair.transport.send(BINARY, b"next")
        assert await pair.peer.read_frame() == Frame(wire.BINARY, b"next")


@pytest.mark.parametrize("msg_type", [WSMsgType.CLOSE, 3, -1, 16])
async def test_wrong_types_of_a_reused_buffer(msg_type: int) -> None:
    async with ours.paired("client") as pair:
        with pytest.raises(ValueError, match=r"CLOSE|WSMsgType"):
            pair.transport.send_reuse_external_bytearray(msg_type, bytearray(20), 14)


class Evil:
    """An argument whose conversion changes the buffer that is being sent."""

    def __init__(self, buffer: bytearray, value: int) -> None:
        self.buffer = buffer
        self.value = value

    def _change(self) -> int:
        self.buffer.clear()
        return self.value

    __index__ = _change

    def __bool__(self) -> bool:
        return bool(self._change())


@role
async def test_arguments_that_resize_the_buffer(role: str) -> None:
    async with ours.paired(role) as pair:
        send = pair.transport.send_reuse_external_bytearray
        buffer = bytearray(100_000)
        with pytest.raises(ValueError, match="msg_offset"):
            send(BINARY, buffer, Evil(buffer, 14))
        buffer = bytearray(100_000)
        with pytest.raises(ValueError, match="msg_offset"):
            send(BINARY, buffer, 14, Evil(buffer, 1))
        buffer = bytearray(b"e" * 100_000)
        with pytest.raises((BufferError, ValueError)):
            send(Evil(buffer, 2), buffer, 14)
        data = bytearray(b"e" * 100_000)
        with pytest.raises(BufferError):
            pair.transport.send(Evil(data, 2), data)
        pair.transport.send(BINARY, data)
        assert await pair.peer.read_frame() == Frame(wire.BINARY, b"e" * 100_000)
        data.clear()


async def test_other_writable_buffers() -> None:
    async with ours.paired("server") as pair:
        words = array.array("H", [0x4141] * 20)
        pair.transport.send_reuse_external_bytearray(BINARY, words, 14)
        pair.transport.send_reuse_external_bytearray(BINARY, memoryview(bytearray(20)), 18)
        assert await pair.peer.read_frame() == Frame(wire.BINARY, b"A" * 26)
        assert await pair.peer.read_frame() == Frame(wire.BINARY, b"\0\0")


class Sender(ours.Recorder):
    """Notes when it is to stop and when it may go on."""

    def pause_writing(self) -> None:
        self._note("pause")

    def resume_writing(self) -> None:
        self._note("resume")


async def accept(stack: Stack, port: int) -> Peer:
    ssl_context = stacks.client_tls() if stack.tls else None
    return await ours.open_upgraded(port, ssl_context=ssl_context)


@pytest.mark.parametrize("stack", stacks.STACKS, ids=str)
def test_a_slow_receiver(stack: Stack) -> None:
    """Much more is sent than sockets take; the peer's stream stops reading at 128 KiB."""
    sizes = [10, 5000, 100_000, 0, 70_000, 1_000_000] * 20
    listeners: list[Sender] = []

    def factory(request: Any) -> Sender:
        listeners.append(Sender())
        return listeners[0]

    async def main() -> None:
        async with ours.serving(factory, **stack.server_options) as port:
            peer = await accept(stack, port)
            transport = listeners[0].transport
            expected = []
            for number, size in enumerate(sizes):
                payload = number.to_bytes(2, "big") * (size // 2)
                expected.append(Frame(wire.BINARY, payload))
                if number % 3 == 2:
                    buffer = bytearray(14) + payload
                    transport.send_reuse_external_bytearray(BINARY, buffer, 14)
                    buffer[:] = b"\xdd" * len(buffer)
                else:
                    message = bytearray(payload)
                    transport.send(BINARY, message)
                    message[:] = b"\xdd" * len(message)
                if number % 7 == 0:
                    await asyncio.sleep(0)
            assert listeners[0].events[:2] == ["connected", "pause"]
            for frame in expected:
                assert await peer.read_frame() == frame
            await listeners[0].until(lambda: listeners[0].events[-1] == "resume")
            calls = listeners[0].events[1:]
            assert calls == ["pause", "resume"] * (len(calls) // 2)
            transport.send(BINARY, b"last")
            assert await peer.read_frame() == Frame(wire.BINARY, b"last")
            await peer.close()
            await listeners[0].until_disconnected()

    stacks.run(stack.loop, main())


@pytest.mark.parametrize("stack", stacks.STACKS, ids=str)
def test_a_listener_that_does_not_care_is_warned(
    stack: Stack, caplog: pytest.LogCaptureFixture
) -> None:
    transports: list[WSTransport] = []

    class Careless(WSListener):
        def on_ws_connected(self, transport: WSTransport) -> None:
            transports.append(transport)

    async def main() -> None:
        async with ours.serving(lambda request: Careless(), **stack.server_options) as port:
            peer = await accept(stack, port)
            for _ in range(20):
                transports[0].send(BINARY, b"x" * 1_000_000)
            for _ in range(20):
                assert (await peer.read_frame()).payload == b"x" * 1_000_000
            transports[0].disconnect()
            await peer.close()
            await transports[0].wait_disconnected()

    with caplog.at_level(logging.WARNING, "picows"):
        stacks.run(stack.loop, main())
    assert [record.levelname for record in caplog.records if record.name == "picows.server"] == [
        "WARNING",
        "WARNING",
    ]


@pytest.mark.parametrize("size", [10, 5000, 100_000])
async def test_a_send_from_pause_writing(size: int) -> None:
    """It goes behind the frame that filled the queue, not into it."""

    class Chatty(ours.Recorder):
        def pause_writing(self) -> None:
            self.transport.send(WSMsgType.TEXT, "paused")

    async with ours.paired("server", Chatty) as pair:
        underlying = pair.transport.underlying_transport
        underlying.set_write_buffer_limits(0)
        # Small ones, so that they are soon full.
        ours_, theirs = socket.SO_SNDBUF, socket.SO_RCVBUF
        underlying.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, ours_, 5000)
        pair.peer.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, theirs, 5000)
        count = 0
        while not underlying.get_write_buffer_size():
            pair.transport.send(BINARY, b"x" * size)
            count += 1
        for _ in range(count):
            assert await pair.peer.read_frame() == Frame(wire.BINARY, b"x" * size)
        assert await pair.peer.read_frame() == Frame(wire.TEXT, b"paused")


class Finalizer:
    """Garbage in a cycle whose destructor sends."""

    def __init__(self, transport: WSTransport, payload: bytes) -> None:
        self.cycle = self
        self.transport = transport
        self.payload = payload

    def __del__(self) -> None:
        self.transport.send(WSMsgType.TEXT, self.payload)


@role
@pytest.mark.parametrize("size", [100, 10_000, 100_000])
def test_a_send_from_a_destructor_in_the_middle_of_a_send(size: int, role: str) -> None:
    """The garbage collector may run Python code wherever the library allocates an object."""

    async def main() -> None:
        transport = await driven.open_as(role, WSListener())
        ws_transport = transport.protocol.transport
        for count in range(60):
            gc.disable()
            for _ in range(3):
                Finalizer(ws_transport, b"d" * size)
            ballast: list[Any] = [[] for _ in range(count)]
            thresholds = gc.get_threshold()
            gc.enable()
            gc.set_threshold(gc.get_count()[0] + 40)
            ws_transport.send(BINARY, b"s" * size)
            ws_transport.send(BINARY, b"s" * size)
            gc.set_threshold(*thresholds)
            gc.collect(0)
            ballast.clear()
            reader = asyncio.StreamReader()
            reader.feed_data(bytes(transport.written))
            reader.feed_eof()
            transport.written.clear()
            peer = Peer(reader, None, None if role == "client" else wire.MASKING_KEY)  # type: ignore[arg-type]
            got = sorted((frame.opcode, frame.payload) for frame in await peer.read_rest())
            expected = [(wire.TEXT, b"d" * size)] * 3 + [(wire.BINARY, b"s" * size)] * 2
            assert got == expected, count

    gc.collect()
    gc.freeze()  # makes the collections below quick
    try:
        driven.run(main())
    finally:
        gc.unfreeze()


@pytest.mark.parametrize("stack", [each for each in stacks.STACKS if not each.tls], ids=str)
def test_a_bytes_message_waits_where_it_is(stack: Stack) -> None:
    """What the kernel does not take of a server's large message is not copied while it waits."""

    async def main() -> None:
        payload = pattern(8 << 20)
        references = sys.getrefcount(payload)
        async with ours.paired("server", use_aiofastnet=stack.use_aiofastnet) as pair:
            pair.transport.send(BINARY, payload)
            assert pair.transport.underlying_transport.get_write_buffer_size() > 0
            if stack.use_aiofastnet is None:
                assert sys.getrefcount(payload) > references
            pair.transport.send(BINARY, b"behind it")
            assert await pair.peer.read_frame() == Frame(wire.BINARY, payload)
            assert await pair.peer.read_frame() == Frame(wire.BINARY, b"behind it")
        assert sys.getrefcount(payload) == references

    stacks.run(stack.loop, main())
