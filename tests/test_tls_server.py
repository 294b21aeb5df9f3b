"""A TLS server is ours from accept on: its bounds, and what strangers make it log."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
import sys
from pathlib import Path
from typing import Any

import pytest
from support import stacks
from support.tls_servers import connected, ended, listening, read_to_end

from picows import (
    ws_create_server,
)
from picows.testing import wire
from picows.testing.peers import SECONDS_MAX, open_raw, open_upgraded
from picows.testing.recorder import Recorder

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="the server is Linux's"),
    pytest.mark.usefixtures("engine"),
]


# Bounds


@pytest.mark.parametrize("loop", stacks.LOOPS)
@pytest.mark.parametrize("said", [b"", b"\x16\x03\x01\x02\x00\x01\x00"], ids=["nothing", "a bit"])
def test_who_never_does_a_tls_handshake_is_bounded(
    loop: str, said: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """All of them stayed, for a minute and in any number."""

    async def main() -> None:
        options = {"websocket_handshake_timeout": 1.0, "max_pending_handshakes": 5}
        server, port = await listening(**options)
        peers = []
        for _ in range(20):
            peers.append(await open_raw(port))
            peers[-1].send_bytes(said)
        for peer in peers[:15]:
            assert await read_to_end(peer) == b""
        assert not any(peer.reader.at_eof() for peer in peers[15:])
        transport, _ = await connected(port)  # is served, and makes the oldest go
        transport.disconnect()
        for peer in peers[15:]:
            assert await read_to_end(peer) == b""
        await ended(server)
        for peer in peers:
            await peer.close()

    stacks.run(loop, main())
    texts = [record.getMessage() for record in caplog.records if record.levelno > logging.INFO]
    assert sorted(texts) == [
        *["the opening handshake took too long, disconnecting"] * 4,
        *["too many connections in their opening handshake, disconnecting the oldest"] * 16,
    ]


@pytest.mark.parametrize("loop", stacks.LOOPS)
def test_many_at_once_are_bounded_too(loop: str) -> None:
    """Those that are accepted in one turn of the event loop and have to go before it sees them."""

    async def main() -> None:
        server, port = await listening(max_pending_handshakes=5)
        socks = [socket.create_connection(("127.0.0.1", port)) for _ in range(20)]
        for sock in socks[:15]:
            sock.setblocking(False)
            with contextlib.suppress(ConnectionResetError):
                async with asyncio.timeout(SECONDS_MAX):
                    assert await asyncio.get_running_loop().sock_recv(sock, 1) == b""
        for sock in socks[15:]:
            sock.setblocking(False)
            with pytest.raises(BlockingIOError):
                sock.recv(1)
        await ended(server)
        for sock in socks:
            sock.close()

    stacks.run(loop, main())


@pytest.mark.parametrize("loop", stacks.LOOPS)
def test_connections_before_and_behind_the_tls_handshake_are_counted_together(loop: str) -> None:
    async def main() -> None:
        server, port = await listening(max_pending_handshakes=2)
        before = await open_raw(port)
        behind = [await open_raw(port, stacks.client_tls()) for _ in range(2)]
        assert await read_to_end(before) == b""
        upgraded = await open_upgraded(port, ssl_context=stacks.client_tls())
        ends = [asyncio.create_task(read_to_end(peer)) for peer in behind]
        done, _ = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        assert len(done) == 1
        await ended(server)
        await asyncio.wait(ends)
        for peer in (before, *behind, upgraded):
            await peer.close()

    stacks.run(loop, main())


@pytest.mark.parametrize("loop", stacks.LOOPS)
def test_a_tls_handshake_has_as_long_as_the_upgrade_behind_it(loop: str) -> None:
    async def main() -> None:
        server, port = await listening(websocket_handshake_timeout=0.3)
        peer = await open_raw(port, stacks.client_tls())
        peer.send_bytes(wire.request()[:-2])
        assert await read_to_end(peer) == b""
        await peer.close()
        await ended(server)

    stacks.run(loop, main())


@pytest.mark.parametrize("loop", stacks.LOOPS)
def test_a_shorter_ssl_handshake_timeout(loop: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)

    async def main() -> None:
        server, port = await listening(
            websocket_handshake_timeout=None, ssl_handshake_timeout=0.05, ssl_shutdown_timeout=1
        )
        peer = await open_raw(port)
        assert await read_to_end(peer) == b""
        await peer.close()
        await ended(server)

    stacks.run(loop, main())
    assert "no TLS with ('127.0.0.1'" in caplog.text


@pytest.mark.parametrize("loop", stacks.LOOPS)
def test_a_server_that_stays_the_event_loops_is_bounded_in_time(loop: str, tmp_path: Path) -> None:
    async def main() -> None:
        path = str(tmp_path / "s")
        options = {"ssl": stacks.server_tls(), "websocket_handshake_timeout": 0.05}
        server = await ws_create_server(lambda _: Recorder(), path=path, **options)
        reader, writer = await asyncio.open_unix_connection(path)
        async with asyncio.timeout(SECONDS_MAX):
            assert await reader.read() == b""
        writer.close()
        server.close()

    stacks.run(loop, main())


# Strangers


@pytest.mark.parametrize("loop", stacks.LOOPS)
@pytest.mark.parametrize(
    ("said", "is_reset"),
    [
        (b"", False),
        (b"", True),
        (b"\x16\x03\x01\x02\x00\x01\x00", False),
        (bytes(range(200)), False),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", False),
    ],
    ids=["nothing", "a reset", "half a record", "garbage", "plain HTTP"],
)
def test_a_probe_is_a_line_of_information(
    loop: str,
    said: bytes,
    is_reset: bool,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """A connection that was closed at once was an ERROR, and a traceback of logging's own."""
    caplog.set_level(logging.INFO)
    names: list[Any] = []

    async def main() -> None:
        unseen: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, c: unseen.append(c))
        server, port = await listening()
        peer = await open_raw(port)
        names.append(peer.writer.get_extra_info("sockname"))
        peer.send_bytes(said)
        if is_reset:
            peer.reset()
        else:
            peer.writer.write_eof()
            await read_to_end(peer)
        await peer.close()
        server.close()
        async with asyncio.timeout(SECONDS_MAX):
            await server.wait_closed()
        assert unseen == []

    stacks.run(loop, main())
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("picows.server", logging.INFO)
    assert record.getMessage().startswith(f"no TLS with {names[0]}: ")
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("loop", stacks.LOOPS)
def test_a_context_that_fails_by_itself_is_reported(loop: str) -> None:
    class Broken(ssl.SSLContext):
        def wrap_bio(self, *args: Any, **kwargs: Any) -> ssl.SSLObject:
            raise ZeroDivisionError

    async def main() -> None:
        unseen: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, c: unseen.append(c))
        server, port = await listening(ssl=Broken(ssl.PROTOCOL_TLS_SERVER))
        peer = await open_raw(port)
        assert await read_to_end(peer) == b""
        await peer.close()
        await ended(server)
        assert {type(context["exception"]) for context in unseen} == {ZeroDivisionError}

    stacks.run(loop, main())


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"ssl": True}, TypeError),
        ({"ssl": ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)}, ValueError),
        ({"ssl_handshake_timeout": 0}, ValueError),
        ({"ssl_shutdown_timeout": float("nan")}, ValueError),
    ],
)
async def test_arguments_that_cannot_work(
    options: dict[str, Any], expected: type[Exception]
) -> None:
    with pytest.raises(expected, match=next(iter(options))):
        await listening(**options)
