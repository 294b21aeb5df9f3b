"""What a peer can get wrong after the handshake: one CLOSE, one exception, one log line.

Both roles, bytes written by hand. What a listener does wrong is in test_errors_listener.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from support import stacks

from picows import WSCloseCode, WSProtocolError
from picows.testing import wire
from picows.testing.recorder import Pair, Recorder, paired
from picows.testing.wire import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, Frame, encode

ROLES = ["client", "server"]
Key = bytes | None


@dataclass(frozen=True)
class Case:
    """Bytes that break a rule, given the key that the peer masks with (a server's has none)."""

    name: str
    code: int
    build: Callable[[Key], bytes]
    options: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.name


def sent(frame: Frame, **lies: Any) -> Callable[[Key], bytes]:
    return lambda key: encode(frame, key, **lies)


def sent_all(*frames: Frame) -> Callable[[Key], bytes]:
    return lambda key: b"".join(encode(frame, key) for frame in frames)


def wrongly_masked(key: Key) -> bytes:
    return encode(Frame(BINARY, b"abc"), None if key else wire.MASKING_KEY)


def header_alone(opcode: int, size: int, **lies: Any) -> Callable[[Key], bytes]:
    return sent(Frame(opcode), size=size, **lies)


STRICT = {"strict": True}
SMALL = {"max_frame_size": 1000}

CASES = [
    *(Case(f"opcode {n:#x}", 1002, sent(Frame(n, b"x"))) for n in (3, 4, 5, 6, 7, *range(11, 16))),
    Case("masked by a server, not masked by a client", 1002, wrongly_masked),
    Case("fragmented PING", 1002, sent(Frame(PING, b"x", fin=False))),
    Case("fragmented PONG", 1002, sent(Frame(PONG, b"x", fin=False))),
    Case("fragmented CLOSE", 1002, sent(Frame(CLOSE, fin=False))),
    Case("PING of 126 bytes", 1002, sent(Frame(PING, bytes(126)))),
    Case("PONG of 126 bytes", 1002, sent(Frame(PONG, bytes(126)))),
    Case("CLOSE of 126 bytes", 1002, sent(Frame(CLOSE, b"\x03\xe8" + bytes(124)))),
    Case("CLOSE that announces 65536 bytes", 1002, header_alone(CLOSE, 65536)),
    # RFC 6455 5.2: the minimal number of bytes must be used to encode the length.
    Case("125 in two bytes", 1002, sent(Frame(BINARY, bytes(125)), length_bytes=2)),
    Case("0 in two bytes", 1002, sent(Frame(BINARY), length_bytes=2)),
    Case("125 in eight bytes", 1002, sent(Frame(BINARY, bytes(125)), length_bytes=8)),
    Case("65535 in eight bytes", 1002, header_alone(BINARY, 65535, length_bytes=8)),
    Case("PING in two bytes", 1002, sent(Frame(PING, b"x"), length_bytes=2)),
    # RFC 6455 5.2: the most significant bit must be 0.
    Case("length 2^63", 1002, header_alone(BINARY, 1 << 63)),
    Case("length 2^64 - 1", 1002, header_alone(BINARY, (1 << 64) - 1)),
    # Decided on the header: of these payloads not one byte ever comes.
    Case("length 2^62", 1009, header_alone(BINARY, 1 << 62)),
    Case("length 2^63 - 1", 1009, header_alone(TEXT, (1 << 63) - 1)),
    Case("above the default limit", 1009, header_alone(BINARY, (10 << 20) + 1)),
    Case("above max_frame_size", 1009, header_alone(BINARY, 1001), SMALL),
    Case("fragment above max_frame_size", 1009, header_alone(CONTINUATION, 1001), SMALL),
    # RFC 6455 5.5.1, 7.4
    Case("CLOSE of one byte", 1002, sent(Frame(CLOSE, b"\x03"))),
    *(
        Case(f"CLOSE with {code}", 1002, sent(wire.close(code)))
        for code in (0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535)
    ),
    Case("CLOSE reason not UTF-8", 1007, sent(Frame(CLOSE, b"\x03\xe8abc\xff"))),
    Case("CLOSE reason cut in a character", 1007, sent(Frame(CLOSE, b"\x03\xe8\xe2\x82"))),
    # strict=True: RFC 6455 5.2, 5.4, 8.1
    *(
        Case(f"reserved bits {n}", 1002, sent(Frame(BINARY, b"x", rsv=n)), STRICT)
        for n in (1, 2, 4)
    ),
    Case("reserved bit in a PING", 1002, sent(Frame(PING, rsv=4)), STRICT),
    Case("CONTINUATION of nothing", 1002, sent(Frame(CONTINUATION, b"x")), STRICT),
    Case("TEXT not UTF-8", 1007, sent(Frame(TEXT, b"ab\xffcd")), STRICT),
    Case("TEXT with a surrogate", 1007, sent(Frame(TEXT, b"\xed\xa0\x80")), STRICT),
    Case("TEXT over-long", 1007, sent(Frame(TEXT, b"\xc0\x80")), STRICT),
    Case("TEXT above U+10FFFF", 1007, sent(Frame(TEXT, b"\xf4\x90\x80\x80")), STRICT),
    Case("TEXT that ends in a character", 1007, sent(Frame(TEXT, b"\xe2\x82")), STRICT),
    Case(
        "TEXT whose first byte of a MiB is wrong",
        1007,
        sent(Frame(TEXT, b"\xff" * 5), size=1 << 20),
        STRICT,
    ),
]

GOOD = [Frame(TEXT, b"first"), Frame(PONG, b"second"), Frame(BINARY, bytes(range(256)))]


async def break_a_rule(case: Case, role: str, **options: Any) -> None:
    """Good frames, the bad one, and a frame that must not be delivered; in one segment."""
    async with paired(role, **options, **case.options) as pair:
        key = pair.peer.key
        after = encode(Frame(TEXT, b"after"), key)
        pair.peer.send_bytes(sent_all(*GOOD)(key) + case.build(key) + after)
        await assert_failed(pair, role, case.code)
        assert pair.listener.frames == GOOD


async def assert_failed(pair: Pair, role: str, code: int) -> None:
    """We say so in exactly one CLOSE, end the connection, and tell a client's waiter."""
    [answer] = await pair.peer.read_rest()
    assert answer.opcode == CLOSE
    assert int.from_bytes(answer.payload[:2], "big") == code
    await pair.listener.until_disconnected()
    assert pair.listener.events.count("disconnected") == 1
    assert pair.transport.close_handshake.sent.code == code
    if role == "server":
        await pair.transport.wait_disconnected()
        return
    with pytest.raises(WSProtocolError) as raised:
        await pair.transport.wait_disconnected()
    assert raised.value.code == code
    assert isinstance(raised.value.code, WSCloseCode)
    assert answer.payload[2:].decode() == str(raised.value) != ""


def complaints(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    """What was logged by anybody, this test's asyncio loop included, from WARNING on."""
    return [record for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("case", CASES, ids=str)
async def test_one_close_one_exception_one_log_line(
    case: Case, role: str, caplog: pytest.LogCaptureFixture
) -> None:
    await break_a_rule(case, role)
    [record] = complaints(caplog)
    assert record.name == f"picows.{role}"
    assert str(case.code) in record.getMessage()


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("loop", stacks.LOOPS)
def test_the_same_on_every_loop_without_aiofastnet(loop: str, role: str) -> None:
    """All cases at once, which also means that connections of one loop do not mix."""

    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            for case in CASES:
                group.create_task(break_a_rule(case, role, use_aiofastnet=False))

    stacks.run(loop, main())


@pytest.mark.parametrize("role", ROLES)
async def test_byte_by_byte_it_is_the_same(role: str) -> None:
    async with paired(role) as pair:
        data = sent_all(*GOOD[:2])(pair.peer.key) + wrongly_masked(pair.peer.key)
        for i in range(len(data)):
            pair.peer.send_bytes(data[i : i + 1])
            await asyncio.sleep(0)
        await assert_failed(pair, role, 1002)
        assert pair.listener.frames == GOOD[:2]


@pytest.mark.parametrize("role", ROLES)
async def test_frames_of_exactly_the_limit_are_fine(role: str) -> None:
    limits = [Frame(BINARY, bytes(1000)), Frame(PONG, bytes(125))]
    async with paired(role, max_frame_size=1000) as pair:
        pair.peer.send(*limits)
        assert await pair.listener.until_frames(2) == limits


@pytest.mark.parametrize("role", ROLES)
async def test_without_strict_frames_are_delivered_as_they_are(role: str) -> None:
    odd = [
        Frame(CONTINUATION, b"of nothing"),
        Frame(TEXT, b"\xff\xfe", fin=False),
        Frame(BINARY, b"inside", rsv=7),
        Frame(TEXT, b"inside again", rsv=1),
    ]
    async with paired(role) as pair:
        pair.peer.send(*odd)
        assert await pair.listener.until_frames(len(odd)) == odd


@pytest.mark.parametrize("role", ROLES)
async def test_strict_takes_text_whose_characters_are_cut_by_fragments(role: str) -> None:
    text = "aé€😀".encode()
    frames = [Frame(TEXT, text[:1], fin=False)]
    frames += [Frame(CONTINUATION, text[i : i + 1], fin=False) for i in range(1, len(text))]
    frames += [Frame(PONG, b"\xff"), Frame(CONTINUATION), Frame(BINARY, b"\xff")]
    async with paired(role, strict=True) as pair:
        pair.peer.send(*frames)
        assert await pair.listener.until_frames(len(frames)) == frames


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(
    ("code", "start", "bad"),
    [
        (1002, Frame(TEXT, b"a", fin=False), Frame(TEXT, b"b")),
        (1002, Frame(BINARY, b"a", fin=False), Frame(BINARY, b"b")),
        (1007, Frame(TEXT, b"\xe2\x82", fin=False), Frame(CONTINUATION, b"a")),
        (1007, Frame(TEXT, b"\xe2\x82", fin=False), Frame(CONTINUATION)),
    ],
)
async def test_strict_looks_across_fragments(
    role: str, code: int, start: Frame, bad: Frame
) -> None:
    async with paired(role, strict=True) as pair:
        pair.peer.send(start, bad)
        await assert_failed(pair, role, code)
        assert pair.listener.frames == [start]


@pytest.mark.parametrize("role", ROLES)
async def test_two_close_frames_in_one_segment_are_a_normal_close(
    role: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with paired(role) as pair:
        pair.peer.send(wire.close(1000, "bye"), wire.close(1001))
        assert await pair.listener.until_frames(1) == [wire.close(1000, "bye")]
        pair.transport.send_close(1000)
        pair.transport.disconnect()
        assert await pair.peer.read_rest() == [wire.close(1000)]
        await pair.transport.wait_disconnected()
        assert pair.transport.close_handshake.recv.code == WSCloseCode.OK
        assert pair.listener.events == ["connected", "frame", "disconnected"]
    assert complaints(caplog) == []


@pytest.mark.parametrize("role", ROLES)
async def test_whatever_follows_a_close_is_ignored(
    role: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with paired(role) as pair:
        pair.peer.send(wire.close(1000), Frame(TEXT, b"after"), Frame(PING))
        await pair.listener.until_frames(1)
        for case in CASES[:40]:
            pair.peer.send_bytes(case.build(pair.peer.key))
        await pair.peer.writer.drain()
        pair.peer.writer.write_eof()
        assert await pair.peer.read_rest() == []
        await pair.transport.wait_disconnected()
        assert pair.listener.frames == [wire.close(1000)]
    assert complaints(caplog) == []


class Breaker(Recorder):
    """Raises at its first frame."""

    def on_ws_frame(self, transport: Any, frame: Any) -> None:
        super().on_ws_frame(transport, frame)
        raise WSProtocolError(1008, "no")


# Regression: a connection that had failed inside or at the end of a large frame gave the event
# loop an empty buffer for what still arrived, which asyncio treats as a fatal error.
@pytest.mark.parametrize("size", [70_000, 300_000, 1 << 20])
@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("loop", stacks.LOOPS)
@pytest.mark.parametrize("use_aiofastnet", stacks.TRANSPORTS.values())
def test_input_after_a_large_frame_that_failed_is_dropped(
    loop: str, role: str, use_aiofastnet: bool | None, size: int, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with paired(role, Breaker, use_aiofastnet=use_aiofastnet) as pair:
            pair.peer.send(Frame(BINARY, bytes(size)))
            answer = await pair.peer.read_frame()
            assert answer == wire.close(1008, "no")
            pair.peer.send(Frame(BINARY, bytes(size)))
            # A busy machine may not get through all of it before we disconnect.
            with contextlib.suppress(ConnectionError):
                await pair.peer.writer.drain()
                assert await pair.peer.read_rest() == []

        async with paired(role, strict=True, use_aiofastnet=use_aiofastnet) as pair:
            bad = encode(Frame(TEXT, b"\xff" + bytes(size - 1)), pair.peer.key)
            pair.peer.send_bytes(bad[: size // 2])
            answer = await pair.peer.read_frame()
            assert answer.payload[:2] == wire.close(1007).payload
            pair.peer.send_bytes(bad[size // 2 :] + bytes(size))
            with contextlib.suppress(ConnectionError):
                await pair.peer.writer.drain()
                assert await pair.peer.read_rest() == []

    stacks.run(loop, main())
    assert len(complaints(caplog)) == 2
