"""Misuse of a WSTransport: what raises, what is silently nothing, and that neither harms it."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest
from support.stacks import STACKS, Stack, run

from picows import WSCloseCode, WSDisconnectCause, WSMsgType, WSTransport
from picows.testing import wire
from picows.testing.recorder import Pair, paired
from picows.testing.wire import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, Frame

ROLES = ["client", "server"]


def headroom(payload: bytes) -> bytearray:
    return bytearray(14) + payload


SENDS: dict[str, Callable[[WSTransport], Any]] = {
    "send": lambda t: t.send(TEXT, "x"),
    "send, large": lambda t: t.send(BINARY, bytes(1 << 20)),
    "send_reuse_external_bytearray": lambda t: t.send_reuse_external_bytearray(
        BINARY, headroom(b"x"), 14
    ),
    "send_ping": lambda t: t.send_ping(b"x"),
    "send_pong": lambda t: t.send_pong(b"x"),
    "send_close": lambda t: t.send_close(1000),
}
CALLS = SENDS | {
    "disconnect": lambda t: t.disconnect(),
    "wait_disconnected": lambda t: t.wait_disconnected(),
}


async def assert_usable(pair: Pair) -> None:
    """The next frame on the wire is one that is sent now."""
    pair.transport.send(TEXT, "still here")
    assert await pair.peer.read_frame() == Frame(TEXT, b"still here")


@pytest.mark.parametrize("role", ROLES)
async def test_after_close_every_send_does_nothing(role: str) -> None:
    async with paired(role) as pair:
        pair.transport.send_close(1000, "bye")
        for send in SENDS.values():
            assert send(pair.transport) is None
        pair.peer.send(Frame(PING, b"answered no more"))
        pair.peer.send(Frame(TEXT, b"but delivered"))
        await pair.listener.until_frames(1)
        pair.transport.disconnect()
        assert await pair.peer.read_rest() == [wire.close(1000, "bye")]
        assert pair.transport.close_handshake.sent.reason == "bye"


@pytest.mark.parametrize("graceful", [True, False])
@pytest.mark.parametrize("role", ROLES)
async def test_after_disconnect_every_send_does_nothing(role: str, graceful: bool) -> None:
    async with paired(role) as pair:
        pair.transport.disconnect(graceful)
        for send in SENDS.values():
            assert send(pair.transport) is None
        await pair.transport.wait_disconnected()
        for send in SENDS.values():
            assert send(pair.transport) is None
        assert await pair.peer.read_rest() == []
        assert pair.transport.close_handshake is None
        assert not pair.transport.is_close_frame_sent


@pytest.mark.parametrize("role", ROLES)
async def test_disconnect_can_be_called_again(role: str) -> None:
    async with paired(role) as pair:
        for graceful in (True, True, False, False, True):
            pair.transport.disconnect(graceful)
        await pair.transport.wait_disconnected()
        pair.transport.disconnect()
        pair.transport.disconnect(graceful=False)
        assert pair.listener.events == ["connected", "disconnected"]


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("role", ROLES)
async def test_a_call_from_another_thread_raises(role: str, call: str) -> None:
    async with paired(role) as pair:
        raised: list[BaseException] = []

        def other() -> None:
            try:
                CALLS[call](pair.transport)
            except BaseException as error:
                raised.append(error)

        thread = threading.Thread(target=other)
        thread.start()
        await asyncio.to_thread(thread.join)
        assert [type(error) for error in raised] == [RuntimeError]
        assert "thread" in str(raised[0])
        assert call.split(",")[0] in str(raised[0])
        await assert_usable(pair)


@pytest.mark.parametrize("message", [1, 1.5, ["a"], {"a": 1}, object(), ("a",), True])
@pytest.mark.parametrize("role", ROLES)
async def test_a_message_of_a_wrong_type_raises(role: str, message: object) -> None:
    async with paired(role) as pair:
        for send in (
            lambda: pair.transport.send(TEXT, message),
            lambda: pair.transport.send_ping(message),
            lambda: pair.transport.send_pong(message),
            lambda: pair.transport.send_close(1000, message),
        ):
            with pytest.raises(TypeError, match="bytes-like"):
                send()
        with pytest.raises(TypeError):
            pair.transport.send_reuse_external_bytearray(TEXT, message, 14)
        await assert_usable(pair)


async def test_memory_that_is_not_contiguous_raises() -> None:
    async with paired("client") as pair:
        with pytest.raises(BufferError):
            pair.transport.send(BINARY, memoryview(b"abcdef")[::2])
        with pytest.raises(BufferError):
            pair.transport.send_reuse_external_bytearray(BINARY, bytes(20), 14)  # read-only
        await assert_usable(pair)


async def test_text_that_utf8_cannot_express_raises() -> None:
    async with paired("client") as pair:
        with pytest.raises(UnicodeEncodeError):
            pair.transport.send(TEXT, "\ud800")
        await assert_usable(pair)


@pytest.mark.parametrize("message", ["é", "é".encode(), bytearray(b"\xc3\xa9")])
@pytest.mark.parametrize("role", ROLES)
async def test_a_message_is_text_bytes_like_or_none(role: str, message: Any) -> None:
    async with paired(role) as pair:
        pair.transport.send(TEXT, message)
        pair.transport.send(TEXT, memoryview(b"xx\xc3\xa9xx")[2:4])
        pair.transport.send(TEXT, None)
        for expected in ("é".encode(), "é".encode(), b""):
            assert await pair.peer.read_frame() == Frame(TEXT, expected)


@pytest.mark.parametrize("role", ROLES)
async def test_all_flags_and_types_go_onto_the_wire(role: str) -> None:
    async with paired(role) as pair:
        expected = []
        for msg_type in (CONTINUATION, TEXT, BINARY, PING, PONG):
            for rsv in range(8):
                fin = msg_type >= 8 or rsv % 2 == 0
                bits = {"rsv1": rsv & 4, "rsv2": rsv & 2, "rsv3": rsv & 1}
                pair.transport.send(WSMsgType(msg_type), b"x", fin, **bits)
                pair.transport.send_reuse_external_bytearray(
                    msg_type, headroom(b"x"), 14, fin=fin, **bits
                )
                expected += [Frame(msg_type, b"x", fin, rsv)] * 2
        for frame in expected:
            assert await pair.peer.read_frame() == frame


@pytest.mark.parametrize("role", ROLES)
async def test_close_goes_out_through_send_close_only(role: str) -> None:
    async with paired(role) as pair:
        with pytest.raises(ValueError, match="send_close"):
            pair.transport.send(WSMsgType.CLOSE, b"\x03\xe8")
        with pytest.raises(ValueError, match="send_close"):
            pair.transport.send_reuse_external_bytearray(CLOSE, headroom(b""), 14)
        assert not pair.transport.is_close_frame_sent
        await assert_usable(pair)


@pytest.mark.parametrize("msg_type", [3, 7, 11, 15, 16, -1, 256, 1 << 70])
async def test_an_unknown_type_of_message_raises(msg_type: int) -> None:
    async with paired("client") as pair:
        with pytest.raises((ValueError, OverflowError)):
            pair.transport.send(msg_type, b"")
        with pytest.raises(TypeError):
            pair.transport.send("text", b"")
        await assert_usable(pair)


@pytest.mark.parametrize("role", ROLES)
async def test_a_control_frame_has_at_most_125_bytes_and_no_fragments(role: str) -> None:
    async with paired(role) as pair:
        for send in (pair.transport.send_ping, pair.transport.send_pong):
            with pytest.raises(ValueError, match="125"):
                send(bytes(126))
        for msg_type in (PING, PONG):
            with pytest.raises(ValueError, match="125"):
                pair.transport.send(msg_type, bytes(126))
            with pytest.raises(ValueError, match="fin"):
                pair.transport.send(msg_type, b"", fin=False)
        pair.transport.send_ping(bytes(125))
        assert await pair.peer.read_frame() == Frame(PING, bytes(125))


@pytest.mark.parametrize(
    "code", [-1, 1, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535, 65536, 1 << 70]
)
@pytest.mark.parametrize("role", ROLES)
async def test_a_close_code_that_may_not_be_sent_raises(role: str, code: int) -> None:
    async with paired(role) as pair:
        with pytest.raises((ValueError, OverflowError)):
            pair.transport.send_close(code)
        assert pair.transport.close_handshake is None
        assert not pair.transport.is_close_frame_sent
        await assert_usable(pair)


async def test_a_close_message_is_short_text_with_a_code() -> None:
    async with paired("client") as pair:
        with pytest.raises(ValueError, match="123"):
            pair.transport.send_close(1000, "x" * 124)
        with pytest.raises(ValueError, match="UTF-8"):
            pair.transport.send_close(1000, b"\xff")
        with pytest.raises(ValueError, match="NO_INFO"):
            pair.transport.send_close(WSCloseCode.NO_INFO, "reason")
        with pytest.raises(TypeError):
            pair.transport.send_close("1000")
        pair.transport.send_close(1000, "é" * 61)
        assert await pair.peer.read_frame() == wire.close(1000, "é" * 61)


@pytest.mark.parametrize("offset", [-1, 0, 13, 21, 1 << 40])
async def test_an_offset_without_room_for_the_header_raises(offset: int) -> None:
    async with paired("client") as pair:
        buffer = bytearray(20)
        with pytest.raises(ValueError, match="msg_offset"):
            pair.transport.send_reuse_external_bytearray(BINARY, buffer, offset)
        assert buffer == bytes(20)
        await assert_usable(pair)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536, 3 << 20])
async def test_a_reused_buffer_is_the_callers_again(role: str, size: int) -> None:
    async with paired(role) as pair:
        payload = bytes(range(251)) * (size // 251 + 1)
        buffer = bytearray(20) + payload[:size]
        pair.transport.send_reuse_external_bytearray(BINARY, buffer, 20)
        buffer[:] = bytes(len(buffer))
        buffer += b"it can be resized"
        frame = await pair.peer.read_frame()
        assert frame.opcode == BINARY
        assert frame.payload == payload[:size]


@pytest.mark.parametrize(
    ("method", "arguments", "keywords"),
    [
        ("send", (), {}),
        ("send", (1,), {}),
        ("send", (1, b"", True, False, False, False, None, None), {}),
        ("send", (1, b""), {"message": b""}),
        ("send", (1, b""), {"rsv4": True}),
        ("send_ping", (b"", b""), {}),
        ("send_close", (1000, "", 1, 1), {}),
        ("send_close", (), {"timeout": 1}),
        ("disconnect", (True, True), {}),
        ("disconnect", (), {"gracefully": True}),
        ("wait_disconnected", (1,), {}),
    ],
)
async def test_wrong_arguments_raise(
    method: str, arguments: tuple[Any, ...], keywords: dict[str, Any]
) -> None:
    async with paired("client") as pair:
        with pytest.raises(TypeError, match=method):
            getattr(pair.transport, method)(*arguments, **keywords)
        await assert_usable(pair)


RESERVED = 0xB
TCP_STACKS = [each for each in STACKS if not each.tls]


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("stack", TCP_STACKS, ids=str)
def test_after_write_eof_only_the_user_is_told(
    stack: Stack, role: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A PONG and a CLOSE that nobody asked for printed "Exception ignored"."""
    printed: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", printed.append)

    async def main() -> None:
        async with paired(role, use_aiofastnet=stack.use_aiofastnet) as pair:
            pair.transport.underlying_transport.write_eof()
            assert await pair.peer.read_rest() == []
            pair.peer.send(Frame(PING, b"not answered"), Frame(TEXT, b"delivered"))
            assert await pair.listener.until_frames(1) == [Frame(TEXT, b"delivered")]
            for name in "send", "send_reuse_external_bytearray", "send_ping", "send_close":
                with pytest.raises(RuntimeError, match="write_eof"):
                    SENDS[name](pair.transport)
            assert not pair.transport.is_close_frame_sent
            with pytest.raises(ConnectionResetError):
                await pair.transport.measure_roundtrip_time(1)
            pair.peer.send(Frame(RESERVED))
            await pair.listener.until_disconnected()
            assert pair.transport.disconnect_info.cause == WSDisconnectCause.PROTOCOL_ERROR

    run(stack.loop, main())
    assert printed == []


@pytest.mark.parametrize("stack", TCP_STACKS, ids=str)
def test_after_write_eof_auto_ping_waits_for_bytes(stack: Stack) -> None:
    """It ended the connection as if the listener had raised."""

    async def main() -> None:
        options: dict[str, Any] = {"enable_auto_ping": True, "auto_ping_idle_timeout": 0.05}
        options |= {"auto_ping_reply_timeout": 0.05, "use_aiofastnet": stack.use_aiofastnet}
        async with paired("server", **options) as pair:
            pair.transport.underlying_transport.write_eof()
            assert await pair.peer.read_rest() == []
            await pair.listener.until_disconnected()
            assert pair.transport.disconnect_info.cause == WSDisconnectCause.PING_TIMEOUT

    run(stack.loop, main())
