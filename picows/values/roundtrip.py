"""Measuring how long a peer takes to answer."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .._native import WSTransport


async def measure_roundtrip_time(transport: WSTransport, rounds: int) -> list[float]:
    """Body of WSTransport.measure_roundtrip_time()."""
    seconds = []
    for _ in range(rounds):
        start = time.monotonic()
        answer = transport._measure_ping()
        try:
            # What stands in the buffer already may pass for the answer to a listener's own ping.
            seconds.append(max(0.0, await answer - start))
        finally:
            transport._give_up_ping(answer)
    return seconds
