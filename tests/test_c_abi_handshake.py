"""The opening handshake for C, and what every function does with arguments that are wrong."""

from __future__ import annotations

import ctypes
import signal
import subprocess
import sys
from ctypes import byref, c_int32, c_size_t, sizeof
from pathlib import Path

import pytest
from support import codec
from support.codec import BAD_ARGUMENT, CLIENT, FAILURE, NEED_MORE, NO_ROOM, OK, SERVER

from picows.testing import wire

pytestmark = pytest.mark.slow

ROOM = 1024


def read_head(lib, data: bytes) -> tuple[int, codec.Head]:
    reader, head = codec.HeadReader(), codec.Head()
    return lib.picows_head_read(byref(reader), data, len(data), byref(head)), head


def fields(*pairs: tuple[bytes, bytes]) -> ctypes.Array[codec.Field]:
    made = (codec.Field * len(pairs))()
    for field, (name, value) in zip(made, pairs, strict=True):
        made_of = [ctypes.c_char_p(name), ctypes.c_char_p(value)]
        field.name, field.value = (ctypes.cast(text, ctypes.c_void_p).value for text in made_of)
        field.name_size, field.value_size = len(name), len(value)
    return made


def request_check(lib, data: bytes) -> tuple[int, codec.Request]:
    result, head = read_head(lib, data)
    assert result == OK
    request = codec.Request()
    return lib.picows_request_check(byref(head), byref(request)), request


def test_head_byte_by_byte(lib):
    data = wire.request(more="X-Empty:\r\nX-List: a , B\r\nx-list: c\r\n")
    reader, head = codec.HeadReader(), codec.Head()
    for size in range(len(data)):
        assert lib.picows_head_read(byref(reader), data, size, byref(head)) == NEED_MORE
    behind = data + b"frames"
    assert lib.picows_head_read(byref(reader), behind, len(behind), byref(head)) == OK
    assert head.size == len(data)
    assert ctypes.string_at(head.start_line, head.start_line_size) == b"GET / HTTP/1.1"
    found = lib.picows_head_find(byref(head), b"hOST").contents
    assert ctypes.string_at(found.value, found.value_size) == b"127.0.0.1"
    assert not lib.picows_head_find(byref(head), b"absent")
    for token, wanted in ((b"A", 1), (b"b", 1), (b"c", 1), (b"d", 0), (b"a , B", 0)):
        assert lib.picows_head_has_token(byref(head), b"X-List", token) == wanted


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"GET / HTTP/1.1\nHost: a\r\n\r\n", b"does not end in CR LF"),
        (b"GET / HTTP/1.1\r\na: 1\r\n b\r\n\r\n", b"folded"),
        (b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 129 + b"\r\n", b"more than 128"),
        (b"x" * 16384, b"larger than 16384"),
    ],
)
def test_heads_refused(lib, data, message):
    result, head = read_head(lib, data)
    assert result == FAILURE
    assert message in lib.picows_failure_message(head.failure)
    assert lib.picows_failure_http_status(head.failure) == 400


def test_server_accepts(lib):
    result, request = request_check(lib, wire.request(line="GET /chat?room=1 HTTP/1.1"))
    assert result == OK
    assert request.accept == wire.accept(wire.HANDSHAKE_KEY).encode()
    assert ctypes.string_at(request.target, request.target_size) == b"/chat?room=1"
    answer, size = ctypes.create_string_buffer(ROOM), c_size_t()
    more = fields((b"Sec-WebSocket-Protocol", b"chat"))
    write = (request.accept, more, 1, answer)
    assert lib.picows_response_write(*write, ROOM, byref(size)) == OK
    line, headers = wire.parse_head(answer.raw[: size.value])
    assert line == "HTTP/1.1 101 Switching Protocols"
    assert headers == {
        "upgrade": "websocket",
        "connection": "Upgrade",
        "sec-websocket-accept": wire.accept(wire.HANDSHAKE_KEY),
        "sec-websocket-protocol": "chat",
    }
    whole = size.value
    assert lib.picows_response_write(*write, whole, byref(size)) == OK
    assert lib.picows_response_write(*write, whole - 1, byref(size)) == NO_ROOM
    for bad in ((b"a b", b""), (b"", b"x"), (b"a", b"x\r\nb: y")):
        write = (request.accept, fields(bad), 1, answer, ROOM, byref(size))
        assert lib.picows_response_write(*write) == BAD_ARGUMENT


