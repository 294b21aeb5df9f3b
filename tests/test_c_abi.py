"""The codec for C, called through the shared library, against the models of tests/support."""

from __future__ import annotations

import ctypes
import random
from ctypes import byref, c_size_t, sizeof

import pytest
from support import codec, model, streams
from support.codec import BAD_ARGUMENT, CLIENT, FAILURE, FIN, NEED_MORE, NO_ROOM, OK, SERVER

from picows.testing import wire

pytestmark = pytest.mark.slow

STREAMS = 300
KEY = wire.MASKING_KEY


def make_parser(lib, role: int = SERVER, *, strict: bool = False, size_max: int = 10 << 20):
    parser = codec.Parser()
    options = codec.ParserOptions(sizeof(codec.ParserOptions), size_max, role, strict)
    assert lib.picows_parser_init(byref(parser), byref(options)) == OK
    return parser


def parse(lib, parser, pieces: list[bytes]) -> model.Outcome:
    """Feeds a stream in pieces, in memory that moves with every piece."""
    outcome = model.Outcome()
    pending = b""
    for piece in pieces:
        pending += piece
        while True:
            buffer = ctypes.create_string_buffer(pending, len(pending))
            frame = codec.Frame()
            result = lib.picows_parser_next(byref(parser), buffer, len(pending), byref(frame))
            if result == NEED_MORE:
                assert frame.size > len(pending)
                pending = buffer.raw  # its payload may be unmasked in part
                break
            if result == FAILURE:
                outcome.failure = lib.picows_failure_close_code(frame.failure)
                assert lib.picows_failure_message(frame.failure)
                return outcome
            assert result == OK
            fin, rsv = bool(frame.flags & FIN), frame.flags & 7
            outcome.frames.append(wire.Frame(frame.opcode, frame.bytes(), fin, rsv))
            outcome.consumed += frame.size
            pending = buffer.raw[frame.size :]
            if frame.opcode == wire.CLOSE:
                return outcome
    return outcome


def write_frame(lib, frame: wire.Frame, key: bytes | None, room: int | None = None):
    """The result and, if it is good, the bytes of a frame."""
    size = c_size_t()
    if room is None:
        room = lib.picows_frame_size(len(frame.payload), key is not None)
    buffer = ctypes.create_string_buffer(b"\xee" * (room + 1), room + 1)
    flags = FIN * frame.fin | frame.rsv
    payload = frame.payload
    result = lib.picows_frame_write(
        buffer, room, frame.opcode, flags, payload, len(payload), key, byref(size)
    )
    assert buffer.raw[room] == 0xEE, "it wrote behind its room"
    return result, buffer.raw[: size.value]


def test_version(lib, setup_py):
    assert lib.picows_version().decode() == setup_py.version()


@pytest.mark.parametrize("strict", [False, True], ids=["permissive", "strict"])
@pytest.mark.parametrize("role", [CLIENT, SERVER], ids=["client", "server"])
def test_parser_does_what_the_model_does(lib, role, strict):
    for seed in range(STREAMS):
        rng = random.Random(seed)
        stream = streams.Generator(rng, is_masked=role == SERVER).stream()
        size_max = rng.choice([10 << 20, 10 << 20, 300, 125])
        wanted = model.receive(
            stream, is_server=role == SERVER, strict=strict, max_frame_size=size_max
        )
        parser = make_parser(lib, role, strict=strict, size_max=size_max)
        found = parse(lib, parser, streams.cuts(rng, stream))
        assert found.frames == wanted.frames, seed
        assert (found.failure, found.consumed) == (wanted.failure, wanted.consumed), seed


def test_a_failure_is_final(lib):
    parser = make_parser(lib)
    assert parse(lib, parser, [b"\x83\x80\0\0\0\0"]).failure == 1002
    good = wire.encode(wire.Frame(wire.TEXT, b"good"), KEY)
    assert parse(lib, parser, [good]).failure == 1002


@pytest.mark.parametrize("key", [None, KEY], ids=["server", "client"])
@pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536, 1 << 20])
def test_frames_written(lib, size, key):
    payload = random.Random(size).randbytes(size)
    frame = wire.Frame(wire.BINARY, payload, fin=False, rsv=5)
    wanted = wire.encode(frame, key)
    assert lib.picows_frame_size(size, key is not None) == len(wanted)
    assert write_frame(lib, frame, key) == (OK, wanted)
    assert write_frame(lib, frame, key, len(wanted) - 1) == (NO_ROOM, b"")

    buffer = ctypes.create_string_buffer(bytes(14) + payload, 14 + size)
    start = c_size_t()
    wrap = (size, wire.BINARY, 5, key, byref(start))
    assert lib.picows_frame_wrap(buffer, 14, *wrap) == OK
    assert buffer.raw[start.value :] == wanted
    assert lib.picows_frame_wrap(buffer, 1, *wrap) == NO_ROOM


