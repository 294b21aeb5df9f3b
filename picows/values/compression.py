"""Options of permessage-deflate (RFC 7692), and what is offered in a request."""

from __future__ import annotations

import operator
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

EXTENSION_NAME = "permessage-deflate"


@dataclass(frozen=True, slots=True, kw_only=True)
class WSPermessageDeflate:
    """Options of compression, for `permessage_deflate` of `ws_connect` and `ws_create_server`.

    A window of `n` bits has 2 to the power of `n` bytes: matches reach no further back. What each
    setting costs in memory is in docs/compression.md.

    Raises:
        TypeError: an option has the wrong type.
        ValueError: an option is out of its range.
    """

    #: The server's window for what it sends, 8 to 15. None: a server takes 12, a client asks for
    #: nothing.
    server_max_window_bits: int | None = None
    #: The client's window for what it sends, 8 to 15. None: 12, which a server can only ask for.
    client_max_window_bits: int | None = None
    #: Whether each message of the server is compressed without those before it.
    server_no_context_takeover: bool = False
    #: The same for the client's messages.
    client_no_context_takeover: bool = False
    #: How much effort goes into what is sent: 1 is the fastest, 9 gives the smallest messages.
    level: int = 6
    #: Messages of at least so many bytes are compressed; of one in fragments the first counts.
    threshold: int = 64
    #: The largest message in bytes, inflated; a larger one is refused with CLOSE(MESSAGE_TOO_BIG).
    #: None for `max_frame_size`. It holds for messages that are not compressed as well.
    max_message_size: int | None = None

    def __post_init__(self) -> None:
        for name in ("server_max_window_bits", "client_max_window_bits"):
            if getattr(self, name) is not None:
                _check_range(self, name, 8, 15)
        for name in ("server_no_context_takeover", "client_no_context_takeover"):
            if not isinstance(getattr(self, name), bool):
                raise TypeError(f"{name} must be a bool, not {getattr(self, name)!r}")
        _check_range(self, "level", 1, 9)
        _check_range(self, "threshold", 0, sys.maxsize)
        if self.max_message_size is not None:
            _check_range(self, "max_message_size", 0, sys.maxsize)


def _check_range(options: WSPermessageDeflate, name: str, smallest: int, largest: int) -> None:
    value = getattr(options, name)
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be a whole number, not {value!r}") from None
    if not smallest <= number <= largest:
        top = "sys.maxsize" if largest == sys.maxsize else largest
        raise ValueError(f"{name} must be {smallest} to {top}, not {number}")


def read_compression(value: bool | WSPermessageDeflate | None) -> WSPermessageDeflate | None:
    """The options that an argument `permessage_deflate` stands for; None for no compression."""
    if value is None or isinstance(value, WSPermessageDeflate):
        return value
    if isinstance(value, bool):
        return WSPermessageDeflate() if value else None
    raise TypeError(f"permessage_deflate must be a bool or a WSPermessageDeflate, not {value!r}")


def compression_offer(options: WSPermessageDeflate) -> str:
    """The value of Sec-WebSocket-Extensions in a request (RFC 7692, 7.1)."""
    offer = EXTENSION_NAME
    if options.server_no_context_takeover:
        offer += "; server_no_context_takeover"
    if options.client_no_context_takeover:
        offer += "; client_no_context_takeover"
    if options.server_max_window_bits is not None:
        offer += f"; server_max_window_bits={options.server_max_window_bits}"
    offer += "; client_max_window_bits"
    if options.client_max_window_bits is not None:
        offer += f"={options.client_max_window_bits}"
    return offer


def check_no_other_offer(headers: Iterable[tuple[str, Any]]) -> None:
    """Refuse an offer of permessage-deflate by hand next to ours."""
    for name, value in headers:
        if name.lower() == "sec-websocket-extensions" and EXTENSION_NAME in value:
            raise ValueError(
                "extra_headers must not offer permessage-deflate where permessage_deflate does"
            )
