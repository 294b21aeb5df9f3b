"""Whose transports an event loop's connections run on."""

from __future__ import annotations

import asyncio
import sys


def has_own_transport(loop: asyncio.AbstractEventLoop) -> bool:
    """Whether TCP connections of an event loop can run on TcpTransport.

    It watches sockets through the loop's readers and writers, on Linux. Other loops than those
    of asyncio and uvloop, derived ones too, may have their reasons to make transports themselves.
    """
    if sys.platform != "linux":
        return False
    kind = type(loop)
    return kind is asyncio.SelectorEventLoop or is_uvloop(loop)


def is_uvloop(loop: asyncio.AbstractEventLoop) -> bool:
    kind = type(loop)
    return (kind.__module__, kind.__qualname__) == ("uvloop", "Loop")
