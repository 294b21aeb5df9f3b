"""Connections whose opening handshake somebody else has done."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Literal, cast

from .._native import Endpoint, WSAutoPingStrategy, WSCloseCode, WSListener, WSTransport
from ..values.handshake import WSUpgradeRequest
from .checks import check_bytes
from .options import Options, WSLoggerLike, resolve_logger
from .state import loop_state

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from .._native import Protocol


def ws_wrap(
    transport: asyncio.Transport,
    ws_listener: WSListener,
    *,
    role: Literal["server", "client"] = "server",
    request: WSUpgradeRequest | None = None,
    received: Buffer = b"",
    disconnect_on_exception: bool = True,
    logger_name: WSLoggerLike = None,
    enable_auto_ping: bool = False,
    auto_ping_idle_timeout: float = 20,
    auto_ping_reply_timeout: float = 20,
    auto_ping_strategy: WSAutoPingStrategy = WSAutoPingStrategy.PING_WHEN_IDLE,
    auto_ping_close_code: WSCloseCode | int = WSCloseCode.GOING_AWAY,
    enable_auto_pong: bool = True,
    max_frame_size: int = 10 * 1024 * 1024,
    strict: bool = False,
    coalesce_sends: bool = False,
    enable_kernel_timestamps: bool = False,
) -> WSTransport:
    """Speak WebSocket on a connection whose opening handshake somebody else has done.

    Call it in the thread of the running event loop, when the 101 was given to the transport, or
    was received from it. What waits in the transport leaves first. The arguments that are not here
    are those of `ws_create_server`.

    Args:
        transport: an open asyncio transport of this event loop. Its old protocol hears nothing
            from it any more.
        ws_listener: the handler of the connection. `on_ws_connected` is called before this returns.
        role: which side we are. A client masks what it sends.
        request: what `WSTransport.request` is to show; by default a plain request for "/".
        received: what was read behind the opening handshake, bytes-like.

    Returns:
        The connection.

    Raises:
        RuntimeError: no event loop is running.
        TypeError: an argument has the wrong type.
        ValueError: an argument has an unusable value, or the transport is closing or closed.
    """
    if role not in ("server", "client"):
        raise ValueError(f"role must be 'server' or 'client', not {role!r}")
    if not isinstance(ws_listener, WSListener):
        raise TypeError(f"a listener must be an instance of WSListener, not {ws_listener!r}")
    check_bytes("received", received)
    loop = asyncio.get_running_loop()
    logger = resolve_logger(logger_name, role)
    options = Options(
        websocket_handshake_timeout=None,
        max_frame_size=max_frame_size,
        disconnect_on_exception=disconnect_on_exception,
        strict=strict,
        coalesce_sends=coalesce_sends,
        enable_auto_pong=enable_auto_pong,
        enable_auto_ping=enable_auto_ping,
        auto_ping_idle_timeout=auto_ping_idle_timeout,
        auto_ping_reply_timeout=auto_ping_reply_timeout,
        auto_ping_strategy=auto_ping_strategy,
        auto_ping_close_code=auto_ping_close_code,
        permessage_deflate=False,
        enable_kernel_timestamps=enable_kernel_timestamps,
    )
    protocol = Endpoint(
        *(loop_state(loop), loop, logger, WSListener, options),
        request=WSUpgradeRequest() if request is None else request,
        request_bytes=b"" if role == "client" else None,
    )()
    take_over(transport, protocol)
    protocol.connection_opened(transport, ws_listener)
    protocol.data_received(received)
    return cast(WSTransport, protocol.transport)


def take_over(transport: asyncio.Transport, protocol: Protocol) -> None:
    """Have a transport of the event loop, which may be paused, call a protocol of ours.

    Raises ValueError if its end has begun: who is told of that is settled already.
    """
    if transport.is_closing():
        raise ValueError(f"transport is closing, nothing can be received from it: {transport!r}")
    transport.set_protocol(protocol)
    transport.resume_reading()
