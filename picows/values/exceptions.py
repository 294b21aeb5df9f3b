"""Exceptions of the library. Each can be pickled and copied, and then keeps its attributes.

Two families matter to a caller: `WSHandshakeError` (there was never a connection) and
`WSProtocolError` (there was one, and one side broke the rules of RFC 6455).
"""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from .closing import WSCloseHandshake, WSDisconnectInfo
    from .handshake import WSUpgradeResponse

__all__ = [
    "WSConnectionClosed",
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
    """Turn an exception into one that can be raised in a waiter.

    text: of the RuntimeError that replaces an exception that cannot be raised there.

    A CancelledError would look like the waiter's own cancellation. KeyboardInterrupt and SystemExit
    have already gone to the event loop. A future does not accept StopIteration.
    """
    if isinstance(exception, Exception) and not isinstance(exception, StopIteration):
        return exception
    error = RuntimeError(text)
    error.__cause__ = exception
    return error


def factory_error(exception: BaseException) -> Exception:
    """Called by the compiled module: what ws_connect raises if its listener factory raised."""
    return as_error(exception, f"the listener factory raised {type(exception).__name__}")


def reraise(exception: BaseException) -> None:
    """Called by the event loop: raises what the compiled module had no caller to raise it to."""
    raise exception


def _rebuild(kind: type[WSError], arguments: tuple[object, ...]) -> WSError:
    return kind.__new__(kind, *arguments)


class WSError(Exception):
    """Base of all exceptions that concern WebSocket itself.

    Errors of the network (`OSError`), TLS errors (`ssl.SSLError`), timeouts
    (`asyncio.TimeoutError`) and wrong use (`TypeError`, `ValueError`) keep their own types.
    """

    def __reduce__(self) -> tuple[Any, ...]:
        # By default a copy is made by calling the class with `args`. The constructors below take
        # more than that, and so may those of subclasses elsewhere. So the constructor is not
        # called: type, args and attributes are all there is.
        return _rebuild, (type(self), self.args), self.__dict__


class WSHandshakeError(WSError):
    """The opening handshake failed (RFC 6455, 4): the server did not answer with a valid 101.

    Args:
        description: what went wrong, in one sentence; the text of the exception.
        raw_header: the head of the answer as it was received, without the empty line; None if there
            was none.
        raw_body: the received bytes of the answer's body; None if there were none.
        response: the answer, if its head could be parsed.
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
    """The answer is not HTTP/1.1 (RFC 9112), or exceeds the limits of this library."""


class WSInvalidStatusError(WSHandshakeError):
    """The answer has another status than 101 Switching Protocols (RFC 6455, 4.1)."""


class WSInvalidHeaderError(WSHandshakeError):
    """A header of the answer is missing or has a wrong value (RFC 6455, 4.1).

    Args:
        description: what is wrong with it, in one sentence.
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
    """The peer broke the protocol after the opening handshake, or exceeded `max_frame_size`.

    On a client `WSTransport.wait_disconnected` raises it if the server broke a rule. A callback of
    a listener may raise it to choose the code and reason of the CLOSE frame.

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


class WSConnectionClosed(WSError):  # noqa: N818 - an end need not be an error
    """Nothing more can be received or sent: the connection is closing or closed.

    Args:
        description: who ended it and how; the text of the exception.
        close_handshake: the CLOSE frames that were received and sent; None if there were none.
        disconnect_info: how it ended; None as long as it is closing.
    """

    close_handshake: WSCloseHandshake | None
    disconnect_info: WSDisconnectInfo | None

    def __init__(
        self,
        description: str,
        close_handshake: WSCloseHandshake | None = None,
        disconnect_info: WSDisconnectInfo | None = None,
    ) -> None:
        super().__init__(description)
        self.close_handshake = close_handshake
        self.disconnect_info = disconnect_info


class WSProxyError(WSError):
    """A proxy did not open a tunnel to the server: it refused, or is not what its URL says.

    If the proxy cannot be reached at all, that is an `OSError`, as for a server. Each is also a
    `python_socks.ProxyError`, which the Cython library raised.

    Args:
        description: what went wrong; the text of the exception.
        error_code: HTTP status or SOCKS reply code of the proxy's answer; None if there was none.
    """

    error_code: int | None

    def __new__(cls, *args: Any, **_: Any) -> WSProxyError:
        # python-socks is imported with the first of them: it takes as long as all of picows.
        return super().__new__(_proxy_error() if cls is WSProxyError else cls, *args)

    def __init__(self, description: str, error_code: int | None = None) -> None:
        super().__init__(description)
        self.error_code = error_code

    def __reduce__(self) -> tuple[Any, ...]:
        kind = WSProxyError if type(self) is _proxy_error() else type(self)
        return _rebuild, (kind, self.args), self.__dict__


@functools.cache
def _proxy_error() -> type[WSProxyError]:
    try:
        from python_socks import ProxyError
    except ImportError:
        return WSProxyError
    namespace = {"__module__": WSProxyError.__module__, "__doc__": WSProxyError.__doc__}
    return cast(type[WSProxyError], type("WSProxyError", (WSProxyError, ProxyError), namespace))


class WSInvalidURL(WSError, ValueError):  # noqa: N818 - the name is part of the interface
    """A URL cannot be used to open a connection (RFC 6455, 3).

    The text of the exception leaves out user name and password, because such texts end up in log
    files; `url` has the whole URL.

    Args:
        url: the whole URL.
        msg: what is wrong with it.
    """

    url: str

    def __init__(self, url: str, msg: str) -> None:
        # Up to the last "@" of the whole URL: a raw "/" in the password is a frequent cause of
        # this very error.
        shown = re.sub(r"(?<=//).*@", "***@", url, count=1, flags=re.DOTALL)
        super().__init__(f"{shown!r} is not a valid URL: {msg}")
        self.url = url