@pytest.mark.parametrize(
    ("request_bytes", "status", "has_target"),
    [
        (wire.request(line="POST / HTTP/1.1"), 400, False),
        (wire.request(line="GET /"), 400, False),
        (wire.request(line="GET / HTTP/1.0"), 400, False),
        (wire.request({"Upgrade": None}, line="GET /health HTTP/1.1"), 400, True),
        (wire.request({"Sec-WebSocket-Key": "short"}), 400, True),
        (wire.request({"Sec-WebSocket-Version": "8"}), 426, True),
    ],
)
def test_server_refuses(lib, request_bytes, status, has_target):
    result, request = request_check(lib, request_bytes)
    assert result == FAILURE
    assert bool(request.target) == has_target
    assert lib.picows_failure_http_status(request.failure) == status
    answer, size = ctypes.create_string_buffer(256), c_size_t()
    assert lib.picows_refusal_write(request.failure, answer, 256, byref(size)) == OK
    line, headers = wire.parse_head(answer.raw[: size.value])
    assert line.startswith(f"HTTP/1.1 {status} ")
    assert headers["connection"] == ("Upgrade, close" if status == 426 else "close")
    assert headers.get("upgrade") == ("websocket" if status == 426 else None)
    assert headers.get("sec-websocket-version") == ("13" if status == 426 else None)


def test_client(lib):
    key, answer, size = (
        ctypes.create_string_buffer(25),
        ctypes.create_string_buffer(ROOM),
        c_size_t(),
    )
    assert lib.picows_key_encode(b"the sample nonce", key) == OK
    assert key.value.decode() == wire.HANDSHAKE_KEY
    options = codec.RequestOptions(
        sizeof(codec.RequestOptions), b"a.example:8080", b"/x", key.value
    )
    more = fields((b"Origin", b"http://a.example"))
    options.fields, options.field_count = more, 1
    assert lib.picows_request_write(byref(options), answer, ROOM, byref(size)) == OK
    line, headers = wire.parse_head(answer.raw[: size.value])
    assert line == "GET /x HTTP/1.1"
    assert headers["host"] == "a.example:8080" and headers["origin"] == "http://a.example"
    assert request_check(lib, answer.raw[: size.value])[0] == OK
    for name, value in (("host", b"a\r\nb: c"), ("target", b"/a b"), ("key", b"short")):
        before = getattr(options, name)
        setattr(options, name, value)
        assert lib.picows_request_write(byref(options), answer, ROOM, byref(size)) == BAD_ARGUMENT
        setattr(options, name, before)

    for response, wanted in (
        (wire.response(wire.HANDSHAKE_KEY), None),
        (wire.response("another key"), b"Sec-WebSocket-Accept does not belong"),
        (wire.response(wire.HANDSHAKE_KEY, line="HTTP/1.1 200 OK"), b"not HTTP/1.1 101"),
    ):
        head, failure = read_head(lib, response)[1], c_int32()
        result = lib.picows_response_check(byref(head), key.value, 24, 0, byref(failure))
        assert result == (FAILURE if wanted else OK)
        assert (wanted or b"no failure") in lib.picows_failure_message(failure)


