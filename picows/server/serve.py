"""ws_create_server: WebSocket connections that others make to us."""

from __future__ import annotations

import asyncio
import functools
import logging
import math
import socket
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from .._native import Endpoint, WSAutoPingStrategy, WSCloseCode, WSListener
from ..loop.checks import check_callable, check_path, checked_port, whole_number
from ..loop.choose import SHUTDOWN_SECONDS, has_own_transport, own_engine
from ..loop.options import Options, WSLoggerLike, check_aiofastnet, resolve_logger
from ..loop.state import loop_state, network_of
from ..values.compression import WSPermessageDeflate
from ..values.handshake import WSUpgradeRequest, WSUpgradeResponseWithListener
from .bind import bind_sockets, bind_unix, unlinker
from .listening import TcpServer
from .tls_server import TlsAcceptor, check_tls_arguments

if TYPE_CHECKING:
    from .._native import Acceptor

    _AcceptAt: TypeAlias = Callable[[socket.socket], Acceptor | TlsAcceptor]

_Choice: TypeAlias = WSListener | WSUpgradeResponseWithListener | None
WSServerListenerFactory: TypeAlias = Callable[[WSUpgradeRequest], _Choice | Awaitable[_Choice]]

#: Arguments of loop.create_server that our own server knows.
_OWN_SERVER_ARGUMENTS = frozenset(
    (
        "family",
        "flags",
        "sock",
        "backlog",
        "ssl",
        "reuse_address",
        "reuse_port",
        "keep_alive",
        "start_serving",
    )
)
#: The same of loop.create_unix_server.
_OWN_UNIX_SERVER_ARGUMENTS = frozenset(("backlog", "ssl", "start_serving", "cleanup_socket"))
_TLS_ARGUMENTS = frozenset(("ssl_handshake_timeout", "ssl_shutdown_timeout"))


