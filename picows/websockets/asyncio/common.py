"""Arguments that `connect` and `serve` have in common."""

from __future__ import annotations

import sys
from typing import Any

from ..._native import WSAutoPingStrategy
from ...loop.options import Options
from ...values.compression import WSPermessageDeflate

MaxSize = int | tuple[int | None, int | None] | None


def connection_options(
    open_timeout: float | None,
    max_size: MaxSize,
    compression: WSPermessageDeflate | None,
    kwargs: dict[str, Any],
) -> Options:
    """How connections behave. What programs may give besides is taken out of `kwargs`."""
    kwargs.pop("read_buffer_init_size", None)
    return Options(
        websocket_handshake_timeout=open_timeout,
        max_frame_size=frame_size_max(max_size, compression),
        disconnect_on_exception=kwargs.pop("disconnect_on_exception", True),
        strict=False,
        coalesce_sends=False,
        enable_auto_pong=True,
        # Keepalive is of another kind here: `pings`.
        enable_auto_ping=False,
        auto_ping_idle_timeout=20,
        auto_ping_reply_timeout=20,
        auto_ping_strategy=WSAutoPingStrategy.PING_WHEN_IDLE,
        permessage_deflate=compression or False,
        enable_kernel_timestamps=False,
    )


def frame_size_max(max_size: MaxSize, compression: WSPermessageDeflate | None) -> int:
    """The largest frame that can be part of what `max_size` allows.

    What cannot be compressed grows a little; the message's limit holds for what comes out.
    """
    limits = max_size if isinstance(max_size, tuple) else (max_size,)
    size_max = min((limit for limit in limits if limit is not None), default=sys.maxsize)
    if compression is None or size_max == sys.maxsize:
        return size_max
    return size_max + size_max // 64 + 1024
