"""URLs of WebSocket servers (RFC 6455, 3) and of proxies."""

from __future__ import annotations

import functools
import ipaddress
import re
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import SplitResult, quote, unquote, urlsplit

from .exceptions import WSInvalidURL

__all__ = ["WSInvalidURL", "WSParsedURL", "parse_url"]

_PORTS_BY_SCHEME: Final = {
    "ws": 80,
    "wss": 443,
    "http": 80,
    "https": 443,
    "socks4": 1080,
    "socks4a": 1080,
    "socks5": 1080,
    "socks5h": 1080,
}
_SCHEMES_WEBSOCKET: Final = ("ws", "wss")
_SCHEMES_SECURE: Final = ("wss", "https")

# Patterns are compiled when a URL is first looked at: many programs only serve.
#
# urlsplit() deletes line breaks and tabs where it finds them (so "/a\r\nb" is "/ab") and leaves the
# rest in place: neither is what somebody meant who passed them, and what stays would end in the
# request line.
_FORBIDDEN: Final = r"[\x00-\x20\x7f\ud800-\udfff]"
_CONTROL: Final = r"[\x00-\x1f\x7f]"
_REG_NAME: Final = r"(?:[a-z0-9._~!$&'()*+,;=-]|%[0-9a-f]{2})+"  # RFC 3986, 3.2.2
_ZONE: Final = r"[A-Za-z0-9._~-]+"  # RFC 6874, 2
_PRINTABLE_ASCII: Final = "".join(map(chr, range(0x21, 0x7F)))


@dataclass(frozen=True, slots=True)
class WSParsedURL:
    """The parts of a URL, made by `parse_url`. What can hold a password is left out of `repr()`."""

    url: str = field(repr=False)
    """The URL as it was given."""
    scheme: str
    """In lower case."""
    is_secure: bool
    """Whether the connection is TLS, as it is for wss (and to an https proxy)."""
    netloc: str = field(repr=False)
    """User information, host and port as they were given; a request needs `host_header`."""
    host: str
    """Lower case. ASCII if it is a name; without brackets, maybe with `%zone`, if it is IPv6."""
    port: int
    """From 1 to 65535; the scheme's own port if the URL names none."""
    path: str
    """Empty or starting with a slash. Percent-encoded beyond ASCII, otherwise as it was given."""
    query: str
    """Without the question mark, encoded as `path` is; empty if there is none."""
    username: str | None = None
    """Percent-decoded; None if the URL has none."""
    password: str | None = field(default=None, repr=False)
    """Percent-decoded; None if the URL has none."""

    @property
    def resource_name(self) -> str:
        """Path (`/` if empty) and query, as in the request line (RFC 6455, 3). ASCII."""
        path = self.path or "/"
        return f"{path}?{self.query}" if self.query else path

    @property
    def user_info(self) -> tuple[str, str] | None:
        """`(username, password)`, percent-decoded, if the URL has both; else None."""
        if self.username is None or self.password is None:
            return None
        return self.username, self.password

    @property
    def host_header(self) -> str:
        """Host, and port unless it is the scheme's own, as in `Host` (RFC 9110, 7.2). ASCII."""
        host = self.host
        if ":" in host:
            # A zone means something on this machine only (RFC 6874, 4).
            host = f"[{host.partition('%')[0]}]"
        if self.port == _PORTS_BY_SCHEME.get(self.scheme):
            return host
        return f"{host}:{self.port}"


def parse_url(url: str, check_scheme: bool = True) -> WSParsedURL:
    """Parse a URL and check that a connection can be opened to it.

    Args:
        url: an absolute URL. Characters beyond ASCII are allowed: host names are converted by IDNA
            (RFC 3490, as Python does), path and query are percent-encoded as UTF-8.
        check_scheme: True accepts ws and wss only. False is for proxies: http, https, socks4,
            socks4a, socks5 and socks5h have their usual default ports, any other scheme needs a
            port in the URL.

    Raises:
        WSInvalidURL: the scheme is wrong, the host is missing or impossible, the port is not 1 to
            65535, there is a fragment (RFC 6455, 3) or a space or control character, or the user
            information is not UTF-8.
        TypeError: the URL is not a str.
    """
    if not isinstance(url, str):
        raise TypeError(f"a URL must be a str, not {url!r}")
    return _parse(url, check_scheme)


