"""Listening sockets."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest
from support.machine import has_address

from picows.server.bind import bind_sockets


async def bound(*args: Any, **kwargs: Any) -> list[tuple[int, str]]:
    """Family and host of each socket, all of which are closed again."""
    sockets = await bind_sockets(asyncio.get_running_loop(), *args, **kwargs)
    try:
        return sorted((sock.family, sock.getsockname()[0]) for sock in sockets)
    finally:
        for sock in sockets:
            assert not sock.getblocking()
            sock.close()


async def test_hosts() -> None:
    four, six = (socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")
    assert await bound("127.0.0.1", 0) == [four]
    here = [place for place in (four, six) if has_address(place[1])]
    assert await bound(["127.0.0.1", "::1", "127.0.0.1"], 0) == here
    # Where IPv6 is switched off, :: may be an address all the same.
    everywhere = [(socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")]
    everywhere = [place for place in everywhere if has_address(place[1])]
    assert await bound(None, 0) == everywhere
    assert await bound("", 0) == everywhere
    assert await bound(None, 0, family=socket.AF_INET) == everywhere[:1]


@pytest.mark.skipif(not has_address("::"), reason="this machine has no IPv6")
async def test_both_families_on_one_port() -> None:
    first = await bind_sockets(asyncio.get_running_loop(), "127.0.0.1", 0)
    port = first[0].getsockname()[1]
    first[0].close()
    assert len(await bound(None, port)) == 2


async def test_a_given_socket() -> None:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        (lent,) = await bind_sockets(asyncio.get_running_loop(), None, None, sock=sock)
        assert lent.getsockname() == sock.getsockname()
        assert not sock.getblocking()
        with pytest.raises(ValueError, match="sock cannot be combined with host and port"):
            await bound("127.0.0.1", 0, sock=sock)
        lent.close()
        assert sock.fileno() == -1
    with socket.socket(type=socket.SOCK_DGRAM) as sock, pytest.raises(ValueError, match="stream"):
        await bound(None, None, sock=sock)


async def test_wrong_use() -> None:
    with pytest.raises(ValueError, match="pass where to listen"):
        await bound(None, None)
    with pytest.raises(OSError, match="no address of host"):
        await bound("192.0.2.1", 0)  # TEST-NET-1, RFC 5737
    with pytest.raises(TypeError, match="banana"):
        await bound("127.0.0.1", 0, banana=1)


async def test_a_port_in_use() -> None:
    sockets = await bind_sockets(asyncio.get_running_loop(), "127.0.0.1", 0)
    sockets[0].listen()
    port = sockets[0].getsockname()[1]
    try:
        with pytest.raises(OSError, match="cannot listen at"):
            await bound("127.0.0.1", port)
    finally:
        sockets[0].close()


async def test_options() -> None:
    loop = asyncio.get_running_loop()
    [sock] = await bind_sockets(loop, "127.0.0.1", 0, reuse_port=True, keep_alive=True)
    with sock:
        for option in (socket.SO_REUSEADDR, socket.SO_REUSEPORT, socket.SO_KEEPALIVE):
            assert sock.getsockopt(socket.SOL_SOCKET, option) == 1
        port = sock.getsockname()[1]
        assert await bound("127.0.0.1", port, reuse_port=True) == [(socket.AF_INET, "127.0.0.1")]
    [sock] = await bind_sockets(loop, "127.0.0.1", 0, reuse_address=False)
    with sock:
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR) == 0
