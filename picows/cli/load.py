"""Many connections to an echo server: what `bench` measures."""

from __future__ import annotations

import argparse
import asyncio
import math
import random
import time
from collections import deque
from collections.abc import Callable

from .. import WSMsgType, WSTransport
from .client import close, connect, is_compressed
from .latency import Latencies
from .messages import MessageListener
from .status import CONNECT_ERRORS, Status, explain_failure

_STAMP_SIZE = 4
_PROGRESS_SECONDS = 0.1
_AT_ONCE_MAX = 64
"""Opening handshakes under way at a time."""
_ECHO_SECONDS = 10.0
"""How long the last echoes may take."""


class LoadError(Exception):
    """The measurement failed. `status` is what the process exits with."""

    def __init__(self, status: Status, text: str) -> None:
        super().__init__(text)
        self.status = status


class Totals:
    """What all connections count together: messages sent from `start` to `end`.

    start, end: of time.perf_counter(), math.inf while not known.
    failed: done with an exception once the measurement is worth nothing.
    """

    def __init__(self) -> None:
        self.start = self.end = math.inf
        self.latencies = Latencies()
        self.is_compressed = False
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def fail(self, reason: str) -> None:
        """Give up."""
        if not self.failed.done():
            self.failed.set_exception(LoadError(Status.LOST, reason))

    async def watch(self, seconds: float) -> None:
        """Wait for so long. LoadError if something fails meanwhile, or has failed before."""
        await asyncio.wait([self.failed], timeout=max(0.0, seconds))
        if self.failed.done():
            self.failed.result()


class _Connection(MessageListener):
    """One connection: sends messages, compares their echoes."""

    def __init__(self, options: argparse.Namespace, totals: Totals) -> None:
        super().__init__(options.max_size)
        self.transport: WSTransport
        self.pending: deque[tuple[float, bytes]] = deque()
        self.is_sending = False
        self._totals = totals
        self._payload = _payload(options)
        self._count = 0
        self._is_paced = options.rate is not None

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.transport = transport
        self._totals.is_compressed = is_compressed(transport)

    def send(self, due: float) -> None:
        """Send the next message. Its latency counts from `due`, of time.perf_counter()."""
        # Each message differs from the one before, so that an old echo cannot pass for a new one.
        self._count += 1
        stamp = (self._count % (1 << 32)).to_bytes(_STAMP_SIZE, "big")[-len(self._payload) :]
        payload = stamp + self._payload[len(stamp) :] if self._payload else b""
        self.pending.append((due, payload))
        self.transport.send(WSMsgType.BINARY, payload)

    def on_message(self, transport: WSTransport, msg_type: WSMsgType, payload: bytes) -> None:
        now = time.perf_counter()
        if not self.pending or msg_type != WSMsgType.BINARY or payload != self.pending[0][1]:
            self._totals.fail("a message came that is no echo of what was sent")
            return
        due, _ = self.pending.popleft()
        if self._totals.start <= due < self._totals.end:
            self._totals.latencies.add(now - due)
        if self.is_sending and not self._is_paced:
            self.send(now)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        if self.is_sending or self.pending:
            self._totals.fail("a connection was lost")  # by the server: we wait for all echoes


def _payload(options: argparse.Namespace) -> bytes:
    """Random bytes; what is to be compressed is like the JSON of a market feed."""
    if not options.compress:
        return random.randbytes(options.size)
    quotes = b""
    while len(quotes) < options.size:
        price = 43_000 + random.randrange(100_000) / 100
        quotes += b'{"symbol":"BTCUSDT","price":%.2f,"size":%d},' % (price, random.randrange(9999))
    return quotes[: options.size]


async def measure(
    options: argparse.Namespace, show: Callable[[str, float, Totals], None]
) -> Totals:
    """Connect, warm up, measure, wait for the last echoes, close.

    show: called now and then with what is going on, how much of it is done (0 to 1), and Totals.

    Raises LoadError.
    """
    totals = Totals()
    connections: list[_Connection] = []
    pacing = None
    try:
        await _connect_all(options, totals, connections, show)
        for connection in connections:
            connection.is_sending = True
        if options.rate is None:
            for connection in connections:
                for _ in range(options.window):
                    connection.send(time.perf_counter())
        else:
            pacing = asyncio.ensure_future(_pace(connections, options.rate))
        totals.start = time.perf_counter() + options.warmup
        totals.end = totals.start + options.duration
        while (left := totals.end - time.perf_counter()) > 0:
            await totals.watch(min(_PROGRESS_SECONDS, left))
            done = 1 - left / options.duration
            show("measuring" if done >= 0 else "warming up", max(0.0, done), totals)
        await _finish(connections, totals)
    finally:
        if pacing is not None:
            pacing.cancel()
        for connection in connections:
            connection.is_sending = False
            connection.pending.clear()
        await asyncio.gather(*(close(connection.transport) for connection in connections))
        if totals.failed.done():
            totals.failed.exception()  # it was told, or something else came first
    return totals


async def _connect_all(
    options: argparse.Namespace,
    totals: Totals,
    connections: list[_Connection],
    show: Callable[[str, float, Totals], None],
) -> None:
    """Fill `connections`, a few at a time."""
    while len(connections) < options.connections:
        count = min(_AT_ONCE_MAX, options.connections - len(connections))
        fresh = [_Connection(options, totals) for _ in range(count)]
        results = await asyncio.gather(
            *(_connect(one, options) for one in fresh),
            return_exceptions=True,
        )
        connections += [one for one in fresh if hasattr(one, "transport")]
        for error in results:
            if isinstance(error, CONNECT_ERRORS):
                raise LoadError(*explain_failure(error)) from error
            if isinstance(error, BaseException):
                raise error
        show("connecting", len(connections) / options.connections, totals)


async def _connect(connection: _Connection, options: argparse.Namespace) -> None:
    await connect(lambda: connection, options, permessage_deflate=options.compress)


async def _pace(connections: list[_Connection], rate: float) -> None:
    """Send messages when they are due, taking turns."""
    due = time.perf_counter()
    while True:
        for connection in connections:
            # A timer may be early by the clock's resolution: the message then is, too.
            if (left := due - time.perf_counter()) > 0:
                await asyncio.sleep(left)
            connection.send(due)
            due += 1 / rate


async def _finish(connections: list[_Connection], totals: Totals) -> None:
    """Send no more, and wait for the last echoes."""
    for connection in connections:
        connection.is_sending = False
    until = time.perf_counter() + _ECHO_SECONDS
    while any(connection.pending for connection in connections):
        if time.perf_counter() > until:
            totals.fail(f"echoes are missing after {_ECHO_SECONDS:g} seconds")
        await totals.watch(0.01)
