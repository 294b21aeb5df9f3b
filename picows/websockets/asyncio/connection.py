"""The connection: what client and server have in common."""

from __future__ import annotations

import asyncio
import os
import uuid
from collections.abc import AsyncIterator, Awaitable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Literal, Self, cast, overload

from ..._native import MessageListener, WSFrame, WSTransport
from ..exceptions import ConcurrencyError, ConnectionClosed, ConnectionClosedOK, ProtocolError
from ..frames import CloseCode
from ..http11 import Request, Response
from ..protocol import CLOSED, CLOSING, OPEN, State
from ..typing import Data, DataLike, LoggerLike, Subprotocol
from .broadcasting import broadcast
from .ending import cause_of
from .fragments import receive, send_fragments
from .payloads import check_close, control_bytes, is_data, opcode_of
from .pings import Keepalive, Pings
from .view import ConnectionView

if TYPE_CHECKING:
    from .typed import TypedMessages as _Messages
else:
    _Messages = MessageListener

__all__ = ["Connection", "broadcast"]

MAX_FRAGMENTS: Final = int(os.environ.get("WEBSOCKETS_MAX_FRAGMENTS", "4096"))
_BUSY: Final = "cannot call {} while another coroutine is already running recv or recv_streaming"


class Connection(_Messages):
    """A WebSocket connection. Programs get one from `connect` or `serve`.

    Args:
        protocol: what is known of the connection before it is there.
        ping_interval: seconds between keepalive PINGs; None for none.
        ping_timeout: seconds for the answer to one; None to wait for ever.
        close_timeout: seconds for the closing handshake; None to wait for ever.
        max_queue: how many frames may wait to be received before reading pauses, and how few let
            it go on: high, or (high, low); None for no limit.
        write_limit: how many bytes may wait to be sent before `send` waits, and how few let it go
            on: high, or (high, low).
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
        self.max_queue_high, self.max_queue_low = _pair(max_queue)
        high, low = _marks(self.max_queue_high, self.max_queue_low)
        super().__init__(
            max_message_size=_pair(protocol.max_size)[0],
            max_fragments=MAX_FRAGMENTS,
            max_queue=high,
            min_queue=low,
            by_frame=True,
        )
        self._wants_pongs = True
        self.protocol = protocol
        self.ping_interval = ping_interval
        self.ping_timeout = ping_timeout
        self.close_timeout = close_timeout
        self.write_limit_high, self.write_limit_low = _pair(write_limit)
        self.loop = asyncio.get_running_loop()
        self.request: Request | None = None
        self.response: Response | None = None
        self.latency: float = 0.0
        self._pings = Pings(self.loop)
        self._keepalive: Keepalive | None = None
        #: Done when the message in fragments that is being sent is.
        self._fragmenting: asyncio.Future[None] | None = None
        #: Done when the connection is gone; made when somebody waits for that.
        self._lost: asyncio.Future[None] | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._cause: BaseException | None = None
        self._is_failed = False
        protocol.set_connection(self)

    # Attributes

    @property
    def id(self) -> uuid.UUID:
        """Tells connections apart in logs."""
        return self.protocol.id

    @property
    def logger(self) -> LoggerLike:
        """Its records have the connection as `websocket`."""
        return self.protocol.logger

    @property
    def transport(self) -> asyncio.Transport:
        """The asyncio transport below; set from the opening handshake on."""
        if self.protocol.transport is None:
            raise AttributeError("a connection has a transport once it is connected")
        return self.protocol.transport.underlying_transport

    @property
    def _ws_transport(self) -> WSTransport:
        return cast(WSTransport, self.protocol.transport)

    @property
    def local_address(self) -> Any:
        """Our address, as `socket.getsockname()` has it."""
        return self.transport.get_extra_info("sockname")

    @property
    def remote_address(self) -> Any:
        """The peer's address, as `socket.getpeername()` has it."""
        return self.transport.get_extra_info("peername")

    @property
    def state(self) -> State:
        """CONNECTING, OPEN, CLOSING or CLOSED."""
        return self.protocol.state

    @property
    def subprotocol(self) -> Subprotocol | None:
        """The subprotocol that was agreed on, if any."""
        return self.protocol.subprotocol

    @property
    def close_code(self) -> int | None:
        """The close code that was received, 1006 for none; None as long as the connection lasts."""
        return self.protocol.close_code

    @property
    def close_reason(self) -> str | None:
        """The reason that was received, empty for none; None as long as the connection lasts."""
        return self.protocol.close_reason

    @property
    def open(self) -> bool:
        """Deprecated: see `state`."""
        return self.state is OPEN

    @property
    def closed(self) -> bool:
        """Deprecated: see `state`."""
        return self.state is CLOSED

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if exc_type is None:
            await self.close()
        else:
            await self.close(CloseCode.INTERNAL_ERROR)

    # Receiving: recv() and `async for` are the compiled module's.

    @overload
    def recv_streaming(self, decode: Literal[True]) -> AsyncIterator[str]: ...

    @overload
    def recv_streaming(self, decode: Literal[False]) -> AsyncIterator[bytes]: ...

    @overload
    def recv_streaming(self, decode: bool | None = None) -> AsyncIterator[Data]: ...

    async def recv_streaming(self, decode: bool | None = None) -> AsyncIterator[Any]:
        """The next message, fragment by fragment. It must be read to its end: after that nothing
        can be received from a connection where it was not.

        Args:
            decode: True for str, False for bytes, None for what the sender chose.

        Raises:
            ConnectionClosed: the connection is closed.
            ConcurrencyError: another task is in `recv` or `recv_streaming`.
        """
        if self._is_recv_locked:
            raise ConcurrencyError(_BUSY.format("recv_streaming"))
        try:
            async for data in receive(self, decode):
                yield data
        except ConcurrencyError:
            raise ConcurrencyError(_BUSY.format("recv_streaming")) from None
        except UnicodeDecodeError as error:
            self._on_bad_text(error)
            raise await self._closed_later() from None

    def _conflict(self) -> ConcurrencyError:
        return ConcurrencyError(_BUSY.format("recv"))

    def _on_bad_text(self, error: UnicodeDecodeError) -> None:
        reason = f"{error.reason} at position {error.start}"
        self._fail(CloseCode.INVALID_DATA, reason, error)

    def _ended(self, is_iterating: bool) -> Exception:
        error = self._closed()
        if is_iterating and isinstance(error, ConnectionClosedOK):
            return StopAsyncIteration()
        return error

    # Sending: what is no fragment, and need not wait for one, is the compiled module's.

    if not TYPE_CHECKING:
        send = MessageListener._send_wait

    def _not_open(self) -> ConnectionClosed:
        return self._closed()

    async def _send_slow(self, message: Any, text: bool | None) -> None:
        while self._fragmenting is not None:
            await asyncio.shield(self._fragmenting)
        if is_data(message):
            await self._check_open()
            self._ws_transport.send(opcode_of(message, text), message)
            await self.drain()
        else:
            await send_fragments(self, message, text)

    async def _check_open(self) -> None:
        if self.state is not OPEN:
            raise await self._closed_later()

    async def ping(self, data: DataLike | None = None) -> Awaitable[float]:
        """Send a PING.

        Args:
            data: its payload; None for a random one.

        Returns:
            An awaitable of the seconds until the PONG, to be awaited or not.

        Raises:
            ConnectionClosed: the connection is closed.
            ConcurrencyError: a PING with the same payload waits for its PONG.
        """
        await self._check_open()
        payload = self._pings.payload(data)
        waiter = self._pings.sent(payload)
        self._ws_transport.send_ping(payload)
        return waiter

    async def pong(self, data: DataLike = b"") -> None:
        """Send a PONG that nobody asked for.

        Raises:
            ConnectionClosed: the connection is closed.
        """
        payload = control_bytes(data)
        await self._check_open()
        self._ws_transport.send_pong(payload)

    def _on_pong(self, payload: bytes) -> None:
        latency = self._pings.answered(payload)
        if latency is not None:
            self.latency = latency

    # Closing

    async def close(
        self, code: CloseCode | int = CloseCode.NORMAL_CLOSURE, reason: str = ""
    ) -> None:
        """Close the connection and wait until it is closed. May be called again.

        Raises:
            ProtocolError: the code may not be sent, or the reason is longer than 123 bytes.
        """
        check_close(code, reason)
        if self.state is OPEN:
            if self._fragmenting is not None:
                self._fail(CloseCode.INTERNAL_ERROR, "close during fragmented message", None)
            else:
                self._set_closing()
                self._ws_transport.send_close(int(code), reason)
        await self.wait_closed()

    async def wait_closed(self) -> None:
        """Wait until the connection is closed."""
        if self.state is not CLOSED:
            if self._lost is None:
                self._lost = self.loop.create_future()
            await asyncio.shield(self._lost)

    def _set_closing(self) -> None:
        """From now on the end may take `close_timeout`."""
        if self.state is not OPEN:
            return
        self.protocol.state = CLOSING
        if self._keepalive is not None:
            self._keepalive.stop()
        if self.close_timeout is not None:
            self._deadline = self.loop.call_later(self.close_timeout, self._give_up)

    def _give_up(self) -> None:
        if self._cause is None:
            self._cause = TimeoutError()
        self._ws_transport.disconnect(graceful=False)

    def _fail(self, code: int, reason: str, cause: BaseException | None) -> None:
        """End the connection because something is wrong: a CLOSE says it, input is dropped."""
        if self._cause is None:
            self._cause = cause
        self._is_failed = True
        self._set_closing()
        self._ws_transport._fail(code, reason)

    async def _closed_later(self) -> ConnectionClosed:
        """The exception to raise, when the connection is closed."""
        await self.wait_closed()
        return self._closed()

    def _closed(self) -> ConnectionClosed:
        error = self.protocol.close_exc
        error.__cause__ = self._cause
        return error

    # Callbacks of the transport

    def on_ws_connected(self, transport: WSTransport) -> None:
        """Called by the compiled module."""
        self.protocol.transport = transport
        self.protocol.state = OPEN
        limits = self.write_limit_high, self.write_limit_low
        transport.underlying_transport.set_write_buffer_limits(*limits)
        if self.ping_interval is not None:
            self._keepalive = Keepalive(self)

    def _on_close(self, transport: WSTransport, frame: WSFrame) -> None:
        if not transport.is_close_frame_sent:
            if self.is_inside_message:
                error = ProtocolError("incomplete fragmented message")
                self._fail(CloseCode.PROTOCOL_ERROR, str(error), error)
                return
            self._set_closing()
            transport.send_close(int(frame.get_close_code()), frame.get_close_message())
        if not transport.is_client_side:
            transport.disconnect()

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """Called by the compiled module."""
        self.protocol.state = CLOSED
        if self._keepalive is not None:
            self._keepalive.stop()
        if self._deadline is not None:
            self._deadline.cancel()
        if self._cause is None and not self._is_failed:
            self._cause = cause_of(transport)
        self._pings.end(self)
        if self._lost is not None:
            self._lost.set_result(None)


def _pair(limit: Any) -> tuple[Any, Any]:
    return limit if isinstance(limit, tuple) else (limit, None)


def _marks(high: int | None, low: int | None) -> tuple[int | None, int | None]:
    """High and low, where one may be missing."""
    if low is None and high is not None:
        low = high // 4
    if high is None and low is not None:
        high = low * 4
    if high is not None and low is not None:
        if low < 0:
            raise ValueError("low must be positive or equal to zero")
        if high < low:
            raise ValueError("high must be greater than or equal to low")
    return high, low
