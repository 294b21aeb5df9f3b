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
    WSConnectionClosed,
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
from .loop.wrap import ws_wrap
from .messages.connect import connect
from .messages.connection import WSConnection
from .messages.retry import backoff
from .messages.serve import WSServer, serve
from .server.endpoint import WSEndpoint, ws_endpoint
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
    "WSConnection",
    "WSConnectionClosed",
    "WSDisconnectCause",
    "WSDisconnectInfo",
    "WSEndpoint",
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
    "WSServer",
    "WSTransport",
    "WSUpgradeRequest",
    "WSUpgradeResponse",
    "WSUpgradeResponseWithListener",
    "__version__",
    "backoff",
    "connect",
    "get_include",
    "serve",
    "ws_broadcast",
    "ws_connect",
    "ws_create_server",
    "ws_endpoint",
    "ws_wrap",
]

for _public in (
    WSBroadcastResult,
    WSConnection,
    WSPermessageDeflate,
    WSServer,
    WSEndpoint,
    WSUpgradeRequest,
    WSUpgradeResponse,
    WSUpgradeResponseWithListener,
    backoff,
    connect,
    serve,
):
    _public.__module__ = __name__  # not the room where it was made
