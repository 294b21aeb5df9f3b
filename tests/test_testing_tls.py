"""picows.testing.tls, with servers and clients of ours at the other end."""

from __future__ import annotations

import asyncio
import ssl
from typing import Any

import pytest
from support import stacks
from support.tls_servers import Echo, ended, listening

from picows import WSListener, ws_connect
from picows.testing import TlsPeer, open_raw, raw_server, tls_contexts, wire
from picows.testing.recorder import Recorder
from picows.testing.wire import TEXT, Frame

both_loops = pytest.mark.parametrize("loop", stacks.LOOPS)


async def opened(port: int, context: ssl.SSLContext) -> TlsPeer:
    """A client that has upgraded."""
    tls = TlsPeer(await open_raw(port), context, "localhost")
    await tls.handshake()
    tls.peer.send_bytes(tls.record(wire.request()))
    assert (await tls.read()).startswith(b"HTTP/1.1 101 ")
    return tls


@both_loops
def test_records_in_pieces_frames_in_records(loop: str, own_engine: str) -> None:
    async def main() -> None:
        server_tls, client_tls = tls_contexts()
        listener = Echo()
        server, port = await listening(lambda _: listener, ssl=server_tls)
        tls = await opened(port, client_tls)
        frames = [Frame(TEXT, text) for text in (b"one", b"two", b"three")]
        bytes_of = [wire.encode(frame, wire.MASKING_KEY) for frame in frames]
        # Two frames in a record, the third in a record for each byte, and all in one segment.
        both = tls.record(bytes_of[0] + bytes_of[1])
        tls.peer.send_bytes(both + b"".join(tls.record(bytes([b])) for b in bytes_of[2]))
        assert await listener.until_frames(3) == frames
        # A record is nothing until its last byte.
        record = tls.record(wire.encode(Frame(TEXT, b"last"), wire.MASKING_KEY))
        tls.peer.send_bytes(record[:-1])
        await asyncio.sleep(0.05)
        assert len(listener.frames) == 3
        tls.peer.send_bytes(record[-1:])
        await listener.until_frames(4)
        received = b""
        while not received.endswith(b"last"):
            received += await tls.read()
        tls.peer.send_bytes(tls.close_notify())
        assert await tls.read() == b""
        await listener.until_disconnected()
        await tls.peer.close()
        await ended(server)

    stacks.run(loop, main())


async def test_a_server_by_hand() -> None:
    server_tls, client_tls = tls_contexts("localhost")
    async with raw_server() as server:
        url = f"wss://localhost:{server.port}/"
        connecting: Any = asyncio.ensure_future(ws_connect(Recorder, url, ssl_context=client_tls))
        tls = TlsPeer(await server.accept(), server_tls)
        await tls.handshake()
        _, headers = wire.parse_head(await tls.read())
        answer = wire.response(headers["sec-websocket-key"])
        frame = wire.encode(Frame(TEXT, b"early"))
        tls.peer.send_bytes(tls.record(answer) + tls.record(frame))
        _, listener = await connecting
        await listener.until_frames(1)
        await tls.peer.close()  # no close_notify
        await listener.until_disconnected()


async def test_a_certificate_is_for_its_names() -> None:
    server_tls, client_tls = tls_contexts("other.example")
    server, port = await listening(ssl=server_tls)
    with pytest.raises(ssl.SSLCertVerificationError):
        await ws_connect(WSListener, f"wss://localhost:{port}/", ssl_context=client_tls)
    tls = TlsPeer(await open_raw(port), client_tls, "localhost")
    with pytest.raises(ssl.SSLCertVerificationError):
        await tls.handshake()
    await tls.peer.close()
    await ended(server)


async def test_a_handshake_that_the_other_end_ends() -> None:
    _, client_tls = tls_contexts()
    async with raw_server() as server:
        tls = TlsPeer(await open_raw(server.port), client_tls, "localhost")
        shaking = asyncio.ensure_future(tls.handshake())
        peer = await server.accept()
        await peer.reader.read(1)
        peer.writer.close()
        with pytest.raises(ConnectionResetError):
            await shaking
        await tls.peer.close()