@functools.lru_cache  # programs connect to few URLs, often; urlsplit() keeps as many itself
def _parse(url: str, check_scheme: bool) -> WSParsedURL:
    if forbidden := re.search(_FORBIDDEN, url):
        raise WSInvalidURL(url, f"it contains {forbidden[0]!r}, which has to be percent-encoded")
    try:
        parts = urlsplit(url)
    except ValueError:
        # The text of this ValueError may quote the password, so it is neither repeated nor chained.
        raise WSInvalidURL(url, "its host is malformed") from None

    if check_scheme and parts.scheme not in _SCHEMES_WEBSOCKET:
        raise WSInvalidURL(url, "its scheme is not ws or wss")
    if "#" in url:
        raise WSInvalidURL(url, "it has a fragment, which means nothing to a WebSocket server")

    return WSParsedURL(
        url=url,
        scheme=parts.scheme,
        is_secure=parts.scheme in _SCHEMES_SECURE,
        netloc=parts.netloc,
        host=_host(url, parts),
        port=_port(url, parts),
        path=quote(parts.path, safe=_PRINTABLE_ASCII),
        query=quote(parts.query, safe=_PRINTABLE_ASCII),
        username=_user_text(url, parts.username),
        password=_user_text(url, parts.password),
    )


def _host(url: str, parts: SplitResult) -> str:
    hostname = parts.hostname
    if not hostname:
        raise WSInvalidURL(url, "it has no host")

    host_and_port = parts.netloc.rpartition("@")[2]
    if "[" in host_and_port or "]" in host_and_port:
        # Some versions of urllib ignore what stands before and behind the brackets.
        if not re.fullmatch(r"\[[^\[\]]*\](:[0-9]*)?", host_and_port):
            raise WSInvalidURL(url, "its host is malformed")
        return _ipv6_host(url, hostname)

    try:
        # Also for ASCII: asyncio does the same before it resolves a name, and then the error is a
        # bare UnicodeError. SplitResult.hostname leaves what follows a percent sign in its case.
        host = hostname.lower().encode("idna").decode("ascii")
    except UnicodeError:
        raise WSInvalidURL(
            url, "its host has an empty or too long label, or one that IDNA does not allow"
        ) from None
    if not re.fullmatch(_REG_NAME, host):
        raise WSInvalidURL(url, "its host contains a character that no host can have")
    return host


def _ipv6_host(url: str, literal: str) -> str:
    address, percent, zone = literal.partition("%")
    try:
        ipaddress.IPv6Address(address)
    except ValueError:
        raise WSInvalidURL(url, "its host is not an IPv6 address") from None
    if not percent:
        return address
    # In a URL the percent sign itself is encoded (RFC 6874, 2); many people do not.
    zone = zone.removeprefix("25")
    if not re.fullmatch(_ZONE, zone):
        raise WSInvalidURL(url, "the zone of its IPv6 address is malformed")
    return f"{address}%{zone}"


def _port(url: str, parts: SplitResult) -> int:
    try:
        port = parts.port
    except ValueError:
        port = 0
    if port is None:
        port = _PORTS_BY_SCHEME.get(parts.scheme)
        if port is None:
            raise WSInvalidURL(url, "it has no port, and its scheme has no default port")
    if port == 0:
        raise WSInvalidURL(url, "its port is not a number from 1 to 65535")
    return port


def _user_text(url: str, text: str | None) -> str | None:
    if text is None:
        return None
    try:
        decoded = unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise WSInvalidURL(url, "its user name or password is not UTF-8") from None
    # Forbidden in Basic credentials (RFC 7617, 2); a NUL would also end the user name early in
    # SOCKS4.
    if re.search(_CONTROL, decoded):
        raise WSInvalidURL(url, "its user name or password contains a control character")
    return decoded
