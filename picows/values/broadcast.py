"""What ws_broadcast says about a frame it sent to many."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .._native import WSTransport


@dataclass(frozen=True, slots=True)
class WSBroadcastResult:
    """For whom a frame of `ws_broadcast` did not leave at once. Transports that are in neither
    were sent all of it, or were closing or gone."""

    queued: tuple[WSTransport, ...]
    """Took the frame, but bytes wait for the peer to read."""
    full: tuple[WSTransport, ...]
    """Had no room for the frame: it was left out for them, or they were disconnected, as
    `when_full` says."""


everything_sent = WSBroadcastResult((), ())
"""The result when there is nothing to say."""
