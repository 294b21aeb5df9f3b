"""Requests and responses as data. The compiled module reads and writes them."""

from __future__ import annotations

import os
import sys
import warnings
from dataclasses import dataclass
from typing import Final

from .._native import __version__
from .datastructures import Headers

__all__ = ["SERVER", "USER_AGENT", "Request", "Response"]

PYTHON_VERSION: Final = "{}.{}".format(*sys.version_info)
_PRODUCT: Final = f"Python/{PYTHON_VERSION} picows/{__version__}"
#: Default of `User-Agent`.
USER_AGENT: Final = os.environ.get("WEBSOCKETS_USER_AGENT", _PRODUCT)
#: Default of `Server`.
SERVER: Final = os.environ.get("WEBSOCKETS_SERVER", _PRODUCT)

#: Limits of a head, and of the body of a refusal, in bytes.
MAX_NUM_HEADERS: Final = int(os.environ.get("WEBSOCKETS_MAX_NUM_HEADERS", "128"))
MAX_LINE_LENGTH: Final = int(os.environ.get("WEBSOCKETS_MAX_LINE_LENGTH", "8192"))
MAX_BODY_SIZE: Final = int(os.environ.get("WEBSOCKETS_MAX_BODY_SIZE", "1_048_576"))


@dataclass
class Request:
    """A request of the opening handshake.

    Args:
        path: path and query, as in the request line.
        headers: its headers.
        method: `"GET"`; a server's `process_request` may see others.
        protocol: `"HTTP/1.1"`; a server's `process_request` may see `"HTTP/1.0"`.
    """

    path: str
    headers: Headers
    method: str = "GET"
    protocol: str = "HTTP/1.1"
    _exception: Exception | None = None

    @property
    def exception(self) -> Exception | None:
        """Deprecated: see `ServerConnection.handshake_exc`."""
        warnings.warn("Request.exception is deprecated", DeprecationWarning, stacklevel=2)
        return self._exception

    def serialize(self) -> bytes:
        """The request as on the wire."""
        line = f"{self.method} {self.path} {self.protocol}\r\n"
        return line.encode() + self.headers.serialize()


@dataclass
class Response:
    """A response of the opening handshake.

    Args:
        status_code: 101 if the connection is accepted.
        reason_phrase: the words behind it.
        headers: its headers.
        body: its content.
    """

    status_code: int
    reason_phrase: str
    headers: Headers
    body: bytes | bytearray = b""
    _exception: Exception | None = None

    @property
    def exception(self) -> Exception | None:
        """Deprecated."""
        warnings.warn("Response.exception is deprecated", DeprecationWarning, stacklevel=2)
        return self._exception

    def serialize(self) -> bytes:
        """The response as on the wire."""
        line = f"HTTP/1.1 {self.status_code} {self.reason_phrase}\r\n"
        return line.encode() + self.headers.serialize() + bytes(self.body)
