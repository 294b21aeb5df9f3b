"""Responses: what they become on the wire, what they refuse to become, and where they end."""

from __future__ import annotations

import http.client
import io
from http import HTTPStatus

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from picows.values.handshake import WSUpgradeResponse, WSUpgradeResponseWithListener, make_response

LISTENER = object()  # the class does not look into it


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


class FakeSocket:
    """What `http.client.HTTPResponse` wants of a socket."""

    def __init__(self, content: bytes) -> None:
        self._file = io.BytesIO(content)

    def makefile(self, mode: str) -> io.BytesIO:
        return self._file


def test_101_response() -> None:
    response = WSUpgradeResponse.create_101_response({"Sec-WebSocket-Protocol": "chat"})
    assert response.status is HTTPStatus.SWITCHING_PROTOCOLS
    assert response.version == b"HTTP/1.1"
    assert response.body is None
    start_line, fields, body = split(response.to_bytes())
    assert start_line == b"HTTP/1.1 101 Switching Protocols"
    assert sorted(fields) == [
        (b"Connection", b"Upgrade"),
        (b"Sec-WebSocket-Protocol", b"chat"),
        (b"Upgrade", b"websocket"),
    ]
    assert body == b""


def test_101_response_has_one_upgrade_and_one_connection() -> None:
    extra_headers = [("connection", "close"), ("upgrade", "h2c"), ("Upgrade", "x")]
    fields = split(WSUpgradeResponse.create_101_response(extra_headers).to_bytes())[1]
    assert sorted(value for _, value in fields) == [b"Upgrade", b"websocket"]


def test_ok_response() -> None:
    response = WSUpgradeResponse.create_ok_response("grün".encode(), {"X-A": "1"})
    assert response.status is HTTPStatus.OK
    assert response.body == b"gr\xc3\xbcn"
    assert split(response.to_bytes()) == (
        b"HTTP/1.1 200 OK",
        [
            (b"X-A", b"1"),
            (b"Content-Type", b"text/plain; charset=utf-8"),
            (b"Content-Length", b"5"),
        ],
        b"gr\xc3\xbcn",
    )


def test_content_type_of_the_user_stays() -> None:
    extra_headers = {"content-type": "application/json"}
    for response in (
        WSUpgradeResponse.create_ok_response(b"{}", extra_headers),
        WSUpgradeResponse.create_error_response(400, b"{}", extra_headers),
    ):
        message = response.to_bytes()
        assert message.lower().count(b"content-type") == 1
        assert b"application/json" in message


def test_error_response() -> None:
    response = WSUpgradeResponse.create_error_response(404, b"no", [("X-A", "1")])
    assert response.status is HTTPStatus.NOT_FOUND
    start_line, fields, body = split(response.to_bytes())
    assert start_line == b"HTTP/1.1 404 Not Found"
    assert (b"X-A", b"1") in fields
    assert (b"Content-Length", b"2") in fields
    assert body == b"no"


def test_redirect_response() -> None:
    response = WSUpgradeResponse.create_redirect_response(
        HTTPStatus.TEMPORARY_REDIRECT, "wss://other/", [("location", "/wrong"), ("X-A", "1")]
    )
    assert response.status is HTTPStatus.TEMPORARY_REDIRECT
    assert response.headers.getall("Location") == ["wss://other/"]
    start_line, fields, body = split(response.to_bytes())
    assert start_line == b"HTTP/1.1 307 Temporary Redirect"
    assert (b"X-A", b"1") in fields
    assert body == b""


@pytest.mark.parametrize("status", [0, 101, 200, 399, 600, HTTPStatus.OK])
def test_what_is_not_an_error(status: int) -> None:
    with pytest.raises(ValueError, match=f"{int(status)}"):
        WSUpgradeResponse.create_error_response(status)


