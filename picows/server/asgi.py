"""Under ASGI: an endpoint for each configuration of uvicorn, and heads as ASGI has them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from .._native import Endpoint, WSAutoPingStrategy, WSCloseCode
from ..loop.checks import SECONDS_MAX
from ..loop.options import Options
from ..loop.state import loop_state
from ..values.handshake import WSUpgradeRequest

if TYPE_CHECKING:
    from uvicorn.config import Config

#: What connections log; uvicorn says what it wants to be said.
_quiet = logging.getLogger("picows.asgi")

#: The endpoint of each configuration, and the event loop that it belongs to.
_endpoints: WeakKeyDictionary[Any, tuple[asyncio.AbstractEventLoop, Endpoint]] = WeakKeyDictionary()


def endpoint_of(config: Config, loop: asyncio.AbstractEventLoop) -> Endpoint:
    known = _endpoints.get(config)
    if known is not None and known[0] is loop:
        return known[1]
    interval, timeout = config.ws_ping_interval, config.ws_ping_timeout
    options = Options(
        websocket_handshake_timeout=None,  # the application takes its time
        max_frame_size=config.ws_max_size,
        disconnect_on_exception=True,
        strict=True,
        coalesce_sends=False,
        enable_auto_pong=True,
        enable_auto_ping=interval is not None and interval > 0,
        auto_ping_idle_timeout=interval or 1,
        auto_ping_reply_timeout=SECONDS_MAX if timeout is None else timeout,
        auto_ping_strategy=WSAutoPingStrategy.PING_PERIODICALLY,
        auto_ping_close_code=WSCloseCode.INTERNAL_ERROR,
        permessage_deflate=config.ws_per_message_deflate,
        enable_kernel_timestamps=False,
    )
    endpoint = Endpoint(loop_state(loop), loop, _quiet, _refuse, options)
    _endpoints[config] = (loop, endpoint)
    return endpoint


def _refuse(request: WSUpgradeRequest) -> None:
    """The listener factory of connections without one of their own: there are none."""


def read_head(head: bytes) -> tuple[list[tuple[bytes, bytes]], list[str]]:
    """The headers of a request that was checked, and the subprotocols among them."""
    headers = []
    subprotocols: list[str] = []
    for line in head.split(b"\r\n")[1:-2]:
        name, _, value = line.partition(b":")
        name, value = name.lower(), value.strip(b" \t")
        headers.append((name, value))
        if name == b"sec-websocket-protocol":
            subprotocols += [token.strip() for token in value.decode("latin-1").split(",")]
    return headers, subprotocols


def text_of(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[str, str]]:
    """Headers as responses have them: whatever the bytes are, they stay as they are."""
    return [
        (name.decode("latin-1"), value.decode("utf-8", "surrogateescape"))
        for name, value in headers
    ]
