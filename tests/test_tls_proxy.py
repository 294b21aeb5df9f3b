"""TLS of our own through proxies, also inside of the TLS with one, and on unix sockets."""

from __future__ import annotations

import asyncio
import socket
import ssl
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support import stacks
from support.proxies import proxy_server
from support.tls_engines import byte_by_byte, cut_behind, engine_of, relay
from support.tls_servers import Echo, client_context, ended, listening, server_context

from picows import (
    WSHandshakeError,
    WSListener,
    WSMsgType,
    WSProxyError,
    ws_connect,
    ws_create_server,
)
from picows.client.proxy_stream import SocketStream
from picows.client.tls import Tls
from picows.testing import wire
from picows.testing.peers import raw_server
from picows.testing.recorder import Recorder, serving
from picows.testing.wire import Frame
from picows.url import parse_url

both_loops = pytest.mark.parametrize("loop", stacks.LOOPS)
VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]
SIZES = [0, 1, 125, 16383, 16384, 16385, 40_000, 300_000, 2_000_000]


async def echoed(transport: Any, listener: Any) -> None:
    """Messages of all sizes come back; then the connection ends in an orderly way."""
    payloads = [bytes([n]) * size for n, size in enumerate(SIZES)]
    for payload in payloads:
        transport.send(WSMsgType.BINARY, payload)
    frames = await listener.until_frames(len(payloads))
    assert [frame.payload for frame in frames] == payloads
    transport.disconnect()
    await listener.until_disconnected()


@both_loops
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", ["http", "https", "socks5"])
def test_tls_through_a_proxy(
    loop: str, kind: str, version: ssl.TLSVersion, own_engine: str
) -> None:
    """With an https proxy it is TLS inside of TLS; each end names what is inside."""

    async def main() -> None:
        client = client_context()
        client.maximum_version = version
        server, port = await listening(lambda _: Echo(), ssl=server_context())
        async with proxy_server(kind) as proxy:
            transport, listener = await ws_connect(
                Recorder,
                f"wss://localhost:{port}/",
                ssl_context=client,
                proxy=proxy.url(),
                proxy_ssl_context=stacks.client_tls() if kind == "https" else None,
            )
            assert (transport.is_secure, engine_of(transport)) == (1, own_engine)
            assert transport.underlying_transport.get_extra_info("sslcontext") is client
            await echoed(transport, listener)
            await proxy.until_unused()
        await ended(server)

    stacks.run(loop, main())


@both_loops
@pytest.mark.parametrize("version", VERSIONS)
def test_tls_with_the_proxy_alone(loop: str, version: ssl.TLSVersion, own_engine: str) -> None:
    async def main() -> None:
        client = client_context()
        client.maximum_version = version
        async with serving(lambda _: Echo()) as port, proxy_server("https") as proxy:
            transport, listener = await ws_connect(
                Recorder,
                f"ws://localhost:{port}/",
                proxy=proxy.url(),
                proxy_ssl_context=client,
            )
            assert (transport.is_secure, engine_of(transport)) == (1, "objects")
            assert transport.underlying_transport.get_extra_info("sslcontext") is client
            await echoed(transport, listener)
            await proxy.until_unused()

    stacks.run(loop, main())


@both_loops
@pytest.mark.parametrize("scheme", ["ws", "wss"])
def test_byte_by_byte_through_an_https_proxy(loop: str, scheme: str, own_engine: str) -> None:
    async def main() -> None:
        tls = server_context() if scheme == "wss" else None
        server, port = await listening(lambda _: Echo(), ssl=tls)
        async with (
            proxy_server("https") as proxy,
            relay(proxy.port, byte_by_byte, byte_by_byte) as there,
        ):
            transport, listener = await ws_connect(
                Recorder,
                f"{scheme}://localhost:{port}/",
                ssl_context=client_context() if tls else None,
                proxy=f"https://localhost:{there}",
                proxy_ssl_context=client_context(),
                websocket_handshake_timeout=30,
            )
            transport.send(WSMsgType.TEXT, "hi")
            transport.send(WSMsgType.BINARY, bytes(300))
            assert await listener.until_frames(2) == [
                Frame(wire.TEXT, b"hi"),
                Frame(wire.BINARY, bytes(300)),
            ]
            transport.disconnect()
            await listener.until_disconnected()
        await ended(server)

    stacks.run(loop, main())


@both_loops
@pytest.mark.parametrize("way", ["to_server", "to_client"])
def test_cuts_of_the_way_to_an_https_proxy(loop: str, way: str, own_engine: str) -> None:
    """Wherever it is cut, who connects gets an OSError or a WSError, and nothing is left open."""

    async def main() -> None:
        server, port = await listening(ssl=server_context())
        async with proxy_server("https") as proxy:
            cut = 0
            for size in (0, 3, 5, 300, 600, 900, 1200, 1800, 2400, 3000):
                async with relay(proxy.port, **{way: cut_behind(size)}) as there:
                    try:
                        transport, _ = await ws_connect(
                            WSListener,
                            f"wss://localhost:{port}/",
                            ssl_context=client_context(),
                            proxy=f"https://localhost:{there}",
                            proxy_ssl_context=client_context(),
                        )
                    except TimeoutError:
                        pytest.fail(f"nobody noticed a cut behind {size} bytes")
                    except (OSError, WSProxyError, WSHandshakeError):
                        cut += 1
                    else:
                        transport.disconnect()
                        await transport.wait_disconnected()
            assert cut > 5
            await proxy.until_unused()
        await ended(server)

    stacks.run(loop, main())


