"""The result of ws_broadcast."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .._native import WSTransport


@dataclass(frozen=True, slots=True)
class WSBroadcastResult:
    """The transports that were not sent the whole frame at once. A transport in neither tuple was
    sent all of it, or was closing or gone."""

    queued: tuple[WSTransport, ...]
    """These took the frame, but have bytes queued until the peer reads."""
    full: tuple[WSTransport, ...]
    """These had no room for the frame. They were skipped or disconnected, as `when_full` says."""


everything_sent = WSBroadcastResult((), ())
"""The result when every transport was sent the whole frame."""
