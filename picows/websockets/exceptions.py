"""Exceptions of `picows.websockets`, with the names, texts and attributes that websockets has.

Where websockets is installed, each class is also one of websockets' of the same name, so that
`except websockets.ConnectionClosed` in a library catches what is raised here. All can be pickled.
"""

# ruff: noqa: N818 - the names are part of the API
from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .frames import Close
    from .http11 import Response

__all__ = [
    "ConcurrencyError",
    "ConnectionClosed",
    "ConnectionClosedError",
    "ConnectionClosedOK",
    "DuplicateParameter",
    "HeaderLineTooLong",
    "InvalidHandshake",
    "InvalidHeader",
    "InvalidHeaderFormat",
    "InvalidHeaderValue",
    "InvalidMessage",
    "InvalidMethod",
    "InvalidOrigin",
    "InvalidParameterName",
    "InvalidParameterValue",
    "InvalidProtocol",
    "InvalidProxy",
    "InvalidProxyMessage",
    "InvalidProxyStatus",
    "InvalidState",
    "InvalidStatus",
    "InvalidURI",
    "InvalidUpgrade",
    "NegotiationError",
    "PayloadTooBig",
    "ProtocolError",
    "ProxyError",
    "RequestLineTooLong",
    "SecurityError",
    "StatusLineTooLong",
    "TooManyFragments",
    "TooManyHeaders",
    "WebSocketException",
]

try:
    import websockets.exceptions as _theirs
except ImportError:
    _theirs = None  # type: ignore[assignment]


class _Paired(type):
    """Makes a class of this module also one of websockets'."""

    def __new__(
        cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **kwargs: Any
    ) -> _Paired:
        theirs = getattr(_theirs, name, None)
        if namespace["__module__"] == __name__ and isinstance(theirs, type):
            bases = (*(base for base in bases if not issubclass(theirs, base)), theirs)
        return super().__new__(cls, name, bases, namespace, **kwargs)


def _rebuild(kind: type[WebSocketException], arguments: tuple[object, ...]) -> WebSocketException:
    return kind.__new__(kind, *arguments)


class WebSocketException(Exception, metaclass=_Paired):
    """Base of all exceptions here."""

    def __reduce__(self) -> tuple[Any, ...]:
        # The arguments of a constructor, subclasses' among them, are not always `args`.
        return _rebuild, (type(self), self.args), self.__dict__


class ConnectionClosed(WebSocketException):
    """The connection is closed.

    Args:
        rcvd: the CLOSE frame that was received, if any.
        sent: the CLOSE frame that was sent, if any.
        rcvd_then_sent: which of both came first; None if there is only one, or none.
    """

    rcvd: Close | None
    sent: Close | None
    rcvd_then_sent: bool | None

    def __init__(
        self, rcvd: Close | None, sent: Close | None, rcvd_then_sent: bool | None = None
    ) -> None:
        self.rcvd = rcvd
        self.sent = sent
        self.rcvd_then_sent = rcvd_then_sent

    def __str__(self) -> str:
        if self.rcvd is None and self.sent is None:
            return "no close frame received or sent"
        if self.rcvd is None:
            return f"sent {self.sent}; no close frame received"
        if self.sent is None:
            return f"received {self.rcvd}; no close frame sent"
        if self.rcvd_then_sent:
            return f"received {self.rcvd}; then sent {self.sent}"
        return f"sent {self.sent}; then received {self.rcvd}"

    @property
    def code(self) -> int:
        """Deprecated: see `rcvd` and `sent`."""
        warnings.warn("use ConnectionClosed.rcvd.code", DeprecationWarning, stacklevel=2)
        return 1006 if self.rcvd is None else self.rcvd.code

    @property
    def reason(self) -> str:
        """Deprecated: see `rcvd` and `sent`."""
        warnings.warn("use ConnectionClosed.rcvd.reason", DeprecationWarning, stacklevel=2)
        return "" if self.rcvd is None else self.rcvd.reason


class ConnectionClosedOK(ConnectionClosed):
    """Both sides sent a CLOSE with code 1000 or 1001, or without a code."""


class ConnectionClosedError(ConnectionClosed):
    """A side sent another code, or no CLOSE at all."""


class InvalidURI(WebSocketException):
    """A URI cannot be used to open a connection."""

    def __init__(self, uri: str, msg: str) -> None:
        self.uri = uri
        self.msg = msg

    def __str__(self) -> str:
        return f"{self.uri} isn't a valid URI: {self.msg}"


class InvalidProxy(WebSocketException):
    """The URL of a proxy cannot be used."""

    def __init__(self, proxy: str, msg: str) -> None:
        self.proxy = proxy
        self.msg = msg

    def __str__(self) -> str:
        return f"{self.proxy} isn't a valid proxy: {self.msg}"


class InvalidHandshake(WebSocketException):
    """The opening handshake failed."""


class SecurityError(InvalidHandshake):
    """A request or response breaks a rule for safety, as a redirect from wss to ws does."""


class RequestLineTooLong(SecurityError):
    """The first line of a request exceeds a limit."""


class StatusLineTooLong(SecurityError):
    """The first line of a response exceeds a limit."""


class HeaderLineTooLong(SecurityError):
    """A header exceeds a limit."""


class TooManyHeaders(SecurityError):
    """There are more headers than a limit allows."""


class ProxyError(InvalidHandshake):
    """A proxy did not open a tunnel."""


