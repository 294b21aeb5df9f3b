"""Proxies that are broken, silent, or want to do harm."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator
from typing import Any

import pytest
from support import stacks
from support.proxies import proxy_server

from picows import WSHandshakeError, WSListener, WSProxyError, ws_connect
from picows.client.dial import Dialer
from picows.client.proxy import connect_through, parse_proxy
from picows.client.tls import Tls
from picows.testing import wire
from picows.testing.peers import Peer, raw_server
from picows.testing.recorder import Recorder, serving
from picows.url import parse_url

TUNNEL = b"HTTP/1.1 200 OK\r\n\r\n"
PLAIN = ["http", "socks4", "socks5"]


async def first_bytes(peer: Peer) -> bytes:
    return await asyncio.wait_for(peer.reader.read(65536), 5)


async def ended(peer: Peer) -> None:
    """The connection is closed from our side, one way or the other."""
    with contextlib.suppress(ConnectionResetError):  # for what we did not read
        await peer.read_to_end()


HTTP_GARBAGE = {
    "another protocol": b"SSH-2.0-OpenSSH_9.6\r\n",
    "zeros": bytes(100),
    "no status": b"HTTP/1.1\r\n\r\n",
    "no number": b"HTTP/1.1 abc\r\n\r\n",
    "a long number": b"HTTP/1.1 2000 OK\r\n\r\n",
    "another version": b"HTTP/2.0 200 OK\r\n\r\n",
    "unicode digits": b"HTTP/1.1 \xd9\xa2\xd9\xa0\xd9\xa0 OK\r\n\r\n",
    "an upgrade": b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
    "a redirect": b"HTTP/1.1 302 Found\r\nLocation: http://other/\r\n\r\n",
    "an endless head": b"HTTP/1.1 200 OK\r\nX: " + b"x" * 20_000,
    "endless interim answers": b"HTTP/1.1 100 Continue\r\n\r\n" * 1000,
    "17 interim answers": b"HTTP/1.1 100 Continue\r\n\r\n" * 17 + TUNNEL,
    "an answer of the server's": TUNNEL + b"HTTP/1.1 101 Switching Protocols\r\n",
    "a body": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
}


@contextlib.asynccontextmanager
async def asked(
    proxy: str, url: str = "ws://127.0.0.1/", **options: Any
) -> AsyncIterator[tuple[asyncio.Task[Any], Peer]]:
    """A client that has just connected to a proxy, and the proxy's end. `{}` is the port."""
    async with raw_server() as server:
        connecting = asyncio.create_task(
            ws_connect(Recorder, url, proxy=proxy.format(server.port), **options)
        )
        yield connecting, await server.accept()


async def fails(proxy: str, answers: list[bytes], url: str = "ws://127.0.0.1/") -> WSProxyError:
    """What ws_connect raises when each thing that it says gets the next answer."""
    async with asked(proxy, url) as (connecting, peer):
        for answer in answers:
            await first_bytes(peer)
            peer.send_bytes(answer)
        with pytest.raises(WSProxyError) as raised:
            await asyncio.wait_for(connecting, 2)
        await ended(peer)
        return raised.value


@pytest.mark.parametrize("name", HTTP_GARBAGE)
async def test_garbage_of_an_http_proxy(name: str) -> None:
    for url in ("ws://127.0.0.1/", "wss://127.0.0.1/"):
        error = await fails("http://127.0.0.1:{}", [HTTP_GARBAGE[name]], url)
        assert len(str(error)) < 500 and str(error).isprintable()


@pytest.mark.parametrize(
    "answers",
    [
        [b"HTTP/1.1 400 Bad Request\r\n\r\n"],
        [b"\x04\x00"],
        [b"\x05\xff"],
        [b"\x05\x02"],
        [b"\x05\x63"],
        [b"\x05\x00", b"\x04\x00\x00\x01" + bytes(6)],
        [b"\x05\x00", b"\x05\x05\x00\x01" + bytes(6)],
        [b"\x05\x00", b"\x05\x63\x00\x01" + bytes(6)],
        [b"\x05\x00", b"\x05\x00\x01\x01" + bytes(6)],
        [b"\x05\x00", b"\x05\x00\x00\x63" + bytes(6)],
        [b"\x05\x00", b"\x05\x00\x00\x03\x02\xff\xff\x00\x00"],
        [b"\x05\x00", b"\x05\x00\x00\x01" + bytes(6) + b"more"],
        [b"\x05\x00" + bytes(20_000)],
    ],
)
async def test_garbage_of_a_socks5_proxy(answers: list[bytes]) -> None:
    error = await fails("socks5://127.0.0.1:{}", answers)
    if answers[-1][:2] == b"\x05\x05":
        assert error.error_code == 5  # RFC 1928, 6: connection refused


