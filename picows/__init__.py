"""WebSocket client and server for asyncio, with its hot path in Zig."""

from ._native import (
    WSAutoPingStrategy,
    WSCloseCode,
    WSFrame,
    WSListener,
    WSMsgType,
    WSTransport,
    __version__,
    ws_broadcast,
)
from .broadcast import WSBroadcastResult
from .closing import WSDisconnectCause, WSDisconnectInfo
from .connect import ws_connect
from .exceptions import (
    WSError,
    WSHandshakeError,
    WSInvalidHeaderError,
    WSInvalidMessageError,
    WSInvalidStatusError,
    WSInvalidUpgradeError,
    WSInvalidURL,
    WSProtocolError,
    WSProxyError,
)
from .handshake import WSUpgradeRequest, WSUpgradeResponse, WSUpgradeResponseWithListener
from .headers import get_include
from .options import PICOWS_DEBUG_LL
from .serve import ws_create_server
from .url import WSParsedURL

__all__ = [
    "PICOWS_DEBUG_LL",
    "WSAutoPingStrategy",
    "WSBroadcastResult",
    "WSCloseCode",
    "WSDisconnectCause",
    "WSDisconnectInfo",
    "WSError",
    "WSFrame",
    "WSHandshakeError",
    "WSInvalidHeaderError",
    "WSInvalidMessageError",
    "WSInvalidStatusError",
    "WSInvalidURL",
    "WSInvalidUpgradeError",
    "WSListener",
    "WSMsgType",
    "WSParsedURL",
    "WSProtocolError",
    "WSProxyError",
    "WSTransport",
    "WSUpgradeRequest",
    "WSUpgradeResponse",
    "WSUpgradeResponseWithListener",
    "__version__",
    "get_include",
    "ws_broadcast",
    "ws_connect",
    "ws_create_server",
]
