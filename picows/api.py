"""Names of the Cython library that are in `picows` or in its types."""

from .client.connect import WSListenerFactory, ws_connect
from .client.dial import WSSocketFactory
from .loop.options import WSLoggerLike
from .server.serve import WSServerListenerFactory, ws_create_server
from .values.header_text import WSHeadersLike

__all__ = [
    "WSHeadersLike",
    "WSListenerFactory",
    "WSLoggerLike",
    "WSServerListenerFactory",
    "WSSocketFactory",
    "ws_connect",
    "ws_create_server",
]