@pytest.mark.parametrize("status", [200, 299, 400, HTTPStatus.NOT_FOUND])
def test_what_is_not_a_redirection(status: int) -> None:
    with pytest.raises(ValueError, match=f"{int(status)}"):
        WSUpgradeResponse.create_redirect_response(status, "/")


def test_a_status_unknown_to_python_has_an_empty_reason_and_keeps_the_space() -> None:
    """RFC 9112, 4: the space behind the status is there even if the reason is not."""
    response = WSUpgradeResponse.create_error_response(599, b"x")
    assert response.status == 599
    assert response.to_bytes().startswith(b"HTTP/1.1 599 \r\n")


@pytest.mark.parametrize("status", [200, 300, 301, 404, 500, 599])
@pytest.mark.parametrize("body", [None, b"", b"content", bytearray(b"content")])
def test_a_client_knows_where_a_response_ends(status: int, body: bytes | None) -> None:
    """Read by another implementation, with more bytes behind it on the same connection."""
    message = WSUpgradeResponse(status=status, body=body).to_bytes()
    received = http.client.HTTPResponse(FakeSocket(bytes(message) + b"more"))  # type: ignore[arg-type]
    received.begin()
    assert received.status == status
    assert received.read() == (body or b"")


@pytest.mark.parametrize("status", [100, 101, 204, 304])
def test_responses_that_end_with_their_head_have_no_length(status: int) -> None:
    headers = CIMultiDict({"Content-Length": "0"})
    assert b"Content-Length" not in WSUpgradeResponse(status=status, headers=headers).to_bytes()


@pytest.mark.parametrize("status", [100, 101, 204, 205, 304])
def test_no_body_where_http_has_none(status: int) -> None:
    with pytest.raises(ValueError, match="no body"):
        WSUpgradeResponse(status=status, body=b"x").to_bytes()


@pytest.mark.parametrize("lengths", [["0"], ["99"], ["1", "2"]])
def test_content_length_is_the_size_of_the_body(lengths: list[str]) -> None:
    """A wrong one would make the client take the rest for the next response, or wait for more."""
    headers = [("content-length", length) for length in lengths]
    fields = split(WSUpgradeResponse.create_ok_response(b"abc", headers).to_bytes())[1]
    values = [value for name, value in fields if name.lower() == b"content-length"]
    assert values == [b"3"]


def test_transfer_encoding_is_refused() -> None:
    response = WSUpgradeResponse.create_ok_response(b"abc", {"transfer-encoding": "chunked"})
    with pytest.raises(ValueError, match="Transfer-Encoding"):
        response.to_bytes()


def test_to_bytes_can_be_called_twice() -> None:
    response = WSUpgradeResponse.create_error_response(503, b"busy", {"Retry-After": "1"})
    first = response.to_bytes()
    assert response.to_bytes() == first
    assert isinstance(first, bytearray)
    assert list(response.headers.items()) == [("Retry-After", "1")]
    assert response.body == b"busy"


@pytest.mark.parametrize(
    "version", [b"", b"HTTP/1.1\r\nX: y", b"HTTP/1.1 ", b"HTTP/1.10", b"http/1.1"]
)
def test_a_version_that_may_not_be_sent(version: bytes) -> None:
    with pytest.raises(ValueError, match="version"):
        WSUpgradeResponse(version).to_bytes()


@pytest.mark.parametrize("status", [-1, 0, 99, 600, 1000])
def test_a_status_that_may_not_be_sent(status: int) -> None:
    with pytest.raises(ValueError, match="status"):
        WSUpgradeResponse(status=status).to_bytes()


@pytest.mark.parametrize("body", ["text", 5, [1]])
def test_a_body_is_bytes(body: object) -> None:
    with pytest.raises(TypeError):
        WSUpgradeResponse(body=body).to_bytes()  # type: ignore[arg-type]


