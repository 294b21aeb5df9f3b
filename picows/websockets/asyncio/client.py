"""Clients."""

from __future__ import annotations

import asyncio
import logging
import os
import traceback
from collections.abc import AsyncIterator, Callable, Generator, Sequence
from types import TracebackType
from typing import Any, Final, Literal, cast
from urllib.parse import urljoin

from ..client import backoff, process_exception
from ..datastructures import HeadersLike
from ..exceptions import InvalidStatus, SecurityError
from ..extensions.base import ClientExtensionFactory
from ..frames import CloseCode
from ..headers import validate_subprotocols
from ..http11 import USER_AGENT
from ..protocol import CLIENT
from ..typing import LoggerLike, Origin, PathLike, Subprotocol
from ..uri import WebSocketURI, parse_uri
from .compression import read_compression
from .connection import Connection
from .dialing import Dialing, take_ssl
from .view import ConnectionView

__all__ = ["ClientConnection", "connect", "unix_connect"]

MAX_REDIRECTS: Final = int(os.environ.get("WEBSOCKETS_MAX_REDIRECTS", "10"))
_REDIRECTS: Final = (300, 301, 302, 303, 307, 308)


class ClientConnection(Connection):
    """A client's end of a connection.

    Args:
        protocol: what is known of the connection before it is there.
        ping_interval: see `Connection`, as for the others.
        ping_timeout: see `Connection`.
        close_timeout: see `Connection`.
        max_queue: see `Connection`.
        write_limit: see `Connection`.
    """

    def __init__(
        self,
        protocol: ConnectionView,
        *,
        ping_interval: float | None = 20,
        ping_timeout: float | None = 20,
        close_timeout: float | None = 10,
        max_queue: int | tuple[int | None, int | None] | None = 16,
        write_limit: int | tuple[int, int | None] = 2**15,
    ) -> None:
        super().__init__(
            protocol,
            ping_interval=ping_interval,
            ping_timeout=ping_timeout,
            close_timeout=close_timeout,
            max_queue=max_queue,
            write_limit=write_limit,
        )


