"""Where plain TCP runs on a transport of our own, and what that needs of Python."""

from __future__ import annotations

import asyncio
import socket
import sys
from typing import TYPE_CHECKING, Any, cast

from .sockets import QuietSocket

if TYPE_CHECKING:
    from ._native import Endpoint, Protocol


def socket_from_handle(handle: int) -> socket.socket:
    """A socket object that owns a handle from now on."""
    return QuietSocket(fileno=handle)


def has_own_transport(loop: asyncio.AbstractEventLoop) -> bool:
    """Whether TCP connections of an event loop can run on TcpTransport.

    It watches sockets through the loop's readers and writers, on Linux. Other loops than those
    of asyncio and uvloop, derived ones too, may have their reasons to make transports themselves.
    """
    if sys.platform != "linux":
        return False
    kind = type(loop)
    return kind is asyncio.SelectorEventLoop or is_uvloop(loop)


def is_uvloop(loop: asyncio.AbstractEventLoop) -> bool:
    kind = type(loop)
    return (kind.__module__, kind.__qualname__) == ("uvloop", "Loop")


def begin(endpoint: Endpoint, sock: socket.socket) -> Protocol:
    """Run the protocol of an endpoint on a connected socket, which is closed if that fails."""
    from ._native import TcpTransport  # which is made after this module was read

    try:
        return cast("Protocol", TcpTransport(endpoint, sock).get_protocol())
    except BaseException:
        sock.close()
        raise


#: Options of loop.create_connection that `start_tcp` and `connect_tcp` know.
CONNECT_OPTIONS = frozenset(("family", "proto", "flags"))


def start_tcp(
    host: str, port: int, *, family: int = socket.AF_UNSPEC, proto: int = 0, flags: int = 0
) -> socket.socket | None:
    """A non-blocking socket that is being connected, or is already (`is_connected`).

    None for a name: it has to be looked up first. Raises OSError.
    """
    for kind in (socket.AF_INET, socket.AF_INET6):
        if family in (socket.AF_UNSPEC, kind) and _is_address(kind, host):
            return _start(kind, proto, (host, port))
    return None


async def finish_tcp(
    loop: asyncio.AbstractEventLoop, sock: socket.socket, address: tuple[Any, ...]
) -> socket.socket:
    """Wait until a socket of `start_tcp` is connected; it is closed if that fails.

    Raises OSError.
    """
    writable = asyncio.Event()
    try:
        loop.add_writer(sock, writable.set)
        try:
            await writable.wait()
        finally:
            loop.remove_writer(sock)
        if code := sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            raise OSError(code, f"Connect call failed {address}")
    except BaseException:
        sock.close()
        raise
    return sock


async def connect_tcp(
    loop: asyncio.AbstractEventLoop,
    host: str,
    port: int,
    *,
    family: int = socket.AF_UNSPEC,
    proto: int = 0,
    flags: int = 0,
) -> socket.socket:
    """A connected, non-blocking socket: the addresses of the host are tried one after another.

    Raises OSError: the one error, or all of them in one.
    """
    infos = await loop.getaddrinfo(
        host, port, family=family, type=socket.SOCK_STREAM, proto=proto, flags=flags
    )
    if not infos:
        raise OSError(f"the name {host!r} has no address")
    errors: list[OSError] = []
    for kind, _, _, _, address in infos:
        try:
            sock = _start(kind, proto, address)
            return sock if is_connected(sock) else await finish_tcp(loop, sock, address)
        except OSError as error:
            errors.append(error)
    texts = [str(error) for error in errors]
    if len(set(texts)) == 1:
        raise errors[0]
    raise OSError(f"no address of {host!r} could be connected to: {'; '.join(texts)}")


def _start(family: int, proto: int, address: tuple[Any, ...]) -> socket.socket:
    sock = QuietSocket(family, socket.SOCK_STREAM, proto)
    try:
        sock.setblocking(False)
        sock.connect(address)
    except (BlockingIOError, InterruptedError):
        pass  # it goes on by itself, and on one machine it is done by now
    except BaseException:
        sock.close()
        raise
    return sock


def is_connected(sock: socket.socket) -> bool:
    try:
        sock.getpeername()
    except OSError:
        return False
    return True


def _is_address(family: int, host: str) -> bool:
    try:
        socket.inet_pton(family, host)
    except OSError:
        return False
    return True