@pytest.mark.parametrize(
    "frame",
    [
        wire.Frame(3, b"reserved"),
        wire.Frame(16, b"five bits"),
        wire.Frame(wire.PING, bytes(126)),
        wire.Frame(wire.CLOSE, b"", fin=False),
        wire.Frame(wire.TEXT, b"five flags", rsv=16),
    ],
    ids=lambda frame: f"{frame.opcode}",
)
def test_frames_that_may_not_be_sent(lib, frame):
    assert write_frame(lib, frame, None) == (BAD_ARGUMENT, b"")


def test_header_codec(lib):
    rng = random.Random(0)
    for size in [0, 125, 126, 65535, 65536, (1 << 63) - 1]:
        for key in (None, rng.randbytes(4)):
            written, header, back = c_size_t(), codec.Header(), codec.Header()
            header.payload_size, header.opcode, header.flags = size, 2, FIN
            header.is_masked = key is not None
            header.masking_key[:] = key or bytes(4)
            buffer = ctypes.create_string_buffer(14)
            encode = (byref(header), buffer)
            assert lib.picows_header_encode(*encode, 14, byref(written)) == OK
            wanted = wire.encode(wire.Frame(wire.BINARY), key, size=size)
            assert buffer.raw[: written.value] == wanted
            assert lib.picows_header_encode(*encode, len(wanted) - 1, byref(written)) == NO_ROOM
            for short in range(len(wanted)):
                assert lib.picows_header_decode(wanted, short, byref(back)) == NEED_MORE
                assert short < back.size <= len(wanted)
            assert lib.picows_header_decode(wanted, len(wanted), byref(back)) == OK
            assert (back.payload_size, back.size, bytes(back.masking_key)) == (
                size,
                len(wanted),
                key or bytes(4),
            )
    lie = wire.encode(wire.Frame(wire.BINARY), size=5, length_bytes=8)
    assert lib.picows_header_decode(lie, len(lie), byref(back)) == FAILURE
    assert lib.picows_failure_message(back.failure).startswith(b"payload length is not")


@pytest.mark.parametrize("offset", range(5))
def test_mask_goes_on_at_an_offset(lib, offset):
    payload = random.Random(offset).randbytes(1000)
    out = ctypes.create_string_buffer(1000)
    assert lib.picows_mask(out, payload, 1000, KEY, offset) == OK
    assert out.raw == wire.mask(bytes(offset) + payload, KEY)[offset:]
    assert lib.picows_mask(out, out, 1000, KEY, offset) == OK
    assert out.raw == payload
    inside = ctypes.addressof(out) + 1
    assert lib.picows_mask(inside, out, 999, KEY, 0) == BAD_ARGUMENT


def test_utf8(lib):
    for text in ("", "a", "é", "€", "\U0001f600", "x" * 100 + "€"):
        data, state = text.encode(), codec.Utf8()
        for at, byte in enumerate(data):
            try:
                data[: at + 1].decode()
                wanted = OK
            except UnicodeDecodeError:
                wanted = NEED_MORE
            assert lib.picows_utf8_feed(byref(state), bytes([byte]), 1) == wanted
    for wrong in streams.NOT_UTF8[:5]:
        state = codec.Utf8()
        assert lib.picows_utf8_feed(byref(state), wrong, len(wrong)) == FAILURE
        assert lib.picows_utf8_feed(byref(state), b"a", 1) == FAILURE


def test_close_payloads(lib):
    buffer, size, close = ctypes.create_string_buffer(125), c_size_t(), codec.Close()
    for code, reason in [(0, b""), (1000, b""), (4999, "wörter".encode()), (3000, b"x" * 123)]:
        wanted = code.to_bytes(2, "big") + reason if code else b""
        encode = (code, reason, len(reason), buffer)
        assert lib.picows_close_encode(*encode, 125, byref(size)) == OK
        assert buffer.raw[: size.value] == wanted
        assert lib.picows_close_decode(wanted, len(wanted), byref(close)) == OK
        assert (close.code, ctypes.string_at(close.reason, close.reason_size)) == (code, reason)
        if wanted:
            short = len(wanted) - 1
            assert lib.picows_close_encode(*encode, short, byref(size)) == NO_ROOM
    for code, reason in [
        (0, b"why"),
        (1005, b""),
        (5000, b""),
        (1000, b"\xff"),
        (1000, b"x" * 124),
    ]:
        encode = (code, reason, len(reason), buffer)
        assert lib.picows_close_encode(*encode, 125, byref(size)) == BAD_ARGUMENT
    for payload in (b"\x03", b"\x03\xed", b"\x03\xe8\xff"):
        assert lib.picows_close_decode(payload, len(payload), byref(close)) == FAILURE
        wanted = model.close_failure(payload)
        assert lib.picows_failure_close_code(close.failure) == wanted


def test_keys(lib):
    """The same seed gives the same keys, another one others; no key comes twice in a row."""
    drawn = []
    for seed in (b"a" * 32, b"a" * 32, b"b" * 32):
        keys, key = codec.Keys(), ctypes.create_string_buffer(4)
        assert lib.picows_keys_init(byref(keys), seed) == OK
        drawn.append([lib.picows_keys_next(byref(keys), key) or key.raw for _ in range(1000)])
    assert drawn[0] == drawn[1] != drawn[2]
    assert len(set(drawn[0])) > 990
