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
from .client.connect import ws_connect
from .closing import WSDisconnectCause, WSDisconnectInfo
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
from .include import get_include
from .loop.options import PICOWS_DEBUG_LL
from .server.serve import ws_create_server
from .url import WSParsedURL
from .values.broadcast import WSBroadcastResult
from .values.compression import WSPermessageDeflate
from .values.handshake import WSUpgradeRequest, WSUpgradeResponse, WSUpgradeResponseWithListener

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
    "WSPermessageDeflate",
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

for _public in (
    WSBroadcastResult,
    WSPermessageDeflate,
    WSUpgradeRequest,
    WSUpgradeResponse,
    WSUpgradeResponseWithListener,
):
    _public.__module__ = __name__  # not the room where it was made
