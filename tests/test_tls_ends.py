"""TLS on our own transport: how connections end, and what OpenSSL does on the way."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import ssl
import subprocess
from pathlib import Path
from typing import Any

import pytest
from support import stacks
from support.tls_engines import engine_of, relay
from support.tls_servers import Echo, client_context, ended, listening, server_context

from picows import WSMsgType, ws_connect
from picows.testing import wire
from picows.testing.peers import SECONDS_MAX, Peer, open_upgraded, raw_server
from picows.testing.recorder import Recorder
from picows.testing.wire import Frame

both_loops = pytest.mark.parametrize("loop", stacks.LOOPS)
VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


def context_of(version: ssl.TLSVersion) -> ssl.SSLContext:
    context = client_context()
    context.minimum_version = context.maximum_version = version
    return context


# Ends


@both_loops
@pytest.mark.parametrize("way", ["close_notify", "truncated", "reset"])
@pytest.mark.parametrize("version", VERSIONS)
def test_how_a_peer_can_end(loop: str, way: str, version: ssl.TLSVersion, own_engine: str) -> None:
    """What it sent before is delivered; only a reset is an exception."""

    async def main() -> None:
        listener = Recorder()
        server, port = await listening(lambda _: listener, ssl=server_context())
        peer = await open_upgraded(port, ssl_context=context_of(version))
        peer.send(Frame(wire.TEXT, b"a"), Frame(wire.TEXT, b"b"))
        if way == "close_notify":
            await peer.close()
        else:
            await listener.until_frames(2)
            handle = socket.dup(peer.writer.get_extra_info("socket").fileno())
            with socket.socket(fileno=handle) as sock:
                if way == "truncated":
                    sock.shutdown(socket.SHUT_WR)
                else:
                    peer.reset()
            await listener.until_disconnected()
            await peer.close()
        await listener.until_disconnected()
        assert [frame.payload for frame in listener.frames] == [b"a", b"b"]
        cause = listener.transport.disconnect_info.exception
        assert isinstance(cause, ConnectionResetError) if way == "reset" else cause is None
        await ended(server)

    stacks.run(loop, main())


@both_loops
def test_a_reset_behind_unread_bytes(loop: str, own_engine: str) -> None:
    """It was never noticed on uvloop with aiofastnet."""

    async def main() -> None:
        listener = Recorder()
        server, port = await listening(lambda _: listener, ssl=server_context())
        peer = await open_upgraded(port, ssl_context=client_context())
        await listener.until(lambda: "connected" in listener.events)
        listener.transport.underlying_transport.pause_reading()
        peer.send(*[Frame(wire.BINARY, bytes(10_000))] * 10)
        await asyncio.sleep(0.05)
        peer.reset()
        await asyncio.sleep(0.05)
        listener.transport.underlying_transport.resume_reading()
        await listener.until_disconnected()
        await peer.close()
        await ended(server)

    stacks.run(loop, main())


@both_loops
@pytest.mark.parametrize("role", ["client", "server"])
def test_our_end_says_so_once(loop: str, role: str, own_engine: str) -> None:
    """The peer reads all that was sent, and close_notify behind it."""
    payload = bytes(3_000_000)

    async def read_all(peer: Peer) -> None:
        await peer.expect(Frame(wire.BINARY, payload))
        assert await peer.read_to_end() == b""

    async def main() -> None:
        if role == "server":
            listener = Recorder()
            server, port = await listening(lambda _: listener, ssl=server_context())
            peer = await open_upgraded(port, ssl_context=client_context())
            await listener.until(lambda: "connected" in listener.events)
            listener.transport.send(WSMsgType.BINARY, payload)
            listener.transport.disconnect()
            await read_all(peer)
            await peer.close()
            await ended(server)
        else:
            async with raw_server(server_context()) as raw:
                url = f"wss://localhost:{raw.port}/"
                connecting = asyncio.create_task(
                    ws_connect(Recorder, url, ssl_context=client_context())
                )
                peer = await raw.accept_upgraded()
                transport, listener = await connecting
                transport.send(WSMsgType.BINARY, payload)
                transport.disconnect()
                await read_all(peer)
                await listener.until_disconnected()

    stacks.run(loop, main())


# What OpenSSL does on the way


@contextlib.asynccontextmanager
async def openssl(*arguments: str, folder: Path) -> Any:
    process = await asyncio.create_subprocess_exec(
        "openssl",
        *arguments,
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


@both_loops
@pytest.mark.parametrize(("version", "letter"), [("-tls1_3", b"K"), ("-tls1_2", b"R")])
def test_keys_that_change(
    loop: str, version: str, letter: bytes, own_engine: str, tmp_path: Path
) -> None:
    """`openssl s_client` asks for new keys (TLS 1.3), or renegotiates (1.2), which is refused."""

    async def main() -> None:
        server, port = await listening(lambda _: Echo(), ssl=server_context())
        command = ("s_client", version, "-connect", f"127.0.0.1:{port}", "-crlf")
        async with openssl(*command, folder=tmp_path) as process:
            head = wire.request().replace(b"\r\n", b"\n").decode()
            process.stdin.write(head.encode())
            async with asyncio.timeout(SECONDS_MAX):
                found = await process.stdout.readuntil(b"\r\n\r\n")
                assert b"101 Switching" in found
                process.stdin.write(letter + b"\n")
                await process.stdin.drain()
                if letter == b"R":
                    rest = await process.stdout.read()
                    assert b"\x81" not in rest
                else:
                    await asyncio.sleep(0.2)
                    frame = wire.encode(Frame(wire.TEXT, b"hi"), b"\1\2\3\4")
                    process.stdin.write(frame + b"\n")
                    assert await process.stdout.readuntil(b"\x81\x02hi")
        await ended(server)

    stacks.run(loop, main())


@both_loops
def test_a_client_certificate_that_is_asked_for_later(loop: str, own_engine: str) -> None:
    """Post-handshake authentication, which TLS 1.3 has instead of a renegotiation."""

    async def main() -> None:
        context, client = server_context(), client_context()
        context.post_handshake_auth = client.post_handshake_auth = True
        context.verify_mode = ssl.CERT_REQUIRED
        stacks._authority().configure_trust(context)
        stacks._authority().issue_cert("client.example").configure_cert(client)
        listener = Echo()
        server, port = await listening(lambda _: listener, ssl=context)
        url = f"wss://localhost:{port}/"
        transport, ours = await ws_connect(Recorder, url, ssl_context=client)
        assert engine_of(listener.transport) == own_engine
        info = listener.transport.underlying_transport.get_extra_info
        assert not info("peercert")
        info("ssl_object").verify_client_post_handshake()
        listener.transport.send(WSMsgType.TEXT, "who are you?")
        await ours.until_frames(1)
        transport.send(WSMsgType.TEXT, "me")
        await ours.until_frames(2)
        assert info("peercert")["subjectAltName"] == (("DNS", "client.example"),)
        transport.disconnect()
        await ours.until_disconnected()
        await ended(server)

    stacks.run(loop, main())


@both_loops
def test_an_object_that_is_kept_and_used_past_the_end(loop: str, own_engine: str) -> None:
    """Its BIO leads nowhere then, and the process goes on."""

    async def main() -> None:
        kept = []
        server, port = await listening(lambda _: Echo(), ssl=server_context())
        for _ in range(3):
            url = f"wss://localhost:{port}/"
            transport, listener = await ws_connect(Recorder, url, ssl_context=client_context())
            ssl_object = transport.underlying_transport.get_extra_info("ssl_object")
            kept.append(ssl_object)
            transport.disconnect()
            await listener.until_disconnected()
            del transport, listener
        for ssl_object in kept:
            for call in (
                lambda one: one.read(1),
                lambda one: one.write(b"x"),
                lambda one: one.unwrap(),
                lambda one: one.do_handshake(),
            ):
                with contextlib.suppress(OSError):
                    call(ssl_object)
            assert ssl_object.version() == "TLSv1.3"
        await ended(server)

    stacks.run(loop, main())


@both_loops
def test_records_that_were_changed_on_the_way(loop: str, own_engine: str) -> None:
    """Bytes flipped anywhere: an exception of ssl, or an end; never a wrong frame."""
    rng = random.Random(own_engine)

    async def main() -> None:
        unseen: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, c: unseen.append(c))
        server, port = await listening(lambda _: Echo(), ssl=server_context())
        for _ in range(20):
            where = rng.randrange(3000)

            def flip(data: bytes, before: int, where: int = where) -> list[bytes]:
                at = where - before
                if 0 <= at < len(data):
                    data = data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :]
                return [data]

            async with relay(port, *(rng.choice([(flip, None), (None, flip)]))) as there:
                with contextlib.suppress(OSError, Exception):
                    transport, listener = await ws_connect(
                        Recorder,
                        f"wss://localhost:{there}/",
                        ssl_context=client_context(),
                        websocket_handshake_timeout=1,
                    )
                    for _ in range(3):
                        transport.send(WSMsgType.BINARY, bytes(500))
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(0.3):
                            await listener.until_frames(3)
                    assert all(frame.payload == bytes(500) for frame in listener.frames)
                    transport.disconnect(graceful=False)
        assert unseen == []
        await ended(server)

    stacks.run(loop, main())
