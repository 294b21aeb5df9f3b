"""Options, for tests that make an Endpoint themselves."""

from __future__ import annotations

from typing import Any

from picows import WSAutoPingStrategy
from picows.loop.options import Options

GIVEN: dict[str, Any] = {
    "websocket_handshake_timeout": None,
    "max_frame_size": 0,
    "disconnect_on_exception": True,
    "strict": False,
    "coalesce_sends": False,
    "enable_auto_pong": True,
    "enable_auto_ping": True,
    "auto_ping_idle_timeout": 10,
    "auto_ping_reply_timeout": 10,
    "auto_ping_strategy": WSAutoPingStrategy.PING_WHEN_IDLE,
    "permessage_deflate": False,
    "enable_kernel_timestamps": False,
    "auto_ping_close_code": 1001,
}


def made(**given: Any) -> Options:
    return Options(**(GIVEN | given))
