"""Tunnels through proxies: HTTP CONNECT (RFC 9110, 9.3.6), SOCKS4(A), SOCKS5 (RFC 1928, 1929)."""

from __future__ import annotations

import asyncio
import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from ssl import SSLContext
from typing import Final, cast

from .._native import write_request_head
from ..values.exceptions import WSInvalidURL, WSProxyError
from ..values.url import WSParsedURL, parse_url
from .dial import Dialer
from .request import basic_credentials
from .tls import Tls

_SCHEMES: Final = ("http", "https", "socks4", "socks4a", "socks5", "socks5h")
_SCHEMES_HTTP: Final = ("http", "https")
_SCHEMES_SOCKS4: Final = ("socks4", "socks4a")
#: Those in which names are resolved here. curl's socks5 does so too, but here it never did.
_SCHEMES_RESOLVED_HERE: Final = ("socks4",)
_STATUS_LINE: Final = re.compile(rb"HTTP/1\.[01] ([1-5][0-9]{2})( .*)?")  # RFC 9112, 4
# Interim answers (1xx) count, as they do before a server's answer: zig/core/http/answer.zig.
_ANSWER_SIZE_MAX: Final = 16 * 1024
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


class ProxyStream(asyncio.BufferedProtocol):
    """The connection to a proxy until its tunnel is open.

    The methods `write`, `read_exactly` and `close` are those that python-socks asks of a stream.
    It is buffered because the protocol that follows on the same transport is, and not every event
    loop allows for a change of kind.
    """

    transport: asyncio.Transport | None = None

    def __init__(self) -> None:
        self._memory = bytearray(4096)
        self._received = bytearray()
        self._received_size = 0
        self._is_lost = False
        self._why_lost: Exception | None = None
        self._changed = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def get_buffer(self, sizehint: int) -> bytearray:
        return self._memory

    def buffer_updated(self, nbytes: int) -> None:
        self._received_size += nbytes
        if self._received_size > _ANSWER_SIZE_MAX:
            self._lose(WSProxyError("the proxy's answer is too long"))
            self.abort()
            return
        self._received += memoryview(self._memory)[:nbytes]
        self._changed.set()

    def eof_received(self) -> None:
        self._lose(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self._lose(exc)

    def _lose(self, why: Exception | None) -> None:
        if not self._is_lost:
            self._is_lost = True
            self._why_lost = why
            self._changed.set()

    def abort(self) -> None:
        if self.transport is not None:
            self.transport.abort()

    def check_nothing_came(self) -> None:
        """Refuse bytes that arrive before we sent anything: they are not the server's."""
        if self._received:
            raise WSProxyError("bytes came through the proxy before the opening handshake began")
        if self._is_lost:
            raise self._lost()

    def _lost(self) -> WSProxyError:
        if isinstance(self._why_lost, WSProxyError):
            return self._why_lost
        error = WSProxyError("the proxy closed the connection instead of opening a tunnel")
        error.__cause__ = self._why_lost
        return error

    async def _more(self) -> None:
        if self._is_lost:
            raise self._lost()
        self._changed.clear()
        await self._changed.wait()

    async def write(self, data: bytes) -> None:
        assert self.transport is not None
        self.transport.write(data)

    async def read_exactly(self, size: int) -> bytes:
        while len(self._received) < size:
            await self._more()
        return self._take(size)

    async def read_http_head(self) -> bytes:
        """An answer's head with the empty line. Bytes that cannot be one are refused at once."""
        start = b"HTTP/1."
        while (end := self._received.find(b"\r\n\r\n")) < 0:
            if not start.startswith(self._received[: len(start)]):
                raise _not_http(self._received)
            await self._more()
        return self._take(end + 4)

    def _take(self, size: int) -> bytes:
        taken = bytes(self._received[:size])
        del self._received[:size]
        return taken

    async def close(self) -> None:
        self.abort()


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
    stream = ProxyStream()
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
            raise _not_http(line)
        status = int(found[1])
        if status >= 200 or status == 101:
            break  # else an interim answer (RFC 9110, 15.2)
    else:
        raise WSProxyError("the proxy's answer is too long")
    if not 200 <= status < 300:
        raise WSProxyError(f"the HTTP proxy refused: {_shown(line)}", status)


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
    except ProxyError as error:
        raise WSProxyError(f"the SOCKS proxy refused: {error}", error.error_code) from error
    except ValueError as error:  # of a codec, for a name that is none
        raise WSProxyError("the SOCKS proxy's answer is malformed") from error


def _not_http(answer: bytes | bytearray) -> WSProxyError:
    return WSProxyError(f"the proxy's answer is not HTTP/1.1: {_shown(answer)}")


def _shown(answer: bytes | bytearray) -> str:
    """A piece of what a stranger sent, made safe for a log file."""
    return repr(bytes(answer[:80]))[1:]
