"""The opening handshake as Python objects (RFC 6455, 4): requests and responses.

The compiled module reads and checks heads. This module has the objects that users see and make.
Header text is UTF-8 with `surrogateescape` both ways, so received bytes can be sent on unchanged.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final, TypeAlias

from . import heads
from .header_text import header_pairs, make_headers

if TYPE_CHECKING:
    from multidict import CIMultiDict

    from .._native import WSListener
    from .header_text import WSHeadersLike

__all__ = [
    "WSUpgradeRequest",
    "WSUpgradeResponse",
    "WSUpgradeResponseWithListener",
    "make_request",
    "make_response",
    "switching_response",
]

_TEXT_PLAIN: Final = "text/plain; charset=utf-8"
#: Headers are made from this when somebody asks for them: a whole head, or pairs.
_HeaderSource: TypeAlias = bytes | list[tuple[str, str]]


class WSUpgradeRequest:
    """An opening handshake request (RFC 6455, 4.1).

    Args:
        method: `b"GET"`. A server may see `b"HEAD"`, which cannot ask for an upgrade.
        path: target of the request: path and query as in the request line, like `b"/ws?room=1"`.
        version: `b"HTTP/1.1"`. A server may see `b"HTTP/1.0"`, which cannot ask for an upgrade.
        headers: names in upper or lower case; a name may occur several times. None for no headers.
    """

    __slots__ = ("_headers", "_source", "method", "path", "version")

    method: bytes
    path: bytes
    version: bytes
    _headers: CIMultiDict[str] | None
    _source: _HeaderSource

    def __init__(
        self,
        method: bytes = b"GET",
        path: bytes = b"/",
        version: bytes = b"HTTP/1.1",
        headers: CIMultiDict[str] | None = None,
    ) -> None:
        self.method = method
        self.path = path
        self.version = version
        self._headers = make_headers() if headers is None else headers

    @property
    def headers(self) -> CIMultiDict[str]:
        """Names in upper or lower case; a name may occur several times."""
        if self._headers is None:
            self._headers = _headers_of(self._source)
            self._source = b""
        return self._headers

    @headers.setter
    def headers(self, headers: CIMultiDict[str]) -> None:
        self._headers = headers

    def __repr__(self) -> str:
        # Without the headers: they may have cookies and credentials, and a repr may be logged.
        line = f"{self.method!r} {self.path!r} {self.version!r}"
        return f"<WSUpgradeRequest {line}, {len(self.headers)} headers>"


class WSUpgradeResponse:
    """An answer to an opening handshake request (RFC 6455, 4.2.2).

    A server makes one with a `create_...` function. A client finds the server's response in
    `WSTransport.response` and in a `WSHandshakeError`.

    Args:
        version: `b"HTTP/1.1"`.
        status: an `http.HTTPStatus`, or the plain number if Python does not know it.
        headers: names in upper or lower case; a name may occur several times. None for no headers.
        body: content of the response, bytes-like; None if there is none.
    """

    __slots__ = ("_headers", "_source", "body", "status", "version")

    version: bytes
    status: HTTPStatus | int
    body: bytes | None
    _headers: CIMultiDict[str] | None
    _source: _HeaderSource

    def __init__(
        self,
        version: bytes = b"HTTP/1.1",
        status: HTTPStatus | int = HTTPStatus.OK,
        headers: CIMultiDict[str] | None = None,
        body: bytes | None = None,
    ) -> None:
        self.version = version
        self.status = status
        self._headers = make_headers() if headers is None else headers
        self.body = body

    @property
    def headers(self) -> CIMultiDict[str]:
        """Names in upper or lower case; a name may occur several times."""
        if self._headers is None:
            self._headers = _headers_of(self._source)
            self._source = b""
        return self._headers

    @headers.setter
    def headers(self, headers: CIMultiDict[str]) -> None:
        self._headers = headers

    def __repr__(self) -> str:
        size = 0 if self.body is None else len(self.body)
        line = f"{self.version!r} {self.status}"
        return f"<WSUpgradeResponse {line}, {len(self.headers)} headers, body of {size} bytes>"

    @staticmethod
    def create_101_response(extra_headers: WSHeadersLike | None = None) -> WSUpgradeResponse:
        """Make the response that accepts the opening handshake. `Sec-WebSocket-Accept` is added
        when it is sent.

        Args:
            extra_headers: headers to add, like `Sec-WebSocket-Protocol`.

        Raises:
            TypeError: `extra_headers` is not a mapping or an iterable of pairs of str.
        """
        response = _create(HTTPStatus.SWITCHING_PROTOCOLS, None, extra_headers)
        response.headers["Upgrade"] = "websocket"
        response.headers["Connection"] = "Upgrade"
        return response

    @staticmethod
    def create_ok_response(
        body: bytes | None = None, extra_headers: WSHeadersLike | None = None
    ) -> WSUpgradeResponse:
        """Make a 200 OK response to a plain HTTP request, such as a health check.

        Args:
            body: content, bytes-like.
            extra_headers: headers to add. `Content-Type` is `text/plain; charset=utf-8` unless
                given here.

        Raises:
            TypeError: `extra_headers` is not a mapping or an iterable of pairs of str.
        """
        response = _create(HTTPStatus.OK, body, extra_headers)
        response.headers.setdefault("Content-Type", _TEXT_PLAIN)
        return response

    @staticmethod
    def create_error_response(
        status: HTTPStatus | int,
        body: bytes | None = None,
        extra_headers: WSHeadersLike | None = None,
    ) -> WSUpgradeResponse:
        """Make a response that refuses the opening handshake (RFC 9110, 15.5 and 15.6).

        To a response with status 426 the server adds `Upgrade: websocket` and
        `Sec-WebSocket-Version: 13`, unless they are there already.

        Args:
            status: from 400 to 599.
            body: content, bytes-like.
            extra_headers: headers to add.

        Raises:
            ValueError: `status` is not an error.
            TypeError: `extra_headers` is not a mapping or an iterable of pairs of str.
        """
        if not 400 <= status <= 599:
            raise ValueError(f"status {status} is not an error: those are 400 to 599")
        return _create(status, body, extra_headers)

    @staticmethod
    def create_redirect_response(
        status: HTTPStatus | int, location: str, extra_headers: WSHeadersLike | None = None
    ) -> WSUpgradeResponse:
        """Make a response that redirects the client (RFC 9110, 15.4).

        Args:
            status: from 300 to 399. `ws_connect` follows 301, 302, 303, 307 and 308.
            location: the other URL, absolute or relative.
            extra_headers: headers to add.

        Raises:
            ValueError: `status` is not a redirection.
            TypeError: `extra_headers` is not a mapping or an iterable of pairs of str.
        """
        if not 300 <= status <= 399:
            raise ValueError(f"status {status} is not a redirection: those are 300 to 399")
        response = _create(status, None, extra_headers)
        response.headers["Location"] = location
        return response

    def to_bytes(self) -> bytearray:
        """Return the bytes of the response to send (RFC 9112, 2.1). The object does not change.

        `Content-Length` is always the size of the body, even if zero, whatever the headers say.
        So the client knows where the response ends without waiting for the end of the connection.

        Raises:
            ValueError: a header's name is not a token, or its value contains a control character
                such as CR, LF or NUL (RFC 9110, 5); `version` or `status` cannot be sent; there is
                a body although HTTP allows none (status 1xx, 204, 205, 304); there is a
                `Transfer-Encoding`.
            TypeError: the body is not bytes-like, or a header is not text.
        """
        if "Transfer-Encoding" in self.headers:
            raise ValueError(
                "Transfer-Encoding cannot be used: the body is sent as it is, with Content-Length"
            )
        body = b"" if self.body is None else b"".join((self.body,))
        headers = list(self.headers.items())
        if body and "Content-Type" not in self.headers:
            headers.append(("Content-Type", _TEXT_PLAIN))
        head = heads.write_response_head(self.version, int(self.status), headers, len(body))
        return bytearray(head + body)


class WSUpgradeResponseWithListener:
    """Returned by a server's listener factory to send a response of its own.

    Args:
        response: 101 accepts the connection; anything else is sent with `Connection: close`.
        listener: handler of the connection; None if `response` does not accept it.

    Raises:
        ValueError: a 101 without a listener, or an error response with one.
    """

    __slots__ = ("listener", "response")

    response: WSUpgradeResponse
    listener: WSListener | None

    def __init__(self, response: WSUpgradeResponse, listener: WSListener | None) -> None:
        if response.status == HTTPStatus.SWITCHING_PROTOCOLS and listener is None:
            raise ValueError("a response with status 101 needs a listener")
        if response.status >= 400 and listener is not None:
            raise ValueError(f"an error response (status {response.status}) cannot have a listener")
        self.response = response
        self.listener = listener


# What is on the wire is kept as it is, and headers are made of it when somebody asks for them: few
# do, and a server with many connections has better uses for the time and the memory.


def make_request(
    path: bytes, source: _HeaderSource, method: bytes = b"GET", version: bytes = b"HTTP/1.1"
) -> WSUpgradeRequest:
    """Make a request that is sent, or that the compiled module has read and checked."""
    request = WSUpgradeRequest.__new__(WSUpgradeRequest)
    request.method = method
    request.path = path
    request.version = version
    request._source = source
    request._headers = None
    return request


def switching_response(head: bytes) -> WSUpgradeResponse:
    """Make the response with status 101 that is on the wire, sent or received."""
    response = WSUpgradeResponse.__new__(WSUpgradeResponse)
    response.version = b"HTTP/1.1"
    response.status = HTTPStatus.SWITCHING_PROTOCOLS
    response.body = None
    response._source = head
    response._headers = None
    return response


def _headers_of(source: _HeaderSource) -> CIMultiDict[str]:
    if isinstance(source, list):
        return make_headers(source)
    return heads.parse_headers(source)


def make_response(
    version: bytes,
    status: int,
    headers: WSHeadersLike,
    body: bytes | None,
) -> WSUpgradeResponse:
    """Make the object for a response that was received.

    Args:
        version: from the status line.
        status: from the status line, as an int.
        headers: decoded as UTF-8 with `surrogateescape`.
        body: what was received of it; None if nothing was.
    """
    return WSUpgradeResponse(version, _status(status), make_headers(headers), body)


def _create(
    status: HTTPStatus | int, body: bytes | None, extra_headers: WSHeadersLike | None
) -> WSUpgradeResponse:
    headers = make_headers(header_pairs(extra_headers))
    return WSUpgradeResponse(b"HTTP/1.1", _status(status), headers, body)


def _status(number: int) -> HTTPStatus | int:
    try:
        return HTTPStatus(number)
    except ValueError:
        return number
