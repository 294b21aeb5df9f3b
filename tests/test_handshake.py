"""Requests and headers given by users: what they become on the wire, what they refuse to become."""

from __future__ import annotations

import base64
import pickle
from collections.abc import Iterator
from http import HTTPStatus

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from multidict import CIMultiDict, CIMultiDictProxy

from picows.client.request import build_request
from picows.exceptions import WSInvalidURL
from picows.url import parse_url
from picows.values.handshake import WSUpgradeRequest, WSUpgradeResponse, make_response
from picows.values.header_text import add_extra_headers, header_pairs

KEY = "dGhlIHNhbXBsZSBub25jZQ=="  # RFC 6455, 1.3


def split(message: bytes | bytearray) -> tuple[bytes, list[tuple[bytes, bytes]], bytes]:
    """Take a message apart with nothing but its delimiters: start line, fields, body."""
    head, _, body = bytes(message).partition(b"\r\n\r\n")
    start_line, *lines = head.split(b"\r\n")
    fields = []
    for line in lines:
        name, separator, value = line.partition(b": ")
        assert separator
        fields.append((name, value))
    return start_line, fields, body


# Requests


def test_request_of_the_rfc() -> None:
    """The example of RFC 6455, 1.2, as far as it is the client's to choose."""
    request, message = build_request(parse_url("ws://server.example.com/chat"), KEY, None)
    assert message == (
        b"GET /chat HTTP/1.1\r\n"
        b"Host: server.example.com\r\n"
        b"Upgrade: websocket\r\n"
        b"Connection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        b"\r\n"
    )
    assert (request.method, request.path, request.version) == (b"GET", b"/chat", b"HTTP/1.1")
    assert request.headers["host"] == "server.example.com"
    assert request.headers["sec-websocket-key"] == KEY


@pytest.mark.parametrize(
    ("url", "path", "host"),
    [
        ("ws://h", b"/", b"h"),
        ("ws://h:80/?a=b", b"/?a=b", b"h"),
        ("wss://h:8443/x", b"/x", b"h:8443"),
        ("ws://[::1]:9001/", b"/", b"[::1]:9001"),
        ("ws://user:secret@h:81/", b"/", b"h:81"),  # no credentials in Host: RFC 9110, 4.2.4
        ("ws://bücher.example/ä", b"/%C3%A4", b"xn--bcher-kva.example"),
    ],
)
def test_request_target_and_host(url: str, path: bytes, host: bytes) -> None:
    request, message = build_request(parse_url(url), KEY)
    start_line, fields, body = split(message)
    assert start_line == b"GET " + path + b" HTTP/1.1"
    assert fields[0] == (b"Host", host)
    assert request.path == path
    assert body == b""


@pytest.mark.parametrize(
    ("user_info", "credentials"),
    [
        ("Aladdin:open%20sesame", b"Aladdin:open sesame"),  # RFC 7617, 2
        ("test:123£", b"test:123\xc2\xa3"),  # RFC 7617, 2.1
        ("user:a:b", b"user:a:b"),
        ("token", b"token:"),
        (":secret", b":secret"),
    ],
)
def test_credentials_of_the_url_become_basic_authorization(
    user_info: str, credentials: bytes
) -> None:
    request, message = build_request(parse_url(f"ws://{user_info}@h/"), KEY)
    expected = b"Basic " + base64.b64encode(credentials)
    assert (b"Authorization", expected) in split(message)[1]
    assert request.headers.getall("Authorization") == [expected.decode()]


@pytest.mark.parametrize("url", ["ws://h/", "ws://@h/", "ws://:@h/"])
def test_no_credentials_no_authorization(url: str) -> None:
    assert b"Authorization" not in build_request(parse_url(url), KEY)[1]


def test_authorization_of_the_user_wins() -> None:
    url = parse_url("ws://user:secret@h/")
    request, message = build_request(url, KEY, {"authorization": "Bearer x"})
    assert request.headers.getall("Authorization") == ["Bearer x"]
    assert message.lower().count(b"authorization") == 1


