"""Redirects (RFC 9110, 15.4): where ws_connect goes next, and which headers it may send there."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final
from urllib.parse import urldefrag, urljoin

from ..values.exceptions import WSHandshakeError, WSInvalidStatusError, WSInvalidURL
from ..values.url import WSParsedURL, parse_url

STATUSES: Final = (301, 302, 303, 307, 308)

# What a user gave for one origin is nobody else's (RFC 9110, 15.4 and 17.16).
_FOR_ONE_ORIGIN: Final = frozenset({"authorization", "cookie", "host", "proxy-authorization"})
# A server that does not know WebSocket's schemes, or a framework behind it, says http for ws.
_SCHEMES: Final = {"http": "ws", "https": "wss"}


@dataclass(frozen=True, slots=True)
class Hop:
    """One attempt to connect: the URL, and the user's headers to send."""

    url: WSParsedURL
    extra_headers: list[tuple[str, str]] = field(repr=False)

    def __str__(self) -> str:
        # For log files: path and query may be secret, just as the user information is.
        return f"{self.url.scheme}://{self.url.host_header}"


def is_redirect(error: WSInvalidStatusError) -> bool:
    """Whether the answer sends the client elsewhere."""
    return error.response is not None and error.response.status in STATUSES


def too_many_redirects(count_max: int, error: WSInvalidStatusError) -> WSInvalidStatusError:
    """The exception for more than `count_max` redirects. It has the last answer."""
    return WSInvalidStatusError(
        f"the server redirects more than {count_max} times",
        error.raw_header,
        error.raw_body,
        error.response,
    )


def next_hop(hop: Hop, error: WSInvalidStatusError) -> Hop:
    """Where a redirecting answer leads.

    The Location may be relative, and may say http for ws and https for wss; its fragment does not
    count. At the same origin (scheme, host and port) everything stays as it was. Another one gets
    neither the credentials of the old URL nor Authorization, Cookie, Proxy-Authorization and Host
    of the user's headers.

    Raises:
        WSHandshakeError: no Location, or one that a connection cannot be opened to, or from wss to
            ws. It has the answer.
    """

    def refused(description: str) -> WSHandshakeError:
        return WSHandshakeError(description, error.raw_header, error.raw_body, error.response)

    location = error.response.headers.get("Location") if error.response else None
    if not location:
        raise refused("the server redirects without a Location") from error
    try:
        url = parse_url(_websocket_url(urljoin(hop.url.url, location)))
    except WSInvalidURL as invalid:
        raise refused("the server redirects to a URL that is not for WebSocket") from invalid
    except ValueError:  # of urljoin; its text may quote a password
        raise refused("the server redirects to a malformed URL") from None

    if hop.url.is_secure and not url.is_secure:
        raise refused("the server redirects from wss to ws, which is not secure")
    if _origin(url) != _origin(hop.url):
        kept = [pair for pair in hop.extra_headers if pair[0].lower() not in _FOR_ONE_ORIGIN]
        return Hop(url, kept)
    if url.username is None and url.password is None:
        url = replace(url, username=hop.url.username, password=hop.url.password)
    return Hop(url, hop.extra_headers)


def _websocket_url(url: str) -> str:
    scheme, colon, rest = urldefrag(url).url.partition(":")
    return _SCHEMES.get(scheme.lower(), scheme) + colon + rest


def _origin(url: WSParsedURL) -> tuple[str, str, int]:
    return url.scheme, url.host, url.port
