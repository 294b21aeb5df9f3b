"""Exceptions of the library. Each can be pickled and copied, and keeps its attributes when it is.

Two families matter to a caller: `WSHandshakeError` (there never was a connection) and
`WSProtocolError` (there was one, and one side broke the rules of RFC 6455).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .handshake import WSUpgradeResponse

__all__ = [
    "WSError",
    "WSHandshakeError",
    "WSInvalidHeaderError",
    "WSInvalidMessageError",
    "WSInvalidStatusError",
    "WSInvalidURL",
    "WSInvalidUpgradeError",
    "WSProtocolError",
    "WSProxyError",
]


def as_error(exception: BaseException, text: str) -> Exception:
    """An exception as it can be raised to who waits for what went wrong elsewhere.

    text: of the RuntimeError that stands for one that cannot be raised there.

    A CancelledError would pass for the waiter's own cancellation, KeyboardInterrupt and SystemExit
    went to the event loop already, and a future takes no StopIteration.
    """
    if isinstance(exception, Exception) and not isinstance(exception, StopIteration):
        return exception
    error = RuntimeError(text)
    error.__cause__ = exception
    return error


def factory_error(exception: BaseException) -> Exception:
    """Called by the compiled module: what ws_connect raises if its listener factory did."""
    return as_error(exception, f"the listener factory raised {type(exception).__name__}")


def reraise(exception: BaseException) -> None:
    """Called by the event loop, for the compiled module: raises what could not be raised there."""
    raise exception


def _rebuild(kind: type[WSError], arguments: tuple[object, ...]) -> WSError:
    return kind.__new__(kind, *arguments)


class WSError(Exception):
    """Base of everything that this library raises about WebSocket itself.

    Errors of the network (`OSError`), of TLS (`ssl.SSLError`), of time (`asyncio.TimeoutError`) and
    of misuse (`TypeError`, `ValueError`) keep their own types.
    """

    def __reduce__(self) -> tuple[Any, ...]:
        # Exception rebuilds an exception by calling its class with `args`. Constructors below
        # take more than that, and so may those of subclasses elsewhere, so the constructor is left
        # out: type, args and attributes are all.
        return _rebuild, (type(self), self.args), self.__dict__


class WSHandshakeError(WSError):
    """The opening handshake failed (RFC 6455, 4): the server did not answer with a valid upgrade.

    Args:
        description: what went wrong, one sentence; the text of the exception.
        raw_header: the head of the answer as it was received, without the empty line; None if there
            was none.
        raw_body: the bytes of the answer's body that were received; None if there were none.
        response: the answer, if its head could be understood.
    """

    raw_header: bytes | None
    raw_body: bytes | None
    response: WSUpgradeResponse | None

    def __init__(
        self,
        description: str,
        raw_header: bytes | None = None,
        raw_body: bytes | None = None,
        response: WSUpgradeResponse | None = None,
    ) -> None:
        super().__init__(description)
        self.raw_header = raw_header
        self.raw_body = raw_body
        self.response = response


class WSInvalidMessageError(WSHandshakeError):
    """The answer is not HTTP/1.1 as RFC 9112 has it, or exceeds the limits of this library."""


class WSInvalidStatusError(WSHandshakeError):
    """The answer has another status than 101 Switching Protocols (RFC 6455, 4.1)."""


class WSInvalidHeaderError(WSHandshakeError):
    """A header of the answer is missing or has a wrong value (RFC 6455, 4.1).

    Args:
        description: what is wrong with it, one sentence.
        name: name of the header.
        value: its value as received; None if the header is missing.
        raw_header: see `WSHandshakeError`.
        raw_body: see `WSHandshakeError`.
        response: see `WSHandshakeError`.
    """

    name: str
    value: str | None

    def __init__(
        self,
        description: str,
        name: str,
        value: str | None = None,
        raw_header: bytes | None = None,
        raw_body: bytes | None = None,
        response: WSUpgradeResponse | None = None,
    ) -> None:
        super().__init__(description, raw_header, raw_body, response)
        self.name = name
        self.value = value


class WSInvalidUpgradeError(WSInvalidHeaderError):
    """`Upgrade` or `Connection` of the answer does not agree to WebSocket (RFC 6455, 4.1)."""


class WSProtocolError(WSError):
    """The protocol was broken after the handshake, or a frame exceeded `max_frame_size`.

    On a client `WSTransport.wait_disconnected` raises it when the server broke a rule. Raised by a
    listener's callback, it chooses what the CLOSE frame says.

    Args:
        code: the close code sent to the peer (RFC 6455, 7.4): a `WSCloseCode` or an int.
        message: what went wrong; the text of the exception and the reason in the CLOSE frame.
    """

    code: int

    def __init__(self, code: int, message: str) -> None:
        super().__init__(code, message)
        self.code = code

    def __str__(self) -> str:
        return str(self.args[1])


class WSProxyError(WSError):
    """A proxy did not open a tunnel to the server: it refused, or is not what its URL says.

    That the proxy cannot be reached at all is an `OSError`, as it is for a server.

    Args:
        description: what went wrong; the text of the exception.
        error_code: HTTP status or SOCKS reply code of the proxy's answer; None if there was none.
    """

    error_code: int | None

    def __init__(self, description: str, error_code: int | None = None) -> None:
        super().__init__(description)
        self.error_code = error_code


class WSInvalidURL(WSError, ValueError):  # noqa: N818 - the name is part of the interface
    """A URL cannot be used to open a connection (RFC 6455, 3).

    The text of the exception leaves out user name and password, because such texts end in log
    files; `url` has all of it.

    Args:
        url: the URL as it was given.
        msg: what is wrong with it.
    """

    url: str

    def __init__(self, url: str, msg: str) -> None:
        # Up to the last "@" of the whole URL: a password with a raw "/" in it is a frequent cause
        # of this very error.
        shown = re.sub(r"(?<=//).*@", "***@", url, count=1, flags=re.DOTALL)
        super().__init__(f"{shown!r} is not a valid URL: {msg}")
        self.url = url
