"""URIs of WebSocket servers."""

from __future__ import annotations

from dataclasses import dataclass

from ..url import WSInvalidURL, WSParsedURL, parse_url
from .exceptions import InvalidURI

__all__ = ["WebSocketURI", "parse_uri"]


@dataclass
class WebSocketURI:
    """The parts of a URI.

    Args:
        secure: whether the scheme is wss.
        host: in lower case, ASCII.
        port: given, or the scheme's own.
        path: as in the request line; may be empty.
        query: without the question mark; may be empty.
        username: percent-decoded; None if there is none.
        password: percent-decoded; None if there is none.
    """

    secure: bool
    host: str
    port: int
    path: str
    query: str
    username: str | None = None
    password: str | None = None

    @property
    def resource_name(self) -> str:
        """Path and query as in the request line."""
        path = self.path or "/"
        return f"{path}?{self.query}" if self.query else path

    @property
    def user_info(self) -> tuple[str, str] | None:
        """User name and password; None if there is none."""
        if self.username is None or self.password is None:
            return None
        return self.username, self.password


def parse_uri(uri: str) -> WebSocketURI:
    """Parse a URI.

    Raises:
        InvalidURI: it is not one of ws or wss that a connection can be opened to.
    """
    return from_url(parse(uri))


def parse(uri: str) -> WSParsedURL:
    """The same, as the rest of picows knows URLs."""
    try:
        url = parse_url(uri)
    except WSInvalidURL as error:
        raise InvalidURI(uri, why(error)) from error
    if url.username is not None and url.password is None:
        raise InvalidURI(uri, "username provided without password")
    return url


def from_url(url: WSParsedURL) -> WebSocketURI:
    return WebSocketURI(
        url.is_secure, url.host, url.port, url.path, url.query, url.username, url.password
    )


def why(error: WSInvalidURL) -> str:
    """What is wrong with a URL, without the URL."""
    return str(error).rpartition("is not a valid URL: ")[2]
