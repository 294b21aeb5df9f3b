"""Names of the Cython library that are in `picows` or in its types."""

from typing import TypeAlias

from .loop.options import PICOWS_DEBUG_LL
from .values.exceptions import (
    WSError,
    WSHandshakeError,
    WSInvalidHeaderError,
    WSInvalidMessageError,
    WSInvalidStatusError,
    WSInvalidUpgradeError,
    WSProtocolError,
)
from .values.handshake import WSUpgradeRequest, WSUpgradeResponse, WSUpgradeResponseWithListener
from .values.header_text import WSHeadersLike, add_extra_headers

__all__ = [
    "PICOWS_DEBUG_LL",
    "WSBuffer",
    "WSError",
    "WSHandshakeError",
    "WSHeadersLike",
    "WSHost",
    "WSInvalidHeaderError",
    "WSInvalidMessageError",
    "WSInvalidStatusError",
    "WSInvalidUpgradeError",
    "WSPort",
    "WSProtocolError",
    "WSUpgradeRequest",
    "WSUpgradeResponse",
    "WSUpgradeResponseWithListener",
    "add_extra_headers",
]

WSBuffer: TypeAlias = bytes | bytearray | memoryview
WSHost: TypeAlias = str
WSPort: TypeAlias = int
