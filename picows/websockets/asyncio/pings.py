"""PINGs that wait for their PONG, and keepalive."""

from __future__ import annotations

import asyncio
import os
import time
from typing import TYPE_CHECKING

from ..exceptions import ConcurrencyError
from ..frames import CloseCode
from ..protocol import OPEN
from .payloads import control_bytes

if TYPE_CHECKING:
    from ..typing import DataLike
    from .connection import Connection


class Pings:
    """Those of one connection, in the order in which they were sent."""

    __slots__ = ("_pending", "loop")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._pending: dict[bytes, tuple[asyncio.Future[float], float]] = {}

    def payload(self, data: DataLike | None) -> bytes:
        """The payload of a new PING.

        Raises:
            ConcurrencyError: one with the same payload waits.
            ProtocolError: it is too long.
            TypeError: it is not str or bytes-like.
        """
        if data is not None:
            payload = control_bytes(data)
            if payload in self._pending:
                raise ConcurrencyError("already waiting for a pong with the same data")
            return payload
        while True:
            payload = os.urandom(4)
            if payload not in self._pending:
                return payload

    def sent(self, payload: bytes) -> asyncio.Future[float]:
        waiter: asyncio.Future[float] = self.loop.create_future()
        self._pending[payload] = waiter, time.perf_counter()
        return waiter

    def answered(self, payload: bytes) -> float | None:
        """A PONG acknowledges its PING and all before it. Returns how long it took; None if it
        answers no PING (RFC 6455, 5.5.3).
        """
        if payload not in self._pending:
            return None
        now = time.perf_counter()
        for sent in list(self._pending):
            waiter, at = self._pending.pop(sent)
            if not waiter.done():
                waiter.set_result(now - at)
            if sent == payload:
                return now - at
        return None

    def end(self, connection: Connection) -> None:
        """The connection is closed: nobody gets an answer any more."""
        for waiter, _ in self._pending.values():
            if not waiter.done():
                waiter.set_exception(connection._closed())
                waiter.exception()  # retrieved: who does not await it shall not hear of it
        self._pending.clear()


class Keepalive:
    """Sends a PING `ping_interval` seconds after the answer to the one before, and gives a peer up
    that does not answer one in `ping_timeout` seconds.

    By timers: a task would cost each idle connection more memory than all the rest.
    """

    __slots__ = ("_connection", "_paused_reads", "_timer", "_waiter")

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._timer: asyncio.TimerHandle | None = None
        self._waiter: asyncio.Future[float] | None = None
        self._schedule()

    def _schedule(self) -> None:
        connection = self._connection
        seconds = (connection.ping_interval or 0) - connection.latency
        self._timer = connection.loop.call_later(max(0.0, seconds), self._ping)

    def _ping(self) -> None:
        connection = self._connection
        if connection.state is not OPEN:
            return
        pings = connection._pings
        payload = pings.payload(None)
        self._waiter = pings.sent(payload)
        connection._ws_transport.send_ping(payload)
        connection.logger.debug("% sent keepalive ping")
        self._waiter.add_done_callback(self._answered)
        if connection.ping_timeout is not None:
            self._timer = connection.loop.call_later(connection.ping_timeout, self._timed_out)
        else:
            self._schedule()  # and nobody waits for the answer

    def _answered(self, waiter: asyncio.Future[float]) -> None:
        if waiter is not self._waiter or waiter.cancelled() or waiter.exception() is not None:
            return
        if self._connection.ping_timeout is None:
            return
        self._waiter = None
        if self._timer is not None:
            self._timer.cancel()
        self._connection.logger.debug("% received keepalive pong")
        self._schedule()

    def _timed_out(self) -> None:
        connection = self._connection
        if connection.state is not OPEN:
            return
        if connection.is_reading_paused:
            # The PONG may be among what we do not read: that is not the peer's fault.
            assert connection.ping_timeout is not None
            self._timer = connection.loop.call_later(connection.ping_timeout, self._timed_out)
            return
        connection.logger.debug("- timed out waiting for keepalive pong")
        connection._fail(CloseCode.INTERNAL_ERROR, "keepalive ping timeout", None)
        connection._ws_transport.disconnect(graceful=False)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
