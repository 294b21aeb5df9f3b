"""Arguments that connect and serve have in common."""

from __future__ import annotations

import sys
from typing import Any, Final

from ..loop.checks import check_seconds
from ..values.compression import WSPermessageDeflate
from .connection import WSDecode, WSWhenFull

#: Of ws_connect and ws_create_server for a frame too.
MAX_MESSAGE_SIZE: Final = 10 * 1024 * 1024
#: Each costs memory beside its bytes, until the message is whole: some 6 MiB if all are empty.
_MAX_FRAGMENTS: Final = 65_536
#: Arguments of both functions below that mean nothing here.
_NOT_HERE: Final = ("strict", "disconnect_on_exception", "max_frame_size", "permessage_deflate")


def listener_options(
    max_message_size: int | None,
    max_queue: int | None,
    max_queue_bytes: int | None,
    when_full: WSWhenFull,
    decode: WSDecode,
    close_timeout: float | None,
) -> dict[str, Any]:
    """The arguments of each WSConnection."""
    if close_timeout is not None:
        check_seconds("close_timeout", close_timeout)
    return {
        "max_message_size": max_message_size,
        "max_fragments": _MAX_FRAGMENTS,
        "max_queue": max_queue,
        "max_queue_bytes": max_queue_bytes,
        "when_full": when_full,
        "decode": decode,
        "close_timeout": close_timeout,
    }


def transport_options(
    max_message_size: int | None, compression: bool | WSPermessageDeflate, arguments: dict[str, Any]
) -> dict[str, Any]:
    """The arguments of ws_connect or ws_create_server."""
    for name in _NOT_HERE:
        if name in arguments:
            raise TypeError(f"{name} is for frames: connect() and serve() do not take it")
    options = {"enable_auto_ping": True, **arguments, "strict": True}
    options["permessage_deflate"] = compression
    size = sys.maxsize if max_message_size is None else max_message_size
    # What does not get smaller gets a little larger when it is compressed.
    options["max_frame_size"] = min(sys.maxsize, size + size // 64 + 1024) if compression else size
    return options
