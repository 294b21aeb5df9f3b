"""Connections for C, called through the shared library, against the model of tests/support."""

from __future__ import annotations

import ctypes
import os
import random
from ctypes import byref, c_size_t, sizeof
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import codec, model, streams
from support.codec import (
    AFTER_CLOSE,
    BAD_ARGUMENT,
    CLIENT,
    ENDED,
    FAILURE,
    FIN,
    NEED_MORE,
    NO_ROOM,
    OK,
    OUT_OF_ORDER,
    SERVER,
    TOO_MANY_PINGS,
)

from picows.testing import wire
from picows.testing.wire import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, Frame

PERMISSIVE, STRICT, MESSAGES = 0, 1, 2
DATA_EVENT, PONG_EVENT, CLOSE_EVENT = 1, 3, 4
FIRST, LAST, COMPRESSED = 1, 2, 4
OPEN, CLOSE_SENT, CLOSE_RECEIVED, CLOSED_BY_US, CLOSED_BY_PEER, FAILING, FAILED, LOST = range(8)
NO_LIMIT = (1 << 64) - 1
ROLES = pytest.mark.parametrize("role", [CLIENT, SERVER], ids=["client", "server"])
MODES = pytest.mark.parametrize("mode", [PERMISSIVE, STRICT, MESSAGES])
PROPERTY = settings(
    max_examples=int(os.environ.get("PICOWS_EXAMPLES", "60")),
    deadline=None,
    derandomize="PICOWS_EXAMPLES" not in os.environ,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


class Connection:
    """One end. It keeps the frames that it received and what it has to send."""

    def __init__(self, lib: ctypes.CDLL, role: int, mode: int, **options: int) -> None:
        self.lib, self.role, self.mode = lib, role, mode
        self.session = codec.Session()
        limits = {
            "payload_size_max": 10 << 20,
            "message_size_max": NO_LIMIT,
            "message_frame_count_max": (1 << 32) - 1,
        }
        known = codec.SessionOptions(
            size=sizeof(codec.SessionOptions), role=role, mode=mode, **(limits | options)
        )
        assert lib.picows_session_init(byref(self.session), byref(known)) == OK
        self.pending = b""
        self.received: list[Frame] = []
        self.pieces: list[tuple[int, int, int]] = []
        self.answered = 0
        self.output = b""
        self.consumed = 0
        self.failure: int | None = None
        self.is_ended = False

    def write(self, name: str, *arguments: Any, room: int = 70_000) -> int:
        """Calls a function that makes a frame."""
        size, buffer = c_size_t(), ctypes.create_string_buffer(room + 1)
        key = wire.MASKING_KEY if self.role == CLIENT else None
        function = getattr(self.lib, f"picows_session_{name}")
        result = function(byref(self.session), *arguments, key, buffer, room, byref(size))
        assert (result == OK) or size.value == 0
        self.output += buffer.raw[: size.value]
        return result

    def send(self, opcode: int, payload: bytes = b"", flags: int = FIN, **options: int) -> int:
        return self.write("send", opcode, flags, payload, len(payload), **options)

    def ping(self, payload: bytes) -> int:
        return self.write("ping", payload, len(payload))

    def close(self, code: int, reason: bytes = b"", **options: int) -> int:
        return self.write("close", code, reason, len(reason), **options)

    def feed(self, piece: bytes) -> None:
        """More bytes arrive, and all lie somewhere else than before; so does the session."""
        self.pending += piece
        while not self.is_ended and self.step():
            pass

    def step(self) -> bool:
        self.session = codec.Session.from_buffer_copy(self.session)
        buffer = ctypes.create_string_buffer(self.pending, len(self.pending))
        event = codec.Event()
        result = self.lib.picows_session_receive(
            byref(self.session), buffer, len(self.pending), byref(event)
        )
        if result == NEED_MORE:
            assert event.size > len(self.pending)
            self.pending = buffer.raw
            return False
        if result == ENDED:
            self.is_ended = True
            return False
        assert self.write("answer", byref(event)) == OK
        if result == FAILURE:
            self.failure = self.lib.picows_failure_close_code(event.failure)
            assert event.close_code == self.failure
            return True
        assert result == OK
        fin, rsv = bool(event.flags & FIN), event.flags & 7
        self.received.append(Frame(event.opcode, event.bytes(), fin, rsv))
        if event.kind == DATA_EVENT:
            self.pieces.append((event.message_opcode, event.piece, event.message_size))
        self.answered += event.ping_count
        self.consumed += event.size
        self.pending = buffer.raw[event.size :]
        return True

    def status(self) -> codec.Status:
        status = codec.Status()
        assert self.lib.picows_session_status(byref(self.session), byref(status)) == OK
        return status

    def sent(self) -> list[Frame]:
        """What a peer reads: all of it has to be good."""
        outcome = model.receive(self.output, is_server=self.role == CLIENT)
        assert (outcome.failure, outcome.consumed) == (None, len(self.output))
        return outcome.frames


def expected_answers(outcome: model.Outcome, failure_text: bytes) -> list[Frame]:
    answers = [Frame(PONG, frame.payload) for frame in outcome.frames if frame.opcode == PING]
    last = outcome.frames[-1] if outcome.frames else Frame(TEXT)
    if outcome.failure is not None:
        answers.append(Frame(CLOSE, outcome.failure.to_bytes(2, "big") + failure_text))
    elif last.opcode == CLOSE:
        answers.append(Frame(CLOSE, last.payload[:2]))
    return answers


def pieces_of(frames: list[Frame]) -> list[tuple[int, int, int]]:
    pieces = []
    opcode, size = 0, 0
    for frame in frames:
        if frame.opcode in model.CONTROL:
            continue
        is_first = frame.opcode != CONTINUATION
        opcode, size = (frame.opcode, 0) if is_first else (opcode, size)
        size += len(frame.payload)
        pieces.append((opcode, FIRST * is_first | LAST * frame.fin, size))
    return pieces


@MODES
@ROLES
@PROPERTY
@given(rng=st.randoms(use_true_random=False), size_max=st.sampled_from([10 << 20, 300, 125, 0]))
def test_events_and_answers_are_those_of_the_model(
    lib: ctypes.CDLL, role: int, mode: int, rng: random.Random, size_max: int
) -> None:
    """Frames, the failure, a PONG for each PING, one CLOSE at the end, and nothing after it."""
    stream = streams.Generator(rng, is_masked=role == SERVER).stream()
    wanted = model.receive(
        stream, is_server=role == SERVER, strict=mode != PERMISSIVE, max_frame_size=size_max
    )
    connection = Connection(lib, role, mode, payload_size_max=size_max)
    for piece in streams.cuts(rng, stream):
        connection.feed(piece)
    connection.feed(b"")
    assert connection.received == wanted.frames
    assert (connection.failure, connection.consumed) == (wanted.failure, wanted.consumed)
    text = lib.picows_failure_message(connection.status().failure) if wanted.failure else b""
    assert connection.sent() == expected_answers(wanted, text)
    assert connection.is_ended == (
        wanted.failure is not None or any(frame.opcode == CLOSE for frame in wanted.frames)
    )
    if mode != PERMISSIVE:
        assert connection.pieces == pieces_of(wanted.frames)


SENDS = st.lists(
    st.tuples(
        st.sampled_from([CONTINUATION, TEXT, BINARY, PING, PONG]),
        st.binary(max_size=130),
        st.booleans(),
    ),
    max_size=12,
)


@ROLES
@PROPERTY
@given(sends=SENDS, cut=st.integers(1, 50))
def test_what_may_be_sent_is_what_a_strict_peer_takes(
    lib: ctypes.CDLL, role: int, sends: list[tuple[int, bytes, bool]], cut: int
) -> None:
    """In messages mode. What is refused leaves no trace: the other side is never told a failure."""
    one = Connection(lib, role, MESSAGES)
    other = Connection(lib, SERVER if role == CLIENT else CLIENT, STRICT)
    wanted, is_open = [], False
    for opcode, payload, fin in sends:
        payload = bytes(byte & 0x7F for byte in payload)
        is_control = opcode in model.CONTROL
        good = (fin and len(payload) <= 125) if is_control else (opcode == CONTINUATION) == is_open
        result = one.send(opcode, payload, FIN * fin)
        assert result == (OK if good else BAD_ARGUMENT if is_control else OUT_OF_ORDER)
        if good:
            wanted.append(Frame(opcode, payload, fin))
            is_open = is_open if is_control else not fin
    assert one.close(1000) == OK
    for start in range(0, len(one.output), cut):
        other.feed(one.output[start : start + cut])
    assert other.received == [*wanted, wire.close(1000)]
    assert other.status().state == CLOSED_BY_PEER
    one.feed(other.output)
    assert one.status().state == CLOSED_BY_US


def test_a_fragmented_message_a_ping_inside_and_a_close_by_the_core_alone(lib):
    """The only thing that this test does is to carry bytes."""
    server, client = Connection(lib, SERVER, MESSAGES), Connection(lib, CLIENT, MESSAGES)
    client.send(TEXT, b"Hel", 0)
    client.ping(b"are you there")
    client.send(CONTINUATION, b"lo")
    client.close(1000, b"bye")
    for at in range(len(client.output)):
        server.feed(client.output[at : at + 1])
    assert server.pieces == [(TEXT, FIRST, 3), (TEXT, LAST, 5)]
    assert server.sent() == [Frame(PONG, b"are you there"), wire.close(1000)]
    server.feed(b"")
    client.feed(server.output)
    client.feed(b"")
    assert client.answered == 1
    assert server.is_ended and client.is_ended
    assert (server.status().state, client.status().state) == (CLOSED_BY_PEER, CLOSED_BY_US)


@ROLES
@MODES
def test_wrong_use_is_an_error_of_its_own_and_changes_nothing(lib, mode, role):
    connection = Connection(lib, role, mode)
    assert connection.status().state == OPEN
    before = bytes(connection.session)
    assert connection.send(PING, bytes(126)) == BAD_ARGUMENT
    assert connection.send(PONG, b"", 0) == BAD_ARGUMENT
    assert connection.send(CLOSE) == BAD_ARGUMENT
    assert connection.send(3) == BAD_ARGUMENT
    assert connection.send(16) == BAD_ARGUMENT
    assert connection.send(TEXT, b"", 16) == BAD_ARGUMENT
    for code, reason in [(0, b"why"), (1005, b""), (1000, b"\xff"), (1000, bytes(124))]:
        assert connection.close(code, reason) == BAD_ARGUMENT
    assert connection.send(TEXT, b"hello", room=6) == NO_ROOM
    assert connection.close(1000, room=3) == NO_ROOM
    if mode == MESSAGES:
        assert connection.send(CONTINUATION) == OUT_OF_ORDER
        assert connection.send(TEXT, b"", FIN | 4) == BAD_ARGUMENT
    assert connection.output == b""
    assert bytes(connection.session) == before
    assert connection.close(1000) == OK
    for result in (connection.send(TEXT), connection.ping(b""), connection.close(1000)):
        assert result == AFTER_CLOSE
    assert connection.send(PING, bytes(126)) == BAD_ARGUMENT
    assert connection.status().state == CLOSE_SENT


def test_pongs_answer_the_pings_before_them(lib):
    connection = Connection(lib, SERVER, STRICT)
    for number in range(8):
        assert connection.ping(bytes([number])) == OK
    assert connection.ping(b"one too many") == TOO_MANY_PINGS
    for payload, answered in ((b"unasked", 0), (b"\0", 1), (b"\4", 5), (b"\2", 5), (b"\7", 8)):
        connection.feed(wire.encode(Frame(PONG, payload), wire.MASKING_KEY))
        assert connection.answered == answered
    assert connection.ping(b"again") == OK


def test_limits_of_messages_and_compressed_ones(lib):
    options = {"message_size_max": 10, "message_frame_count_max": 2, "extensions": 1}
    connection = Connection(lib, CLIENT, MESSAGES, **options)
    connection.feed(wire.encode(Frame(BINARY, bytes(10))))
    connection.feed(wire.encode(Frame(TEXT, b"\xff", fin=False, rsv=4)))
    connection.feed(wire.encode(Frame(CONTINUATION, b"")))
    assert connection.pieces[1:] == [(TEXT, FIRST | COMPRESSED, 1), (TEXT, LAST | COMPRESSED, 1)]
    other = Connection(lib, CLIENT, STRICT, **options)
    for frame in (Frame(BINARY, fin=False), Frame(CONTINUATION, fin=False), Frame(CONTINUATION)):
        other.feed(wire.encode(frame))
    connection.feed(wire.encode(Frame(BINARY, bytes(11)))[:2])
    assert (connection.failure, other.failure) == (1009, 1009)


def test_the_end_and_dropping(lib):
    lost = Connection(lib, SERVER, STRICT)
    assert lib.picows_session_end(byref(lost.session)) == OK
    lost.feed(b"anything")
    assert lost.is_ended and lost.send(TEXT) == AFTER_CLOSE
    assert lost.status().state == LOST
    dropped = Connection(lib, SERVER, STRICT)
    assert lib.picows_session_drop(byref(dropped.session)) == OK
    dropped.feed(b"anything")
    assert dropped.is_ended and dropped.close(1011, b"sorry") == OK
    status = dropped.status()
    assert (status.state, status.is_close_sent, status.sent_code) == (FAILED, 1, 1011)
    assert (status.is_close_received, status.failure) == (0, 0)


@ROLES
def test_a_payload_that_stays_where_it_is(lib, role):
    connection = Connection(lib, role, MESSAGES)
    buffer, start = ctypes.create_string_buffer(bytes(14) + b"hello", 19), c_size_t()
    key = wire.MASKING_KEY if role == CLIENT else None
    session = byref(connection.session)

    def wrap(opcode: int, offset: int = 14) -> int:
        return lib.picows_session_wrap(session, buffer, offset, 5, opcode, FIN, key, byref(start))

    assert wrap(CONTINUATION) == OUT_OF_ORDER
    assert wrap(TEXT, 1) == NO_ROOM
    assert wrap(TEXT) == OK
    assert buffer.raw[start.value :] == wire.encode(Frame(TEXT, b"hello"), key)
    assert connection.close(1000) == OK
    assert wrap(TEXT) == AFTER_CLOSE


def test_arguments_that_cannot_be(lib):
    size, buffer, event = c_size_t(), ctypes.create_string_buffer(200), codec.Event()
    unset = codec.Session()
    for session in (None, byref(unset)):
        assert lib.picows_session_receive(session, b"", 0, byref(event)) == BAD_ARGUMENT
        answer = (session, byref(event), None, buffer, 200, byref(size))
        assert lib.picows_session_answer(*answer) == BAD_ARGUMENT
        assert lib.picows_session_end(session) == BAD_ARGUMENT
        assert lib.picows_session_drop(session) == BAD_ARGUMENT
        assert lib.picows_session_status(session, byref(codec.Status())) == BAD_ARGUMENT
    connection = Connection(lib, SERVER, STRICT)
    session = byref(connection.session)
    assert lib.picows_session_receive(session, b"", 0, None) == BAD_ARGUMENT
    assert lib.picows_session_receive(session, None, 1, byref(event)) == BAD_ARGUMENT
    send = (session, TEXT, FIN, b"", 0)
    assert (
        lib.picows_session_send(*send, wire.MASKING_KEY, buffer, 200, byref(size)) == BAD_ARGUMENT
    )
    assert lib.picows_session_send(*send, None, buffer, 200, None) == BAD_ARGUMENT
    assert lib.picows_session_send(*send, None, None, 200, byref(size)) == BAD_ARGUMENT
    inside = (session, TEXT, FIN, buffer, 10, None, buffer, 200, byref(size))
    assert lib.picows_session_send(*inside) == BAD_ARGUMENT
    # Less than was there when more was wanted.
    assert lib.picows_session_receive(session, b"\x81\x85\0\0", 4, byref(event)) == NEED_MORE
    assert lib.picows_session_receive(session, b"\x81\x85\0", 3, byref(event)) == BAD_ARGUMENT


@pytest.mark.parametrize(
    "wrong",
    [
        {"size": 8},
        {"role": 2},
        {"mode": 3},
        {"extensions": 2},
        {"reserved": 1},
        {"message_frame_count_max": 0},
        {"size": 1 << 20},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_options_that_mean_nothing(lib, wrong):
    options = {"size": sizeof(codec.SessionOptions), "role": 1, "message_frame_count_max": 1}
    session = codec.Session()
    good = codec.SessionOptions(**options)
    assert lib.picows_session_init(byref(session), byref(good)) == OK
    bad = codec.SessionOptions(**(options | wrong))
    assert lib.picows_session_init(byref(session), byref(bad)) == BAD_ARGUMENT
    assert lib.picows_session_init(None, byref(good)) == BAD_ARGUMENT
    assert lib.picows_session_init(byref(session), None) == BAD_ARGUMENT
