"""ws_connect: a WebSocket connection that we make."""

from __future__ import annotations

import asyncio
import base64
import inspect
import os
from collections.abc import Callable
from ssl import SSLContext
from typing import Any, TypeAlias, cast

from ._native import Endpoint, Protocol, WSAutoPingStrategy, WSListener, WSTransport
from .exceptions import WSInvalidStatusError
from .handshake import WSHeadersLike, WSUpgradeRequest, WSUpgradeResponse, build_request
from .loops import loop_state
from .options import WSLoggerLike, check_auto_ping, resolve_logger, resolve_use_aiofastnet
from .url import parse_url

WSListenerFactory: TypeAlias = (
    Callable[[], WSListener] | Callable[[WSUpgradeRequest, WSUpgradeResponse], WSListener]
)

_REDIRECTS = (301, 302, 303, 307, 308)
_OWN_ARGUMENTS = ("ssl", "sock", "all_errors")


async def ws_connect(
    ws_listener_factory: WSListenerFactory,
    url: str,
    *,
    ssl_context: SSLContext | None = None,
    disconnect_on_exception: bool = True,
    websocket_handshake_timeout: float | None = 5,
    logger_name: WSLoggerLike = None,
    enable_auto_ping: bool = False,
    auto_ping_idle_timeout: float = 10,
    auto_ping_reply_timeout: float = 10,
    auto_ping_strategy: WSAutoPingStrategy = WSAutoPingStrategy.PING_WHEN_IDLE,
    enable_auto_pong: bool = True,
    max_frame_size: int = 10 * 1024 * 1024,
    extra_headers: WSHeadersLike | None = None,
    max_redirects: int = 5,
    proxy: str | None = None,
    proxy_ssl_context: SSLContext | None = None,
    read_buffer_init_size: int = 16 * 1024,
    socket_factory: Callable[..., Any] | None = None,
    use_aiofastnet: bool | None = None,
    strict: bool = False,
    **kwargs: Any,
) -> tuple[WSTransport, WSListener]:
    """Open a WebSocket connection. Returns the transport and the listener.

    ws_listener_factory: returns the WSListener; called without arguments, or with
        (WSUpgradeRequest, WSUpgradeResponse) if it takes two.
    url: ws:// or wss://, with credentials for Basic authentication if need be (WSInvalidURL).
    ssl_context: for wss; None for ssl.create_default_context().
    disconnect_on_exception: whether an exception of on_ws_frame ends the connection.
    websocket_handshake_timeout: seconds for the upgrade, None for no limit; then TimeoutError.
    logger_name: None for the logger ``picows.client``, a str for ``picows.<name>``, or a logger.
    enable_auto_ping and its options: not there yet (NotImplementedError).
    enable_auto_pong: answer a PING with a PONG; the listener then does not see the PING.
    max_frame_size: bytes of payload above which a frame is refused with CLOSE(MESSAGE_TOO_BIG).
    extra_headers: mapping or pairs of str, added to the request; Host replaces the generated one.
    max_redirects: redirects are not followed yet (NotImplementedError); 0 makes an answer that
        redirects a WSInvalidStatusError.
    proxy, proxy_ssl_context, socket_factory: not there yet (NotImplementedError).
    read_buffer_init_size: kept for existing callers; connections share their receive memory.
    use_aiofastnet: None to use aiofastnet where it is installed.
    strict: refuse what RFC 6455 forbids but a frame-level user may want to see: reserved bits,
        fragments out of order, TEXT that is not UTF-8.
    kwargs: for loop.create_connection; ``ssl``, ``sock`` and ``all_errors`` are refused.

    Raises WSHandshakeError (or a subclass) if the server does not agree to the upgrade, OSError
    if there is no connection.
    """
    for name in _OWN_ARGUMENTS:
        if name in kwargs:
            raise TypeError(f"ws_connect() does not take {name!r}: see ssl_context, socket_factory")
    check_auto_ping(
        enable_auto_ping, auto_ping_idle_timeout, auto_ping_reply_timeout, auto_ping_strategy
    )
    for name, value in (("proxy", proxy), ("socket_factory", socket_factory)):
        if value is not None:
            raise NotImplementedError(f"{name} is not there yet; leave it None")
    kwargs.pop("zero_copy_unsafe_ssl_write", None)  # an option of old versions

    loop = asyncio.get_running_loop()
    parsed_url = parse_url(url)
    key = base64.b64encode(os.urandom(16)).decode()
    request, request_bytes = build_request(parsed_url, key, extra_headers)
    endpoint = Endpoint(
        loop_state=loop_state(loop),
        loop=loop,
        logger=resolve_logger(logger_name, "client"),
        listener_factory=ws_listener_factory,
        handshake_timeout=websocket_handshake_timeout,
        max_frame_size=max_frame_size,
        disconnect_on_exception=disconnect_on_exception,
        enable_auto_pong=enable_auto_pong,
        strict=strict,
        factory_takes_handshake=_takes_handshake(ws_listener_factory),
        request=request,
        request_bytes=request_bytes,
        key=key.encode(),
    )
    ssl = (ssl_context or True) if parsed_url.is_secure else None
    if resolve_use_aiofastnet(use_aiofastnet):
        import aiofastnet

        _, protocol = await aiofastnet.create_connection(
            loop, endpoint, parsed_url.host, parsed_url.port, ssl=ssl, **kwargs
        )
    else:
        _, protocol = await loop.create_connection(
            endpoint, parsed_url.host, parsed_url.port, ssl=ssl, **kwargs
        )
    try:
        return await _upgraded(protocol)
    except WSInvalidStatusError as error:
        if max_redirects > 0 and error.response and error.response.status in _REDIRECTS:
            message = "redirects are not followed yet; max_redirects=0 lets the answer through"
            raise NotImplementedError(message) from error
        raise


async def _upgraded(protocol: Protocol) -> tuple[WSTransport, WSListener]:
    """Wait for the server's answer; a caller that gives up takes the connection with it."""
    transport = cast(WSTransport, protocol.transport)
    try:
        await cast("asyncio.Future[None]", protocol.upgraded)
    except BaseException:
        transport.disconnect(graceful=False)
        raise
    return transport, cast(WSListener, protocol.listener)


def _takes_handshake(factory: Callable[..., Any]) -> bool:
    """Whether a listener factory wants (request, response). Some callables tell nothing: no."""
    try:
        signature = inspect.signature(factory)
    except (TypeError, ValueError):
        return False
    try:
        signature.bind()
    except TypeError:
        return True
    return False
