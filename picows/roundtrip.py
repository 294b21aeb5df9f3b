"""Measuring how long a peer takes to answer."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._native import WSTransport


async def measure_roundtrip_time(transport: WSTransport, rounds: int) -> list[float]:
    """Body of WSTransport.measure_roundtrip_time()."""
    seconds = []
    for _ in range(rounds):
        # A ping of auto-ping, or of another task that measures, is answered first.
        while transport._is_pong_expected:
            await asyncio.shield(transport._expect_pong())
        if transport.is_disconnected:
            raise ConnectionResetError("the connection is gone")
        answer = transport._expect_pong()
        start = time.monotonic()
        transport._send_ping()
        # Others may wait for the same answer: one that is cancelled must not take it from them.
        seconds.append(await asyncio.shield(answer) - start)
    return seconds
