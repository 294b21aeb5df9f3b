"""A TLS server is ours from accept on: its bounds, its end, and what strangers make it log."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
import sys
from pathlib import Path
from typing import Any

import pytest
from support import stacks

from picows import (
    WSDisconnectCause,
    WSListener,
    WSMsgType,
    WSTransport,
    ws_connect,
    ws_create_server,
)
from picows.server import TcpServer
from picows.testing import wire
from picows.testing.peers import SECONDS_MAX, Peer, open_raw, open_upgraded
from picows.testing.recorder import Recorder

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the server is Linux's")


async def listening(factory: Any = lambda _: Recorder(), **options: Any) -> tuple[TcpServer, int]:
    given = {"ssl": stacks.server_tls()} | options
    server: Any = await ws_create_server(factory, "127.0.0.1", 0, **given)
    assert isinstance(server, TcpServer)
    return server, server.sockets[0].getsockname()[1]


async def connected(port: int, factory: Any = WSListener) -> Any:
    url = f"wss://localhost:{port}/"
    return await ws_connect(factory, url, ssl_context=stacks.client_tls())


async def ended(server: TcpServer, how: str = "abort_clients") -> None:
    server.close()
    getattr(server, how)()
    async with asyncio.timeout(SECONDS_MAX):
        await server.wait_closed()


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


async def read_to_end(peer: Peer) -> bytes:
    try:
        return await peer.read_to_end()
    except ConnectionResetError:  # for what was not read
        return b""


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


# The end


@pytest.mark.parametrize("loop", stacks.LOOPS)
def test_life(loop: str) -> None:
    async def main() -> None:
        server, port = await listening(start_serving=False)
        assert server.get_loop() is asyncio.get_running_loop()
        assert not server.is_serving()
        with pytest.raises(ConnectionRefusedError):
            await connected(port)
        await server.start_serving()
        assert server.is_serving()
        transport, _ = await connected(port)
        assert transport.is_secure
        server.close()
        assert not server.is_serving()
        assert server.sockets == ()
        with pytest.raises(ConnectionRefusedError):
            await connected(port)
        waiter = asyncio.create_task(server.wait_closed())
        assert len(await transport.measure_roundtrip_time(1)) == 1  # its connections go on
        assert not waiter.done()
        transport.disconnect()
        async with asyncio.timeout(SECONDS_MAX):
            await waiter

    stacks.run(loop, main())


@pytest.mark.parametrize("loop", stacks.LOOPS)
@pytest.mark.parametrize("how", ["close_clients", "abort_clients"])
def test_ending_all_clients(loop: str, how: str) -> None:
    async def main() -> None:
        listeners: list[Recorder] = []

        def factory(request: Any) -> Recorder:
            listeners.append(Recorder())
            return listeners[-1]

        server, port = await listening(factory)
        transports = [(await connected(port))[0] for _ in range(3)]
        in_handshake = await open_raw(port)
        await ended(server, how)
        for transport in transports:
            await transport.wait_disconnected()
        for listener in listeners:
            info = listener.transport.disconnect_info
            assert info is not None and info.cause is WSDisconnectCause.OWN_DISCONNECT
        assert await read_to_end(in_handshake) == b""
        await in_handshake.close()

    stacks.run(loop, main())


@pytest.mark.parametrize("loop", stacks.LOOPS)
def test_a_cancelled_serve_forever_ends(loop: str) -> None:
    """It hung while there were TLS clients."""

    async def main() -> None:
        server, port = await listening()
        forever = asyncio.create_task(server.serve_forever())
        transport, _ = await connected(port)
        in_handshake = await open_raw(port)
        forever.cancel()
        async with asyncio.timeout(SECONDS_MAX):
            with pytest.raises(asyncio.CancelledError):
                await forever
            await transport.wait_disconnected()
        assert await read_to_end(in_handshake) == b""
        await in_handshake.close()

    stacks.run(loop, main())


class Flood(Recorder):
    """Has more to say than a client takes that does not read."""

    def on_ws_connected(self, transport: WSTransport) -> None:
        super().on_ws_connected(transport)
        transport.send(WSMsgType.BINARY, bytes(FLOOD_SIZE))

    def pause_writing(self) -> None:
        pass


FLOOD_SIZE = 8 << 20


@pytest.mark.parametrize("loop", stacks.LOOPS)
@pytest.mark.parametrize("count", [1, 2])
def test_a_client_that_does_not_read_does_not_keep_serve_forever(loop: str, count: int) -> None:
    """It has three seconds; a second cancellation does not wait."""

    async def main() -> None:
        listener = Flood()
        server, port = await listening(lambda _: listener)
        forever = asyncio.create_task(server.serve_forever())
        peer = await open_upgraded(port, ssl_context=stacks.client_tls())
        peer.writer.transport.pause_reading()  # type: ignore[attr-defined]
        for _ in range(count):
            forever.cancel()
            await asyncio.sleep(0)
        async with asyncio.timeout(SECONDS_MAX):
            with pytest.raises(asyncio.CancelledError):
                await forever
            await listener.until_disconnected()
        peer.writer.transport.abort()

    stacks.run(loop, main())


@pytest.mark.parametrize("loop", stacks.LOOPS)
def test_a_client_that_reads_gets_all_when_serve_forever_is_cancelled(loop: str) -> None:
    async def main() -> None:
        server, port = await listening(lambda _: Flood())
        forever = asyncio.create_task(server.serve_forever())
        transport, listener = await connected(port, Recorder)
        forever.cancel()
        frames = await listener.until_frames(1)
        assert [frame.payload for frame in frames] == [bytes(FLOOD_SIZE)]
        with pytest.raises(asyncio.CancelledError):
            await forever
        await transport.wait_disconnected()

    stacks.run(loop, main())


@pytest.mark.parametrize("loop", stacks.LOOPS)
def test_an_event_loop_that_ends_takes_tls_handshakes_with_it(loop: str) -> None:
    sock = socket.socket()

    async def main() -> None:
        server, port = await listening()
        sock.connect(("127.0.0.1", port))
        transport, _ = await connected(port)  # so that the other was accepted
        transport.disconnect()
        await transport.wait_disconnected()
        server.close()

    with sock:
        stacks.run(loop, main())
        sock.settimeout(SECONDS_MAX)
        assert sock.recv(1) == b""


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
