"""WSConnection: a connection whose user takes whole messages and awaits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeAlias, TypeVar

from .._native import MessageListener, WSCloseCode, WSTransport
from ..values.closing import WSCloseInfo, WSDisconnectCause, WSDisconnectInfo
from ..values.exceptions import WSConnectionClosed
from ..values.handshake import WSUpgradeRequest, WSUpgradeResponse

if TYPE_CHECKING:
    from typing_extensions import Buffer

M_co = TypeVar("M_co", covariant=True)
WSWhenFull: TypeAlias = Literal["pause", "drop_oldest", "close"]
WSDecode: TypeAlias = Literal["bytes"] | Callable[[memoryview], Any] | None

#: An end with these codes is as it should be (RFC 6455, 7.4.1).
_REGULAR_CODES = frozenset((WSCloseCode.NO_INFO, WSCloseCode.OK, WSCloseCode.GOING_AWAY))


class WSConnection(MessageListener, Generic[M_co]):
    """A connection of `connect` or `serve`. Its methods are for the thread of its event loop.

    One task at a time may wait for messages; any number may send.
    """

    __slots__ = ("_close_timeout", "_ends_quietly", "_on_open")

    def __init__(
        self,
        *,
        close_timeout: float | None,
        on_open: Callable[[WSConnection[Any]], object] | None = None,
        **options: Any,
    ) -> None:
        """Made by `connect` and `serve`.

        close_timeout: seconds that `close` waits for the peer; None for no limit.
        on_open: called when messages can be sent.
        options: those of MessageListener.
        """
        super().__init__(**options)
        self._close_timeout = close_timeout
        self._on_open = on_open
        self._ends_quietly = False

    if TYPE_CHECKING:

        def recv(self) -> Coroutine[Any, Any, M_co]: ...  # type: ignore[override]
        def recv_batch(self, max: int | None = None) -> Coroutine[Any, Any, list[M_co]]: ...
        def recv_nowait(self) -> M_co | None: ...
        def __anext__(self) -> Coroutine[Any, Any, M_co]: ...
        def send(
            self, message: str | Buffer, text: bool | None = None, compress: bool | None = None
        ) -> bool: ...

    else:
        send = MessageListener._send_nowait

    @property
    def transport(self) -> WSTransport:
        """The WSTransport: frames, pings and statistics."""
        transport = self.ws_transport
        assert transport is not None  # connect and serve give no other
        return transport

    @property
    def request(self) -> WSUpgradeRequest:
        """The request of the opening handshake."""
        return self.transport.request

    @property
    def response(self) -> WSUpgradeResponse:
        """The response of the opening handshake."""
        return self.transport.response

    @property
    def disconnect_info(self) -> WSDisconnectInfo | None:
        """How the connection ended; None as long as it has not."""
        return self.transport.disconnect_info

    async def close(
        self, code: WSCloseCode | int = WSCloseCode.OK, reason: str | None = None
    ) -> None:
        """Send a CLOSE, if none was sent yet, and wait until the connection has ended.

        Messages that were received can still be taken; those that come from now on are dropped. A
        peer that does not answer in `close_timeout` is disconnected.

        Args:
            code: the close code, a WSCloseCode or 3000 to 4999.
            reason: at most 123 bytes of UTF-8.

        Raises:
            ValueError: such a CLOSE cannot be sent.
        """
        transport = self.transport
        transport.send_close(code, reason)
        self._ignore_input()
        try:
            async with asyncio.timeout(self._close_timeout):
                await self.wait_closed()
        except TimeoutError:
            transport.disconnect(graceful=False)
            await self.wait_closed()

    async def wait_closed(self) -> None:
        """Wait until the connection has ended; what ended it is not raised."""
        try:
            await self.transport.wait_disconnected()
        except Exception:
            if not self.transport.is_disconnected:  # it is not about the end
                raise

    def on_ws_connected(self, transport: WSTransport, /) -> None:
        """Called by the library."""
        on_open, self._on_open = self._on_open, None
        if on_open is not None:
            on_open(self)

    def _ended(self, is_iterating: bool, /) -> BaseException:
        if is_iterating and (self._ends_quietly or is_regular(self.transport)):
            return StopAsyncIteration()
        return closed(self.transport)

    def _not_open(self) -> BaseException:
        return closed(self.transport)


def is_regular(transport: WSTransport) -> bool:
    """Whether both sides agreed on the end."""
    handshake = transport.close_handshake
    if handshake is None or handshake.recv is None or handshake.sent is None:
        return False
    return {handshake.recv.code, handshake.sent.code} <= _REGULAR_CODES


def closed(transport: WSTransport) -> WSConnectionClosed:
    """A new exception that says why nothing more can be received or sent."""
    info = transport.disconnect_info
    error = WSConnectionClosed(_describe(transport, info), transport.close_handshake, info)
    error.__cause__ = info.exception if info is not None else None
    return error


def _describe(transport: WSTransport, info: WSDisconnectInfo | None) -> str:
    state = "closing" if info is None else "closed"
    handshake = transport.close_handshake
    if handshake is not None and handshake.recv_then_sent:
        return f"the connection is {state}: the peer sent {_shown(handshake.recv)}"
    if handshake is not None:
        return f"the connection is {state}: we sent {_shown(handshake.sent)}"
    if info is None or info.cause is WSDisconnectCause.OWN_DISCONNECT:
        return f"the connection is {state}: we disconnected"
    if info.exception is not None:
        return f"the connection is closed: {info.exception}"
    return "the connection is closed: the peer ended it without a CLOSE"


def _shown(close: WSCloseInfo | None) -> str:
    assert close is not None  # its side was the first
    name = close.code.name if isinstance(close.code, WSCloseCode) else str(close.code)
    return f"CLOSE({name})" if close.reason is None else f"CLOSE({name}, {close.reason!r})"
