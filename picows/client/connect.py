"""ws_connect: a WebSocket connection that we make."""

from __future__ import annotations

import asyncio
import base64
import inspect
import os
from collections.abc import Callable
from ssl import SSLContext
from types import FunctionType
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, cast

from .._native import (
    Endpoint,
    Protocol,
    WSAutoPingStrategy,
    WSCloseCode,
    WSListener,
    WSTransport,
)
from ..loop.checks import (
    check_callable,
    check_connect_options,
    check_path,
    check_text,
    whole_number,
)
from ..loop.choose import has_own_transport
from ..loop.options import Options, WSLoggerLike, check_aiofastnet, resolve_logger
from ..loop.state import loop_state, network_of
from ..values.compression import (
    WSPermessageDeflate,
    check_no_other_offer,
    compression_offer,
)
from ..values.exceptions import WSInvalidStatusError
from ..values.handshake import WSUpgradeRequest, WSUpgradeResponse
from ..values.header_text import WSHeadersLike, header_pairs
from ..values.url import parse_url
from .dial import Dialer, WSSocketFactory
from .redirect import Hop, is_redirect, next_hop, too_many_redirects
from .request import build_request
from .tcp import begin, is_connected
from .tls import Tls

if TYPE_CHECKING:
    from .proxy import Proxy

_Listener = TypeVar("_Listener", bound=WSListener)
WSListenerFactory: TypeAlias = (
    Callable[[], _Listener] | Callable[[WSUpgradeRequest, WSUpgradeResponse], _Listener]
)

_OWN_ARGUMENTS = ("ssl", "sock", "all_errors")


