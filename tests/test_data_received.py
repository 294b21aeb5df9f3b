"""Protocols of an endpoint without a network: who has the bytes gives them to data_received()."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from picows import WSDisconnectCause, WSTransport, ws_endpoint
from picows.testing import wire
from picows.testing.recorder import Recorder
from picows.testing.wire import BINARY, TEXT, Frame


class Echo(Recorder):
    def on_ws_frame(self, transport: WSTransport, frame: Any) -> None:
        super().on_ws_frame(transport, frame)
        transport.send(frame.msg_type, frame.get_payload_as_bytes())


def encoded(*frames: Frame) -> bytes:
    return b"".join(wire.encode(frame, wire.MASKING_KEY) for frame in frames)


class Memory(asyncio.Transport):
    """The least that a transport can be: somebody moves the bytes himself."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = b""
        self.closing = False

    def write(self, data: Any) -> None:
        self.sent += bytes(data)

    def is_closing(self) -> bool:
        return self.closing

    def close(self) -> None:
        self.closing = True

    def can_write_eof(self) -> bool:
        return False

    def get_write_buffer_size(self) -> int:
        return 0


@pytest.mark.parametrize("size", [1, 7, 1000, 2_000_000])
async def test_bytes_that_somebody_moves_himself(size: int) -> None:
    """Sans-I/O: no socket anywhere, whatever pieces come."""
    listener = Echo()
    protocol: Any = ws_endpoint(lambda request: listener)()
    below = Memory()
    protocol.connection_made(below)
    frames = [Frame(TEXT, b"small"), Frame(BINARY, bytes(range(256)) * 2000), Frame(TEXT, b"end")]
    whole = wire.request() + encoded(*frames)
    if size == 1:
        whole = wire.request() + encoded(frames[0], frames[2])
        del frames[1]
    for start in range(0, len(whole), size):
        protocol.data_received(whole[start : start + size])
    head, _, rest = below.sent.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101 ")
    assert rest == b"".join(wire.encode(frame) for frame in frames)
    assert listener.frames == frames
    protocol.connection_lost(None)
    assert listener.events[-1] == "disconnected"
    assert listener.transport.disconnect_info.cause is WSDisconnectCause.EOF


async def test_bytes_from_memory_that_the_library_lent() -> None:
    """A caller may fill get_buffer() and give it to data_received()."""
    listener = Echo()
    protocol: Any = ws_endpoint(lambda request: listener)()
    protocol.connection_made(Memory())
    data = wire.request() + encoded(Frame(TEXT, b"hello"))
    memory = protocol.get_buffer(-1)
    memory[10 : 10 + len(data)] = data
    protocol.data_received(memory[10 : 10 + len(data)])
    assert listener.frames == [Frame(TEXT, b"hello")]
    with pytest.raises(TypeError):
        protocol.data_received("text")
    protocol.connection_lost(None)


async def test_bytes_that_are_given_inside_of_a_callback_stay_in_order() -> None:
    protocol: Any

    class Nested(Echo):
        def on_ws_frame(self, transport: Any, frame: Any) -> None:
            super().on_ws_frame(transport, frame)
            if frame.get_payload_as_bytes() == b"1":
                protocol.data_received(encoded(Frame(TEXT, b"3")))

    listener = Nested()
    protocol = ws_endpoint(lambda request: listener)()
    protocol.connection_made(Memory())
    protocol.data_received(wire.request() + encoded(Frame(TEXT, b"1"), Frame(TEXT, b"2")))
    assert [frame.payload for frame in listener.frames] == [b"1", b"2", b"3"]
    protocol.connection_lost(None)


async def test_bytes_before_there_is_a_transport() -> None:
    protocol: Any = ws_endpoint(lambda request: None)()
    with pytest.raises(RuntimeError, match="before it called connection_made"):
        protocol.data_received(b"GET")
    protocol.data_received(b"")
