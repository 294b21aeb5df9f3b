"""Arguments that ws_connect and ws_create_server have in common."""

from __future__ import annotations

import importlib.util
import logging
from typing import Any, Final, TypeAlias

from ._native import WSAutoPingStrategy

#: Level of the most detailed log lines.
PICOWS_DEBUG_LL: Final = 9

WSLoggerLike: TypeAlias = "str | logging.Logger | logging.LoggerAdapter[Any] | None"


def resolve_logger(name: WSLoggerLike, default: str) -> logging.Logger | logging.LoggerAdapter[Any]:
    """The logger `picows.<name>`, `picows.<default>` for None, or the logger-like object given."""
    if name is None:
        return logging.getLogger(f"picows.{default}")
    if isinstance(name, str):
        return logging.getLogger(f"picows.{name}")
    return name


def resolve_use_aiofastnet(use_aiofastnet: bool | None) -> bool:
    """Whether aiofastnet drives the sockets: None means where it is installed."""
    is_installed = importlib.util.find_spec("aiofastnet") is not None
    if use_aiofastnet and not is_installed:
        raise ValueError(
            "use_aiofastnet=True needs the package aiofastnet; install it or pass None"
        )
    return is_installed if use_aiofastnet is None else use_aiofastnet


def check_auto_ping(
    enable: bool, idle_timeout: float, reply_timeout: float, strategy: WSAutoPingStrategy
) -> None:
    """Refuse auto-ping options that cannot work."""
    WSAutoPingStrategy(strategy)
    if not enable:
        return
    if idle_timeout <= 0 or reply_timeout <= 0:
        raise ValueError("auto_ping_idle_timeout and auto_ping_reply_timeout are positive seconds")
    if reply_timeout > idle_timeout:
        raise ValueError("auto_ping_reply_timeout cannot be longer than auto_ping_idle_timeout")
