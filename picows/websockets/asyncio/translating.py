"""Responses and exceptions of `ws_connect` as those of websockets."""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from ...exceptions import (
    WSError,
    WSHandshakeError,
    WSInvalidHeaderError,
    WSInvalidMessageError,
    WSInvalidStatusError,
    WSInvalidUpgradeError,
    WSInvalidURL,
    WSProxyError,
)
from ...values.handshake import WSUpgradeResponse
from ..datastructures import Headers
from ..exceptions import (
    InvalidHandshake,
    InvalidHeader,
    InvalidMessage,
    InvalidProxy,
    InvalidProxyMessage,
    InvalidProxyStatus,
    InvalidStatus,
    InvalidUpgrade,
    InvalidURI,
    NegotiationError,
    ProxyError,
    WebSocketException,
)
from ..http11 import Response
from ..uri import why


def translated(error: WSError, uri: str, proxy: str | None) -> WebSocketException:
    """The exception to raise in place of one of `ws_connect`."""
    if isinstance(error, WSInvalidURL):
        if proxy is not None and error.url == proxy:
            return InvalidProxy(proxy, why(error))
        return InvalidURI(uri, why(error))
    if isinstance(error, WSProxyError):
        told = _of_proxy(error, proxy)
        told.__cause__ = error.__cause__
        return told
    if isinstance(error, WSHandshakeError):
        return _of_handshake(error)
    return InvalidHandshake(str(error))


def _of_handshake(error: WSHandshakeError) -> InvalidHandshake:
    if isinstance(error, WSInvalidStatusError) and error.response is not None:
        return InvalidStatus(response_of(error.response))
    if isinstance(error, WSInvalidUpgradeError):
        return InvalidUpgrade(error.name, error.value)
    if isinstance(error, WSInvalidHeaderError):
        if error.name == "Sec-WebSocket-Protocol":
            return NegotiationError(f"unsupported subprotocol: {error.value}")
        if error.name == "Sec-WebSocket-Extensions":
            return NegotiationError(f"unsupported extension: {error.value}")
        return InvalidHeader(error.name, error.value)
    told = InvalidMessage("did not receive a valid HTTP response")
    if isinstance(error, WSInvalidMessageError):
        told.__cause__ = error
    else:
        told.__cause__ = EOFError("connection closed while reading HTTP status line")
    return told


def _of_proxy(error: WSProxyError, proxy: str | None) -> ProxyError:
    is_http = proxy is not None and proxy.startswith("http")
    if is_http and error.error_code is not None:
        try:
            phrase = HTTPStatus(error.error_code).phrase
        except ValueError:
            phrase = ""
        return InvalidProxyStatus(Response(error.error_code, phrase, Headers()))
    if is_http:
        return InvalidProxyMessage(str(error))
    return ProxyError(f"failed to connect to SOCKS proxy: {error}")


def headers_of(pairs: Any) -> Headers:
    """Headers as they were sent or received: a byte is a character, which UTF-8 is elsewhere."""
    headers = Headers()
    for name, value in pairs.items():
        if not value.isascii():
            value = value.encode("utf-8", "surrogateescape").decode("latin-1")
        headers.set_insecure(name, value)
    return headers


def pairs_of(headers: Headers) -> Iterator[tuple[str, str]]:
    """The way back."""
    for name, value in headers.raw_items():
        if not value.isascii():
            value = value.encode("latin-1").decode("utf-8", "surrogateescape")
        yield name, value


def response_of(response: WSUpgradeResponse) -> Response:
    """A response of the rest of picows as one of websockets'."""
    phrase = getattr(response.status, "phrase", "")
    body = b"" if response.body is None else bytes(response.body)
    return Response(int(response.status), phrase, headers_of(response.headers), body)