async def ws_connect(
    ws_listener_factory: WSListenerFactory[_Listener],
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
    socket_factory: WSSocketFactory | None = None,
    use_aiofastnet: bool | None = None,
    strict: bool = False,
    coalesce_sends: bool = False,
    permessage_deflate: bool | WSPermessageDeflate = False,
    reuse_tls_sessions: bool = False,
    enable_kernel_timestamps: bool = False,
    auto_ping_close_code: WSCloseCode | int = WSCloseCode.GOING_AWAY,
    **kwargs: Any,
) -> tuple[WSTransport, _Listener]:
    """Open a WebSocket connection (RFC 6455, 4.1).

    Args:
        ws_listener_factory: returns the WSListener; called without arguments, or with a
            WSUpgradeRequest and a WSUpgradeResponse if it takes two.
        url: ws:// or wss://, optionally with credentials for Basic authentication.
        ssl_context: for wss. None uses one context of `ssl.create_default_context()`, which all
            connections of the process share.
        disconnect_on_exception: whether an exception in `on_ws_frame` ends the connection.
        websocket_handshake_timeout: seconds for the opening handshake; None for no limit.
            Everything before it (name look-up, `socket_factory`, TCP, proxy, TLS) gets the same
            time again, or `ssl_handshake_timeout` of `kwargs` if that is longer. Each redirect
            starts anew.
        logger_name: None for the logger `picows.client`, a str for `picows.<name>`, or a logger.
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
        extra_headers: mapping or pairs of str, added to the request. `Host` replaces the generated
            one.
        max_redirects: how many answers 301, 302, 303, 307 and 308 to follow, to URLs of ws or wss
            (also spelled http or https), but not from wss to ws. One more raises
            WSInvalidStatusError; with 0 the first one does. Another origin (scheme, host, port)
            gets neither the URL's credentials nor `Authorization`, `Cookie`, `Proxy-Authorization`
            and `Host` of `extra_headers`.
        proxy: URL of an http, https, socks4, socks4a, socks5 or socks5h proxy, optionally with
            credentials. The proxy resolves the server's name, except with socks4.
        proxy_ssl_context: for an https proxy; None as for `ssl_context`.
        read_buffer_init_size: ignored, kept for existing callers. Connections share their receive
            memory.
        socket_factory: function or coroutine function that makes the socket for a WSParsedURL (the
            proxy's if there is one). The socket may be connected; otherwise picows connects it. It
            becomes non-blocking, and the connection closes it at its end. If the function returns
            None, picows makes the socket.
        use_aiofastnet: which transports to use. None for our own where there is one (on Linux, with
            the event loops of asyncio and uvloop), otherwise the event loop's; False for the event
            loop's; True for aiofastnet's, with the limits that docs/tls.md names.
        strict: refuse what RFC 6455 forbids but a frame-level user may want to see: reserved bits,
            fragments out of order, TEXT that is not UTF-8; also a 101 that announces a body.
        coalesce_sends: gather what the callbacks of one read send on their own connection. Write it
            with one call after the last of them, before the event loop goes on. This helps with
            many small sends. Nothing waits for a timer, at most 64 KiB are gathered, and the order
            stays the same, also of what a callback writes to `underlying_transport`. Until the
            callbacks end, gathered sends have not left and do not count in
            `get_write_buffer_size()`. Sends outside of callbacks, and `ws_broadcast`, are written
            at once.
        permessage_deflate: compress messages if the server does too (RFC 7692). True, or a
            WSPermessageDeflate with options. Frames then arrive inflated, without RSV1; reserved
            bits and the order of fragments are checked as with `strict`; `send` refuses
            `rsv1=True`. With False, RSV1 and what is in such frames are the listener's.
        reuse_tls_sessions: whether a connection resumes the TLS session of one before it to the
            same host and port, with the same context and `server_hostname`. Each session is used
            once. A resumed handshake takes less time, but it does not check the server's
            certificate again (docs/tls.md). Where the event loop runs TLS, this has no effect.
        enable_kernel_timestamps: ask the kernel when it received the bytes, for
            `WSFrame.kernel_time_ns` (docs/timestamps.md). On Linux, with our own transport.
        kwargs: for `loop.create_connection`, except `ssl`, `sock` and `all_errors`. If a name has
            several addresses, the first that answers is taken (docs/proxies.md). With `path` they
            are for `loop.create_unix_connection`: the connection, and those of redirects, go to
            that unix socket. The URL then only determines what is in the request, as in
            `ws_connect(factory, "ws://localhost/feed", path="/run/feed.sock")`.

    Returns:
        The transport and the listener, after `on_ws_connected` has run.

    Raises:
        WSHandshakeError: the opening handshake failed; see its subclasses.
        WSInvalidURL: the URL is not valid.
        WSProxyError: the proxy did not open a tunnel.
        TimeoutError: the connection or its opening handshake took too long.
        OSError: there is no connection, or TLS failed.
        TypeError: an argument has the wrong type.
        ValueError: an argument has an unusable value.
    """
    for name in _OWN_ARGUMENTS:
        if name in kwargs:
            raise TypeError(f"ws_connect() does not take {name!r}: see ssl_context, socket_factory")
    if use_aiofastnet:
        check_aiofastnet()
    loop = asyncio.get_running_loop()
    logger = resolve_logger(logger_name, "client")
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
    shared = (loop_state(loop), loop, logger, ws_listener_factory, options)
    takes_handshake = _takes_handshake(ws_listener_factory)
    kwargs.pop("zero_copy_unsafe_ssl_write", None)  # an option of old versions
    check_text("url", url)
    if proxy is not None:
        check_text("proxy", proxy)
    if socket_factory is not None:
        check_callable("socket_factory", socket_factory)
    check_connect_options(kwargs)
    max_redirects = whole_number("max_redirects", max_redirects)
    hop = Hop(parse_url(url), header_pairs(extra_headers))
    offer = _offer(options.compression, hop.extra_headers)
    through = _parse_proxy(proxy, proxy_ssl_context)
    tls = Tls(ssl_context, _take_tls_options(kwargs), bool(reuse_tls_sessions))
    path = kwargs.pop("path", None)
    check_path(path)
    if path is not None and (through or socket_factory):
        raise ValueError(
            "path cannot be combined with proxy or socket_factory: it says where to connect to"
        )
    seconds_max = _seconds_until_upgrade(websocket_handshake_timeout, tls)
    network = network_of(loop)
    opener: Any = network or loop
    dialer = Dialer(
        opener,
        bool(use_aiofastnet) and network is None,
        use_aiofastnet is None and has_own_transport(opener),
        socket_factory,
        path,
        kwargs,
    )

    redirects = 0
    while True:
        key = base64.b64encode(os.urandom(16))
        request, request_bytes = build_request(hop.url, key.decode(), [*hop.extra_headers, *offer])
        endpoint = Endpoint(*shared, takes_handshake, request, request_bytes, key)
        session_key = tls.session_key(hop.url)
        try:
            protocol = await _open(through, dialer, endpoint, hop, tls, seconds_max)
            transport, listener = await _upgraded(protocol)
            tls.keep_session(hop.url, transport, session_key)
            return transport, cast(_Listener, listener)
        except WSInvalidStatusError as error:
            if max_redirects <= 0 or not is_redirect(error):
                raise
            if redirects == max_redirects:
                raise too_many_redirects(max_redirects, error) from error
            there = next_hop(hop, error)
            status = cast(WSUpgradeResponse, error.response).status
            logger.info("redirected from %s to %s (status %d)", hop, there, status)
        if there.url.host != hop.url.host:
            tls.options.pop("server_hostname", None)  # it was the other host's
        hop = there
        redirects += 1


