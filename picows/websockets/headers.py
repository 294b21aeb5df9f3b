"""Headers of the opening handshake as text: parsed and made.

What the connections here send and accept is checked by the compiled module. These are for programs.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Sequence
from typing import TypeVar

from .exceptions import InvalidHeaderFormat, InvalidHeaderValue
from .typing import (
    ConnectionOption,
    ExtensionHeader,
    ExtensionName,
    ExtensionParameter,
    Subprotocol,
    UpgradeProtocol,
)

__all__ = [
    "build_authorization_basic",
    "build_extension",
    "build_host",
    "build_subprotocol",
    "build_www_authenticate_basic",
    "parse_authorization_basic",
    "parse_connection",
    "parse_extension",
    "parse_subprotocol",
    "parse_upgrade",
    "validate_subprotocols",
]

_T = TypeVar("_T")

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, 5.6.2
_QUOTED = re.compile(r'"((?:[^"\\\x00-\x08\x0a-\x1f\x7f]|\\[\t -~])*)"')  # RFC 9110, 5.6.4
_PROTOCOL = re.compile(rf"{_TOKEN.pattern}(?:/{_TOKEN.pattern})?")  # RFC 9110, 7.8
_TOKEN68 = re.compile(r"[A-Za-z0-9._~+/-]+=*")  # RFC 9110, 11.2


class _Reader:
    """A header's text, and how far it is read."""

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.text = text
        self.pos = 0

    def error(self, what: str) -> InvalidHeaderFormat:
        return InvalidHeaderFormat(self.name, what, self.text, self.pos)

    def skip_spaces(self) -> None:
        while self.text[self.pos : self.pos + 1] in (" ", "\t"):
            self.pos += 1

    def is_next(self, character: str) -> bool:
        return self.text[self.pos : self.pos + 1] == character

    def take(self, pattern: re.Pattern[str], what: str) -> str:
        found = pattern.match(self.text, self.pos)
        if found is None:
            raise self.error(f"expected {what}")
        self.pos = found.end()
        return found[0]

    def is_over(self) -> bool:
        return self.pos == len(self.text)


def _list(reader: _Reader, item: Callable[[_Reader], _T], what: str) -> list[_T]:
    """Items with commas between them; some may be empty, but not all (RFC 9110, 5.6.1)."""
    items: list[_T] = []
    while True:
        reader.skip_spaces()
        while reader.is_next(","):
            reader.pos += 1
            reader.skip_spaces()
        if reader.is_over():
            break
        items.append(item(reader))
        reader.skip_spaces()
        if not reader.is_over() and not reader.is_next(","):
            raise reader.error("expected comma")
    if not items:
        raise reader.error(f"expected {what}")
    return items


def _token(reader: _Reader) -> str:
    return reader.take(_TOKEN, "token")


def build_host(host: str, port: int, secure: bool, *, always_include_port: bool = False) -> str:
    """Value of `Host`: with the port unless it is the scheme's own, IPv6 in brackets."""
    shown = f"[{host}]" if ":" in host else host
    if port == (443 if secure else 80) and not always_include_port:
        return shown
    return f"{shown}:{port}"


def parse_connection(header: str) -> list[ConnectionOption]:
    """Values of `Connection`.

    Raises:
        InvalidHeaderFormat: it is malformed.
    """
    reader = _Reader("Connection", header)
    return _list(reader, lambda reader: ConnectionOption(_token(reader)), "token")


def parse_upgrade(header: str) -> list[UpgradeProtocol]:
    """Values of `Upgrade`.

    Raises:
        InvalidHeaderFormat: it is malformed.
    """
    reader = _Reader("Upgrade", header)
    return _list(
        reader, lambda reader: UpgradeProtocol(reader.take(_PROTOCOL, "protocol")), "protocol"
    )


