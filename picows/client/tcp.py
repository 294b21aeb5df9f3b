"""Connections for our own transport, made as the event loop makes its own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from ..values.sockets import QuietSocket
from .race import DELAY_SECONDS, AddressInfo, Race, interleaved

if TYPE_CHECKING:
    from .._native import Endpoint, Protocol
    from ..loop.choose import Wrap
    from .proxy_stream import Opened


def begin(endpoint: Endpoint, sock: socket.socket, opened: Opened | None = None) -> Protocol:
    """Run the protocol of an endpoint on a connected socket, which is closed if that fails.

    opened: TLS on it whose handshake is done.
    """
    from .._native import TcpTransport  # which not every platform has

    try:
        if opened is None:
            transport = TcpTransport(endpoint, sock)
        else:
            transport = TcpTransport(endpoint, sock, opened=opened)
        return cast("Protocol", transport.get_protocol())
    except BaseException:
        sock.close()
        raise


async def begin_tls(
    endpoint: Endpoint,
    sock: socket.socket,
    engine: str,
    wrap: Wrap,
    seconds: float | None,
    shutdown_seconds: float,
    opened: Opened | None = None,
) -> Protocol:
    """Like `begin`, behind a TLS handshake. Raises what it failed with, as ssl has it."""
    from .._native import TcpTransport

    secured = asyncio.get_running_loop().create_future()
    given = (endpoint, sock, wrap, engine, secured, shutdown_seconds)
    try:
        transport = TcpTransport(*given) if opened is None else TcpTransport(*given, opened)
    except BaseException:
        sock.close()
        raise
    protocol = transport.get_protocol()
    clock = asyncio.timeout(seconds)
    try:
        async with clock:
            await secured
    except BaseException as error:
        transport.abort()
        if isinstance(error, TimeoutError) and clock.expired():
            message = f"the TLS handshake took longer than {seconds} seconds"
            raise ConnectionAbortedError(message) from None
        raise
    return cast("Protocol", protocol)


#: When to try again at a unix socket that takes nobody at the moment.
_BACKLOG_SECONDS = 0.01

#: Options of loop.create_connection that `start_tcp` and `connect_tcp` know.
CONNECT_OPTIONS = frozenset(
    ("family", "proto", "flags", "local_addr", "happy_eyeballs_delay", "interleave")
)


def start_tcp(
    host: str,
    port: int,
    *,
    family: int = socket.AF_UNSPEC,
    proto: int = 0,
    local_addr: tuple[Any, ...] | None = None,
    **_: Any,
) -> socket.socket | None:
    """A non-blocking socket that is being connected, or is already (`is_connected`).

    None where something has to be looked up first. Raises OSError.
    """
    kind = _family_of_address(host, family)
    if kind is None or local_addr is not None:
        return None
    return _start(kind, proto, (host, port))


async def finish_tcp(
    loop: asyncio.AbstractEventLoop, sock: socket.socket, address: tuple[Any, ...]
) -> socket.socket:
    """Wait until a socket of `start_tcp` is connected; it is closed if that fails.

    Raises OSError.
    """
    race = Race(loop)
    try:
        race.add(sock, 0, address)
        connected = await race.next(None)
    finally:
        race.close()
    if connected is None:
        raise race.errors[0]
    return connected


async def connect_tcp(
    loop: asyncio.AbstractEventLoop,
    host: str,
    port: int,
    *,
    family: int = socket.AF_UNSPEC,
    proto: int = 0,
    flags: int = 0,
    local_addr: tuple[Any, ...] | None = None,
    happy_eyeballs_delay: float | None = DELAY_SECONDS,
    interleave: int | None = None,
) -> socket.socket:
    """A connected, non-blocking socket: to the first address of the host that answers.

    The options are those of loop.create_connection, but happy eyeballs are the default.
    Raises OSError: the one error, or all of them in one.
    """
    kinds = {"family": family, "proto": proto, "flags": flags, "type": socket.SOCK_STREAM}
    local: Sequence[AddressInfo] | None = None
    if local_addr is not None:
        local = await loop.getaddrinfo(local_addr[0], local_addr[1], **kinds)
    infos: Sequence[AddressInfo]
    if (kind := _family_of_address(host, family)) is not None:
        infos = [(kind, socket.SOCK_STREAM, proto, "", (host, port))]
    else:
        infos = await loop.getaddrinfo(host, port, **kinds)
    if not infos:
        raise OSError(f"the name {host!r} has no address")
    if interleave is None:
        interleave = 0 if happy_eyeballs_delay is None else 1
    if interleave:
        infos = interleaved(infos, interleave)
    return await _connect_first(loop, host, infos, local, happy_eyeballs_delay)


async def connect_unix(path: str | bytes | os.PathLike[str]) -> socket.socket:
    """A non-blocking socket that is connected to a unix socket. Raises OSError."""
    sock = QuietSocket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        while True:
            try:
                sock.connect(os.fspath(path))
            except BlockingIOError:  # the server's backlog is full, and nobody tells when it is not
                await asyncio.sleep(_BACKLOG_SECONDS)
            else:
                return sock
    except BaseException:
        sock.close()
        raise


async def _connect_first(
    loop: asyncio.AbstractEventLoop,
    host: str,
    infos: Sequence[AddressInfo],
    local: Sequence[AddressInfo] | None,
    delay: float | None,
) -> socket.socket:
    race = Race(loop)
    try:
        for place, (kind, _, proto, _, address) in enumerate(infos):
            try:
                sock = _start(kind, proto, address, local)
            except OSError as error:
                race.errors[place] = error
                continue
            if is_connected(sock):
                return sock
            race.add(sock, place, address)
            if (connected := await race.next(delay)) is not None:
                return connected
        while race.is_running:
            if (connected := await race.next(None)) is not None:
                return connected
    finally:
        race.close()
    errors = [error for _, error in sorted(race.errors.items())]
    texts = list(map(str, errors))
    if len(set(texts)) == 1:
        raise errors[0]
    raise OSError(f"no address of {host!r} could be connected to: {'; '.join(texts)}")


def _start(
    family: int,
    proto: int,
    address: tuple[Any, ...],
    local: Sequence[AddressInfo] | None = None,
) -> socket.socket:
    sock = QuietSocket(family, socket.SOCK_STREAM, proto)
    try:
        sock.setblocking(False)
        if local is not None:
            _bind(sock, [info[4] for info in local if info[0] == family])
        sock.connect(address)
    except (BlockingIOError, InterruptedError):
        pass  # it goes on by itself, and on one machine it is done by now
    except BaseException:
        sock.close()
        raise
    return sock


def _bind(sock: socket.socket, addresses: list[tuple[Any, ...]]) -> None:
    """Bind to the first address at which this is possible."""
    failed = OSError("local_addr has no address of the server's address family")
    for address in addresses:
        try:
            return sock.bind(address)
        except OSError as error:
            failed = OSError(error.errno, f"cannot connect from {address}: {error.strerror}")
    raise failed


def is_connected(sock: socket.socket) -> bool:
    try:
        sock.getpeername()
    except OSError:
        return False
    return True


def _family_of_address(host: str, family: int) -> int | None:
    """The family of a host that is an address, not a name; None if it is not the family wanted."""
    for kind in (socket.AF_INET, socket.AF_INET6):
        if family in (socket.AF_UNSPEC, kind):
            with contextlib.suppress(OSError):
                socket.inet_pton(kind, host)
                return kind
    return None
