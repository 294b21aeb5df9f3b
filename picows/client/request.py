"""The request that we send in the opening handshake (RFC 6455, 4.1)."""

from __future__ import annotations

import base64

from .._native import write_request_head
from ..values.exceptions import WSInvalidURL
from ..values.handshake import WSUpgradeRequest, make_request
from ..values.header_text import WSHeadersLike, add_extra_headers
from ..values.url import WSParsedURL


def build_request(
    url: WSParsedURL, key: str, extra_headers: WSHeadersLike | None = None
) -> tuple[WSUpgradeRequest, bytes]:
    """Make a client's opening handshake request (RFC 6455, 4.1).

    User name and password of the URL become Basic credentials (RFC 7617) unless `extra_headers` has
    an `Authorization`.

    Args:
        url: where to connect to.
        key: value of `Sec-WebSocket-Key`: 16 random bytes in base64.
        extra_headers: headers to add; a `Host` among them replaces the generated one.

    Returns:
        The request, and the bytes of it to send.

    Raises:
        TypeError: `extra_headers` is not a mapping or an iterable of pairs of str.
        ValueError: a header's name is not a token, or its value contains a control character such
            as CR, LF or NUL.
        WSInvalidURL: the user name contains a colon, which Basic credentials cannot express.
    """
    headers = [
        ("Host", url.host_header),
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", key),
    ]
    add_extra_headers(headers, extra_headers)
    is_authorized = any(name.lower() == "authorization" for name, _ in headers)
    if not is_authorized and (credentials := basic_credentials(url)):
        headers.append(("Authorization", credentials))
    path = url.resource_name.encode("ascii")
    return make_request(path, headers), write_request_head(b"GET", path, headers)


def basic_credentials(url: WSParsedURL) -> str | None:
    """Value of `Authorization` or `Proxy-Authorization` for a URL, None if it has no credentials.

    Raises:
        WSInvalidURL: the user name contains a colon.
    """
    if not (url.username or url.password):
        return None
    username = url.username or ""
    if ":" in username:
        raise WSInvalidURL(url.url, "its user name contains a colon (RFC 7617, 2)")
    credentials = f"{username}:{url.password or ''}".encode()
    return "Basic " + base64.b64encode(credentials).decode("ascii")
