"""A listener that raises: what the peer, the waiter and the log hear of it."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from picows import WSCloseCode, WSFrame, WSMsgType, WSProtocolError, WSTransport
from picows.testing import wire
from picows.testing.recorder import Pair, Recorder, paired
from picows.testing.wire import CLOSE, PING, TEXT, Frame

ROLES = ["client", "server"]
SECRET = "the text of the exception"


class Raiser(Recorder):
    """Raises `exception` in the callback `where`."""

    def __init__(self, where: str, exception: BaseException) -> None:
        super().__init__()
        self._where = where
        self._exception = exception

    def _raise_in(self, where: str) -> None:
        if where == self._where:
            raise self._exception

    def on_ws_connected(self, transport: Any) -> None:
        super().on_ws_connected(transport)
        self._raise_in("on_ws_connected")

    def on_ws_frame(self, transport: Any, frame: Any) -> None:
        super().on_ws_frame(transport, frame)
        self._raise_in("on_ws_frame")

    def on_ws_disconnected(self, transport: Any) -> None:
        super().on_ws_disconnected(transport)
        self._raise_in("on_ws_disconnected")


def raising(role: str, where: str, exception: BaseException, **options: Any) -> Any:
    return paired(role, lambda: Raiser(where, exception), **options)


def complaints(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [record for record in caplog.records if record.levelno >= logging.WARNING]


async def assert_waiter_hears(pair: Pair, role: str, exception: BaseException) -> None:
    if role == "server":
        await pair.transport.wait_disconnected()
        return
    for _ in range(2):  # waiting once more says the same
        with pytest.raises(type(exception)) as raised:
            await pair.transport.wait_disconnected()
        assert raised.value is exception


def assert_logged_once(
    caplog: pytest.LogCaptureFixture, role: str, where: str, exception: BaseException
) -> None:
    [record] = complaints(caplog)
    assert record.name == f"picows.{role}"
    assert where in record.getMessage()
    # A client's caller gets the exception itself; of a server's the log is all that remains.
    if role == "server":
        assert record.levelno == logging.ERROR
        assert record.exc_info and record.exc_info[1] is exception


@pytest.mark.parametrize("where", ["on_ws_connected", "on_ws_frame"])
@pytest.mark.parametrize("role", ROLES)
async def test_an_exception_ends_the_connection_with_internal_error(
    role: str, where: str, caplog: pytest.LogCaptureFixture
) -> None:
    exception = RuntimeError(SECRET)
    async with raising(role, where, exception) as pair:
        if where == "on_ws_frame":
            pair.peer.send(Frame(TEXT, b"a"), Frame(TEXT, b"b"))
        [answer] = await pair.peer.read_rest()
        assert answer.opcode == CLOSE
        assert answer.payload[:2] == wire.close(1011).payload
        assert SECRET.encode() not in answer.payload
        await assert_waiter_hears(pair, role, exception)
        assert len(pair.listener.frames) == (where == "on_ws_frame")
        assert pair.listener.events[-1] == "disconnected"
        assert pair.transport.close_handshake.sent.code == WSCloseCode.INTERNAL_ERROR
    assert_logged_once(caplog, role, where, exception)


@pytest.mark.parametrize("role", ROLES)
async def test_an_exception_of_on_ws_disconnected_reaches_waiter_or_log(
    role: str, caplog: pytest.LogCaptureFixture
) -> None:
    exception = RuntimeError(SECRET)
    async with raising(role, "on_ws_disconnected", exception) as pair:
        pair.peer.writer.write_eof()
        assert await pair.peer.read_rest() == []
        await assert_waiter_hears(pair, role, exception)
    assert_logged_once(caplog, role, "on_ws_disconnected", exception)


@pytest.mark.parametrize("role", ROLES)
async def test_the_first_exception_is_the_one_that_is_raised(role: str) -> None:
    class Twice(Raiser):
        def on_ws_disconnected(self, transport: Any) -> None:
            super().on_ws_disconnected(transport)
            raise KeyError("second")

    first = RuntimeError("first")
    async with paired(role, lambda: Twice("on_ws_frame", first)) as pair:
        pair.peer.send(Frame(TEXT, b"a"))
        await assert_waiter_hears(pair, role, first)


@pytest.mark.parametrize("where", ["on_ws_connected", "on_ws_frame"])
@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(
    ("code", "reason"), [(1008, "not you"), (4001, "private"), (WSCloseCode.GOING_AWAY, "é" * 61)]
)
async def test_a_protocol_error_chooses_code_and_reason(
    role: str, where: str, code: int, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    exception = WSProtocolError(code, reason)
    async with raising(role, where, exception) as pair:
        if where == "on_ws_frame":
            pair.peer.send(Frame(TEXT, b"a"))
        assert await pair.peer.read_rest() == [wire.close(code, reason)]
        await assert_waiter_hears(pair, role, exception)
    assert_logged_once(caplog, role, where, exception)


@pytest.mark.parametrize("role", ROLES)
async def test_a_reason_that_is_too_long_is_cut_between_characters(role: str) -> None:
    exception = WSProtocolError(1008, "a" + "€" * 100)
    async with raising(role, "on_ws_frame", exception) as pair:
        pair.peer.send(Frame(TEXT, b"a"))
        # 123 bytes at most (RFC 6455 5.5): one and forty times three, and no part of another.
        assert await pair.peer.read_rest() == [wire.close(1008, "a" + "€" * 40)]


@pytest.mark.parametrize("code", [1006, 999, -1, 70000, 5000, 1 << 70])
@pytest.mark.parametrize("role", ROLES)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_a_protocol_error_with_a_code_that_may_not_be_sent_is_an_internal_error(
    role: str, code: int
) -> None:
    exception = WSProtocolError(code, "odd")
    async with raising(role, "on_ws_frame", exception) as pair:
        pair.peer.send(Frame(TEXT, b"a"))
        [answer] = await pair.peer.read_rest()
        assert answer.payload[:2] == wire.close(1011).payload
        await assert_waiter_hears(pair, role, exception)


@pytest.mark.parametrize("role", ROLES)
async def test_with_disconnect_on_exception_false_frames_go_on(
    role: str, caplog: pytest.LogCaptureFixture
) -> None:
    exception = RuntimeError(SECRET)
    async with raising(role, "on_ws_frame", exception, disconnect_on_exception=False) as pair:
        frames = [Frame(TEXT, b"a"), Frame(TEXT, b"b")]
        pair.peer.send(*frames)
        assert await pair.listener.until_frames(2) == frames
        pair.transport.send(TEXT, "still here")
        assert await pair.peer.read_frame() == Frame(TEXT, b"still here")
        pair.transport.disconnect()
        await pair.transport.wait_disconnected()  # no exception ended it
    assert [record.exc_info[1] for record in complaints(caplog)] == [exception, exception]


@pytest.mark.parametrize("role", ROLES)
async def test_a_protocol_error_ends_the_connection_whatever_disconnect_on_exception_says(
    role: str,
) -> None:
    exception = WSProtocolError(1003, "no")
    async with raising(role, "on_ws_frame", exception, disconnect_on_exception=False) as pair:
        pair.peer.send(Frame(TEXT, b"a"))
        assert await pair.peer.read_rest() == [wire.close(1003, "no")]


@pytest.mark.parametrize("role", ROLES)
async def test_with_disconnect_on_exception_false_on_ws_connected_still_ends_it(role: str) -> None:
    exception = RuntimeError(SECRET)
    async with raising(role, "on_ws_connected", exception, disconnect_on_exception=False) as pair:
        [answer] = await pair.peer.read_rest()
        assert answer.payload[:2] == wire.close(1011).payload


@pytest.mark.parametrize("role", ROLES)
async def test_an_exception_after_our_close_sends_no_second_one(role: str) -> None:
    class ClosesAndRaises(Recorder):
        def on_ws_frame(self, transport: Any, frame: Any) -> None:
            transport.send_close(1000)
            raise RuntimeError(SECRET)

    async with paired(role, ClosesAndRaises) as pair:
        pair.peer.send(Frame(TEXT, b"a"))
        assert await pair.peer.read_rest() == [wire.close(1000)]


@pytest.mark.parametrize("role", ROLES)
async def test_an_exception_after_disconnect_sends_nothing(role: str) -> None:
    class DisconnectsAndRaises(Recorder):
        def on_ws_frame(self, transport: Any, frame: Any) -> None:
            super().on_ws_frame(transport, frame)
            transport.disconnect()
            raise RuntimeError(SECRET)

    async with paired(role, DisconnectsAndRaises) as pair:
        pair.peer.send(Frame(TEXT, b"a"), Frame(TEXT, b"b"))
        assert await pair.peer.read_rest() == []
        await pair.listener.until_disconnected()
        assert pair.listener.frames == [Frame(TEXT, b"a")]


@pytest.mark.parametrize("where", ["pause_writing", "resume_writing"])
async def test_an_exception_of_flow_control_does_not_end_the_connection(where: str) -> None:
    """The event loop calls these; it reports what they raise."""

    class Flooder(Recorder):
        def pause_writing(self) -> None:
            self._note("pause_writing")
            if where == "pause_writing":
                raise RuntimeError(SECRET)

        def resume_writing(self) -> None:
            self._note("resume_writing")
            if where == "resume_writing":
                raise RuntimeError(SECRET)

    async with paired("server", Flooder, use_aiofastnet=False) as pair:
        payload = bytes(16 << 20)
        pair.transport.send(wire.BINARY, payload)
        assert "pause_writing" in pair.listener.events
        assert await pair.peer.read_frame() == Frame(wire.BINARY, payload)
        await pair.listener.until(lambda: "resume_writing" in pair.listener.events)
        pair.peer.send(Frame(TEXT, b"a"))
        await pair.listener.until_frames(1)


async def test_flow_control_without_overrides_is_a_warning_each(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with paired("server", use_aiofastnet=False) as pair:
        pair.transport.send(wire.BINARY, bytes(16 << 20))
        assert [record.name for record in complaints(caplog)] == ["picows.server"]
        await pair.peer.read_frame()
        pair.peer.send(Frame(TEXT, b"a"))
        await pair.listener.until_frames(1)
        await pair.listener.until(lambda: len(complaints(caplog)) == 2)


@pytest.mark.parametrize("role", ROLES)
async def test_a_cancelled_error_is_an_exception_like_any_other(
    role: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It comes out of `task.result()`; there is no task around a callback that it could be for."""
    exception = asyncio.CancelledError()
    async with raising(role, "on_ws_frame", exception, disconnect_on_exception=False) as pair:
        frames = [Frame(TEXT, b"a"), Frame(TEXT, b"b")]
        pair.peer.send(*frames)
        assert await pair.listener.until_frames(2) == frames
    caplog.clear()
    async with raising(role, "on_ws_frame", exception) as pair:
        pair.peer.send(*frames)
        [answer] = await pair.peer.read_rest()
        assert answer.payload[:2] == wire.close(1011).payload
    assert_logged_once(caplog, role, "on_ws_frame", exception)