async def ws_create_server(
    ws_listener_factory: WSServerListenerFactory,
    host: Any = None,
    port: int | str | bytes | None = None,
    *,
    disconnect_on_exception: bool = True,
    websocket_handshake_timeout: float | None = 5,
    logger_name: WSLoggerLike = None,
    enable_auto_ping: bool = False,
    auto_ping_idle_timeout: float = 20,
    auto_ping_reply_timeout: float = 20,
    auto_ping_strategy: WSAutoPingStrategy = WSAutoPingStrategy.PING_WHEN_IDLE,
    enable_auto_pong: bool = True,
    max_frame_size: int = 10 * 1024 * 1024,
    read_buffer_init_size: int = 16 * 1024,
    use_aiofastnet: bool | None = None,
    strict: bool = False,
    coalesce_sends: bool = False,
    permessage_deflate: bool | WSPermessageDeflate = False,
    enable_kernel_timestamps: bool = False,
    max_pending_handshakes: int = 16384,
    auto_ping_close_code: WSCloseCode | int = WSCloseCode.GOING_AWAY,
    **kwargs: Any,
) -> asyncio.Server:
    """Listen for WebSocket connections (RFC 6455, 4.2).

    Args:
        ws_listener_factory: called with the WSUpgradeRequest of each connection. It returns a
            WSListener (the connection is accepted with a plain 101), a
            WSUpgradeResponseWithListener (its response is sent; if it is not a 101, it is sent with
            `Connection: close` and the upgrade headers are not checked, so it can serve a health
            check), or None (404). If it raises, the answer is 500 and the exception is logged.
            It may be a coroutine function, or return an awaitable of one of these. The request is
            then answered when the awaitable is done; if the connection ends first, the awaitable is
            cancelled. The factory gets GET and HEAD of HTTP/1.1 and 1.0, but only a GET of HTTP/1.1
            can be accepted.
        host: where to listen, as for `loop.create_server`.
        port: the port there, or 0 for a free one. It may be the name of a service.
        disconnect_on_exception: whether an exception in `on_ws_frame` ends the connection.
        websocket_handshake_timeout: seconds for the opening handshake, including what
            `ws_listener_factory` awaits; None for no limit. The TLS handshake before it gets the
            same time again, or a shorter `ssl_handshake_timeout`.
        logger_name: None for the logger `picows.server`, a str for `picows.<name>`, or a logger.
        enable_auto_ping: send PINGs to notice a peer that has vanished. A peer that does not answer
            gets a CLOSE and is disconnected. This does not concern the peer's PINGs.
        auto_ping_idle_timeout: send a PING after so many seconds without a received byte
            (PING_WHEN_IDLE), or after the PING before (PING_PERIODICALLY).
        auto_ping_reply_timeout: seconds to wait for the answer (PING_WHEN_IDLE: for any byte).
        auto_ping_strategy: a WSAutoPingStrategy.
        auto_ping_close_code: the code of the CLOSE for a peer that does not answer; other libraries
            use INTERNAL_ERROR.
        enable_auto_pong: answer a PING with a PONG; the listener then does not see the PING.
        max_frame_size: a frame with a larger payload (in bytes) is refused with
            CLOSE(MESSAGE_TOO_BIG).
        read_buffer_init_size: ignored, kept for existing callers. Connections share their receive
            memory.
        use_aiofastnet: which transports to use. None for our own where there is one (on Linux, with
            the event loops of asyncio and uvloop), otherwise the event loop's; False for the event
            loop's; True for aiofastnet's, with the limits that docs/tls.md names.
        strict: refuse what RFC 6455 forbids but a frame-level user may want to see: reserved bits,
            fragments out of order, TEXT that is not UTF-8.
        coalesce_sends: gather what the callbacks of one read send on their own connection. Write it
            with one call after the last of them, before the event loop goes on. This helps with
            many small sends. Nothing waits for a timer, at most 64 KiB are gathered, and the order
            stays the same, also of what a callback writes to `underlying_transport`. Until the
            callbacks end, gathered sends have not left and do not count in
            `get_write_buffer_size()`. Sends outside of callbacks, and `ws_broadcast`, are written
            at once.
        permessage_deflate: compress messages if the client does too (RFC 7692). True, or a
            WSPermessageDeflate with options. Frames then arrive inflated, without RSV1; reserved
            bits and the order of fragments are checked as with `strict`; `send` refuses
            `rsv1=True`. With False, RSV1 and what is in such frames are the listener's.
            A response with a Sec-WebSocket-Extensions of its own is sent as it is, without it.
        enable_kernel_timestamps: ask the kernel when it received the bytes, for
            `WSFrame.kernel_time_ns` (docs/timestamps.md). On Linux, with our own transport.
        max_pending_handshakes: how many connections may be in their opening handshake, including
            the TLS handshake. One more disconnects the oldest of them.
        kwargs: for `loop.create_server` (`ssl`, `reuse_port`, `backlog`, `sock`, ...). With
            `path` they are for `loop.create_unix_server`, which listens at that unix socket
            instead of host and port, as in `ws_create_server(factory, path="/run/feed.sock")`.

    Returns:
        The server, listening. Closing it does not end connections.

    Raises:
        OSError: the server cannot listen at the address.
        OverflowError: the port is not 0 to 65535.
        TypeError: an argument has the wrong type.
        ValueError: an argument has an unusable value.
    """
    if use_aiofastnet:
        check_aiofastnet()
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
        permessage_deflate=permessage_deflate,
        enable_kernel_timestamps=enable_kernel_timestamps,
        auto_ping_close_code=auto_ping_close_code,
    )
    pending_max = whole_number("max_pending_handshakes", max_pending_handshakes)
    endpoint = Endpoint(
        *(loop_state(loop), loop, logger, ws_listener_factory, options), pending_max=pending_max
    )
    kwargs.pop("zero_copy_unsafe_ssl_write", None)  # an option of old versions
    return await listen(
        loop, endpoint, logger, websocket_handshake_timeout, use_aiofastnet, host, port, kwargs
    )


