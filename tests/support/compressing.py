"""Connections with a raw peer that agrees on permessage-deflate, and zlib as its side of it."""

from __future__ import annotations

import asyncio
import contextlib
import zlib
from collections.abc import AsyncIterator, Callable
from typing import Any

from picows import ws_connect
from picows.testing import wire
from picows.testing.peers import Peer, open_raw, raw_server
from picows.testing.recorder import URL, Pair, Recorder, serving

EXTENSIONS = "Sec-WebSocket-Extensions"
RSV1 = 4
HELLO = bytes.fromhex("f248cdc9c90700")  # RFC 7692 7.2.3.1
MESSAGE = b'{"symbol":"BTCUSDT","price":"43210.55","volume":"0.01200"}' * 20


class Deflater:
    """What a peer compresses with."""

    def __init__(self, bits: int = 15) -> None:
        self.zlib = zlib.compressobj(6, zlib.DEFLATED, -bits)

    def message(self, data: bytes) -> bytes:
        return (self.zlib.compress(data) + self.zlib.flush(zlib.Z_SYNC_FLUSH))[:-4]


class Inflater:
    """What a peer reads with; it keeps a window of that size."""

    def __init__(self, bits: int = 15) -> None:
        self.zlib = zlib.decompressobj(-bits)

    def message(self, payload: bytes) -> bytes:
        return self.zlib.decompress(payload + b"\0\0\xff\xff")


@contextlib.asynccontextmanager
async def answered(
    answer: str, listener_class: Callable[[], Recorder] = Recorder, **options: Any
) -> AsyncIterator[tuple[Pair, dict[str, str]]]:
    """A client whose raw server answers with that extension, and the headers of its request."""
    async with raw_server() as server:
        url = URL.format(server.port)
        connecting = asyncio.ensure_future(ws_connect(listener_class, url, **options))
        peer = await server.accept()
        _, headers = await peer.read_head()
        more = f"{EXTENSIONS}: {answer}\r\n" if answer else ""
        peer.send_bytes(wire.response(headers["sec-websocket-key"], more=more))
        _, listener = await connecting
        async with _ending(Pair(listener, peer)) as pair:
            yield pair, headers


async def asked(port: int, offer: str) -> tuple[Peer, dict[str, str]]:
    """A raw client that offers that extension, and the headers of the answer."""
    peer = await open_raw(port)
    peer.send_bytes(wire.request(more=f"{EXTENSIONS}: {offer}\r\n"))
    status, headers = await peer.read_head()
    assert " 101 " in status
    return peer, headers


@contextlib.asynccontextmanager
async def compressing(
    role: str,
    agreed: str = "",
    listener_class: Callable[[], Recorder] = Recorder,
    *,
    deflate: Any = True,
    **options: Any,
) -> AsyncIterator[Pair]:
    """A connection with a raw peer that has agreed on compression, with these parameters."""
    extension = f"permessage-deflate{agreed}"
    options["permessage_deflate"] = deflate
    if role == "client":
        async with answered(extension, listener_class, **options) as (pair, _):
            yield pair
        return
    listeners: list[Recorder] = []

    def factory(request: Any) -> Recorder:
        listeners.append(listener_class())
        return listeners[0]

    async with serving(factory, **options) as port:
        peer, _ = await asked(port, extension)
        async with _ending(Pair(listeners[0], peer)) as pair:
            yield pair


@contextlib.asynccontextmanager
async def _ending(pair: Pair) -> AsyncIterator[Pair]:
    try:
        yield pair
    finally:
        await pair.peer.close()
        pair.transport.disconnect(graceful=False)
        await pair.listener.until_disconnected()