@pytest.mark.parametrize("disconnect_on_exception", [True, False])
async def test_the_log_names_the_callback_that_looks_for_answers(
    caplog: pytest.LogCaptureFixture, disconnect_on_exception: bool
) -> None:
    """What is_user_specific_pong raised was logged as an exception of on_ws_frame."""

    class Raising(Recorder):
        def send_user_specific_ping(self, transport: WSTransport) -> None:
            transport.send(WSMsgType.TEXT, b"ping")

        def is_user_specific_pong(self, frame: WSFrame) -> bool:
            raise KeyError("what is this?")

    options: Any = {"disconnect_on_exception": disconnect_on_exception}
    async with paired("server", Raising, **options) as pair:
        measuring = asyncio.ensure_future(pair.transport.measure_roundtrip_time(1))
        assert await pair.peer.read_frame() == Frame(TEXT, b"ping")
        pair.peer.send(Frame(TEXT, b"anything"))
        pair.peer.send(Frame(PING, b"behind it"))
        await pair.peer.read_frame()  # a CLOSE or a PONG: the other was dealt with
        measuring.cancel()
    (message,) = [each.getMessage() for each in caplog.records if "raised" in each.getMessage()]
    what_follows = "disconnecting" if disconnect_on_exception else "going on"
    assert message == f"WSListener.is_user_specific_pong raised, {what_follows}"