def test_a_colon_in_the_user_name_cannot_be_expressed() -> None:
    with pytest.raises(WSInvalidURL, match="colon"):
        build_request(parse_url("ws://us%3Aer:secret@h/"), KEY)


# Headers given by users


def pairs_iterator() -> Iterator[tuple[str, str]]:
    yield "X-A", "1"
    yield "X-A", "2"


@pytest.mark.parametrize(
    "extra_headers",
    [
        [("X-A", "1"), ("X-A", "2")],
        (["X-A", "1"], ["X-A", "2"]),
        pairs_iterator(),
        CIMultiDict([("X-A", "1"), ("X-A", "2")]),
        CIMultiDictProxy(CIMultiDict([("X-A", "1"), ("X-A", "2")])),
    ],
    ids=["list", "tuple", "iterator", "multidict", "proxy"],
)
def test_extra_headers_are_added_in_order(extra_headers: object) -> None:
    request, message = build_request(parse_url("ws://h/"), KEY, extra_headers)  # type: ignore[arg-type]
    assert split(message)[1][-2:] == [(b"X-A", b"1"), (b"X-A", b"2")]
    assert request.headers.getall("x-a") == ["1", "2"]


def test_a_request_of_ours_may_have_more_headers_than_we_would_take() -> None:
    request, message = build_request(
        parse_url("ws://h/"), KEY, [("X-A", str(i)) for i in range(500)]
    )
    assert request.headers.getall("X-A") == [str(i) for i in range(500)]
    assert len(split(message)[1]) == 505


def test_host_replaces_the_generated_one_in_its_place() -> None:
    extra_headers = [("host", "first.example"), ("HOST", "other.example:1"), ("X-A", "1")]
    request, message = build_request(parse_url("ws://h/"), KEY, extra_headers)
    fields = split(message)[1]
    assert [value for name, value in fields if name.lower() == b"host"] == [b"other.example:1"]
    assert fields[0][1] == b"other.example:1"
    assert request.headers.getall("Host") == ["other.example:1"]


@pytest.mark.parametrize(
    "extra_headers",
    [
        "",
        "X-A: 1",
        b"",
        b"X-A: 1",
        5,
        0,
        object(),
        ["ab"],
        [("X-A",)],
        [("X-A", "1", "2")],
        [5],
        [("X-A", b"1")],
        [(b"X-A", "1")],
        [("X-A", None)],
        {"X-A": 1},
        {"X-A": ["1", "2"]},
        {1: "X-A"},
        {"X-A"},
    ],
)
@pytest.mark.parametrize(
    "use",
    [
        header_pairs,
        lambda extra_headers: add_extra_headers([], extra_headers),
        lambda extra_headers: build_request(parse_url("ws://h/"), KEY, extra_headers),
        WSUpgradeResponse.create_101_response,
        lambda extra_headers: WSUpgradeResponse.create_ok_response(None, extra_headers),
        lambda extra_headers: WSUpgradeResponse.create_error_response(404, None, extra_headers),
        lambda extra_headers: WSUpgradeResponse.create_redirect_response(301, "/", extra_headers),
    ],
)
def test_extra_headers_of_a_wrong_type(use: object, extra_headers: object) -> None:
    with pytest.raises(TypeError, match="pairs"):
        use(extra_headers)  # type: ignore[operator]


BAD_NAMES = ["", " ", "X A", "X-A:", "X-Ä", "X\r\nY", "X\0", "X-A ", "\tX", "X/A", "(X)"]
BAD_VALUES = [
    "a\r\nX-B: b",
    "a\nb",
    "a\rb",
    "a\0b",
    "a\x7fb",
    "\x1b[2J",
    "a\r\n b",
    "\ud800",
    "a\n",
]