async def test_garbage_of_a_socks5_proxy_that_wants_credentials() -> None:
    for answer in (b"\x01\x01", b"\x05\x00"):
        await fails("socks5://user:s3cret@127.0.0.1:{}", [b"\x05\x02", answer])


@pytest.mark.parametrize(
    "answer", [b"\x00\x5b" + bytes(6), b"\x04\x5a" + bytes(6), b"\x00\x63" + bytes(6), b"HTTP/1.1 "]
)
async def test_garbage_of_a_socks4_proxy(answer: bytes) -> None:
    error = await fails("socks4://127.0.0.1:{}", [answer])
    if answer[0] == 0 and answer[1] == 0x5B:
        assert error.error_code == 0x5B


@pytest.mark.parametrize("kind", PLAIN)
@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("loop", stacks.LOOPS)
@pytest.mark.parametrize("use_aiofastnet", stacks.TRANSPORTS.values())
def test_a_proxy_that_leaves(loop: str, use_aiofastnet: bool | None, how: str, kind: str) -> None:
    async def main() -> None:
        proxy = f"{kind}://127.0.0.1:{{}}"
        async with asked(proxy, use_aiofastnet=use_aiofastnet) as (connecting, peer):
            await first_bytes(peer)
            if how == "reset":
                peer.reset()
            else:
                await peer.close()
            with pytest.raises(WSProxyError, match="closed the connection") as raised:
                await connecting
            cause = raised.value.__cause__
            assert isinstance(cause, ConnectionResetError) if how == "reset" else cause is None

    stacks.run(loop, main())


@pytest.mark.parametrize("loop", stacks.LOOPS)
@pytest.mark.parametrize("use_aiofastnet", stacks.TRANSPORTS.values())
def test_a_proxy_that_leaves_once_its_tunnel_is_open(
    loop: str, use_aiofastnet: bool | None
) -> None:
    async def main() -> None:
        for url in ("ws://127.0.0.1/", "wss://127.0.0.1/"):
            options = {"use_aiofastnet": use_aiofastnet}
            async with asked("http://127.0.0.1:{}", url, **options) as (connecting, peer):
                await first_bytes(peer)
                peer.send_bytes(TUNNEL)
                await first_bytes(peer)  # of TLS, or the request
                await peer.close()
                with pytest.raises((ConnectionError, WSHandshakeError, WSProxyError)):
                    await connecting

    stacks.run(loop, main())


@pytest.mark.parametrize("kind", [*PLAIN, "https"])
@pytest.mark.parametrize("loop", stacks.LOOPS)
@pytest.mark.parametrize("use_aiofastnet", stacks.TRANSPORTS.values())
def test_a_proxy_that_is_silent(loop: str, use_aiofastnet: bool | None, kind: str) -> None:
    """For an https one it is already TLS that nobody answers."""

    async def main() -> None:
        unseen: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, c: unseen.append(c))
        options = {"use_aiofastnet": use_aiofastnet, "websocket_handshake_timeout": 0.05}
        async with asked(f"{kind}://127.0.0.1:{{}}", **options) as (connecting, peer):
            with pytest.raises(asyncio.TimeoutError, match="proxy"):
                await connecting
            await ended(peer)
        gc.collect()
        assert unseen == []

    stacks.run(loop, main())


