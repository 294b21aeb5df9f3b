"""The exceptions, under the name that users and pickles import them from."""

from .values.exceptions import (
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
    _rebuild,  # what pickles call
)

__all__ = [
    "WSConnectionClosed",
    "WSError",
    "WSHandshakeError",
    "WSInvalidHeaderError",
    "WSInvalidMessageError",
    "WSInvalidStatusError",
    "WSInvalidURL",
    "WSInvalidUpgradeError",
    "WSProtocolError",
    "WSProxyError",
]

_rebuild.__module__ = __name__
for _name in __all__:
    globals()[_name].__module__ = __name__  # not the room where it was made
