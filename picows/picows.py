"""The compiled types under the name that code written for the Cython library imports them from."""

from typing import NoReturn

from ._native import (
    WSAutoPingStrategy,
    WSCloseCode,
    WSFrame,
    WSListener,
    WSMsgType,
    WSTransport,
)
from .values.closing import WSCloseHandshake, WSCloseInfo

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


def __getattr__(name: str) -> NoReturn:
    if name == "MemoryBuffer":
        # Cython imports every type of the .pxd that a module was compiled with. This one stands in
        # that of the Cython library alone, whose structs are others.
        raise AttributeError(
            "this Cython module was compiled for another picows, the Cython library: "
            "compile it again with this picows installed"
        )
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