class connect:  # noqa: N801 - the name is part of the API
    """Connect to a server: `await connect(uri)`, `async with connect(uri) as connection`, which
    closes it, or `async for connection in connect(uri)`, which connects again whenever the body
    continues.

    Args:
        uri: ws:// or wss://, optionally with credentials for Basic authentication.
        origin: value of `Origin`; None for none.
        extensions: offers besides `compression`.
        subprotocols: offered, the best first.
        compression: "deflate" to offer permessage-deflate, or None.
        additional_headers: added to the request; `Host` among them replaces ours.
        user_agent_header: `User-Agent`, unless `additional_headers` has one; None for none.
        proxy: True for the system's, None for none, or a URL.
        process_exception: whether `async for` tries again after an exception; see the function of
            that name.
        open_timeout: seconds for all that is to be done until the connection is open, redirects
            included; None for no limit.
        ping_interval: see `Connection`.
        ping_timeout: see `Connection`.
        close_timeout: see `Connection`.
        reconnect_delays: makes the seconds to wait before each new attempt.
        max_size: the largest message in bytes, or the largest message and fragment; None for no
            limit.
        max_queue: see `Connection`.
        write_limit: see `Connection`.
        logger: None for `websockets.client`; a logger or its name.
        create_connection: subclass of ClientConnection to use instead.
        kwargs: for `loop.create_connection`: `ssl`, `server_hostname`, `sock`, `local_addr`, ...;
            `host` and `port` replace those of the URI; `socket_factory`, `max_redirects`,
            `use_aiofastnet` and `proxy_ssl_context` are those of `ws_connect`.

    Raises:
        InvalidURI: the URI cannot be used.
        InvalidProxy: the proxy's URL cannot be used.
        InvalidHandshake: when it is awaited: the server, or a proxy, did not accept.
        OSError: when it is awaited: there is no connection.
        TimeoutError: when it is awaited: it took longer than `open_timeout`.
    """

    def __init__(
        self,
        uri: str,
        *,
        origin: Origin | None = None,
        extensions: Sequence[ClientExtensionFactory] | None = None,
        subprotocols: Sequence[Subprotocol] | None = None,
        compression: str | None = "deflate",
        additional_headers: HeadersLike | None = None,
        user_agent_header: str | None = USER_AGENT,
        proxy: str | Literal[True] | None = True,
        process_exception: Callable[[Exception], Exception | None] = process_exception,
        open_timeout: float | None = 10,
        ping_interval: float | None = 20,
        ping_timeout: float | None = 20,
        close_timeout: float | None = 10,
        reconnect_delays: Callable[[], Generator[float]] = backoff,
        max_size: int | tuple[int | None, int | None] | None = 2**20,
        max_queue: int | tuple[int | None, int | None] | None = 16,
        write_limit: int | tuple[int, int | None] = 2**15,
        logger: LoggerLike | None = None,
        create_connection: type[ClientConnection] | None = None,
        **kwargs: Any,
    ) -> None:
        self.uri = uri
        self.ws_uri: WebSocketURI = parse_uri(uri)
        take_ssl(self.ws_uri.secure, dict(kwargs))
        if subprotocols is not None:
            validate_subprotocols(subprotocols)
        if isinstance(logger, str):
            logger = logging.getLogger(logger)
        self.logger: LoggerLike = logger or logging.getLogger("websockets.client")
        self.process_exception = process_exception
        self.open_timeout = open_timeout
        self.reconnect_delays = reconnect_delays
        self.additional_headers = additional_headers
        self.connection_kwargs = kwargs
        self._max_redirects: int = kwargs.pop("max_redirects", MAX_REDIRECTS)
        self._dialing = Dialing(
            origin=origin,
            subprotocols=subprotocols,
            compression=read_compression(CLIENT, extensions, compression),
            user_agent_header=user_agent_header,
            proxy=proxy,
            max_size=max_size,
            logger=self.logger,
        )
        self._kind: type[ClientConnection] = create_connection or ClientConnection
        self._options: dict[str, Any] = {
            "ping_interval": ping_interval,
            "ping_timeout": ping_timeout,
            "close_timeout": close_timeout,
            "max_queue": max_queue,
            "write_limit": write_limit,
        }
        self._max_size = max_size
        self.connection: ClientConnection | None = None

    def _make_connection(self) -> ClientConnection:
        view = ConnectionView(CLIENT, self._max_size, self.logger)
        view.origin = self._dialing.origin
        return self._kind(view, **self._options)

    def process_redirect(self, exc: Exception) -> Exception | str:
        """Where to connect to after an exception: to the URI of a redirect, or nowhere, which the
        exception to raise says. Subclasses may forbid redirects by returning it.
        """
        if not isinstance(exc, InvalidStatus) or exc.response.status_code not in _REDIRECTS:
            return exc
        location = exc.response.headers.get("Location")
        if not location:
            return exc
        uri = urljoin(self.uri, location)
        old, new = self.ws_uri, parse_uri(uri)
        if old.secure and not new.secure:
            return SecurityError(f"cannot follow redirect to non-secure URI {uri}")
        if (old.secure, old.host, old.port) == (new.secure, new.host, new.port):
            return uri
        for name, what in _FIXED.items():
            if self.connection_kwargs.get(name) is not None:
                return ValueError(f"cannot follow cross-origin redirect to {uri} with {what}")
        return uri

    async def _connect(self) -> ClientConnection:
        """Connect, and go where redirects lead."""
        redirects = 0
        headers = self.additional_headers
        clock = asyncio.timeout(self.open_timeout)
        try:
            async with clock:
                while True:
                    try:
                        return await self._dialing.open(
                            self.uri, headers, self._make_connection, self.connection_kwargs
                        )
                    except Exception as error:
                        there = self.process_redirect(error)
                        if there is error:
                            raise
                        if isinstance(there, Exception):
                            raise there from error
                        redirects += 1
                        if redirects > self._max_redirects:
                            raise SecurityError(
                                f"more than {self._max_redirects} redirects"
                            ) from error
                    headers = self._go_to(there, headers)
        except TimeoutError as error:
            if not clock.expired():
                raise
            raise TimeoutError("timed out during opening handshake") from error

    def _go_to(self, uri: str, headers: Any) -> Any:
        old = self.ws_uri
        self.uri, self.ws_uri = uri, parse_uri(uri)
        new = self.ws_uri
        if (old.secure, old.host, old.port) == (new.secure, new.host, new.port):
            return headers
        return self._dialing.without_secrets(headers)

    def __await__(self) -> Generator[Any, None, ClientConnection]:
        return self._connect().__await__()

    async def __aenter__(self) -> ClientConnection:
        if self.connection is not None:
            raise RuntimeError("connect() isn't reentrant")
        self.connection = await self._connect()
        return self.connection

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        connection = cast(ClientConnection, self.connection)
        self.connection = None
        if exc_type is None or issubclass(exc_type, GeneratorExit):
            await connection.close()
        else:
            await connection.close(CloseCode.INTERNAL_ERROR)

    async def __aiter__(self) -> AsyncIterator[ClientConnection]:
        """Connections, one after the other; after an exception that may pass, again in a while."""
        delays: Generator[float] | None = None
        while True:
            try:
                connection = await self.__aenter__()
            except Exception as error:
                other = self.process_exception(error)
                if other is error:
                    raise
                if other is not None:
                    raise other from error
                delays = delays or self.reconnect_delays()
                await self._wait(next(delays), error)
                continue
            delays = None
            try:
                yield connection
            finally:
                await self.__aexit__(None, None, None)

    async def _wait(self, delay: float, error: Exception) -> None:
        shown = traceback.format_exception_only(error)[0].strip()
        self.logger.info("connect failed; reconnecting in %.1f seconds: %s", delay, shown)
        await asyncio.sleep(delay)


#: What makes a redirect to elsewhere impossible.
_FIXED: Final = {
    "sock": "a preexisting socket",
    "unix": "a Unix socket",
    "host": "an explicit host",
    "port": "an explicit port",
}


def unix_connect(path: PathLike | None = None, uri: str | None = None, **kwargs: Any) -> connect:
    """Connect to a server at a unix socket.

    Args:
        path: the socket; None with `sock`.
        uri: what the request says; None for ws://localhost/, or wss with `ssl`.
        kwargs: as for `connect`.
    """
    if uri is None:
        uri = "ws://localhost/" if kwargs.get("ssl") is None else "wss://localhost/"
    return connect(uri, unix=True, path=path, **kwargs)
