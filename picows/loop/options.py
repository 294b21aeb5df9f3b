"""Arguments that ws_connect and ws_create_server have in common."""

from __future__ import annotations

import importlib.util
import logging
import math
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from .._native import WSAutoPingStrategy, WSCloseCode
from ..values.compression import WSPermessageDeflate, read_compression
from .checks import check_seconds, whole_number

#: Level of the most detailed log lines, below `logging.DEBUG`.
PICOWS_DEBUG_LL: Final = 9

WSLoggerLike: TypeAlias = "str | logging.Logger | logging.LoggerAdapter[Any] | None"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How connections behave: arguments that both functions have, and explain.

    Raises TypeError for a wrong type, ValueError for a value that cannot work.
    """

    websocket_handshake_timeout: float | None
    max_frame_size: int
    disconnect_on_exception: bool
    strict: bool
    coalesce_sends: bool
    enable_auto_pong: bool
    enable_auto_ping: bool
    auto_ping_idle_timeout: float
    auto_ping_reply_timeout: float
    auto_ping_strategy: WSAutoPingStrategy
    auto_ping_close_code: WSCloseCode | int = WSCloseCode.GOING_AWAY
    permessage_deflate: bool | WSPermessageDeflate
    #: What the last one stands for.
    compression: WSPermessageDeflate | None = field(init=False)
    enable_kernel_timestamps: bool

    def __post_init__(self) -> None:
        if self.websocket_handshake_timeout is None:
            object.__setattr__(self, "websocket_handshake_timeout", math.inf)
        else:
            check_seconds("websocket_handshake_timeout", self.websocket_handshake_timeout)
        for name in ("auto_ping_idle_timeout", "auto_ping_reply_timeout"):
            check_seconds(name, getattr(self, name), is_used=self.enable_auto_ping)
        WSAutoPingStrategy(self.auto_ping_strategy)
        whole_number("auto_ping_close_code", self.auto_ping_close_code)
        if whole_number("max_frame_size", self.max_frame_size) < 0:
            raise ValueError("max_frame_size must be at least 0")
        object.__setattr__(self, "compression", read_compression(self.permessage_deflate))


def resolve_logger(name: WSLoggerLike, default: str) -> logging.Logger | logging.LoggerAdapter[Any]:
    """The logger `picows.<name>`, `picows.<default>` for None, or the logger-like object given."""
    if name is None:
        return logging.getLogger(f"picows.{default}")
    if isinstance(name, str):
        return logging.getLogger(f"picows.{name}")
    if not hasattr(name, "isEnabledFor"):
        raise TypeError(f"logger_name must be a str, a logger or None, not {name!r}")
    return name


def check_aiofastnet() -> None:
    """Refuse use_aiofastnet=True if aiofastnet is not installed."""
    if importlib.util.find_spec("aiofastnet") is None:
        raise ValueError(
            "use_aiofastnet=True needs the package aiofastnet: pip install 'picows[aiofastnet]'"
        )
