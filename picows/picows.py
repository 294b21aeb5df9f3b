"""The compiled types under the name that code written for the Cython library imports them from."""

from ._native import (
    WSAutoPingStrategy,
    WSCloseCode,
    WSFrame,
    WSListener,
    WSMsgType,
    WSTransport,
)
from .closing import WSCloseHandshake, WSCloseInfo

__all__ = [
    "WSAutoPingStrategy",
    "WSCloseCode",
    "WSCloseHandshake",
    "WSCloseInfo",
    "WSFrame",
    "WSListener",
    "WSMsgType",
    "WSTransport",
]
