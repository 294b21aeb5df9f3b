"""Arguments that ws_connect and ws_create_server have in common."""

from __future__ import annotations

import asyncio
import importlib.util
import logging
from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from .._native import WSAutoPingStrategy
from .checks import check_callable, check_seconds, whole_number
from .state import loop_state

#: Level of the most detailed log lines, below `logging.DEBUG`.
PICOWS_DEBUG_LL: Final = 9

#: Arguments of both functions, by the names that an Endpoint has for them.
_ENDPOINT_ARGUMENTS: Final = {
    "listener_factory": "ws_listener_factory",
    "handshake_timeout": "websocket_handshake_timeout",
    "max_frame_size": "max_frame_size",
    "disconnect_on_exception": "disconnect_on_exception",
    "enable_auto_pong": "enable_auto_pong",
    "enable_auto_ping": "enable_auto_ping",
    "ping_idle_seconds": "auto_ping_idle_timeout",
    "ping_reply_seconds": "auto_ping_reply_timeout",
    "ping_strategy": "auto_ping_strategy",
    "strict": "strict",
    "coalesce_sends": "coalesce_sends",
}

WSLoggerLike: TypeAlias = "str | logging.Logger | logging.LoggerAdapter[Any] | None"


def endpoint_arguments(
    loop: asyncio.AbstractEventLoop,
    logger: logging.Logger | logging.LoggerAdapter[Any],
    arguments: Mapping[str, Any],
) -> dict[str, Any]:
    """The arguments of an Endpoint that both functions have in common.

    arguments: the caller's, by name; those that are not in common are ignored.
    Raises TypeError for a wrong type, ValueError for auto-ping options that cannot work.
    """
    check_callable("ws_listener_factory", arguments["ws_listener_factory"])
    if arguments["websocket_handshake_timeout"] is not None:
        check_seconds("websocket_handshake_timeout", arguments["websocket_handshake_timeout"])
    check_auto_ping(
        arguments["enable_auto_ping"],
        arguments["auto_ping_idle_timeout"],
        arguments["auto_ping_reply_timeout"],
        arguments["auto_ping_strategy"],
    )
    taken = {name: arguments[given] for name, given in _ENDPOINT_ARGUMENTS.items()}
    taken["max_frame_size"] = whole_number("max_frame_size", taken["max_frame_size"])
    taken["loop_state"] = loop_state(loop)
    taken["loop"] = loop
    taken["logger"] = logger
    return taken


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


def check_auto_ping(
    enable: bool, idle_timeout: float, reply_timeout: float, strategy: WSAutoPingStrategy
) -> None:
    """Refuse auto-ping options that cannot work."""
    WSAutoPingStrategy(strategy)
    check_seconds("auto_ping_idle_timeout", idle_timeout, is_used=enable)
    check_seconds("auto_ping_reply_timeout", reply_timeout, is_used=enable)
    if enable and float(reply_timeout) > float(idle_timeout):
        raise ValueError("auto_ping_reply_timeout must be at most auto_ping_idle_timeout")
