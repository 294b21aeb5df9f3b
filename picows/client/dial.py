"""Opening a connection as the arguments of ws_connect say."""

from __future__ import annotations

import asyncio
import inspect
import os
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from ssl import SSLSocket
from typing import Any, TypeAlias, cast

from .._native import Endpoint, Protocol
from ..loop.choose import own_engine
from ..values.sockets import LentSocket
from ..values.url import WSParsedURL
from .tcp import (
    CONNECT_OPTIONS,
    begin,
    begin_tls,
    connect_tcp,
    connect_unix,
    finish_tcp,
    is_connected,
    start_tcp,
)
from .tls import Tls

WSSocketFactory: TypeAlias = Callable[
    [WSParsedURL], socket.socket | Awaitable[socket.socket | None] | None
]


@dataclass(frozen=True, slots=True, eq=False)
class Dialer:
    """How connections are opened, whatever protocol runs on them.

    use_aiofastnet: take aiofastnet's transports instead of the event loop's.
    use_own_transport: take our own.
    socket_factory: asked for a socket first.
    path: of the unix socket that all connections go to; None for TCP.
    options: for create_connection, or for create_unix_connection; none of TLS.
    """

    loop: asyncio.AbstractEventLoop
    use_aiofastnet: bool
    use_own_transport: bool
    socket_factory: WSSocketFactory | None
    path: str | bytes | os.PathLike[str] | None
    options: dict[str, Any]

    def start(self, url: WSParsedURL) -> socket.socket | None:
        """Begin to connect to a URL, if this is possible without waiting.

        Returns the socket for `open`, or for `tcp.begin` if it is connected already. Without this,
        connecting to an address on the same machine costs a timer and turns of the event loop.
        """
        if not self._connects_itself() or self.socket_factory is not None:
            return None
        if url.is_secure or self.path is not None:
            return None
        return start_tcp(url.host, url.port, **self.options)

    async def open(
        self, endpoint: Endpoint, url: WSParsedURL, tls: Tls, started: socket.socket | None
    ) -> Protocol:
        """Open a connection to the host and port of a URL for a WebSocket. Returns its protocol."""
        if started is not None:
            address = url.host, url.port
            return begin(endpoint, await finish_tcp(self.loop, started, address))
        if not self.is_own(url.is_secure):
            return cast(Protocol, await self.connect(endpoint, url, tls))
        if not url.is_secure:
            return begin(endpoint, await self.connected_socket(url))
        how = tls.client_wrap(url)
        sock = await self.connected_socket(url)
        return await begin_tls(endpoint, sock, cast(str, own_engine()), *how)

    def is_own(self, is_secure: bool) -> bool:
        """Whether a connection runs on our own transport, with TLS or without."""
        return self._connects_itself() and (not is_secure or own_engine() is not None)

    def _connects_itself(self) -> bool:
        """Whether picows connects sockets instead of the event loop, whatever then runs on them."""
        known = CONNECT_OPTIONS if self.path is None else frozenset[str]()
        return self.use_own_transport and self.options.keys() <= known

    async def connected_socket(self, url: WSParsedURL) -> socket.socket:
        """The user's socket, otherwise ours. Not where the event loop connects."""
        if self.path is not None:
            return await connect_unix(self.path)
        sock = await self._make_socket(url)
        if sock is None:
            return await connect_tcp(self.loop, url.host, url.port, **self.options)
        return sock

    async def connect(
        self,
        protocol_factory: Callable[[], asyncio.BaseProtocol],
        url: WSParsedURL,
        tls: Tls,
    ) -> asyncio.BaseProtocol:
        """Open a connection to the host and port of a URL. Returns its protocol."""
        has_transport = False

        def make_protocol() -> asyncio.BaseProtocol:
            nonlocal has_transport
            has_transport = True
            return protocol_factory()

        create: Any = self._function(
            "create_connection" if self.path is None else "create_unix_connection"
        )
        ssl = tls.client_context() if url.is_secure else None
        options = self.options | (tls.client_options(url.host) if ssl else tls.options)
        address: tuple[Any, ...]
        sock = None
        if self.path is not None:
            address = (self.path,)
        elif (sock := await self._socket_for_loop(url)) is not None:
            address = ()
            options = {name: options[name] for name in options.keys() - CONNECT_OPTIONS}
            options["sock"] = sock
        else:
            address = (url.host, url.port)
        try:
            _, protocol = await create(make_protocol, *address, ssl=ssl, **options)
        except BaseException:
            if sock is not None and not has_transport:
                sock.close()
            raise
        return cast(asyncio.BaseProtocol, protocol)

    async def _socket_for_loop(self, url: WSParsedURL) -> socket.socket | None:
        """A socket for the event loop's transport; None if the event loop connects it too."""
        if self._connects_itself():
            return await self.connected_socket(url)
        return await self._make_socket(url)

    async def start_tls(
        self,
        transport: asyncio.Transport,
        protocol: asyncio.BaseProtocol,
        url: WSParsedURL,
        tls: Tls,
    ) -> asyncio.Transport:
        """Begin TLS with the host of a URL on a connection, which may be a TLS one already.

        Returns the new transport. The protocol is the old transport's; it keeps its place.
        """
        start: Any = self._function("start_tls")
        options = tls.client_options(url.host)
        try:
            secured = await start(transport, protocol, tls.client_context(), **options)
        except TypeError as error:
            # CPython before 3.11.8 and 3.12.2 stumbles over a signature of its own when TLS inside
            # of TLS fails (gh-113214). Why it failed is what was raised before.
            if isinstance(error.__context__, OSError):
                raise error.__context__ from None
            raise
        if secured is None:
            raise ConnectionResetError("the connection was lost during the TLS handshake")
        return cast(asyncio.Transport, secured)

    def _function(self, name: str) -> Callable[..., Awaitable[Any]]:
        if not self.use_aiofastnet:
            return cast(Callable[..., Awaitable[Any]], getattr(self.loop, name))
        import aiofastnet

        function = getattr(aiofastnet, name)
        return lambda *args, **options: function(self.loop, *args, **options)

    async def _make_socket(self, url: WSParsedURL) -> socket.socket | None:
        """A connected socket that the user made; None if the user does not make one."""
        if self.socket_factory is None:
            return None
        made = self.socket_factory(url)
        sock = await made if inspect.isawaitable(made) else made
        if sock is None:
            return None
        if not isinstance(sock, socket.socket):
            raise TypeError(f"socket_factory returned a {type(sock).__name__}, not a socket")
        try:
            if isinstance(sock, SSLSocket):
                raise TypeError("socket_factory returned an SSLSocket: use ssl_context for TLS")
            if sock.type != socket.SOCK_STREAM:
                raise ValueError("socket_factory returned a socket that is not a stream")
            sock.setblocking(False)
            if not is_connected(sock):
                if sock.family not in (socket.AF_INET, socket.AF_INET6):
                    raise ValueError(
                        "socket_factory must connect a socket that is neither IPv4 nor IPv6"
                    )
                await self.loop.sock_connect(sock, (url.host, url.port))
            return LentSocket(sock)
        except BaseException:
            sock.close()
            raise
