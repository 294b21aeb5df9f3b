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

from .._native import Endpoint, Protocol, WSAutoPingStrategy, WSListener, WSTransport
from ..loop.checks import check_callable, check_connect_options, check_text, whole_number
from ..loop.choose import has_own_transport
from ..loop.options import WSLoggerLike, check_aiofastnet, endpoint_arguments, resolve_logger
from ..loop.state import network_of
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
    **kwargs: Any,
) -> tuple[WSTransport, _Listener]:
    """Open a WebSocket connection (RFC 6455, 4.1).

    Args:
        ws_listener_factory: returns the WSListener; called without arguments, or with a
            WSUpgradeRequest and a WSUpgradeResponse if it takes two.
        url: ws:// or wss://, with credentials for Basic authentication if need be.
        ssl_context: for wss; None for one of `ssl.create_default_context()` that all connections of
            the process share.
        disconnect_on_exception: whether an exception of `on_ws_frame` ends the connection.
        websocket_handshake_timeout: seconds for the upgrade, None for no limit. All that is needed
            to come to the upgrade (the name, `socket_factory`, TCP, the proxy, TLS) has as long
            once more, or `ssl_handshake_timeout` of `kwargs` if that is longer; so has each
            redirect.
        logger_name: None for the logger `picows.client`, a str for `picows.<name>`, or a logger.
        enable_auto_ping: notice a peer that is gone by pinging it; whoever does not answer gets
            CLOSE(GOING_AWAY) and is disconnected. Says nothing about PINGs of the peer.
        auto_ping_idle_timeout: seconds without a byte received (PING_WHEN_IDLE), or from one ping
            to the next (PING_PERIODICALLY), until a ping is sent.
        auto_ping_reply_timeout: seconds for the answer (PING_WHEN_IDLE: for any byte); at most
            `auto_ping_idle_timeout`.
        auto_ping_strategy: a WSAutoPingStrategy.
        enable_auto_pong: answer a PING with a PONG; the listener then does not see the PING.
        max_frame_size: bytes of payload above which a frame is refused with CLOSE(MESSAGE_TOO_BIG).
        extra_headers: mapping or pairs of str, added to the request; `Host` replaces the generated
            one.
        max_redirects: how many answers 301, 302, 303, 307 and 308 to follow, to URLs of ws or wss
            (also spelled http or https), but not from wss to ws. One more is a
            WSInvalidStatusError, with 0 the first is. Another origin (scheme, host, port) gets
            neither the URL's credentials nor `Authorization`, `Cookie`, `Proxy-Authorization` and
            `Host` of `extra_headers`.
        proxy: URL of an http, https, socks4, socks4a, socks5 or socks5h proxy, with credentials if
            need be; a name is resolved by the proxy, with socks4 here.
        proxy_ssl_context: for an https proxy; None as for `ssl_context`.
        read_buffer_init_size: kept for existing callers; connections share their receive memory.
        socket_factory: function or coroutine function that makes the socket for a WSParsedURL, the
            proxy's if there is one. The socket is connected or is not (then we do) and becomes
            non-blocking; the connection closes it when it ends. None stands for the usual way.
        use_aiofastnet: which transports to use. None for our own (plain TCP on Linux, on the event
            loops of asyncio and uvloop), else the event loop's; False for the event loop's; True
            for aiofastnet's, with the limits that docs/tls.md names.
        strict: refuse what RFC 6455 forbids but a frame-level user may want to see: reserved bits,
            fragments out of order, TEXT that is not UTF-8; and a 101 that announces a body.
        coalesce_sends: write what callbacks of one read send on their own connection with one
            call, after the last of them and before the event loop goes on. For many small sends:
            nothing waits for time, at most 64 KiB gather, and the order stays what it is. Before
            the end of the callbacks nothing of it has left and no send of it counts in
            `get_write_buffer_size()`; what is written to `underlying_transport` there goes first.
            Sends outside of callbacks, and `ws_broadcast`, are written at once.
        kwargs: for `loop.create_connection`; `ssl`, `sock` and `all_errors` are refused. Of
            a name's addresses the first that answers is taken (docs/proxies.md). With a
            `path` they are for `loop.create_unix_connection`: the connection, and that of a
            redirect, goes to the unix socket there, and the URL says what the request asks for, as
            in `ws_connect(factory, "ws://localhost/feed", path="/run/feed.sock")`.

    Returns:
        The transport and the listener, after `on_ws_connected` has run.

    Raises:
        WSHandshakeError: the server did not agree to the upgrade; see its subclasses.
        WSInvalidURL: nothing can be connected to by that URL.
        WSProxyError: the proxy did not open a tunnel.
        TimeoutError: the handshake took too long.
        OSError: there is no connection, or TLS failed.
        TypeError: an argument of the wrong kind.
        ValueError: an argument that cannot be used.
    """
    for name in _OWN_ARGUMENTS:
        if name in kwargs:
            raise TypeError(f"ws_connect() does not take {name!r}: see ssl_context, socket_factory")
    if use_aiofastnet:
        check_aiofastnet()
    loop = asyncio.get_running_loop()
    logger = resolve_logger(logger_name, "client")
    shared = endpoint_arguments(loop, logger, locals())
    shared["factory_takes_handshake"] = _takes_handshake(ws_listener_factory)
    kwargs.pop("zero_copy_unsafe_ssl_write", None)  # an option of old versions
    check_text("url", url)
    if proxy is not None:
        check_text("proxy", proxy)
    if socket_factory is not None:
        check_callable("socket_factory", socket_factory)
    check_connect_options(kwargs)
    max_redirects = whole_number("max_redirects", max_redirects)
    hop = Hop(parse_url(url), header_pairs(extra_headers))
    through = _parse_proxy(proxy, proxy_ssl_context)
    tls = Tls(ssl_context, _take_tls_options(kwargs))
    path = kwargs.pop("path", None)
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
        request, request_bytes = build_request(hop.url, key.decode(), hop.extra_headers)
        endpoint = Endpoint(**shared, request=request, request_bytes=request_bytes, key=key)
        try:
            protocol = await _open(through, dialer, endpoint, hop, tls, seconds_max)
            transport, listener = await _upgraded(protocol)
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
    """Wait for the server's answer; a caller that gives up takes the connection with it."""
    transport = cast(WSTransport, protocol.transport)
    try:
        await cast("asyncio.Future[None]", protocol.upgraded)
    except BaseException:
        transport.disconnect(graceful=False)
        raise
    return transport, cast(WSListener, protocol.listener)


def _parse_proxy(proxy: str | None, ssl_context: SSLContext | None) -> Proxy | None:
    if proxy is None and ssl_context is None:
        return None
    from .proxy import parse_proxy  # few programs need it

    return parse_proxy(proxy, ssl_context)


def _seconds_until_upgrade(handshake_timeout: float | None, tls: Tls) -> float | None:
    """How long a connection may take to come to the upgrade."""
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
    """A connection that has come to the upgrade."""
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
    """Take out what the connection to a proxy must not get, because it is about the server."""
    names = [name for name in kwargs if name == "server_hostname" or name.startswith("ssl_")]
    options = {name: kwargs.pop(name) for name in names}
    return {name: value for name, value in options.items() if value is not None}


def _takes_handshake(factory: Callable[..., Any]) -> bool:
    """Whether a listener factory wants (request, response). Some callables tell nothing: no."""
    # What most of them are; to read a whole signature takes long.
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
