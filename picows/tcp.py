"""Where plain TCP runs on a transport of our own, and what that needs of Python."""

from __future__ import annotations

import asyncio
import socket
import sys
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from ._native import Endpoint, Protocol


def socket_from_handle(handle: int) -> socket.socket:
    """A socket object that owns a handle from now on."""
    return socket.socket(fileno=handle)


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


#: Options of loop.create_connection that `connect_tcp` knows.
CONNECT_OPTIONS = frozenset(("family", "proto", "flags"))


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
    errors: list[OSError] = []
    for kind, address in await _addresses(loop, host, port, family, proto, flags):
        try:
            return await _connect(loop, kind, proto, address)
        except OSError as error:
            errors.append(error)
    texts = [str(error) for error in errors]
    if len(set(texts)) == 1:
        raise errors[0]
    raise OSError(f"no address of {host!r} could be connected to: {'; '.join(texts)}")


async def _addresses(
    loop: asyncio.AbstractEventLoop, host: str, port: int, family: int, proto: int, flags: int
) -> list[tuple[int, tuple[Any, ...]]]:
    """Family and address of each place that a host name stands for."""
    for kind in (socket.AF_INET, socket.AF_INET6):
        # A thread of the loop's executor would look up what is an address already.
        if family in (socket.AF_UNSPEC, kind) and _is_address(kind, host):
            return [(kind, (host, port))]
    infos = await loop.getaddrinfo(
        host, port, family=family, type=socket.SOCK_STREAM, proto=proto, flags=flags
    )
    if not infos:
        raise OSError(f"the name {host!r} has no address")
    return [(info[0], info[4]) for info in infos]


def _is_address(family: int, host: str) -> bool:
    try:
        socket.inet_pton(family, host)
    except OSError:
        return False
    return True


async def _connect(
    loop: asyncio.AbstractEventLoop, family: int, proto: int, address: tuple[Any, ...]
) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM, proto)
    try:
        sock.setblocking(False)
        try:
            sock.connect(address)
        except (BlockingIOError, InterruptedError):
            # On one machine the connection is there by now, and nothing is to be waited for.
            if not is_connected(sock):
                await _until_writable(loop, sock)
                if code := sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                    raise OSError(code, f"Connect call failed {address}") from None
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


async def _until_writable(loop: asyncio.AbstractEventLoop, sock: socket.socket) -> None:
    writable = asyncio.Event()
    loop.add_writer(sock, writable.set)
    try:
        await writable.wait()
    finally:
        loop.remove_writer(sock)