class InvalidProxyMessage(ProxyError):
    """The answer of an HTTP proxy is not HTTP."""


class InvalidProxyStatus(ProxyError):
    """An HTTP proxy refused."""

    def __init__(self, response: Response) -> None:
        self.response = response

    def __str__(self) -> str:
        return f"proxy rejected connection: HTTP {self.response.status_code:d}"


class InvalidMessage(InvalidHandshake):
    """A request or response is not HTTP/1.1."""


class InvalidMethod(InvalidHandshake):
    """A request has another method than GET."""

    def __init__(self, method: str) -> None:
        self.method = method

    def __str__(self) -> str:
        return f"unsupported HTTP method: {self.method}"


class InvalidProtocol(InvalidHandshake):
    """A request has another version than HTTP/1.1."""

    def __init__(self, protocol: str) -> None:
        self.protocol = protocol

    def __str__(self) -> str:
        return f"unsupported HTTP version: {self.protocol}"


class InvalidStatus(InvalidHandshake):
    """A server did not answer with 101."""

    def __init__(self, response: Response) -> None:
        self.response = response

    def __str__(self) -> str:
        return f"server rejected WebSocket connection: HTTP {self.response.status_code:d}"


class InvalidHeader(InvalidHandshake):
    """A header is missing or has a wrong value."""

    def __init__(self, name: str, value: str | None = None) -> None:
        self.name = name
        self.value = value

    def __str__(self) -> str:
        if self.value is None:
            return f"missing {self.name} header"
        if not self.value:
            return f"empty {self.name} header"
        return f"invalid {self.name} header: {self.value}"


class InvalidHeaderFormat(InvalidHeader):
    """A header cannot be parsed."""

    def __init__(self, name: str, error: str, header: str, pos: int) -> None:
        super().__init__(name, f"{error} at {pos} in {header}")


class InvalidHeaderValue(InvalidHeader):
    """A header's value is wrong."""


class InvalidOrigin(InvalidHeader):
    """A request's `Origin` is not allowed."""

    def __init__(self, origin: str | None) -> None:
        super().__init__("Origin", origin)


class InvalidUpgrade(InvalidHeader):
    """`Upgrade` or `Connection` does not ask for, or agree to, WebSocket."""


class NegotiationError(InvalidHandshake):
    """No agreement on an extension or a subprotocol."""


class DuplicateParameter(NegotiationError):
    """An extension has a parameter twice."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __str__(self) -> str:
        return f"duplicate parameter: {self.name}"


class InvalidParameterName(NegotiationError):
    """An extension has a parameter that is unknown."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __str__(self) -> str:
        return f"invalid parameter name: {self.name}"


class InvalidParameterValue(NegotiationError):
    """A parameter of an extension has a wrong value."""

    def __init__(self, name: str, value: str | None) -> None:
        self.name = name
        self.value = value

    def __str__(self) -> str:
        if self.value is None:
            return f"missing value for parameter {self.name}"
        if not self.value:
            return f"empty value for parameter {self.name}"
        return f"invalid value for parameter {self.name}: {self.value}"


class ProtocolError(WebSocketException):
    """A side broke RFC 6455, or asked for what breaks it."""


class PayloadTooBig(WebSocketException):
    """A frame or a message exceeds `max_size`.

    Args:
        size_or_message: size of the frame in bytes, None if it is not known; or the whole text.
        max_size: how many bytes were left for the frame.
        current_size: what frames before it in the same message have used up.
    """

    message: str | None
    size: int | None
    max_size: int
    current_size: int | None

    def __init__(
        self,
        size_or_message: int | str | None,
        max_size: int | None = None,
        current_size: int | None = None,
    ) -> None:
        if isinstance(size_or_message, str):
            self.message = size_or_message
            return
        if max_size is None:
            raise TypeError("PayloadTooBig() needs max_size with a size")
        self.message = None
        self.size = size_or_message
        self.max_size = max_size
        self.current_size = None
        self.set_current_size(current_size)

    def __str__(self) -> str:
        if self.message is not None:
            return self.message
        size = "" if self.size is None else f" with {self.size} bytes"
        after = "" if self.current_size is None else f" after reading {self.current_size} bytes"
        return f"frame{size}{after} exceeds limit of {self.max_size} bytes"

    def set_current_size(self, current_size: int | None) -> None:
        """Count what came before the frame to the limit."""
        if current_size is not None:
            self.max_size += current_size
            self.current_size = current_size


class TooManyFragments(WebSocketException):
    """A message has more fragments than the limit."""

    def __init__(self, max_fragments: int) -> None:
        # The text is all that there is, so that a copy has it too.
        self.args = (f"fragmented message exceeds limit of {max_fragments} frames",)


class InvalidState(WebSocketException, AssertionError):
    """What was called does not go with the state of the connection."""


class ConcurrencyError(WebSocketException, RuntimeError):
    """Two tasks do what only one may do at a time."""


class _InvalidStatusCode(InvalidHandshake):
    """Deprecated and never raised: see InvalidStatus."""


class _AbortHandshake(InvalidHandshake):
    """Deprecated and never raised: see process_request."""


_DEPRECATED = {"InvalidStatusCode": _InvalidStatusCode, "AbortHandshake": _AbortHandshake}


def __getattr__(name: str) -> type[InvalidHandshake]:
    if name not in _DEPRECATED:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    warnings.warn(f"{name} is deprecated and never raised", DeprecationWarning, stacklevel=2)
    return _DEPRECATED[name]