@both_loops
@pytest.mark.parametrize("said", [b"HTTP/1.1 400 Bad Request\r\n\r\n", bytes(range(250))])
def test_an_https_proxy_that_speaks_no_tls(loop: str, said: bytes, own_engine: str) -> None:
    async def main() -> None:
        async with raw_server() as server:
            url = f"https://localhost:{server.port}"
            connecting = asyncio.ensure_future(ws_connect(WSListener, "ws://x.invalid/", proxy=url))
            peer = await server.accept()
            peer.send_bytes(said)
            with pytest.raises(ssl.SSLError) as caught:
                await connecting
            assert caught.value.reason == "WRONG_VERSION_NUMBER"

    stacks.run(loop, main())


async def test_what_follows_the_tunnel_stays_in_the_socket() -> None:
    """A record that nobody asked for is the connection's that takes the socket over."""
    async with raw_server(server_context()) as server:
        sock = socket.create_connection(("127.0.0.1", server.port))
        sock.setblocking(False)
        with sock:
            stream = SocketStream(asyncio.get_running_loop(), sock)
            beginning = asyncio.ensure_future(
                stream.begin_tls(
                    Tls(client_context()).client_wrap(parse_url("wss://localhost/"))[0]
                )
            )
            peer = await server.accept()
            await beginning
            peer.send_bytes(b"answer")
            peer.send_bytes(b"more")
            assert await stream.read_exactly(6) == b"answer"
            stream.check_nothing_came()
            assert stream.opened
            ssl_object, incoming, _ = stream.opened
            assert incoming.pending == ssl_object.pending() == 0
            assert await stream.read_exactly(4) == b"more"


@both_loops
def test_unix_sockets(loop: str, tmp_path: Path, own_engine: str) -> None:
    async def main() -> None:
        path = tmp_path / "s"
        for _ in range(2):  # the file is gone with the first server
            listener = Echo()
            options = {"path": path, "ssl": server_context()}
            server: Any = await ws_create_server(lambda _, it=listener: it, **options)
            transport, client = await ws_connect(
                Recorder, "wss://localhost/", path=path, ssl_context=client_context()
            )
            await echoed(transport, client)
            assert engine_of(transport) == engine_of(listener.transport) == own_engine
            await ended(server)
            assert not path.exists()

    stacks.run(loop, main())


@both_loops
def test_a_unix_socket_whose_file_is_left_or_taken(loop: str, tmp_path: Path) -> None:
    async def main() -> None:
        path = tmp_path / "s"
        first: Any = await ws_create_server(lambda _: Echo(), path=path, cleanup_socket=False)
        first.close()
        assert path.is_socket()
        second: Any = await ws_create_server(lambda _: Echo(), path=path)
        third: Any = await ws_create_server(lambda _: Echo(), path=path)
        second.close()  # what is there is the third's
        transport, listener = await ws_connect(Recorder, "ws://localhost/", path=path)
        await echoed(transport, listener)
        await ended(third)
        assert not path.exists()
        path.write_text("a file of somebody")
        with pytest.raises(OSError, match="cannot listen at"):
            await ws_create_server(lambda _: Echo(), path=path)

    stacks.run(loop, main())


@both_loops
def test_a_unix_socket_whose_backlog_is_full(loop: str, tmp_path: Path) -> None:
    """Who comes then waits until it is not."""

    async def main() -> None:
        path = tmp_path / "s"
        server: Any = await ws_create_server(
            lambda _: Echo(), path=path, backlog=1, start_serving=False
        )
        sock = server.sockets[0]
        connecting = []
        with socket.socket(fileno=socket.dup(sock.fileno())) as listening_socket:
            listening_socket.listen(0)
            for _ in range(8):
                connecting.append(
                    asyncio.ensure_future(ws_connect(Recorder, "ws://localhost/", path=path))
                )
            await asyncio.sleep(0.05)
        assert not any(task.done() for task in connecting)
        await server.start_serving()
        for transport, _ in await asyncio.gather(*connecting):
            transport.disconnect()
        await ended(server)

    stacks.run(loop, main())


def test_aiofastnet_is_not_imported() -> None:
    code = """
import asyncio, sys
from picows import WSListener, ws_connect
from picows.testing.recorder import serving
from support.tls_servers import client_context, server_context

async def main():
    async with serving(lambda _: WSListener(), ssl=server_context()) as port:
        url = f"wss://localhost:{port}/"
        transport, _ = await ws_connect(WSListener, url, ssl_context=client_context())
        transport.disconnect()
        await transport.wait_disconnected()

asyncio.run(main())
assert "aiofastnet" not in sys.modules
"""
    folder = str(Path(__file__).parent)
    subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.append({folder!r})\n{code}"], check=True
    )
