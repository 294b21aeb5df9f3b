"""TLS on our own transport, with either engine, and peers that do not speak it, or badly."""

from __future__ import annotations

import asyncio
import logging
import re
import socket
import ssl
from typing import Any

import pytest
from support import stacks
from support.tls_servers import (
    client_context,
    ended,
    listening,
    refused_by_ssl,
    server_context,
)

from picows import WSListener, ws_connect
from picows.testing import wire
from picows.testing.peers import open_raw, open_upgraded, raw_server
from picows.testing.recorder import Recorder
from picows.testing.wire import Frame

both_loops = pytest.mark.parametrize("loop", stacks.LOOPS)


# Strangers


@both_loops
@pytest.mark.parametrize(
    "answer",
    [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x15\x03\x03\x00\x02\x01\x00"],
    ids=["plain HTTP", "close_notify"],
)
def test_a_server_that_does_no_handshake(loop: str, answer: bytes, own_engine: str) -> None:
    """Where Python's objects ran OpenSSL, close_notify as an answer was noticed by the timeout."""

    async def main() -> None:
        async with raw_server() as server:

            async def answering() -> None:
                for _ in range(2):
                    (await server.accept()).send_bytes(answer)

            task = asyncio.create_task(answering())
            client = client_context()
            expected = await asyncio.to_thread(refused_by_ssl, server.port, client, "localhost")
            with pytest.raises(ssl.SSLError) as caught:
                await ws_connect(WSListener, f"wss://localhost:{server.port}/", ssl_context=client)
            assert (type(caught.value), caught.value.args) == (type(expected), expected.args)
            await task

    stacks.run(loop, main())


@both_loops
@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "HTTP_REQUEST"),
        (bytes(range(200)), "WRONG_VERSION_NUMBER"),
        (b"\x16\x03\x01\xff\xff" + bytes(100), None),
        (b"\x17\x03\x03\x00\x01\x00", None),
        (b"\x15\x03\x01\x00\x02\x01\x00", None),
    ],
    ids=["plain HTTP", "garbage", "a record too long", "data first", "close_notify first"],
)
def test_a_stranger_is_told_of_as_ssl_would(
    loop: str,
    said: bytes,
    reason: str | None,
    own_engine: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    ours, theirs = socket.socketpair()
    theirs.sendall(said)
    theirs.shutdown(socket.SHUT_WR)
    with ours, theirs, pytest.raises(ssl.SSLError) as caught:
        server_context().wrap_socket(ours, server_side=True)
    expected = caught.value
    if reason:
        assert expected.reason == reason

    async def main() -> None:
        server, port = await listening()
        peer = await open_raw(port)
        peer.send_bytes(said)
        await peer.read_to_end()
        await peer.close()
        await ended(server)

    stacks.run(loop, main())
    (record,) = caplog.records
    shown = record.getMessage().partition("): ")[2]
    assert shown == repr(expected)


@both_loops
@pytest.mark.parametrize("role", ["client", "server"])
def test_a_record_that_was_tampered_with(loop: str, role: str, own_engine: str) -> None:
    """What came before it is delivered; the end is the SSLError."""
    record = b"\x17\x03\x03\x00\x20" + bytes(32)

    async def main() -> None:
        frame = wire.encode(Frame(wire.TEXT, b"hi"))
        if role == "client":
            async with raw_server(server_context()) as server:
                url = f"wss://localhost:{server.port}/"
                connecting = asyncio.create_task(
                    ws_connect(Recorder, url, ssl_context=client_context())
                )
                peer = await server.accept_upgraded(frame)
                _, listener = await connecting
                await listener.until_frames(1)
                await tamper(peer, record)
                await listener.until_disconnected()
        else:
            listener = Recorder()
            tcp, port = await listening(lambda _: listener)
            peer = await open_upgraded(port, ssl_context=client_context())
            peer.send(Frame(wire.TEXT, b"hi"))
            await listener.until_frames(1)
            await tamper(peer, record)
            await listener.until_disconnected()
            await peer.close()
            await ended(tcp)
        assert listener.frames == [Frame(wire.TEXT, b"hi")]
        info = listener.transport.disconnect_info
        assert isinstance(info.exception, ssl.SSLError), info
        # OpenSSL 3.6 no longer tells a bad MAC from what else is wrong with a record.
        assert re.search("BAD|bad|RECORD_LAYER_FAILURE", str(info.exception))

    stacks.run(loop, main())


async def tamper(peer: Any, record: bytes) -> None:
    """Write past the peer's TLS, to its socket."""
    handle = peer.writer.get_extra_info("socket").fileno()
    with socket.socket(fileno=socket.dup(handle)) as sock:
        sock.send(record)
