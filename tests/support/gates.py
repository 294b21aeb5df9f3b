"""A listener factory that takes as long as a test wants, and clients that wait for it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from picows import (
    WSUpgradeRequest,
)
from picows.testing import wire
from picows.testing.peers import Peer, open_raw
from picows.testing.recorder import serving

from . import stacks

KEY = b"\x01\x02\x03\x04"


class Gate:
    """A factory that a test lets choose when it likes."""

    def __init__(self, choice: Any = None) -> None:
        self.choice = choice
        self.called = asyncio.Event()
        self.cancelled = asyncio.Event()
        self.opened = asyncio.Event()

    async def __call__(self, request: WSUpgradeRequest) -> Any:
        self.called.set()
        try:
            await self.opened.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        if isinstance(self.choice, BaseException):
            raise self.choice
        return self.choice


def complaints(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [record for record in caplog.records if record.levelno >= logging.WARNING]


@asynccontextmanager
async def waiting(gate: Gate, after: bytes = b"", **options: Any) -> AsyncIterator[Peer]:
    """A client that has sent its request, whose factory was called and has not chosen."""
    async with serving(gate, **options) as port:
        peer = await open_raw(port, stacks.client_tls() if options.get("ssl") else None)
        peer.send_bytes(wire.request() + after)
        await gate.called.wait()
        yield peer
        await peer.close()