@pytest.mark.parametrize("loop", stacks.LOOPS)
@pytest.mark.parametrize("use_aiofastnet", stacks.TRANSPORTS.values())
def test_silence_behind_a_tunnel(loop: str, use_aiofastnet: bool | None) -> None:
    """The time limit holds for TLS with the server as well, and for the upgrade anew."""

    async def main() -> None:
        for url in ("ws://127.0.0.1/", "wss://127.0.0.1/"):
            options = {"use_aiofastnet": use_aiofastnet, "websocket_handshake_timeout": 0.05}
            async with asked("http://127.0.0.1:{}", url, **options) as (connecting, peer):
                await first_bytes(peer)
                peer.send_bytes(TUNNEL)
                with pytest.raises(asyncio.TimeoutError):
                    await connecting
                await ended(peer)

    stacks.run(loop, main())


@pytest.mark.parametrize("what", ["bytes", "loss"])
async def test_what_comes_with_the_end_of_the_tls_handshake(what: str) -> None:
    """Event loops may report it before ws_connect hears that the handshake is done."""

    class EarlyDialer(Dialer):
        async def start_tls(
            self, transport: asyncio.Transport, protocol: Any, url: Any, tls: Any
        ) -> asyncio.Transport:
            if what == "loss":
                protocol.connection_lost(ConnectionResetError())
            else:
                protocol.get_buffer(1)[:1] = b"x"
                protocol.buffer_updated(1)
            return transport

    async with serving(lambda _: WSListener()) as port, proxy_server("http") as proxy:
        route = parse_proxy(proxy.url(), None)
        assert route
        with pytest.raises(WSProxyError):
            await connect_through(
                route,
                EarlyDialer(asyncio.get_running_loop(), False, False, None, None, {}),
                asyncio.Protocol,
                parse_url(f"wss://127.0.0.1:{port}/"),
                Tls(None),
            )


async def test_an_answer_that_dribbles_in_does_not_stop_the_clock() -> None:
    options = {"websocket_handshake_timeout": 0.05}
    async with asked("http://127.0.0.1:{}", **options) as (connecting, peer):

        async def dribble() -> None:
            peer.send_bytes(b"HTTP/1.1 200 OK\r\nX: ")
            while True:
                peer.send_bytes(b"x")
                await asyncio.sleep(0.005)

        dribbling = asyncio.create_task(dribble())
        with pytest.raises(asyncio.TimeoutError):
            await connecting
        dribbling.cancel()


async def test_without_a_limit_a_proxy_may_take_its_time() -> None:
    options = {"websocket_handshake_timeout": None}
    async with asked("socks4://127.0.0.1:{}", **options) as (connecting, peer):
        await peer.reader.readexactly(9)
        await asyncio.sleep(0.2)
        for byte in b"\x00\x5a" + bytes(6):
            peer.send_bytes(bytes([byte]))
            await asyncio.sleep(0)
        _, headers = await peer.read_head()
        peer.send_bytes(wire.response(headers["sec-websocket-key"]))
        transport, _ = await connecting
        transport.disconnect()


@pytest.mark.parametrize("kind", ["https", "socks5"])
@pytest.mark.parametrize("loop", stacks.LOOPS)
@pytest.mark.parametrize("use_aiofastnet", stacks.TRANSPORTS.values())
def test_cancelling_at_every_step(loop: str, use_aiofastnet: bool | None, kind: str) -> None:
    """Whenever it comes, nothing is left open and no exception goes unseen."""
    tls = stacks.client_tls() if kind == "https" else None

    async def main() -> None:
        unseen: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(
            # What the servers here say of a TLS handshake that was cancelled is not of interest.
            lambda _, c: unseen.append(c) if "never retrieved" in c["message"] else None
        )
        async with (
            serving(lambda _: WSListener(), ssl=stacks.server_tls()) as port,
            proxy_server(kind) as proxy,
        ):
            for steps in range(0, 60, 2):
                connecting = asyncio.create_task(
                    ws_connect(
                        Recorder,
                        f"wss://127.0.0.1:{port}/",
                        ssl_context=stacks.client_tls(),
                        proxy=proxy.url(),
                        proxy_ssl_context=tls,
                        use_aiofastnet=use_aiofastnet,
                    )
                )
                for _ in range(steps):
                    await asyncio.sleep(0)
                connecting.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    transport, _ = await connecting
                    transport.disconnect()
            await proxy.until_unused()
        gc.collect()
        assert unseen == []

    stacks.run(loop, main())
