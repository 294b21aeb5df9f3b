"""coalesce_sends: connections that end, and peers that do not read, while sends are gathered."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

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

from picows import WSProtocolError, WSTransport
from picows.testing.wire import BINARY, CLOSE, TEXT, Frame, close


def send_close(transport: WSTransport) -> None:
    transport.send_close(1000, "done")


def raise_error(transport: WSTransport) -> None:
    raise RuntimeError("a listener's own")


def raise_protocol_error(transport: WSTransport) -> None:
    raise WSProtocolError(1008, "not allowed")


ENDINGS: dict[str, tuple[Callable[[WSTransport], None], list[Frame]]] = {
    "close": (send_close, [close(1000, "done")]),
    "disconnect": (WSTransport.disconnect, []),
    "abort": (lambda transport: transport.disconnect(graceful=False), []),
    "error": (raise_error, [close(1011)]),
    "protocol error": (raise_protocol_error, [close(1008, "not allowed")]),
}


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("ending", ENDINGS)
def test_what_was_gathered_is_written_before_the_end(role: str, ending: str) -> None:
    end, last = ENDINGS[ending]

    def answer(transport: WSTransport, payload: bytes) -> None:
        transport.send(BINARY, payload)
        if payload == numbered(3)[2].payload:
            end(transport)
            transport.send(BINARY, b"nothing any more")

    async def main() -> None:
        underlying = await open_driven(role, answer)
        underlying.feed_frames(*numbered(5))
        assert written(role, underlying) == [*numbered(3), *last]
        assert len(underlying.write_sizes) == 1

    driven.run(main())


@pytest.mark.parametrize("role", ROLES)
def test_a_peer_that_breaks_the_protocol_gets_what_was_gathered_and_the_close(role: str) -> None:
    async def main() -> None:
        underlying = await open_driven(role, echo)
        underlying.feed_frames(*numbered(3), Frame(11))
        *frames, last = written(role, underlying)
        assert frames == numbered(3)
        assert (last.opcode, last.payload[:2]) == (CLOSE, (1002).to_bytes(2, "big"))

    driven.run(main())


@pytest.mark.parametrize("role", ROLES)
def test_an_exception_for_the_event_loop_leaves_nothing_behind(role: str) -> None:
    def answer(transport: WSTransport, payload: bytes) -> None:
        transport.send(BINARY, payload)
        if payload == b"last":
            raise SystemExit(3)

    async def main() -> None:
        underlying = await open_driven(role, answer)
        with pytest.raises(SystemExit):
            underlying.feed_frames(Frame(BINARY, b"first"), Frame(BINARY, b"last"))
        payloads = [frame.payload for frame in written(role, underlying)]
        assert payloads == [b"first", b"last", close(1011).payload]

    driven.run(main())


@pytest.mark.parametrize("role", ROLES)
def test_a_connection_that_is_lost_meanwhile_gets_no_more(role: str) -> None:
    async def main() -> None:
        def answer(transport: WSTransport, payload: bytes) -> None:
            transport.send(BINARY, b"gathered")
            underlying.is_closed = True
            underlying.protocol.connection_lost(None)
            transport.send(BINARY, b"too late")

        underlying = await open_driven(role, answer)
        underlying.feed_frames(Frame(BINARY), Frame(BINARY))
        assert not underlying.written

    driven.run(main())


@pytest.mark.parametrize("role", ROLES)
def test_a_transport_that_refuses_what_was_gathered_loses_the_connection(role: str) -> None:
    def refuse(data: bytes) -> None:
        raise BufferError("no")

    async def main() -> None:
        listener = Answering(echo)
        underlying: Any = await driven.open_as(role, listener, coalesce_sends=True)
        underlying.write = refuse
        with pytest.raises(BufferError):
            underlying.feed_frames(*numbered(2))
        assert underlying.is_closed
        await listener.until_disconnected()

    driven.run(main())


@pytest.mark.parametrize("stack", stacks.STACKS, ids=str)
def test_what_was_gathered_stands_behind_what_waits(stack: Stack) -> None:
    """The peer asks again, in many reads, before it reads the answers."""
    asked, answers, size = 12, 20, 10 * KIB
    count = 0

    def answer(transport: WSTransport, payload: bytes) -> None:
        nonlocal count
        for _ in range(answers):
            transport.send(BINARY, count.to_bytes(4, "big") + bytes(size))
            count += 1

    async def main() -> None:
        listener = Answering(answer)
        async with served(stack, listener) as peer:
            sock = listener.transport.underlying_transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16 * KIB)
            peer.writer.transport.pause_reading()
            for number in range(1, asked + 1):
                peer.send(Frame(BINARY))
                await listener.until_frames(number)
            assert "pause" in listener.events
            peer.writer.transport.resume_reading()
            for number in range(asked * answers):
                frame = await peer.read_frame()
                assert frame.payload == number.to_bytes(4, "big") + bytes(size)

    stacks.run(stack.loop, main())


class Pausing(Answering):
    """Ends the connection in `pause_writing`."""

    def pause_writing(self) -> None:
        super().pause_writing()
        self.transport.send(TEXT, b"paused")
        self.transport.send_close(1013)


@pytest.mark.parametrize("large_size", [0, 100 * KIB], ids=["small", "large"])
@pytest.mark.parametrize("stack", stacks.STACKS, ids=str)
def test_what_pause_writing_sends_stands_between_frames(stack: Stack, large_size: int) -> None:
    """A large frame that wanted out when the CLOSE was sent does not follow it."""

    def answer(transport: WSTransport, payload: bytes) -> None:
        for _ in range(10_000):
            if "pause" in listener.events:
                return
            for _ in range(3):
                transport.send(BINARY, bytes(8 * KIB))
            transport.send(BINARY, bytes(large_size))
        raise AssertionError("never paused")

    listener = Pausing(answer)

    async def main() -> None:
        async with served(stack, listener) as peer:
            peer.writer.transport.pause_reading()
            peer.send(Frame(BINARY), Frame(BINARY))
            await listener.until(lambda: "pause" in listener.events)
            peer.writer.transport.resume_reading()
            opcodes = []
            while CLOSE not in opcodes:
                opcodes.append((await peer.read_frame()).opcode)
            assert opcodes[-2:] == [TEXT, CLOSE]
            assert set(opcodes[:-2]) == {BINARY}
            listener.transport.disconnect()
            assert await peer.read_rest() == []

    stacks.run(stack.loop, main())