def test_client_skips_interim_answers(lib):
    interim = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n"
    answer = interim * 3 + wire.response(wire.HANDSHAKE_KEY)
    behind = answer + b"frames"
    for sizes in (range(len(behind)), [len(behind)]):
        reader, head = codec.ResponseReader(), codec.Head()
        for size in sizes:
            result = lib.picows_response_read(byref(reader), behind, size, byref(head))
            assert result == (NEED_MORE if size < len(answer) else OK)
            if result == OK:
                break
        line = ctypes.string_at(head.start_line, head.start_line_size)
        assert line == b"HTTP/1.1 101 Switching Protocols"
        assert head.size == len(answer)
        assert not lib.picows_head_find(byref(head), b"Link")

    reader, many = codec.ResponseReader(), interim * 17
    assert lib.picows_response_read(byref(reader), many, len(many), byref(head)) == FAILURE
    assert b"16 interim answers" in lib.picows_failure_message(head.failure)
    assert lib.picows_failure_http_status(head.failure) == 0


def test_a_reader_of_answers_that_points_elsewhere_is_refused(lib):
    for state in ((0, 11, 0), (11, 0, 0), (5, 6, 0), (2**64 - 1, 1, 0), (0, 2**32 - 1, 0)):
        reader, head = codec.ResponseReader(*state), codec.Head()
        result = lib.picows_response_read(byref(reader), b"x" * 10, 10, byref(head))
        assert result == BAD_ARGUMENT


def test_strict_refuses_an_answer_that_announces_a_body(lib):
    response = wire.response(wire.HANDSHAKE_KEY, more="Content-Length: 5\r\n")
    head, failure = read_head(lib, response)[1], c_int32()
    check = (byref(head), wire.HANDSHAKE_KEY.encode(), 24)
    assert lib.picows_response_check(*check, 0, byref(failure)) == OK
    assert lib.picows_response_check(*check, 1, byref(failure)) == FAILURE
    assert lib.picows_failure_message(failure) == b"the answer announces a body"


def test_an_answer_takes_what_was_offered(lib):
    answer = wire.response(
        wire.HANDSHAKE_KEY, more="Sec-WebSocket-Protocol: b\r\nSec-WebSocket-Extensions: x; y\r\n"
    )
    head, failure = read_head(lib, answer)[1], c_int32()
    protocol, extension = (b"sec-websocket-protocol", b"a, b"), (b"Sec-WebSocket-Extensions", b"x")
    for offered, message in (
        ((protocol, (b"Host", b"b"), extension), b"no failure"),
        ((protocol,), b"Sec-WebSocket-Extensions has more"),
        ((extension,), b"Sec-WebSocket-Protocol is not one"),
        ((), b"Sec-WebSocket-Protocol is not one"),
    ):
        more = fields(*offered) if offered else None
        check = (byref(head), more, len(offered), byref(failure))
        result = lib.picows_response_check_offer(*check)
        assert result == (OK if message == b"no failure" else FAILURE)
        assert message in lib.picows_failure_message(failure)
    assert lib.picows_response_check_offer(byref(head), None, 1, byref(failure)) == BAD_ARGUMENT


def test_accept_key(lib):
    accept = ctypes.create_string_buffer(29)
    assert lib.picows_accept_key(wire.HANDSHAKE_KEY.encode(), 24, accept) == OK
    assert accept.value.decode() == wire.accept(wire.HANDSHAKE_KEY)


def test_null_is_an_error_and_never_a_crash(lib):
    """Every function with every pointer null, and sizes that say there is something."""
    for name, function in vars(lib).items():
        if not name.startswith("picows_") or not function.argtypes:
            continue
        nothing = [None if kind is ctypes.c_void_p else 5 for kind in function.argtypes]
        if ctypes.c_void_p in function.argtypes:
            assert function(*nothing) in (BAD_ARGUMENT, None, 0) or name == "picows_head_find"
        if name == "picows_head_find":
            assert not function(*nothing)