async def listen(
    loop: asyncio.AbstractEventLoop,
    endpoint: Endpoint,
    logger: logging.Logger | logging.LoggerAdapter[Any],
    handshake_timeout: float | None,
    use_aiofastnet: bool | None,
    host: Any,
    port: int | str | bytes | None,
    kwargs: dict[str, Any],
) -> asyncio.Server:
    """Have an endpoint take the connections to an address, as `ws_create_server` says."""
    port = checked_port(port)
    path = kwargs.pop("path", None)
    check_path(path)
    network = network_of(loop)
    is_tls = kwargs.get("ssl") is not None
    known = _OWN_SERVER_ARGUMENTS if path is None else _OWN_UNIX_SERVER_ARGUMENTS
    if path is not None and (host is not None or port is not None):
        raise ValueError("path cannot be combined with host and port: it says where to listen")
    if (
        network is None
        and (use_aiofastnet is None or (is_tls and not use_aiofastnet))
        and has_own_transport(loop)
        and kwargs.keys() <= known | (_TLS_ARGUMENTS if is_tls else frozenset())
    ):
        engine = own_engine() if is_tls and use_aiofastnet is None else None
        accept_at = _acceptor(loop, endpoint, logger, engine, kwargs)
        if path is not None:
            return await _listen_at_path(loop, accept_at, path, **kwargs)
        return await _listen(loop, accept_at, host, port, **kwargs)
    if is_tls and network is None and (handshake_timeout or 0) > 0:
        kwargs.setdefault("ssl_handshake_timeout", handshake_timeout)
    name = "create_server"
    address: tuple[Any, ...] = (host, port)
    if path is not None:
        name, address = "create_unix_server", (path,)
    if network is not None:
        create: Any = getattr(network, name)
    elif use_aiofastnet:
        import aiofastnet

        create = functools.partial(getattr(aiofastnet, name), loop)
    else:
        create = getattr(loop, name)
    return cast(asyncio.Server, await create(endpoint, *address, **kwargs))


async def _listen(
    loop: asyncio.AbstractEventLoop,
    accept_at: _AcceptAt,
    host: Any,
    port: int | str | bytes | None,
    *,
    backlog: int = 100,
    start_serving: bool = True,
    **kwargs: Any,
) -> asyncio.Server:
    """Accept connections ourselves."""
    sockets = await bind_sockets(loop, host, port, **kwargs)
    server = TcpServer(loop, {sock: accept_at(sock) for sock in sockets}, backlog)
    return await _started(server, start_serving)


async def _listen_at_path(
    loop: asyncio.AbstractEventLoop,
    accept_at: _AcceptAt,
    path: Any,
    *,
    backlog: int = 100,
    start_serving: bool = True,
    cleanup_socket: bool = True,
    **kwargs: Any,
) -> asyncio.Server:
    """Accept connections of a unix socket ourselves."""
    sock = bind_unix(path)
    on_close = unlinker(sock) if cleanup_socket else None
    return await _started(
        TcpServer(loop, {sock: accept_at(sock)}, backlog, on_close), start_serving
    )


async def _started(server: TcpServer, start_serving: bool) -> asyncio.Server:
    if start_serving:
        try:
            await server.start_serving()
        except BaseException:
            server.close()
            raise
    return cast(asyncio.Server, server)


def _acceptor(
    loop: asyncio.AbstractEventLoop,
    endpoint: Endpoint,
    logger: logging.Logger | logging.LoggerAdapter[Any],
    engine: str | None,
    options: dict[str, Any],
) -> _AcceptAt:
    """What accepts at a listening socket: for our own transport, or for the event loop's TLS.

    engine: of TLS on our own transport. options: those of TLS are taken out.
    """
    from .._native import Acceptor  # which not every platform has

    tls = {name: options.pop(name, None) for name in ("ssl", *_TLS_ARGUMENTS)}
    if tls["ssl"] is None:
        return functools.partial(Acceptor, endpoint)
    check_tls_arguments(**tls)
    if engine is None:
        return functools.partial(TlsAcceptor, loop, endpoint, logger, tls)
    return functools.partial(
        Acceptor,
        endpoint,
        wrap=functools.partial(tls["ssl"].wrap_bio, server_side=True),
        engine=engine,
        handshake_seconds=tls["ssl_handshake_timeout"] or math.nan,
        shutdown_seconds=tls["ssl_shutdown_timeout"] or SHUTDOWN_SECONDS,
    )