def _parameter(reader: _Reader) -> ExtensionParameter:
    name = _token(reader)
    reader.skip_spaces()
    if not reader.is_next("="):
        return name, None
    reader.pos += 1
    reader.skip_spaces()
    if not reader.is_next('"'):
        return name, _token(reader)
    start = reader.pos
    value = re.sub(r"\\(.)", r"\1", reader.take(_QUOTED, "quoted string")[1:-1])
    if not _TOKEN.fullmatch(value):  # RFC 6455, 9.1
        reader.pos = start
        raise reader.error("invalid quoted header content")
    return name, value


def _extension(reader: _Reader) -> ExtensionHeader:
    name = ExtensionName(_token(reader))
    parameters = []
    reader.skip_spaces()
    while reader.is_next(";"):
        reader.pos += 1
        reader.skip_spaces()
        parameters.append(_parameter(reader))
        reader.skip_spaces()
    return name, parameters


def parse_extension(header: str) -> list[ExtensionHeader]:
    """Names and parameters of `Sec-WebSocket-Extensions`.

    Raises:
        InvalidHeaderFormat: it is malformed.
    """
    return _list(_Reader("Sec-WebSocket-Extensions", header), _extension, "token")


def build_extension(extensions: Sequence[ExtensionHeader]) -> str:
    """Value of `Sec-WebSocket-Extensions`."""
    return ", ".join(
        "; ".join(
            [name, *(key if value is None else f"{key}={value}" for key, value in parameters)]
        )
        for name, parameters in extensions
    )


def parse_subprotocol(header: str) -> list[Subprotocol]:
    """Values of `Sec-WebSocket-Protocol`.

    Raises:
        InvalidHeaderFormat: it is malformed.
    """
    reader = _Reader("Sec-WebSocket-Protocol", header)
    return _list(reader, lambda reader: Subprotocol(_token(reader)), "token")


def build_subprotocol(subprotocols: Sequence[Subprotocol]) -> str:
    """Value of `Sec-WebSocket-Protocol`."""
    return ", ".join(subprotocols)


def validate_subprotocols(subprotocols: Sequence[Subprotocol]) -> None:
    """Refuse what cannot be a list of subprotocols.

    Raises:
        TypeError: it is a str.
        ValueError: one is not a token.
    """
    if isinstance(subprotocols, str):
        raise TypeError("subprotocols must be a list, not a str")
    for subprotocol in subprotocols:
        if not _TOKEN.fullmatch(subprotocol):
            raise ValueError(f"invalid subprotocol: {subprotocol}")


def build_www_authenticate_basic(realm: str) -> str:
    """Value of `WWW-Authenticate` for Basic (RFC 7617)."""
    quoted = re.sub(r'(["\\])', r"\\\1", realm)
    return f'Basic realm="{quoted}", charset="UTF-8"'


def parse_authorization_basic(header: str) -> tuple[str, str]:
    """User name and password of an `Authorization` for Basic (RFC 7617).

    Raises:
        InvalidHeaderFormat: it is malformed.
        InvalidHeaderValue: it is for another scheme, or has no user name.
    """
    reader = _Reader("Authorization", header)
    scheme = _token(reader)
    if scheme.lower() != "basic":
        raise InvalidHeaderValue("Authorization", f"unsupported scheme: {scheme}")
    if not reader.is_next(" "):
        raise reader.error("expected space")
    reader.pos += 1
    encoded = reader.take(_TOKEN68, "token68")
    if not reader.is_over():
        raise reader.error("trailing data")
    try:
        text = base64.b64decode(encoded.encode(), validate=True).decode(errors="surrogateescape")
    except binascii.Error:
        raise InvalidHeaderValue("Authorization", "expected base64-encoded credentials") from None
    username, colon, password = text.partition(":")
    if not colon:
        raise InvalidHeaderValue("Authorization", "expected username:password credentials")
    return username, password


def build_authorization_basic(username: str, password: str) -> str:
    """Value of `Authorization` for Basic (RFC 7617).

    Raises:
        ValueError: the user name has a colon.
    """
    if ":" in username:
        raise ValueError("a user name for Basic authentication must not have a colon")
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode("ascii")