async def _upgraded(protocol: Protocol) -> tuple[WSTransport, WSListener]:
    """Wait for the server's answer. If the caller gives up, the connection ends."""
    transport = cast(WSTransport, protocol.transport)
    try:
        await cast("asyncio.Future[None]", protocol.upgraded)
    except BaseException:
        transport.disconnect(graceful=False)
        raise
    return transport, cast(WSListener, protocol.listener)


def _offer(
    compression: WSPermessageDeflate | None, extra_headers: list[tuple[str, str]]
) -> list[tuple[str, str]]:
    """The header that offers compression, if it is wanted."""
    if compression is None:
        return []
    check_no_other_offer(extra_headers)
    return [("Sec-WebSocket-Extensions", compression_offer(compression))]


def _parse_proxy(proxy: str | None, ssl_context: SSLContext | None) -> Proxy | None:
    if proxy is None and ssl_context is None:
        return None
    from .proxy import parse_proxy  # few programs need it

    return parse_proxy(proxy, ssl_context)


def _seconds_until_upgrade(handshake_timeout: float | None, tls: Tls) -> float | None:
    """The time limit for everything before the opening handshake."""
    if handshake_timeout is None:
        return None
    tls_timeout: float = tls.options.get("ssl_handshake_timeout", 0)
    return max(handshake_timeout, tls_timeout)


async def _open(
    through: Proxy | None,
    dialer: Dialer,
    endpoint: Endpoint,
    hop: Hop,
    tls: Tls,
    seconds_max: float | None,
) -> Protocol:
    """A connection that is ready for the opening handshake."""
    started = dialer.start(hop.url) if through is None else None
    if started is not None and is_connected(started):
        return begin(endpoint, started)
    clock = asyncio.timeout(seconds_max)
    try:
        async with clock:
            if through is None:
                return await dialer.open(endpoint, hop.url, tls, started)
            from .proxy import connect_through

            protocol = await connect_through(through, dialer, endpoint, hop.url, tls)
            return cast(Protocol, protocol)
    except TimeoutError:
        if not clock.expired():
            raise  # the kernel's
        where = "through the proxy" if through else f"to {hop}"
        raise TimeoutError(f"no connection {where} in {seconds_max} seconds") from None


def _take_tls_options(kwargs: dict[str, Any]) -> dict[str, Any]:
    """Take out the options that concern the server, so that a connection to a proxy lacks them."""
    names = [name for name in kwargs if name == "server_hostname" or name.startswith("ssl_")]
    options = {name: kwargs.pop(name) for name in names}
    return {name: value for name, value in options.items() if value is not None}


def _takes_handshake(factory: Callable[..., Any]) -> bool:
    """Whether a listener factory takes (request, response). No if its signature is unknown."""
    # Most factories are one of these two; reading a whole signature takes long.
    if type(factory) is FunctionType and not factory.__code__.co_argcount:
        return False
    if type(factory) is type and cast(Any, factory).__init__ is object.__init__:
        return False
    try:
        signature = inspect.signature(factory)
    except (TypeError, ValueError):
        return False
    try:
        signature.bind()
    except TypeError:
        return True
    return False
