"""The Python API against a model of RFC 6455 that shares no code with it (support/model.py)."""

from __future__ import annotations

import os
import random
from array import array
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import driven, model, streams

from picows import WSCloseCode, WSMsgType
from picows.testing.recorder import Recorder
from picows.testing.wire import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, Frame

pytestmark = pytest.mark.slow

EXAMPLES = int(os.environ.get("PICOWS_EXAMPLES", "60"))
#: The same examples every time, so that a run in CI says something about the change it belongs to.
PROPERTY = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize="PICOWS_EXAMPLES" not in os.environ,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
ROLES = ["client", "server"]


def sent_by(role: str, written: bytes) -> model.Outcome:
    """What the peer reads. It has to be all of it, and each frame has to be one that may be."""
    outcome = model.receive(written, is_server=role == "client", max_frame_size=1 << 40)
    assert outcome.failure is None
    assert outcome.consumed == len(written)
    return outcome


# Received


def expect_received(
    role: str,
    data: bytes,
    pieces: list[bytes],
    *,
    strict: bool = True,
    max_frame_size: int = 10 << 20,
) -> None:
    wanted = model.receive(
        data, is_server=role == "server", strict=strict, max_frame_size=max_frame_size
    )

    async def main() -> None:
        listener = Recorder()
        transport = await driven.open_as(
            role,
            listener,
            strict=strict,
            max_frame_size=max_frame_size,
            enable_auto_pong=False,
        )
        for piece in pieces:
            transport.feed(piece)
        assert listener.frames == wanted.frames
        answers = sent_by(role, bytes(transport.written)).frames
        codes = [int.from_bytes(answer.payload[:2], "big") for answer in answers]
        assert codes == ([] if wanted.failure is None else [wanted.failure])
        assert all(answer.opcode == CLOSE for answer in answers)

    driven.run(main())


@pytest.mark.parametrize("strict", [True, False], ids=["strict", "permissive"])
@pytest.mark.parametrize("role", ROLES)
@PROPERTY
@given(
    rng=st.randoms(use_true_random=False),
    max_frame_size=st.sampled_from([10 << 20, 10 << 20, 300, 125, 10, 0]),
)
def test_frames_and_failures_are_those_of_the_model(
    role: str, strict: bool, rng: random.Random, max_frame_size: int
) -> None:
    data = streams.Generator(rng, is_masked=role == "server").stream()
    pieces = streams.cuts(rng, data)
    expect_received(role, data, pieces, strict=strict, max_frame_size=max_frame_size)


@pytest.mark.parametrize("strict", [True, False], ids=["strict", "permissive"])
@pytest.mark.parametrize("role", ROLES)
@PROPERTY
@given(data=st.binary(max_size=60), cut=st.integers(0, 60))
def test_any_bytes(role: str, strict: bool, data: bytes, cut: int) -> None:
    expect_received(role, data, [data[:cut], data[cut:]], strict=strict)


@pytest.mark.parametrize("role", ROLES)
@PROPERTY
@given(rng=st.randoms(use_true_random=False))
def test_pings_are_answered_in_order_and_with_their_payload(role: str, rng: random.Random) -> None:
    """RFC 6455 5.5.2 and 5.5.3. What was answered is not shown."""
    data = streams.Generator(rng, is_masked=role == "server", is_large=False).stream()
    wanted = model.receive(data, is_server=role == "server")
    pongs = [Frame(PONG, frame.payload) for frame in wanted.frames if frame.opcode == PING]

    async def main() -> None:
        listener = Recorder()
        transport = await driven.open_as(role, listener)
        for piece in streams.cuts(rng, data):
            transport.feed(piece)
        assert listener.frames == [frame for frame in wanted.frames if frame.opcode != PING]
        answers = sent_by(role, bytes(transport.written)).frames
        assert answers[: len(pongs)] == pongs
        assert [answer.opcode for answer in answers[len(pongs) :]] == [CLOSE] * (
            wanted.failure is not None
        )

    driven.run(main())


# Sent

