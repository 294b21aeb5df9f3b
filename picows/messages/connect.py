"""connect: a connection that we make, once or again and again."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator
from types import TracebackType
from typing import Any, Generic, Literal, TypeVar, overload

from .._native import WSCloseCode
from ..client.connect import ws_connect
from ..loop.options import resolve_logger
from ..values.compression import WSPermessageDeflate
from ..values.exceptions import WSConnectionClosed
from .connection import WSConnection, WSDecode, WSWhenFull
from .options import MAX_MESSAGE_SIZE, listener_options, transport_options
from .retry import backoff, is_passing

_M = TypeVar("_M")
#: A connection that lasted so many seconds was a success: the next delays start anew.
_SUCCESS_SECONDS = 30


class connect(Generic[_M]):  # noqa: N801 - called like a function
    """Connect to a WebSocket server, for messages.

    Await it, enter it, or iterate over it::

        ws = await connect(url)

        async with connect(url) as ws:
            async for message in ws:
                ...

        async for ws in connect(url, on_connect=subscribe):
            async for message in ws:
                ...

    `async with` closes the connection: with CLOSE(OK), or CLOSE(INTERNAL_ERROR) if the block was
    left by an exception. `async for` connects again whenever its body is done, after a delay that
    grows from one failure to the next. In its body the iteration over messages ends however the
    connection ends; `ws.disconnect_info` says how.
    """

    @overload
    def __init__(
        self: connect[str | bytes], url: str, *, decode: None = None, **arguments: Any
    ) -> None: ...
    @overload
    def __init__(
        self: connect[bytes], url: str, *, decode: Literal["bytes"], **arguments: Any
    ) -> None: ...
    @overload
    def __init__(
        self, url: str, *, decode: Callable[[memoryview], _M], **arguments: Any
    ) -> None: ...
    def __init__(
        self,
        url: str,
        *,
        compression: bool | WSPermessageDeflate = False,
        max_message_size: int | None = MAX_MESSAGE_SIZE,
        max_queue: int | None = None,
        max_queue_bytes: int | None = 1 << 20,
        when_full: WSWhenFull = "pause",
        decode: WSDecode = None,
        close_timeout: float | None = 10,
        on_connect: Callable[[WSConnection[_M]], Awaitable[object] | object] | None = None,
        retry: Callable[[Exception], bool] = is_passing,
        delays: Callable[[], Iterator[float]] = backoff,
        **arguments: Any,
    ) -> None:
        """Take the arguments; nothing happens before it is awaited, entered or iterated over.

        Args:
            url: ws:// or wss://, as for `ws_connect`.
            compression: whether messages are compressed if the server agrees (RFC 7692): True, or a
                WSPermessageDeflate with options.
            max_message_size: a larger message (in bytes) fails the connection; None for no limit.
            max_queue: how many received messages may wait to be taken; None for no limit.
            max_queue_bytes: how many bytes these may have, 64 more for each; None for no limit.
            when_full: what happens if more come. "pause": nothing is read from the peer until some
                are taken. "drop_oldest": the oldest are dropped, and `dropped` counts them; with
                `max_queue=1` there is only ever the newest. "close": the connection is closed with
                CLOSE(POLICY_VIOLATION).
            decode: None for str of TEXT and bytes of BINARY; "bytes" for bytes of both, unchecked;
                or a function that makes something of a memoryview when the message arrives. What it
                raises is raised by the `recv` of that message.
            close_timeout: seconds that `close` waits for the peer; None for no limit.
            on_connect: called with each connection before it is given out, to subscribe, for
                example; may be a coroutine function.
            retry: whether to try again after an exception, in `async for`.
            delays: makes the seconds to wait before each attempt, in `async for`.
            arguments: those of `ws_connect`. Automatic pings are on unless `enable_auto_ping` is
                False.

        Raises:
            TypeError, ValueError: an argument is of the wrong type, or cannot be used.
        """
        self._url = url
        self._on_connect = on_connect
        self._retry = retry
        self._delays = delays
        self._options = listener_options(
            max_message_size, max_queue, max_queue_bytes, when_full, decode, close_timeout
        )
        self._arguments = transport_options(max_message_size, compression, arguments)
        self._connection: WSConnection[_M] | None = None

    def __await__(self) -> Generator[Any, Any, WSConnection[_M]]:
        return self._connect().__await__()

    async def _connect(self) -> WSConnection[_M]:
        transport, connection = await ws_connect(self._make, self._url, **self._arguments)
        if self._on_connect is not None:
            try:
                awaited = self._on_connect(connection)
                if inspect.isawaitable(awaited):
                    await awaited
            except BaseException:
                transport.disconnect(graceful=False)
                raise
        return connection

    def _make(self) -> WSConnection[_M]:
        return WSConnection(**self._options)

    async def __aenter__(self) -> WSConnection[_M]:
        if self._connection is not None:
            raise RuntimeError("connect() is entered already: call it once for each connection")
        self._connection = await self._connect()
        return self._connection

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close(WSCloseCode.OK if error is None else WSCloseCode.INTERNAL_ERROR)

    async def __aiter__(self) -> AsyncIterator[WSConnection[_M]]:
        logger = resolve_logger(self._arguments.get("logger_name"), "client")
        delays = self._delays()
        clock = asyncio.get_running_loop().time
        while True:
            try:
                connection = await self._connect()
            except Exception as error:
                if not self._may_retry(error):
                    raise
                await self._wait(logger, delays, error)
                continue
            connection._ends_quietly = True
            began = clock()
            try:
                yield connection
            except GeneratorExit:
                await connection.close()
                raise
            await connection.close()
            if clock() - began >= _SUCCESS_SECONDS:
                delays = self._delays()
            await self._wait(logger, delays, connection.disconnect_info)

    def _may_retry(self, error: Exception) -> bool:
        # The hook found the connection gone.
        return isinstance(error, WSConnectionClosed) or self._retry(error)

    async def _wait(
        self,
        logger: logging.Logger | logging.LoggerAdapter[Any],
        delays: Iterator[float],
        reason: object,
    ) -> None:
        seconds = next(delays)
        logger.info("connecting again in %s seconds: %s", round(seconds, 1), reason)
        await asyncio.sleep(seconds)
