"""The asyncio server that accepts connections itself."""

from __future__ import annotations

import asyncio
import errno
import socket
from asyncio.trsock import TransportSocket
from collections.abc import Callable
from http import HTTPStatus
from typing import TYPE_CHECKING

from .._native import WSTransport
from .tls_server import Connection

if TYPE_CHECKING:
    from .._native import Acceptor, TcpTransport
    from ..values.handshake import WSUpgradeResponse
    from .tls_server import TlsAcceptor

#: What accept() raises when file descriptors or memory for one more connection are lacking.
_EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_RETRY_SECONDS = 1.0
#: How long clients may take what is queued for them when serve_forever() is cancelled.
_FLUSH_SECONDS_MAX = 3.0


class TcpServer(asyncio.AbstractServer):
    """Listens, as an asyncio.Server does.

    listeners: bound sockets, each with what accepts its connections.
    on_close: called once the sockets are closed.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        listeners: dict[socket.socket, Acceptor | TlsAcceptor],
        backlog: int,
        on_close: Callable[[], None] | None = None,
    ) -> None:
        self._loop = loop
        self._on_close = on_close
        self._backlog = backlog
        self._listeners = listeners
        self._acceptors = list(self._listeners.values())
        self._is_serving = False
        self._is_exhausted = False
        self._closed: asyncio.Future[None] = loop.create_future()
        self._forever: asyncio.Future[None] | None = None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} sockets={self.sockets!r}>"

    @property
    def sockets(self) -> tuple[TransportSocket, ...]:
        """The listening sockets; none once the server is closed."""
        return tuple(TransportSocket(sock) for sock in self._listeners)

    def get_loop(self) -> asyncio.AbstractEventLoop:
        return self._loop

    def is_serving(self) -> bool:
        return self._is_serving

    async def start_serving(self) -> None:
        """Accept connections from now on. May be called again."""
        if not self._listeners:
            raise RuntimeError(f"server {self!r} is closed")
        if self._is_serving:
            return
        for sock in self._listeners:
            sock.listen(self._backlog)
            self._listen(sock)
        self._is_serving = True

    async def serve_forever(self) -> None:
        """Accept connections until cancelled, then close the server and all its connections.

        Clients have three seconds to read what is queued for them; if it is cancelled again, it
        does not wait. A close() from elsewhere also ends it, once the last client has left.
        """
        if self._forever is not None:
            raise RuntimeError(f"server {self!r} is already being awaited on serve_forever()")
        await self.start_serving()
        self._forever = self._loop.create_future()
        try:
            try:
                await self._forever
            finally:
                self._forever = None
                if not self._listeners:  # closed from elsewhere
                    await self.wait_closed()
        finally:
            # Cancelled, as by Ctrl-C: nobody is left who would tell clients.
            await self._close_with_clients()

    async def _close_with_clients(self) -> None:
        """Close the server and its connections; those that take too long are aborted."""
        self.close()
        self.close_clients()
        try:
            # Not asyncio.timeout(): older versions take the cancellation under way for their own.
            await asyncio.wait((self._closed,), timeout=_FLUSH_SECONDS_MAX)
        finally:
            self.abort_clients()
        await self.wait_closed()

    def close(self) -> None:
        """Stop listening. Connections that were accepted go on."""
        if not self._listeners:
            return
        for sock in self._listeners:
            self._loop.remove_reader(sock.fileno())
            sock.close()
        self._listeners = {}
        self._is_serving = False
        if self._on_close is not None:
            self._on_close()
        if self._forever is not None:
            self._forever.cancel()
        for acceptor in self._acceptors:
            acceptor.notify_when_idle(self._settle)
        self._settle()

    def close_clients(self) -> None:
        """Close the transports of all connections."""
        self._disconnect_clients(graceful=True)

    def abort_clients(self) -> None:
        """Close the transports of all connections; what waits to be sent is dropped."""
        self._disconnect_clients(graceful=False)

    def connections(self) -> list[WSTransport]:
        """The connections whose opening handshake is done."""
        ends = (end for acceptor in self._acceptors for end in acceptor.transports())
        return [transport for end in ends if (transport := _open_one(end)) is not None]

    def _disconnect_clients(self, graceful: bool) -> None:
        for acceptor in self._acceptors:
            for transport in acceptor.transports():
                transport.disconnect(graceful)

    async def wait_closed(self) -> None:
        """Wait until the server is closed and all its connections have ended."""
        await asyncio.shield(self._closed)

    def _settle(self) -> None:
        is_idle = not any(acceptor.count for acceptor in self._acceptors)
        if is_idle and not self._listeners and not self._closed.done():
            self._closed.set_result(None)

    def _listen(self, sock: socket.socket) -> None:
        self._loop.add_reader(sock.fileno(), self._accept, sock)

    def _accept(self, sock: socket.socket) -> None:
        try:
            self._listeners[sock].accept()
            self._is_exhausted = False
        except OSError as error:
            if error.errno not in _EXHAUSTED:
                raise
            # The socket stays ready, so that the loop would call again at once and for ever.
            self._loop.remove_reader(sock.fileno())
            self._loop.call_later(_RETRY_SECONDS, self._retry, sock)
            if self._is_exhausted:
                return  # it was said already
            self._is_exhausted = True
            message = "accept() lacks file descriptors or memory, trying again every second"
            self._loop.call_exception_handler({"message": message, "exception": error})

    def _retry(self, sock: socket.socket) -> None:
        if sock in self._listeners:
            self._listen(sock)


def _open_one(end: WSTransport | TcpTransport | Connection) -> WSTransport | None:
    """The transport, if its opening handshake is done."""
    transport = end.transport if isinstance(end, Connection) else end
    if not isinstance(transport, WSTransport):
        return None
    response: WSUpgradeResponse | None = transport.response  # None before there is an answer
    is_open = response is not None and response.status == HTTPStatus.SWITCHING_PROTOCOLS
    return transport if is_open else None
