"""Tunnels through proxies: HTTP CONNECT (RFC 9110, 9.3.6), SOCKS4(A), SOCKS5 (RFC 1928, 1929)."""

from __future__ import annotations

import asyncio
import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from ssl import SSLContext
from typing import Final, cast

from .._native import Endpoint, Protocol, write_request_head
from ..loop.choose import own_engine
from ..values.exceptions import WSInvalidURL, WSProxyError
from ..values.url import WSParsedURL, parse_url
from .dial import Dialer
from .proxy_stream import ProxyStream, SocketStream, TransportStream, not_http, shown
from .request import basic_credentials
from .tcp import begin, begin_tls
from .tls import Tls

_SCHEMES: Final = ("http", "https", "socks4", "socks4a", "socks5", "socks5h")
_SCHEMES_HTTP: Final = ("http", "https")
_SCHEMES_SOCKS4: Final = ("socks4", "socks4a")
#: Those in which names are resolved here. curl's socks5 does so too, but here it never did.
_SCHEMES_RESOLVED_HERE: Final = ("socks4",)
_STATUS_LINE: Final = re.compile(rb"HTTP/1\.[01] ([1-5][0-9]{2})( .*)?")  # RFC 9112, 4
_INTERIM_COUNT_MAX: Final = 16
# python-socks takes None for a minute. The clock that counts is the one of `ws_connect`.
_SECONDS_UNTIL_NEVER: Final = 365 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy to go through.

    url: its scheme is one of `_SCHEMES`.
    tls: to the proxy itself, if it is an https one.
    """

    url: WSParsedURL
    tls: Tls


def parse_proxy(proxy: str | None, ssl_context: SSLContext | None) -> Proxy | None:
    """Parse the URL of a proxy and check that it can be used; None for no proxy.

    Raises:
        WSInvalidURL: the scheme is not one of those above, `parse_url` refuses the URL,
            or the scheme cannot express the credentials.
        ValueError: there is an `ssl_context`, but the proxy is not an https one.
    """
    url = None if proxy is None else parse_url(proxy, check_scheme=False)
    if ssl_context is not None and (url is None or url.scheme != "https"):
        raise ValueError("proxy_ssl_context needs a proxy with an https URL")
    if url is None:
        return None
    if url.scheme not in _SCHEMES:
        raise WSInvalidURL(
            url.url, "its scheme is not http, https, socks4, socks4a, socks5 or socks5h"
        )
    if url.scheme in _SCHEMES_HTTP:
        basic_credentials(url)
    elif not f"{url.username or ''}{url.password or ''}".isascii():
        raise WSInvalidURL(url.url, "its user name or password is not ASCII, which SOCKS requires")
    elif (
        url.scheme in ("socks5", "socks5h")
        and (url.username or url.password)
        and not all(1 <= len(text or "") <= 255 for text in (url.username, url.password))
    ):
        raise WSInvalidURL(
            url.url,
            "SOCKS5 needs a user name and a password of 1 to 255 characters each (RFC 1929, 2)",
        )
    return Proxy(url, Tls(ssl_context))


class _Opened:
    """What python-socks takes for a proxy in front of the proxy: somebody who has a stream."""

    def __init__(self, stream: ProxyStream) -> None:
        self._stream = stream

    async def connect(self, dest_host: str, dest_port: int) -> ProxyStream:
        return self._stream


async def connect_through(
    proxy: Proxy,
    dialer: Dialer,
    protocol_factory: Callable[[], asyncio.BaseProtocol],
    url: WSParsedURL,
    tls: Tls,
) -> asyncio.BaseProtocol:
    """Open a connection to the server at `url` through a proxy. Returns its protocol.

    Raises:
        WSProxyError: the proxy refused, or is not a proxy.
        OSError: the proxy cannot be reached, or TLS with it or with the server failed.
    """
    if tls.options and not url.is_secure:
        raise ValueError(f"{', '.join(tls.options)}: only meaningful with wss")
    if proxy.url.scheme in _SCHEMES_SOCKS4 and ":" in url.host:
        raise WSProxyError("SOCKS4 does not support IPv6 addresses")
    if dialer.is_own(url.is_secure or proxy.url.is_secure):
        endpoint = cast(Endpoint, protocol_factory)
        return await _connect_on_socket(proxy, dialer, endpoint, url, tls)
    stream = TransportStream()
    try:
        await dialer.connect(lambda: stream, proxy.url, proxy.tls)
        await _open_tunnel(stream, proxy.url, url)
        stream.check_nothing_came()
        transport = cast(asyncio.Transport, stream.transport)
        if url.is_secure:
            transport = await dialer.start_tls(transport, stream, url, tls)
            stream.check_nothing_came()
        protocol = protocol_factory()
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
    except BaseException:
        stream.abort()
        raise
    return protocol


async def _connect_on_socket(
    proxy: Proxy, dialer: Dialer, endpoint: Endpoint, url: WSParsedURL, tls: Tls
) -> Protocol:
    """On our own transport, which takes the socket over once the tunnel is open."""
    how = tls.client_wrap(url) if url.is_secure else None
    sock = await dialer.connected_socket(proxy.url)
    try:
        stream = SocketStream(dialer.loop, sock)
        if proxy.url.is_secure:
            await stream.begin_tls(proxy.tls.client_wrap(proxy.url)[0])
        await _open_tunnel(stream, proxy.url, url)
        stream.check_nothing_came()
    except BaseException:
        sock.close()
        raise
    if how is None:
        return begin(endpoint, sock, stream.opened)
    return await begin_tls(endpoint, sock, cast(str, own_engine()), *how, stream.opened)


async def _open_tunnel(stream: ProxyStream, proxy: WSParsedURL, url: WSParsedURL) -> None:
    host = url.host
    if ":" in host:
        # Without the zone, which means something on this machine only; in one of many spellings.
        host = str(ipaddress.IPv6Address(host.partition("%")[0]))
    if proxy.scheme in _SCHEMES_HTTP:
        await _open_http_tunnel(stream, proxy, host, url.port)
    else:
        await _open_socks_tunnel(stream, proxy, host, url.port)


async def _open_http_tunnel(stream: ProxyStream, proxy: WSParsedURL, host: str, port: int) -> None:
    authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    headers = [("Host", authority)]
    if credentials := basic_credentials(proxy):
        headers.append(("Proxy-Authorization", credentials))
    await stream.write(write_request_head(b"CONNECT", authority.encode("ascii"), headers))

    for _ in range(_INTERIM_COUNT_MAX + 1):
        head = await stream.read_http_head()
        line = head.partition(b"\r\n")[0]
        found = _STATUS_LINE.fullmatch(line)
        if found is None:
            raise not_http(line)
        status = int(found[1])
        if status >= 200 or status == 101:
            break  # else an interim answer (RFC 9110, 15.2)
    else:
        raise WSProxyError("the proxy's answer is too long")
    if not 200 <= status < 300:
        raise WSProxyError(f"the HTTP proxy refused: {shown(line)}", status)


async def _open_socks_tunnel(stream: ProxyStream, proxy: WSParsedURL, host: str, port: int) -> None:
    # Here, so that those without a proxy do not pay for the import.
    from python_socks import ProxyError, ProxyType
    from python_socks.async_.asyncio import v2

    socks = v2.Proxy(
        ProxyType.SOCKS4 if proxy.scheme in _SCHEMES_SOCKS4 else ProxyType.SOCKS5,
        proxy.host,
        proxy.port,
        proxy.username,
        proxy.password,
        rdns=proxy.scheme not in _SCHEMES_RESOLVED_HERE,
        forward=cast(v2.Proxy, _Opened(stream)),
    )
    try:
        await socks.connect(host, port, timeout=_SECONDS_UNTIL_NEVER)
    except WSProxyError:  # of our stream; it is one of python-socks, too
        raise
    except ProxyError as error:
        raise WSProxyError(f"the SOCKS proxy refused: {error}", error.error_code) from error
    except ValueError as error:  # of a codec, for a name that is none
        raise WSProxyError("the SOCKS proxy's answer is malformed") from error
