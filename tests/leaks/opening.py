"""Attempts to open a connection that are given up, refused, or go wrong on the way."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import socket
import ssl
import struct
from typing import Any

from places import TLS_SECONDS_MAX, AskedForError, Place, Quiet
from support import stacks

from picows import WSError, WSListener, WSMsgType, WSTransport, ws_connect

SECONDS_MAX = 10
FAILURES = (WSError, OSError, AskedForError, TypeError)
"""What a round may raise. TypeError: a factory that returns something else."""


async def ended(place: Place, transport: WSTransport) -> None:
    try:
        await asyncio.wait_for(transport.wait_disconnected(), SECONDS_MAX)
    except TimeoutError:
        place.note(f"a connection did not end in {SECONDS_MAX} seconds")
        transport.disconnect(graceful=False)
    except FAILURES:
        pass


async def attempt(place: Place, url: str, listener: Any = Quiet, **options: Any) -> None:
    """Connect; what comes of it, if anything, is ended."""
    with contextlib.suppress(*FAILURES):
        transport, _ = await ws_connect(listener, url, **place.options | options)
        transport.send(WSMsgType.BINARY, b"hello")
        transport.disconnect()
        await ended(place, transport)


# Cancelled at each of its awaits


async def give_up(place: Place, number: int, url: str, **options: Any) -> None:
    """After so many turns of the event loop, or so much time: each await has its round."""
    task = asyncio.ensure_future(ws_connect(Quiet, url, **place.options | options))
    step = number // 2 % 40
    if number % 2:
        await asyncio.sleep(step * 0.0004)
    else:
        for _ in range(step):
            await asyncio.sleep(0)
    task.cancel()
    try:
        transport, _ = await task
    except (asyncio.CancelledError, *FAILURES):
        return
    transport.disconnect(graceful=False)
    await ended(place, transport)


async def slow_socket(url: Any) -> socket.socket:
    """A socket factory with awaits of its own."""
    await asyncio.sleep(0)
    await asyncio.sleep(0.001)
    return socket.socket()


def tls_options() -> dict[str, Any]:
    return {"ssl_context": stacks.client_tls(), "ssl_handshake_timeout": TLS_SECONDS_MAX}


async def cancelled(place: Place, number: int, how: str) -> None:
    if how == "tls":
        await give_up(place, number, place.url("ours-tls"), **tls_options())
    elif how == "name":
        await give_up(place, number, place.url("ours", host="localhost"))
    elif how == "redirect":
        await give_up(place, number, place.url("raw", "/to-ours"))
    elif how.endswith("proxy"):
        proxy = f"{how.partition('-')[0]}://127.0.0.1:{place.ports[how]}"
        await give_up(place, number, place.url("ours"), proxy=proxy)
    elif how == "socket-factory":
        await give_up(place, number, place.url("ours"), socket_factory=slow_socket)
    else:
        await give_up(place, number, place.url("ours"))


# Factories, answers that are no upgrade


def raises(*_: Any) -> WSListener:
    raise AskedForError("asked for")


async def factory_fails(place: Place, number: int, how: str) -> None:
    await attempt(place, place.url("ours"), raises if how == "raises" else object)


async def server_factory(place: Place, number: int, how: str) -> None:
    await attempt(place, place.url("ours", f"/factory/{how}"))


async def server_factory_waits(place: Place, number: int) -> None:
    await attempt(place, place.url("ours", "/later"))


async def waiting_client(place: Place, number: int, name: str, sent: bytes, action: str) -> None:
    """A client that goes while the server's factory waits, or about when it has chosen."""
    tls = stacks.client_tls() if name.endswith("tls") else None
    _, writer = await asyncio.open_connection("127.0.0.1", place.ports[name], ssl=tls)
    writer.write(sent)
    await asyncio.sleep(0.0004 * (number % 10))
    if action == "resets":
        writer.transport.abort()
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


async def answered(place: Place, number: int, path: str) -> None:
    await attempt(place, place.url("raw", path))


async def refused_by_us(place: Place, number: int) -> None:
    await attempt(place, place.url("ours", "/none"))


# Proxies, TLS, timeouts

PROXIES = [
    ("http", "nobody"),
    ("http", "http-refuses"),
    ("http", "http-not-tls"),
    ("http", "silent"),
    ("https", "http-not-tls"),
    ("socks5", "nobody"),
    ("socks5", "socks-refuses"),
    ("socks5", "http-not-tls"),
    ("socks5", "silent"),
]
"""The scheme and what stands where the proxy should be."""


async def proxied(place: Place, number: int, scheme: str, name: str) -> None:
    proxy = f"{scheme}://127.0.0.1:{place.ports[name]}"
    options = {"websocket_handshake_timeout": 0.05} if name == "silent" else {}
    await attempt(place, place.url("ours"), proxy=proxy, **options)


@functools.cache
def strangers() -> ssl.SSLContext:
    """Trusts others."""
    return ssl.create_default_context()


async def untrusted(place: Place, number: int) -> None:
    await attempt(place, place.url("ours-tls"), ssl_context=strangers())


async def not_tls(place: Place, number: int) -> None:
    await attempt(place, place.url("http-not-tls"), **tls_options())


async def silent(place: Place, number: int, name: str) -> None:
    options = {"websocket_handshake_timeout": 0.05} | (tls_options() if "tls" in name else {})
    await attempt(place, place.url(name), **options)


async def raw_client(place: Place, number: int, name: str, sent: bytes, is_reset: bool) -> None:
    """A client that says so much to a server of ours, and waits for the end or resets."""
    reader, writer = await asyncio.open_connection("127.0.0.1", place.ports[name])
    writer.write(sent)
    if is_reset:
        await asyncio.sleep(0.0002 * (number % 10))
        linger = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        writer.transport.abort()
    with contextlib.suppress(OSError):
        await reader.read()
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
