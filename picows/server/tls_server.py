"""Accepting TLS connections: they run on the event loop's transports, but are ours from accept on.

The event loop's own server shows a connection when its TLS handshake is done. Until then nobody
could bound how long it takes, how many there are, or end them.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable
from ssl import PROTOCOL_TLS_CLIENT, SSLContext
from typing import TYPE_CHECKING, Any

from .._native import Endpoint
from ..loop.checks import check_tls_seconds

if TYPE_CHECKING:
    from .._native import WSTransport

#: How many connections are accepted before other callbacks of the event loop get their turn.
_BATCH_SIZE_MAX = 64


def check_tls_arguments(
    ssl: SSLContext, ssl_handshake_timeout: float | None, ssl_shutdown_timeout: float | None
) -> None:
    """Refuse arguments that would fail at each connection."""
    if not isinstance(ssl, SSLContext):
        raise TypeError(f"ssl must be an ssl.SSLContext or None, not {ssl!r}")
    if ssl.protocol is PROTOCOL_TLS_CLIENT:
        raise ValueError("ssl must be a server's context: it was made for clients")
    check_tls_seconds(
        ssl_handshake_timeout=ssl_handshake_timeout, ssl_shutdown_timeout=ssl_shutdown_timeout
    )


class TlsAcceptor:
    """Accepts the connections that wait at a listening socket, like the compiled Acceptor.

    tls: arguments of `loop.connect_accepted_socket`.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        endpoint: Endpoint,
        logger: logging.Logger | logging.LoggerAdapter[Any],
        tls: dict[str, Any],
        sock: socket.socket,
    ) -> None:
        self.loop = loop
        self.endpoint = endpoint
        self.logger = logger
        self.tls = tls
        self._listening = sock
        self._connections: set[Connection] = set()
        self._on_idle: Callable[[], object] | None = None

    @property
    def count(self) -> int:
        """How many connections are not lost."""
        return len(self._connections)

    def accept(self) -> None:
        """Accept what waits. Raises OSError if that is not possible now."""
        for _ in range(_BATCH_SIZE_MAX):
            try:
                sock, address = self._listening.accept()
            except (BlockingIOError, InterruptedError):
                return
            except ConnectionAbortedError:
                continue  # given up while it waited
            try:
                sock.setblocking(False)
                Connection(self, sock, address)
            except BaseException:
                sock.close()
                raise

    def transports(self) -> list[Connection]:
        """What to disconnect: the connections that are not lost."""
        return list(self._connections)

    def notify_when_idle(self, callback: Callable[[], object]) -> None:
        """Have a function called whenever the last connection is lost."""
        self._on_idle = callback

    def add(self, connection: Connection) -> None:
        self._connections.add(connection)

    def discard(self, connection: Connection) -> None:
        self._connections.discard(connection)
        if not self._connections and self._on_idle is not None:
            self._on_idle()


class Connection:
    """A connection from accept on; in its TLS handshake until the protocol has a transport."""

    __slots__ = (
        "_acceptor",
        "_address",
        "_is_given_up",
        "_is_started",
        "_protocol",
        "_sock",
        "_task",
    )

    def __init__(self, acceptor: TlsAcceptor, sock: socket.socket, address: Any) -> None:
        self._acceptor = acceptor
        self._sock = sock
        self._address = address
        self._is_started = False
        self._is_given_up = False
        self._protocol = acceptor.endpoint()
        self._protocol.watch(self)
        acceptor.add(self)
        self._task: asyncio.Task[None] | None = acceptor.loop.create_task(self._shake_hands())
        self._task.add_done_callback(self._settle)

    async def _shake_hands(self) -> None:
        if not self._is_given_up:
            self._is_started = True
            await self._acceptor.loop.connect_accepted_socket(
                lambda: self._protocol, self._sock, **self._acceptor.tls
            )

    def _settle(self, task: asyncio.Task[None]) -> None:
        """The TLS handshake is over, well or not."""
        self._task = None
        error = None if task.cancelled() else task.exception()
        if isinstance(error, Exception):
            self._tell(error)
        if isinstance(error, Exception) or not self._is_started:
            self._sock.close()  # for the case that the event loop did not come to take it
        if self._protocol.transport is None:
            self.give_up()
            self._protocol.connection_lost(None)

    def _tell(self, error: Exception) -> None:
        if not isinstance(error, OSError):
            message = "the TLS context raised an exception"
            self._acceptor.loop.call_exception_handler({"message": message, "exception": error})
        elif not self._is_given_up:
            self._acceptor.logger.info("no TLS with %s: %r", self._address, error)

    def give_up(self) -> None:
        """End the TLS handshake: the event loop reads an end of file."""
        self._is_given_up = True
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)

    def connection_lost(self) -> None:
        """The protocol's last word."""
        self._acceptor.discard(self)

    @property
    def transport(self) -> WSTransport | None:
        """None in the handshakes."""
        return self._protocol.transport

    def disconnect(self, graceful: bool) -> None:
        """Disconnect the transport. A connection in its TLS handshake has nothing to say."""
        transport = self.transport
        if transport is None:
            self.give_up()
        else:
            transport.disconnect(graceful)
