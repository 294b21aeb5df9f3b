"""serve: connections that others make to us, a task for each."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable, Generator
from types import TracebackType
from typing import Any, Generic, Literal, TypeAlias, TypeVar, cast, overload

from .._native import WSCloseCode
from ..loop.checks import check_callable
from ..loop.options import resolve_logger
from ..server.serve import ws_create_server
from ..values.compression import WSPermessageDeflate
from ..values.exceptions import WSConnectionClosed
from ..values.handshake import (
    WSUpgradeRequest,
    WSUpgradeResponse,
    WSUpgradeResponseWithListener,
)
from .connection import WSConnection, WSDecode, WSWhenFull
from .options import MAX_MESSAGE_SIZE, listener_options, transport_options

_M = TypeVar("_M")
_Answer: TypeAlias = WSUpgradeResponse | None
WSOnRequest: TypeAlias = Callable[[WSUpgradeRequest], _Answer | Awaitable[_Answer]]


class serve(Generic[_M]):  # noqa: N801 - called like a function
    """Listen for WebSocket connections, and run a coroutine for each.

    Await it or enter it; either gives a WSServer::

        async def handler(ws):
            async for message in ws:
                ws.send(message)

        async with serve(handler, "127.0.0.1", 9001) as server:
            await server.serve_forever()

    When the handler returns, the connection is closed with CLOSE(OK). If it raises, the exception
    is logged and the peer gets CLOSE(INTERNAL_ERROR). A WSConnectionClosed that comes out of it is
    an end like others.
    """

    @overload
    def __init__(
        self: serve[str | bytes],
        handler: Callable[[WSConnection[str | bytes]], Awaitable[object]],
        host: Any = None,
        port: int | str | bytes | None = None,
        *,
        decode: None = None,
        **arguments: Any,
    ) -> None: ...
    @overload
    def __init__(
        self: serve[bytes],
        handler: Callable[[WSConnection[bytes]], Awaitable[object]],
        host: Any = None,
        port: int | str | bytes | None = None,
        *,
        decode: Literal["bytes"],
        **arguments: Any,
    ) -> None: ...
    @overload
    def __init__(
        self,
        handler: Callable[[WSConnection[_M]], Awaitable[object]],
        host: Any = None,
        port: int | str | bytes | None = None,
        *,
        decode: Callable[[memoryview], _M],
        **arguments: Any,
    ) -> None: ...
    def __init__(
        self,
        handler: Callable[[WSConnection[Any]], Awaitable[object]],
        host: Any = None,
        port: int | str | bytes | None = None,
        *,
        on_request: WSOnRequest | None = None,
        compression: bool | WSPermessageDeflate = False,
        max_message_size: int | None = MAX_MESSAGE_SIZE,
        max_queue: int | None = None,
        max_queue_bytes: int | None = 1 << 20,
        when_full: WSWhenFull = "pause",
        decode: WSDecode = None,
        close_timeout: float | None = 10,
        **arguments: Any,
    ) -> None:
        """Take the arguments; nothing happens before it is awaited or entered.

        Args:
            handler: a coroutine function, called with the WSConnection.
            host: where to listen, as for `ws_create_server`.
            port: the port there, or 0 for a free one.
            on_request: called with the WSUpgradeRequest before the connection is accepted. It
                returns None (accept), or a WSUpgradeResponse: a 101 accepts with headers of its
                own, another one refuses. May be a coroutine function.
            compression: see `connect`; the arguments up to `close_timeout` are the same.
            max_message_size: see `connect`.
            max_queue: see `connect`.
            max_queue_bytes: see `connect`.
            when_full: see `connect`.
            decode: see `connect`.
            close_timeout: see `connect`.
            arguments: those of `ws_create_server`. Automatic pings are on unless
                `enable_auto_ping` is False.

        Raises:
            TypeError, ValueError: an argument is of the wrong type, or cannot be used.
        """
        check_callable("handler", handler)
        self._address = host, port
        self._options = listener_options(
            max_message_size, max_queue, max_queue_bytes, when_full, decode, close_timeout
        )
        self._arguments = transport_options(max_message_size, compression, arguments)
        self._handler = handler
        self._on_request = on_request
        self._server: WSServer | None = None

    def __await__(self) -> Generator[Any, Any, WSServer]:
        return self._listen().__await__()

    async def _listen(self) -> WSServer:
        logger = resolve_logger(self._arguments.get("logger_name"), "server")
        server = WSServer(self._handler, self._options, self._on_request, logger)
        await server._listen(*self._address, **self._arguments)
        return server

    async def __aenter__(self) -> WSServer:
        self._server = await self._listen()
        return self._server

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()


class WSServer:
    """A server that listens, and the connections that it has."""

    def __init__(
        self,
        handler: Callable[[WSConnection[Any]], Awaitable[object]],
        options: dict[str, Any],
        on_request: WSOnRequest | None,
        logger: logging.Logger | logging.LoggerAdapter[Any],
    ) -> None:
        """Made by `serve`."""
        self._handler = handler
        self._options = options
        self._on_request = on_request
        self._logger = logger
        self._tasks: dict[WSConnection[Any], asyncio.Task[None]] = {}
        self._closing: list[asyncio.Task[None]] = []
        self._close_begun = asyncio.get_running_loop().create_future()
        self._server: asyncio.Server

    async def _listen(self, host: Any, port: Any, **arguments: Any) -> None:
        factory = self._accept if self._on_request is None else self._ask
        self._server = await ws_create_server(factory, host, port, **arguments)

    @property
    def asyncio_server(self) -> asyncio.Server:
        """The server of `ws_create_server`, with its sockets."""
        return self._server

    @property
    def port(self) -> int:
        """The port that it listens at, which port=0 leaves open."""
        return cast(int, self._server.sockets[0].getsockname()[1])

    @property
    def connections(self) -> list[WSConnection[Any]]:
        """Those whose handlers run."""
        return list(self._tasks)

    async def serve_forever(self) -> None:
        """Wait until the server is closed and all handlers are done; cancelling closes it."""
        try:
            await asyncio.shield(self._close_begun)
        finally:
            self.close()
            await self.wait_closed()

    def close(
        self, code: WSCloseCode | int = WSCloseCode.GOING_AWAY, reason: str | None = None
    ) -> None:
        """Listen no more, and close all connections. `wait_closed` waits until that is done."""
        if self._close_begun.done():
            return
        self._close_begun.set_result(None)
        self._server.close()
        loop = asyncio.get_running_loop()
        self._closing = [loop.create_task(ws.close(code, reason)) for ws in self._tasks]

    async def wait_closed(self) -> None:
        """Wait until all connections have ended and all handlers are done."""
        await asyncio.gather(*self._closing, *self._tasks.values(), return_exceptions=True)
        await self._server.wait_closed()

    def _accept(self, _: WSUpgradeRequest) -> WSConnection[Any]:
        return WSConnection(**self._options, on_open=self._start)

    async def _ask(
        self, request: WSUpgradeRequest
    ) -> WSConnection[Any] | WSUpgradeResponseWithListener:
        assert self._on_request is not None
        answer = self._on_request(request)
        response = await answer if inspect.isawaitable(answer) else answer
        if response is None:
            return self._accept(request)
        listener = self._accept(request) if response.status == 101 else None
        return WSUpgradeResponseWithListener(response, listener)

    def _start(self, ws: WSConnection[Any]) -> None:
        task = asyncio.get_running_loop().create_task(self._run(ws))
        self._tasks[ws] = task
        if self._close_begun.done():
            self._closing.append(asyncio.ensure_future(ws.close(WSCloseCode.GOING_AWAY)))

    async def _run(self, ws: WSConnection[Any]) -> None:
        code = WSCloseCode.INTERNAL_ERROR
        try:
            await self._handler(ws)
            code = WSCloseCode.OK
        except WSConnectionClosed:
            code = WSCloseCode.OK
        except Exception:
            self._logger.exception("the handler of a connection raised")
        finally:
            try:
                await ws.close(code)
            finally:
                del self._tasks[ws]
