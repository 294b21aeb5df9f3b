"""Servers."""

from __future__ import annotations

import asyncio
import hmac
import logging
import re
import socket
from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterable, Sequence
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self, cast

from ..exceptions import InvalidHeader
from ..extensions.base import ServerExtensionFactory
from ..frames import CloseCode
from ..headers import (
    build_www_authenticate_basic,
    parse_authorization_basic,
    validate_subprotocols,
)
from ..http11 import SERVER, Request, Response
from ..protocol import OPEN
from ..protocol import SERVER as SERVER_SIDE
from ..typing import LoggerLike, Origin, PathLike, StatusLike, Subprotocol
from .accepting import Acceptance, respond
from .broadcasting import broadcast
from .compression import agreed, read_compression
from .connection import Connection
from .view import ConnectionView

__all__ = ["Server", "ServerConnection", "basic_auth", "broadcast", "serve", "unix_serve"]


class ServerConnection(Connection):
    """A server's end of a connection. The hooks of the opening handshake and the handler get the
    same one.

    Args:
        protocol: what is known of the connection before it is there.
        server: the server that accepted it.
        ping_interval: see `Connection`, as for the others.
        ping_timeout: see `Connection`.
        close_timeout: see `Connection`.
        max_queue: see `Connection`.
        write_limit: see `Connection`.
    """

    #: Set by `basic_auth`.
    username: str

    def __init__(
        self,
        protocol: ConnectionView,
        server: Server,
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
        self.server = server

    def respond(self, status: StatusLike, text: str) -> Response:
        """A response in plain text, for `process_request` to return."""
        return respond(status, text)

    def on_ws_connected(self, transport: Any) -> None:
        super().on_ws_connected(transport)
        if (header := transport.response.headers.get("Sec-WebSocket-Extensions")) is not None:
            cast(Response, self.response).headers["Sec-WebSocket-Extensions"] = header
            self.protocol.set_extensions(agreed(SERVER_SIDE, header))
        self.logger.info("connection open")
        self.server.start_connection_handler(self)


class Server:
    """Accepts connections. Programs get one from `serve`: it can be awaited, and used in
    `async with`, which closes it at the end.

    Args:
        create_server: makes the asyncio server.
        handler: coroutine function that is run for each connection; it is closed at its end.
        logger: None for `websockets.server`.
    """

    server: asyncio.Server

    def __init__(
        self,
        create_server: Callable[[], Coroutine[Any, Any, asyncio.Server]],
        handler: Callable[[ServerConnection], Awaitable[None]],
        logger: LoggerLike | None = None,
    ) -> None:
        self._create_server = create_server
        self.handler = handler
        self.logger: LoggerLike = logger or logging.getLogger("websockets.server")
        self.handlers: dict[ServerConnection, asyncio.Task[None]] = {}
        self.close_task: asyncio.Task[None] | None = None
        self._closed: asyncio.Future[None] | None = None

    @property
    def connections(self) -> set[ServerConnection]:
        """Those that are open."""
        return {connection for connection in self.handlers if connection.state is OPEN}

    def start_connection_handler(self, connection: ServerConnection) -> None:
        """Run the handler of a connection that has just been opened."""
        self.handlers[connection] = self.get_loop().create_task(self._handle(connection))

    async def _handle(self, connection: ServerConnection) -> None:
        try:
            try:
                await self.handler(connection)
            except Exception:
                connection.logger.error("connection handler failed", exc_info=True)
                await connection.close(CloseCode.INTERNAL_ERROR)
            else:
                await connection.close()
        finally:
            del self.handlers[connection]

    def close(
        self,
        close_connections: bool = True,
        code: CloseCode | int = CloseCode.GOING_AWAY,
        reason: str = "",
    ) -> None:
        """Stop listening. Who is in the opening handshake is answered with 503.

        Args:
            close_connections: close those that are open, too.
            code: of their CLOSE.
            reason: of their CLOSE.
        """
        if self.close_task is None:
            closing = self._close(close_connections, code, reason)
            self.close_task = self.get_loop().create_task(closing)

    async def _close(self, close_connections: bool, code: int, reason: str) -> None:
        self.logger.info("server closing")
        self.server.close()
        if close_connections:
            closing = [connection.close(code, reason) for connection in self.connections]
            await asyncio.gather(*closing, return_exceptions=True)
        await self.server.wait_closed()
        while self.handlers:
            await asyncio.wait(self.handlers.values())
        cast("asyncio.Future[None]", self._closed).set_result(None)
        self.logger.info("server closed")

    async def wait_closed(self) -> None:
        """Wait until `close` is done, and all handlers with it."""
        await asyncio.shield(cast("asyncio.Future[None]", self._closed))

    def get_loop(self) -> asyncio.AbstractEventLoop:
        """The event loop."""
        return self.server.get_loop()

    def is_serving(self) -> bool:
        """Whether connections are accepted."""
        return self.server.is_serving()

    async def start_serving(self) -> None:
        """Accept connections, after `serve(..., start_serving=False)`."""
        await self.server.start_serving()

    async def serve_forever(self) -> None:
        """Accept connections until this is cancelled, which closes the server."""
        await self.server.start_serving()
        try:
            await self.wait_closed()
        except asyncio.CancelledError:
            self.close()
            await self.wait_closed()
            raise

    @property
    def sockets(self) -> tuple[socket.socket, ...]:
        """The listening sockets."""
        return tuple(self.server.sockets)

    async def __aenter__(self) -> Self:
        return await self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
        await self.wait_closed()

    def __await__(self) -> Generator[Any, None, Self]:
        return self._start().__await__()

    async def _start(self) -> Self:
        if self._closed is not None:
            return self  # `async with` of what was awaited
        self._closed = asyncio.get_running_loop().create_future()
        self.server = await self._create_server()
        for sock in self.server.sockets:
            self.logger.info("server listening on %s", sock.getsockname())
        return self


def serve(
    handler: Callable[[ServerConnection], Awaitable[None]],
    host: str | None = None,
    port: int | None = None,
    *,
    origins: Sequence[Origin | re.Pattern[str] | None] | None = None,
    extensions: Sequence[ServerExtensionFactory] | None = None,
    subprotocols: Sequence[Subprotocol] | None = None,
    select_subprotocol: Callable[[ServerConnection, Sequence[Subprotocol]], Subprotocol | None]
    | None = None,
    compression: str | None = "deflate",
    process_request: Callable[
        [ServerConnection, Request], Awaitable[Response | None] | Response | None
    ]
    | None = None,
    process_response: Callable[
        [ServerConnection, Request, Response], Awaitable[Response | None] | Response | None
    ]
    | None = None,
    server_header: str | None = SERVER,
    open_timeout: float | None = 10,
    ping_interval: float | None = 20,
    ping_timeout: float | None = 20,
    close_timeout: float | None = 10,
    max_size: int | tuple[int | None, int | None] | None = 2**20,
    max_queue: int | tuple[int | None, int | None] | None = 16,
    write_limit: int | tuple[int, int | None] = 2**15,
    logger: LoggerLike | None = None,
    create_connection: type[ServerConnection] | None = None,
    **kwargs: Any,
) -> Server:
    """Listen for connections: `async with serve(handler, host, port)`.

    Args:
        handler: coroutine function that is run for each connection; it is closed at its end.
        host: where to listen, as for `loop.create_server`.
        port: the port there, or 0 for a free one.
        origins: values of `Origin` that are accepted, or patterns that must match one as a whole;
            None among them for requests without one. None for any.
        extensions: what is accepted besides `compression`.
        subprotocols: what is supported, the best first. Clients that offer none of it, or none at
            all, are refused with 400.
        select_subprotocol: chooses among those that a client offers instead; returns None for
            none, or raises NegotiationError to refuse.
        compression: "deflate" to accept permessage-deflate, or None.
        process_request: sees each request first, whatever its method; may return a Response.
        process_response: sees the response; may return another one.
        server_header: `Server` of responses; None for none.
        open_timeout: seconds for the opening handshake; None for no limit.
        ping_interval: see `Connection`.
        ping_timeout: see `Connection`.
        close_timeout: see `Connection`.
        max_size: the largest message in bytes, or the largest message and fragment; None for no
            limit.
        max_queue: see `Connection`.
        write_limit: see `Connection`.
        logger: None for `websockets.server`.
        create_connection: subclass of ServerConnection to use instead.
        kwargs: for `loop.create_server`: `ssl`, `sock`, `reuse_port`, ...

    Raises:
        OSError: when it is awaited: the server cannot listen at the address.
    """
    if subprotocols is not None:
        validate_subprotocols(subprotocols)
    acceptance = Acceptance(
        origins=origins,
        subprotocols=subprotocols,
        select_subprotocol=select_subprotocol,
        compression=read_compression(SERVER_SIDE, extensions, compression),
        process_request=process_request,
        process_response=process_response,
        server_header=server_header,
        open_timeout=open_timeout,
        max_size=max_size,
        create_connection=create_connection or ServerConnection,
        connection_options={
            "ping_interval": ping_interval,
            "ping_timeout": ping_timeout,
            "close_timeout": close_timeout,
            "max_queue": max_queue,
            "write_limit": write_limit,
        },
    )
    server = Server(lambda: acceptance.listen(server, host, port, kwargs), handler, logger)
    return server


def unix_serve(
    handler: Callable[[ServerConnection], Awaitable[None]],
    path: PathLike | None = None,
    **kwargs: Any,
) -> Server:
    """Listen at a unix socket; `kwargs` as for `serve`."""
    return serve(handler, path=path, unix=True, **kwargs)


def is_credentials(credentials: Any) -> bool:
    """Whether this is one user name and one password."""
    try:
        username, password = credentials
    except (TypeError, ValueError):
        return False
    return isinstance(username, str) and isinstance(password, str)


def basic_auth(
    realm: str = "",
    credentials: tuple[str, str] | Iterable[tuple[str, str]] | None = None,
    check_credentials: Callable[[str, str], Awaitable[bool] | bool] | None = None,
) -> Callable[[ServerConnection, Request], Awaitable[Response | None]]:
    """A `process_request` that asks for Basic authentication (RFC 7617). Who passes has their
    name in `connection.username`.

    Args:
        realm: what the name and password are for; clients may show it.
        credentials: (name, password), or several of them.
        check_credentials: function or coroutine function that says whether a name and a password
            are right.

    Raises:
        TypeError: not exactly one of `credentials` and `check_credentials` is given, or the former
            are none.
    """
    if (credentials is None) == (check_credentials is None):
        raise TypeError("provide either credentials or check_credentials")
    if credentials is not None:
        check_credentials = _checker(credentials)
    check = cast("Callable[[str, str], Awaitable[bool] | bool]", check_credentials)

    async def process_request(connection: ServerConnection, request: Request) -> Response | None:
        def refuse(text: str) -> Response:
            response = connection.respond(HTTPStatus.UNAUTHORIZED, text)
            response.headers["WWW-Authenticate"] = build_www_authenticate_basic(realm)
            return response

        try:
            authorization = request.headers["Authorization"]
        except LookupError:
            return refuse("Missing credentials\n")
        try:
            username, password = parse_authorization_basic(authorization)
        except InvalidHeader:
            return refuse("Unsupported credentials\n")
        is_right = check(username, password)
        if not isinstance(is_right, bool) and isinstance(is_right, Awaitable):
            is_right = await is_right
        if not is_right:
            return refuse("Invalid credentials\n")
        connection.username = username
        return None

    return process_request


def _checker(credentials: Any) -> Callable[[str, str], bool]:
    if is_credentials(credentials):
        credentials = [credentials]
    else:
        try:
            credentials = list(credentials)
        except TypeError:
            raise TypeError(f"invalid credentials argument: {credentials}") from None
        if not all(map(is_credentials, credentials)):
            raise TypeError(f"invalid credentials argument: {credentials}")
    passwords: dict[str, str] = dict(credentials)

    def check(username: str, password: str) -> bool:
        # Bytes: compare_digest refuses text beyond ASCII.
        expected = passwords.get(username, "").encode(errors="surrogateescape")
        given = password.encode(errors="surrogateescape")
        return hmac.compare_digest(expected, given) and username in passwords

    return check
