"""Connections that somebody else accepted, and read from."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, Any, cast

from .._native import Endpoint, WSAutoPingStrategy, WSCloseCode, WSTransport
from ..loop.checks import check_bytes, check_callable, whole_number
from ..loop.choose import has_own_transport
from ..loop.options import Options, WSLoggerLike, resolve_logger
from ..loop.state import loop_state
from ..loop.wrap import take_over
from ..values.compression import WSPermessageDeflate
from ..values.sockets import LentSocket
from .serve import WSServerListenerFactory

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from .._native import Protocol


def ws_endpoint(
    ws_listener_factory: WSServerListenerFactory,
    *,
    disconnect_on_exception: bool = True,
    websocket_handshake_timeout: float | None = 5,
    logger_name: WSLoggerLike = None,
    enable_auto_ping: bool = False,
    auto_ping_idle_timeout: float = 20,
    auto_ping_reply_timeout: float = 20,
    auto_ping_strategy: WSAutoPingStrategy = WSAutoPingStrategy.PING_WHEN_IDLE,
    auto_ping_close_code: WSCloseCode | int = WSCloseCode.GOING_AWAY,
    enable_auto_pong: bool = True,
    max_frame_size: int = 10 * 1024 * 1024,
    strict: bool = False,
    coalesce_sends: bool = False,
    permessage_deflate: bool | WSPermessageDeflate = False,
    enable_kernel_timestamps: bool = False,
    max_pending_handshakes: int = 16384,
) -> WSEndpoint:
    """A WebSocket server without a socket to listen at: for connections that others accepted.

    Call it in the thread of a running event loop, to which the endpoint belongs. The arguments are
    those of `ws_create_server`. `max_pending_handshakes` and `websocket_handshake_timeout` hold for
    all connections of the endpoint together.

    Raises:
        RuntimeError: no event loop is running.
        TypeError: an argument has the wrong type.
        ValueError: an argument has an unusable value.
    """
    loop = asyncio.get_running_loop()
    logger = resolve_logger(logger_name, "server")
    check_callable("ws_listener_factory", ws_listener_factory)
    options = Options(
        websocket_handshake_timeout=websocket_handshake_timeout,
        max_frame_size=max_frame_size,
        disconnect_on_exception=disconnect_on_exception,
        strict=strict,
        coalesce_sends=coalesce_sends,
        enable_auto_pong=enable_auto_pong,
        enable_auto_ping=enable_auto_ping,
        auto_ping_idle_timeout=auto_ping_idle_timeout,
        auto_ping_reply_timeout=auto_ping_reply_timeout,
        auto_ping_strategy=auto_ping_strategy,
        auto_ping_close_code=auto_ping_close_code,
        permessage_deflate=permessage_deflate,
        enable_kernel_timestamps=enable_kernel_timestamps,
    )
    pending_max = whole_number("max_pending_handshakes", max_pending_handshakes)
    endpoint = Endpoint(
        *(loop_state(loop), loop, logger, ws_listener_factory, options), pending_max=pending_max
    )
    return WSEndpoint(loop, endpoint)


class WSEndpoint:
    """What `ws_endpoint` makes. It is a protocol factory too, as for `loop.create_unix_server`."""

    __slots__ = ("_endpoint", "_loop")

    def __init__(self, loop: asyncio.AbstractEventLoop, endpoint: Endpoint) -> None:
        self._loop = loop
        self._endpoint = endpoint

    def __call__(self) -> asyncio.BufferedProtocol:
        """Make the protocol of one connection.

        Whoever makes its transport calls `connection_made` first, and `connection_lost` in the end.
        Between them bytes come through `get_buffer` and `buffer_updated`, or through
        `data_received`.
        """
        return self._endpoint()

    def attach(self, transport: asyncio.Transport, *, received: Buffer = b"") -> WSTransport:
        """Take over a connection of the event loop, with or without TLS, before it was answered.

        Bytes that wait in the transport leave first. Its old protocol hears nothing from it any
        more, not even that the connection is lost.

        Args:
            transport: an open asyncio transport of this event loop.
            received: what was read from it, bytes-like: the request's head, or its beginning, and
                all that came behind it.

        Returns:
            The connection. Its opening handshake may be still to come; `wait_disconnected()` waits
            for the end in any case.

        Raises:
            TypeError: `received` is not bytes-like.
            ValueError: the transport is closing or closed.
        """
        check_bytes("received", received)
        protocol = self._endpoint()
        take_over(transport, protocol)
        protocol.connection_made(transport)
        return self._begin(protocol, received)

    def attach_socket(self, sock: socket.socket, *, received: Buffer = b"") -> WSTransport:
        """Take over a connected TCP or unix socket without TLS, on our own transport.

        Args:
            sock: a stream socket, in blocking mode or not. It belongs to the connection, which
                closes it in the end.
            received: what was read from it, as for `attach`.

        Returns:
            The connection, as from `attach`.

        Raises:
            OSError: the socket is not connected.
            RuntimeError: there is no transport of our own on this platform or event loop.
            TypeError: `received` is not bytes-like.
            ValueError: it is not a stream socket, or is closed.
        """
        check_bytes("received", received)
        if not has_own_transport(self._loop):
            raise RuntimeError(
                "attach_socket() needs Linux and an event loop of asyncio or uvloop; use "
                "loop.connect_accepted_socket(endpoint, sock) here"
            )
        from .._native import TcpTransport  # which not every platform has

        if sock.type != socket.SOCK_STREAM:
            raise ValueError(f"sock is not a stream socket: {sock!r}")
        if sock.fileno() == -1:
            raise ValueError("sock is closed")
        sock.getpeername()
        lent = LentSocket(sock)
        try:
            transport = TcpTransport(self._endpoint, lent)
        except BaseException:
            lent.close()
            raise
        return self._begin(cast("Protocol", transport.get_protocol()), received)

    def _begin(self, protocol: Protocol, received: Any) -> WSTransport:
        protocol.data_received(received)
        return cast(WSTransport, protocol.transport)