def test_each_null_alone(lib):
    """A call that is right but for one pointer."""
    memory = [ctypes.create_string_buffer(8192) for _ in range(16)]
    for name, function in vars(lib).items():
        kinds = function.argtypes if name.startswith("picows_") else ()
        for at, kind in enumerate(kinds or ()):
            if kind is ctypes.c_void_p:
                for space in memory:
                    ctypes.memset(space, 0, 8192)
                arguments = [
                    space if kind is ctypes.c_void_p else 8
                    for kind, space in zip(kinds, memory, strict=False)
                ]
                arguments[at] = None
                function(*arguments)


def test_memory_that_was_not_set_up(lib):
    frame, key = codec.Frame(), ctypes.create_string_buffer(4)
    for fill in (0, 0xFF):
        parser, keys = codec.Parser(), codec.Keys()
        ctypes.memset(byref(parser), fill, sizeof(parser))
        ctypes.memset(byref(keys), fill, sizeof(keys))
        assert lib.picows_parser_next(byref(parser), b"", 0, byref(frame)) == BAD_ARGUMENT
        assert lib.picows_keys_next(byref(keys), key) == BAD_ARGUMENT


def test_fewer_bytes_than_before(lib):
    parser, frame = codec.Parser(), codec.Frame()
    options = codec.ParserOptions(sizeof(codec.ParserOptions), 1000, CLIENT)
    assert lib.picows_parser_init(byref(parser), byref(options)) == OK
    data = ctypes.create_string_buffer(b"\x82\x05hello", 7)
    assert lib.picows_parser_next(byref(parser), data, 5, byref(frame)) == NEED_MORE
    assert lib.picows_parser_next(byref(parser), data, 4, byref(frame)) == BAD_ARGUMENT
    assert lib.picows_parser_next(byref(parser), data, 7, byref(frame)) == OK
    assert frame.bytes() == b"hello"


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({}, OK),
        ({"role": 2}, BAD_ARGUMENT),
        ({"size": 0}, BAD_ARGUMENT),
        ({"size": 1 << 60}, BAD_ARGUMENT),
        ({"reserved": (ctypes.c_uint8 * 6)(0, 0, 0, 0, 0, 1)}, BAD_ARGUMENT),
    ],
)
def test_parser_options(lib, change, wanted):
    parser = codec.Parser()
    options = codec.ParserOptions(sizeof(codec.ParserOptions), 1000, SERVER)
    for name, value in change.items():
        setattr(options, name, value)
    assert lib.picows_parser_init(byref(parser), byref(options)) == wanted


def test_options_of_a_later_version(lib):
    """They may be there as long as they are not used."""
    parser = codec.Parser()
    size = sizeof(codec.ParserOptions)
    later = ctypes.create_string_buffer(size + 8)
    options = codec.ParserOptions.from_buffer(later)
    options.size, options.payload_size_max, options.role = size + 8, 1000, SERVER
    assert lib.picows_parser_init(byref(parser), later) == OK
    later[size] = b"\x01"
    assert lib.picows_parser_init(byref(parser), later) == BAD_ARGUMENT


CHANGED = """
import ctypes, sys
from support import codec
lib = codec.load(sys.argv[1])
parser, frame = codec.Parser(), codec.Frame()
options = codec.ParserOptions(ctypes.sizeof(codec.ParserOptions), 1000, codec.CLIENT)
lib.picows_parser_init(ctypes.byref(parser), ctypes.byref(options))
data = ctypes.create_string_buffer(b"\\x82\\x50" + bytes(70))
lib.picows_parser_next(ctypes.byref(parser), data, 60, ctypes.byref(frame))
data[1] = 5
lib.picows_parser_next(ctypes.byref(parser), data, 70, ctypes.byref(frame))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there a process does not end by a signal")
def test_a_safety_check_ends_the_process_with_a_line(lib):
    """The caller changed bytes that were looked at: only the core's own checks notice."""
    done = subprocess.run(
        [sys.executable, "-c", CHANGED, lib._name],
        cwd=Path(__file__).parent,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert done.returncode == -signal.SIGABRT
    assert done.stderr == "picows: reached unreachable code\n"