def test_size_of_a_body_that_is_a_view_of_wide_items() -> None:
    view = memoryview(b"12345678").cast("I")
    message = WSUpgradeResponse(body=view).to_bytes()  # type: ignore[arg-type]
    assert b"Content-Length: 8\r\n" in message
    assert message.endswith(b"\r\n\r\n12345678")


@given(st.binary().map(lambda b: bytes(c for c in b if c >= 0x20 and c != 0x7F)))
def test_received_bytes_can_be_sent_on_unchanged(value: bytes) -> None:
    text = value.decode("utf-8", "surrogateescape")
    message = WSUpgradeResponse.create_101_response({"X-A": text}).to_bytes()
    assert (b"X-A", value) in split(message)[1]


def test_make_response_knows_a_status_or_keeps_the_number() -> None:
    headers: CIMultiDict[str] = CIMultiDict([("X-A", "1"), ("x-a", "2")])
    response = make_response(b"HTTP/1.1", 503, headers, b"busy")
    assert response.status is HTTPStatus.SERVICE_UNAVAILABLE
    assert response.headers == headers
    assert (response.version, response.body) == (b"HTTP/1.1", b"busy")

    response = make_response(b"HTTP/1.0", 299, [("X-A", "1"), ("x-a", "2")], None)
    assert type(response.status) is int
    assert response.status == 299
    assert response.headers.getall("X-A") == ["1", "2"]
    assert response.body is None


@pytest.mark.parametrize(
    ("status", "listener"),
    [(101, LISTENER), (200, None), (200, LISTENER), (301, None), (404, None), (500, None)],
)
def test_response_with_listener(status: int, listener: object) -> None:
    response = WSUpgradeResponse(status=status)
    both = WSUpgradeResponseWithListener(response, listener)  # type: ignore[arg-type]
    assert both.response is response
    assert both.listener is listener


@pytest.mark.parametrize(
    ("status", "listener"), [(101, None), (400, LISTENER), (404, LISTENER), (599, LISTENER)]
)
def test_response_and_listener_that_contradict_each_other(status: int, listener: object) -> None:
    with pytest.raises(ValueError, match="listener"):
        WSUpgradeResponseWithListener(WSUpgradeResponse(status=status), listener)  # type: ignore[arg-type]


#: What later versions of Python call otherwise than the one that the core follows (RFC 9110).
RENAMED = {413, 414, 416, 422}


@pytest.mark.parametrize("status", [s for s in HTTPStatus if s not in RENAMED], ids=int)
def test_the_reason_phrase_is_that_of_python(status: HTTPStatus) -> None:
    line = bytes(WSUpgradeResponse(status=status).to_bytes()).partition(b"\r\n")[0]
    assert line == f"HTTP/1.1 {int(status)} {status.phrase}".encode()


@pytest.mark.parametrize("status", [299, 430, 599])
def test_a_status_that_nobody_knows_has_no_reason_phrase(status: int) -> None:
    message = WSUpgradeResponse(status=status).to_bytes()
    assert message.startswith(b"HTTP/1.1 %d \r\n" % status)


def test_a_response_larger_than_any_head_that_is_read() -> None:
    headers = CIMultiDict((f"X-{i}", "x" * 1000) for i in range(100))
    message = bytes(WSUpgradeResponse(headers=headers, body=b"content").to_bytes())
    assert [value for name, value in split(message)[1] if name.startswith(b"X-")] == [
        b"x" * 1000
    ] * 100
    assert message.endswith(b"\r\n\r\ncontent")


@pytest.mark.parametrize("headers", [[("X-A", 1)], [(b"X-A", "1")], ["ab"], [("X-A",)], [5]])
def test_headers_that_are_no_text(headers: object) -> None:
    class Headers:
        def items(self) -> object:
            return headers

        def __contains__(self, name: object) -> bool:
            return False

    with pytest.raises(TypeError, match="must be"):
        WSUpgradeResponse(headers=Headers()).to_bytes()  # type: ignore[arg-type]
