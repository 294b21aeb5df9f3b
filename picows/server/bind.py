"""Listening sockets from the arguments of loop.create_server and loop.create_unix_server."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
import stat
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

from ..values.sockets import LentSocket

_Address: TypeAlias = tuple[Any, ...]


async def bind_sockets(
    loop: asyncio.AbstractEventLoop,
    host: str | Sequence[str] | None,
    port: int | str | bytes | None,
    *,
    family: int = socket.AF_UNSPEC,
    flags: int = socket.AI_PASSIVE,
    sock: socket.socket | None = None,
    reuse_address: bool | None = None,
    reuse_port: bool | None = None,
    keep_alive: bool | None = None,
) -> list[socket.socket]:
    """Bound, non-blocking sockets: the one given, or one for each address of the host or hosts."""
    if sock is not None:
        if host is not None or port is not None:
            raise ValueError("sock cannot be combined with host and port: it is already bound")
        if sock.type != socket.SOCK_STREAM:
            raise ValueError(f"sock is not a stream socket: {sock!r}")
        sock.setblocking(False)
        return [LentSocket(sock)]
    if host is None and port is None:
        raise ValueError("pass where to listen: host and port, sock, or path")
    sockets: list[socket.socket] = []
    try:
        for kind, address in await _addresses(loop, host, port, family, flags):
            try:
                made = socket.socket(kind, socket.SOCK_STREAM)
            except OSError:
                continue  # a family that this machine does not have
            sockets.append(made)
            made.setblocking(False)
            if reuse_address is not False:
                made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if reuse_port:
                made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            if keep_alive:
                made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            if kind == socket.AF_INET6:
                # The IPv4 addresses of the host have a socket of their own.
                made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            if not _bind(made, address):
                sockets.pop().close()
        if not sockets:
            raise OSError(
                errno.EADDRNOTAVAIL, f"no address of host {host!r} belongs to this machine"
            )
    except BaseException:
        for made in sockets:
            made.close()
        raise
    return sockets


def bind_unix(path: str | bytes | os.PathLike[str]) -> socket.socket:
    """A bound, non-blocking unix socket. One that a server before has left there makes way."""
    place = os.fspath(path)
    if not _is_abstract(place):
        with contextlib.suppress(OSError):  # bind() says what is wrong
            if stat.S_ISSOCK(os.stat(place).st_mode):
                os.remove(place)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.bind(place)
    except OSError as error:
        sock.close()
        raise OSError(error.errno, f"cannot listen at {place!r}: {error.strerror}") from None
    except BaseException:
        sock.close()
        raise
    return sock


def unlinker(sock: socket.socket) -> Callable[[], None]:
    """Removes the file of a bound unix socket, unless another one has taken its place."""
    place = sock.getsockname()
    if _is_abstract(place):
        return lambda: None
    number = os.stat(place).st_ino

    def unlink() -> None:
        with contextlib.suppress(OSError):
            if os.stat(place).st_ino == number:
                os.unlink(place)

    return unlink


def _is_abstract(place: str | bytes) -> bool:
    """Linux has names for unix sockets that are no files."""
    return place[:1] in ("\0", b"\0", "", b"")


async def _addresses(
    loop: asyncio.AbstractEventLoop,
    host: str | Sequence[str] | None,
    port: int | str | bytes | None,
    family: int,
    flags: int,
) -> Iterable[tuple[int, _Address]]:
    """Family and address of each place to listen at, once each, in the order given."""
    hosts = [host or None] if host is None or isinstance(host, str) else list(host)
    found = await asyncio.gather(
        *(
            loop.getaddrinfo(each, port, family=family, type=socket.SOCK_STREAM, flags=flags)
            for each in hosts
        )
    )
    return dict.fromkeys((info[0], info[4]) for infos in found for info in infos)


def _bind(sock: socket.socket, address: _Address) -> bool:
    """False if this machine does not have the address, as when IPv6 is switched off."""
    try:
        sock.bind(address)
    except OSError as error:
        if error.errno == errno.EADDRNOTAVAIL:
            return False
        raise OSError(error.errno, f"cannot listen at {address}: {error.strerror}") from None
    return True