FLAGS = st.fixed_dictionaries(
    {}, optional={name: st.booleans() for name in ("fin", "rsv1", "rsv2", "rsv3")}
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
SIZES = st.sampled_from([0, 1, 13, 14, 125, 126, 127, 4000, 65_535, 65_536])
PAYLOADS = st.one_of(TEXTS, st.binary(max_size=40), SIZES.map(bytes), st.none())
SMALL = st.one_of(
    st.none(), st.binary(max_size=125), TEXTS.filter(lambda text: len(text.encode()) <= 125)
)
DATA = st.sampled_from([CONTINUATION, TEXT, BINARY])
REASONS = TEXTS.filter(lambda text: len(text.encode()) <= 123)
CODES = st.one_of(
    st.sampled_from([code for code in WSCloseCode if code not in (0, 1006)]),
    st.integers(3000, 4999),
)
STEPS = st.one_of(
    st.tuples(st.just("send"), DATA, PAYLOADS, FLAGS),
    st.tuples(st.just("send_view"), DATA, st.binary(max_size=40), FLAGS),
    st.tuples(st.just("send_control"), st.sampled_from([PING, PONG]), SMALL),
    st.tuples(st.just("send_reuse"), DATA, PAYLOADS, FLAGS, st.integers(14, 40)),
    st.tuples(st.just("send_ping"), SMALL),
    st.tuples(st.just("send_pong"), SMALL),
)
CLOSES = st.one_of(
    st.tuples(st.just("close")), st.tuples(st.just("close"), CODES, st.one_of(st.none(), REASONS))
)


def as_bytes(message: str | bytes | None) -> bytes:
    if message is None:
        return b""
    return message.encode() if isinstance(message, str) else message


def frame_of(opcode: int, message: str | bytes | None, flags: dict[str, bool]) -> Frame:
    rsv = sum(
        flags.get(name, False) << shift for shift, name in enumerate(["rsv3", "rsv2", "rsv1"])
    )
    return Frame(opcode, as_bytes(message), flags.get("fin", True), rsv)


def perform(transport: Any, step: tuple[Any, ...]) -> Frame:
    """Does what the step says; returns the frame that has to leave for it."""
    match step:
        case "send", opcode, message, flags:
            transport.send(WSMsgType(opcode), message, **flags)
            return frame_of(opcode, message, flags)
        case "send_view", opcode, message, flags:
            # Bytes-like, whatever its items are, and read-only or not.
            view = memoryview(array("I", message * 4)) if message else bytearray()
            transport.send(opcode, view, **flags)
            return frame_of(opcode, bytes(view), flags)
        case "send_control", opcode, message:
            transport.send(WSMsgType(opcode), message)
            return frame_of(opcode, message, {})
        case "send_reuse", opcode, message, flags, offset:
            buffer = bytearray(offset) + as_bytes(message)
            transport.send_reuse_external_bytearray(WSMsgType(opcode), buffer, offset, **flags)
            return frame_of(opcode, message, flags)
        case ("send_ping" | "send_pong") as name, message:
            getattr(transport, name)(message)
            return frame_of(PING if name == "send_ping" else PONG, message, {})
        case "close", *arguments:
            transport.send_close(*arguments)
            payload = b""
            if arguments:
                payload = int(arguments[0]).to_bytes(2, "big") + as_bytes(arguments[1])
            return Frame(CLOSE, payload)
    raise AssertionError(step)


@pytest.mark.parametrize("role", ROLES)
@PROPERTY
@given(steps=st.lists(STEPS, max_size=12), close=CLOSES, ignored=st.lists(STEPS, max_size=2))
def test_what_was_sent_is_what_a_peer_reads(
    role: str, steps: list[Any], close: tuple[Any, ...], ignored: list[Any]
) -> None:
    """In order, masked by a client alone, and nothing behind a CLOSE (RFC 6455 5.5.1)."""

    async def main() -> None:
        listener = Recorder()
        underlying = await driven.open_as(role, listener)
        wanted = [perform(listener.transport, step) for step in [*steps, close]]
        for step in ignored:
            perform(listener.transport, step)
        outcome = sent_by(role, bytes(underlying.written))
        assert outcome.frames == wanted
        if role == "client":  # a key for each frame, RFC 6455 5.3
            assert len(set(outcome.keys)) == len(wanted)

    driven.run(main())
