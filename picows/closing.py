"""How a connection ended, under the name that users import it from."""

from .values.closing import (
    WSCloseHandshake,
    WSCloseInfo,
    WSDisconnectCause,
    WSDisconnectInfo,
)

__all__ = ["WSCloseHandshake", "WSCloseInfo", "WSDisconnectCause", "WSDisconnectInfo"]

for _name in __all__:
    globals()[_name].__module__ = __name__  # not the room where it was made
