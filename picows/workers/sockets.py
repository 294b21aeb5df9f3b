"""The listening sockets that the supervisor owns and its workers inherit."""

from __future__ import annotations

import contextlib
import os
import socket
import stat
from collections.abc import Sequence


def bind_slots(host: str, port: int, count: int) -> list[socket.socket]:
    """Bind a socket for each slot, all at one address: the kernel deals connections out to them.

    None of them listens yet. A worker calls `listen()`, so no connection waits for a worker that
    never came up.

    Args:
        host: a name or an address; of a name, the first address counts.
        port: 0 for a free one.
        count: how many, at least 1.

    Raises:
        OSError: the address is unknown or taken.
    """
    family, _, _, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    with contextlib.ExitStack() as undo:
        made = []
        for _ in range(count):
            sock = undo.enter_context(socket.socket(family, socket.SOCK_STREAM))
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            sock.bind(address)
            made.append(sock)
            address = sock.getsockname()  # with the port that was free
        undo.pop_all()
    return made


def bind_unix(path: str) -> socket.socket:
    """Bind a unix socket, which all slots share. A socket that nobody listens at is replaced.

    Raises:
        OSError: the path is too long, or taken.
    """
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _remove_abandoned(path)
        sock.bind(path)
    except BaseException:
        sock.close()
        raise
    return sock


def _remove_abandoned(path: str) -> None:
    try:
        if not stat.S_ISSOCK(os.stat(path).st_mode):
            return  # bind() says that it is there
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)


def take_over(descriptors: Sequence[int]) -> list[socket.socket]:
    """Sockets that were inherited, as systemd passes them from descriptor 3 on.

    Raises:
        OSError: one of them is no socket.
        ValueError: one of them is no stream socket.
    """
    taken = [socket.socket(fileno=descriptor) for descriptor in descriptors]
    for sock in taken:
        if sock.type != socket.SOCK_STREAM:
            raise ValueError(f"descriptor {sock.fileno()} must be a stream socket, not {sock!r}")
    return taken
