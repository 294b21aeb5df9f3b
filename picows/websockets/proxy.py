"""Which proxy a connection goes through."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.request import getproxies, proxy_bypass

from ..url import WSInvalidURL, parse_url
from .exceptions import InvalidProxy
from .uri import WebSocketURI, why

__all__ = ["Proxy", "get_proxy", "parse_proxy"]

_SCHEMES = ("http", "https", "socks4", "socks4a", "socks5", "socks5h")


@dataclass
class Proxy:
    """The parts of a proxy's URL.

    Args:
        scheme: http, https, socks4, socks4a, socks5 or socks5h.
        host: in lower case.
        port: given, or the scheme's own.
        username: percent-decoded; None if there is none.
        password: percent-decoded; None if there is none.
    """

    scheme: str
    host: str
    port: int
    username: str | None = None
    password: str | None = None

    @property
    def user_info(self) -> tuple[str, str] | None:
        """User name and password; None if there is none."""
        if self.username is None or self.password is None:
            return None
        return self.username, self.password


def parse_proxy(proxy: str) -> Proxy:
    """Parse the URL of a proxy.

    Raises:
        InvalidProxy: it cannot be used.
    """
    try:
        url = parse_url(proxy, check_scheme=False)
    except WSInvalidURL as error:
        raise InvalidProxy(proxy, why(error)) from error
    if url.scheme not in _SCHEMES:
        raise InvalidProxy(proxy, f"scheme {url.scheme} isn't supported")
    if url.path not in ("", "/"):
        raise InvalidProxy(proxy, "path is meaningless")
    if url.query:
        raise InvalidProxy(proxy, "query is meaningless")
    if url.username is not None and url.password is None:
        raise InvalidProxy(proxy, "username provided without password")
    return Proxy(url.scheme, url.host, url.port, url.username, url.password)


def get_proxy(uri: WebSocketURI) -> str | None:
    """The URL of the system's proxy for a server, None for none.

    The environment (`wss_proxy`, `socks_proxy`, `https_proxy`, `http_proxy`, `no_proxy`) or, where
    it says nothing, the settings of macOS and Windows, as `urllib.request.getproxies` reads them.
    For ws and wss, a proxy of that scheme comes first, then socks, then https, then (for ws) http.
    """
    if proxy_bypass(f"{uri.host}:{uri.port}"):
        return None
    proxies = getproxies()
    schemes = ("wss", "socks", "https") if uri.secure else ("ws", "socks", "https", "http")
    for scheme in schemes:
        proxy = proxies.get(scheme)
        if proxy is not None:
            # Windows and macOS say socks of what is SOCKS5 with names resolved there.
            if scheme == "socks" and proxy.startswith("http://"):
                proxy = "socks5h://" + proxy.removeprefix("http://")
            return proxy
    return None