@pytest.mark.parametrize(
    ("name", "value"), [*((n, "v") for n in BAD_NAMES), *(("X-A", v) for v in BAD_VALUES)]
)
def test_headers_that_may_not_be_sent(name: str, value: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - a codec's own error among them
        build_request(parse_url("ws://h/"), KEY, [(name, value)])
    response = WSUpgradeResponse.create_ok_response(b"x", [(name, value)])
    with pytest.raises(ValueError):  # noqa: PT011
        response.to_bytes()


@pytest.mark.parametrize("name", ["Host", "Authorization"])
def test_headers_with_a_meaning_of_their_own_are_checked_as_well(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        build_request(parse_url("ws://h/"), KEY, {name: "a\r\nb"})


def test_location_is_checked_as_well() -> None:
    with pytest.raises(ValueError, match="Location"):
        WSUpgradeResponse.create_redirect_response(301, "/\r\nSet-Cookie: a=b").to_bytes()


@settings(deadline=None)
@example(name="X", value="\r")
@example(name="X", value="\u0085\u2028")  # line ends to str.splitlines, not to HTTP
@given(name=st.text(), value=st.text(st.characters()))
def test_a_header_is_refused_or_exactly_one_line(name: str, value: str) -> None:
    try:
        message = build_request(parse_url("ws://h/"), KEY, [(name, value)])[1]
    except ValueError:
        return
    fields = split(message)[1]
    encoded = (name.encode(), value.encode("utf-8", "surrogateescape"))
    if name.lower() == "host":
        assert fields[0] == encoded
    else:
        assert fields[-1] == encoded
        assert len(fields) == 6


# Objects


def test_requests_and_responses_can_be_made_of_nothing_and_filled_later() -> None:
    request = WSUpgradeRequest()
    assert (request.method, request.path, request.version) == (b"GET", b"/", b"HTTP/1.1")
    assert isinstance(request.headers, CIMultiDict)
    response = WSUpgradeResponse()
    response.version = b"HTTP/1.1"
    response.status = HTTPStatus.NOT_FOUND
    response.headers = CIMultiDict({"X-A": "1"})
    response.body = b"gone"
    assert split(response.to_bytes())[0] == b"HTTP/1.1 404 Not Found"


def test_headers_are_not_shared_between_objects() -> None:
    WSUpgradeRequest().headers["X-A"] = "1"
    WSUpgradeResponse().headers["X-A"] = "1"
    assert not WSUpgradeRequest().headers
    assert not WSUpgradeResponse().headers


def test_arguments_by_position() -> None:
    headers: CIMultiDict[str] = CIMultiDict({"Host": "h"})
    request = WSUpgradeRequest(b"GET", b"/ws?x", b"HTTP/1.1", headers)
    assert (request.method, request.path, request.version) == (b"GET", b"/ws?x", b"HTTP/1.1")
    assert request.headers is headers
    response = WSUpgradeResponse(b"HTTP/1.1", HTTPStatus.OK, headers, b"x")
    assert (response.version, response.status, response.body) == (b"HTTP/1.1", HTTPStatus.OK, b"x")
    assert response.headers is headers


@pytest.mark.parametrize("kind", [WSUpgradeRequest, WSUpgradeResponse])
def test_a_misspelt_attribute_is_an_error(kind: type) -> None:
    with pytest.raises(AttributeError):
        kind().header = {}


def test_objects_can_be_pickled() -> None:
    request, _ = build_request(parse_url("ws://h/"), KEY, [("X-A", "1"), ("X-A", "2")])
    again = pickle.loads(pickle.dumps(request))
    assert again.path == b"/"
    assert again.headers == request.headers
    response = make_response(b"HTTP/1.1", 599, [("X-A", "1")], b"x")
    assert pickle.loads(pickle.dumps(response)).to_bytes() == response.to_bytes()


def test_repr_shows_the_outline_but_no_header() -> None:
    request = WSUpgradeRequest(headers=CIMultiDict({"Cookie": "secret"}))
    response = WSUpgradeResponse(headers=CIMultiDict({"Set-Cookie": "secret"}), body=b"abc")
    assert repr(request) == "<WSUpgradeRequest b'GET' b'/' b'HTTP/1.1', 1 headers>"
    assert repr(response) == "<WSUpgradeResponse b'HTTP/1.1' 200, 1 headers, body of 3 bytes>"
