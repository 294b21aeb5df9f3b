"""How connections are opened: sockets of the user's, unix sockets, loops that show no socket."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support import stacks
from support.proxies import proxy_server
from support.socketless import SocketlessLoop, SocketlessTransport

from picows import (
    WSHandshakeError,
    WSListener,
    WSMsgType,
    WSParsedURL,
    WSTransport,
    WSUpgradeRequest,
    WSUpgradeResponse,
    WSUpgradeResponseWithListener,
    ws_connect,
    ws_create_server,
)
from picows.testing.peers import SECONDS_MAX, open_upgraded, raw_server
from picows.testing.recorder import URL, Recorder, serving
from picows.testing.wire import BINARY, TEXT, Frame

PLAIN = [stack for stack in stacks.STACKS if not stack.tls]


class Echo(WSListener):
    def on_ws_frame(self, transport: WSTransport, frame: Any) -> None:
        transport.send(frame.msg_type, frame.get_payload_as_bytes())


async def echoed(url: str, **options: Any) -> WSTransport:
    """A connection to an echo server on which all is well; closed."""
    transport, listener = await ws_connect(Recorder, url, **options)
    assert isinstance(listener, Recorder)
    big = bytes(range(256)) * 4096
    transport.send(WSMsgType.TEXT, b"hello")
    transport.send(WSMsgType.BINARY, big)
    assert await listener.until_frames(2) == [Frame(TEXT, b"hello"), Frame(BINARY, big)]
    transport.disconnect()
    async with asyncio.timeout(SECONDS_MAX):
        await transport.wait_disconnected()
    return transport


class Factory:
    """Makes sockets in one way or another, and remembers them."""

    def __init__(self, how: str) -> None:
        self.how = how
        self.asked: list[WSParsedURL] = []
        self.made: list[socket.socket] = []

    def make(self, url: WSParsedURL) -> socket.socket | None:
        self.asked.append(url)
        if self.how == "none":
            return None
        sock = socket.socket()
        self.made.append(sock)
        sock.setblocking(self.how != "non-blocking")
        if self.how == "connected":
            sock.connect((url.host, url.port))
        return sock

    async def make_later(self, url: WSParsedURL) -> socket.socket | None:
        await asyncio.sleep(0)
        return self.make(url)


@pytest.mark.parametrize("is_coroutine", [False, True], ids=["function", "coroutine"])
@pytest.mark.parametrize("how", ["connected", "blocking", "non-blocking", "none"])
@pytest.mark.parametrize("stack", stacks.STACKS, ids=str)
def test_sockets_of_the_users(stack: stacks.Stack, how: str, is_coroutine: bool) -> None:
    factory = Factory(how)

    async def main() -> None:
        # Event loops complain of blocking sockets in debug mode only.
        asyncio.get_running_loop().set_debug(how == "blocking")
        async with serving(lambda _: Echo(), **stack.server_options) as port:
            url = stack.url(port).replace("127.0.0.1", "localhost")
            transport = await echoed(
                url,
                socket_factory=factory.make_later if is_coroutine else factory.make,
                **stack.client_options,
            )
            assert transport.is_secure == stack.tls
            (asked,) = factory.asked
            assert isinstance(asked, WSParsedURL)
            assert (asked.url, asked.host, asked.port) == (url, "localhost", port)

    stacks.run(stack.loop, main())
    assert all(sock.fileno() == -1 for sock in factory.made)
    assert len(factory.made) == (how != "none")


@pytest.mark.parametrize("kind", ["http", "https", "socks4", "socks5"])
async def test_with_a_proxy_the_socket_is_for_the_proxy(kind: str) -> None:
    tls = stacks.client_tls() if kind == "https" else None
    for how in ("connected", "blocking", "none"):
        factory = Factory(how)
        async with serving(lambda _: Echo()) as port, proxy_server(kind) as proxy:
            await echoed(
                URL.format(port),
                proxy=proxy.url(),
                proxy_ssl_context=tls,
                socket_factory=factory.make,
            )
            assert [(url.scheme, url.port) for url in factory.asked] == [(kind, proxy.port)]
            assert proxy.targets == [("127.0.0.1", port)]
        assert all(sock.fileno() == -1 for sock in factory.made)


async def test_a_redirect_needs_another_socket() -> None:
    def route(request: WSUpgradeRequest) -> Any:
        if request.path == b"/there":
            return Echo()
        response = WSUpgradeResponse.create_redirect_response(302, "/there")
        return WSUpgradeResponseWithListener(response, None)

    factory = Factory("connected")
    async with serving(route) as port:
        await echoed(URL.format(port), socket_factory=factory.make)
    assert [url.path for url in factory.asked] == ["/", "/there"]
    assert [sock.fileno() for sock in factory.made] == [-1, -1]


def ssl_socket() -> socket.socket:
    return ssl.create_default_context().wrap_socket(
        socket.socket(), server_hostname="localhost", do_handshake_on_connect=False
    )


WRONG: dict[str, tuple[Callable[[], Any], type[Exception]]] = {
    "a number": (lambda: 3, TypeError),
    "a path": (lambda: "/run/x.sock", TypeError),
    "datagrams": (lambda: socket.socket(type=socket.SOCK_DGRAM), ValueError),
    "nothing to connect": (lambda: socket.socket(socket.AF_UNIX), ValueError),
    "TLS already": (ssl_socket, TypeError),
}


@pytest.mark.parametrize("name", WRONG)
async def test_what_is_no_socket_for_us(name: str) -> None:
    make, expected = WRONG[name]
    made = make()
    with pytest.raises(expected, match="socket_factory"):
        await ws_connect(Recorder, "ws://127.0.0.1:1/", socket_factory=lambda _: made)
    if isinstance(made, socket.socket):
        assert made.fileno() == -1


class OwnError(Exception):
    pass


@pytest.mark.parametrize("stack", stacks.STACKS, ids=str)
def test_sockets_are_closed_when_it_fails(stack: stacks.Stack) -> None:
    made: list[socket.socket] = []

    def make(url: WSParsedURL) -> socket.socket:
        made.append(socket.socket())
        return made[-1]

    async def main() -> None:
        options = stack.client_options | {"socket_factory": make}
        with pytest.raises(ConnectionRefusedError):
            await ws_connect(Recorder, stack.url(1), **options)
        async with raw_server() as server:
            connect = asyncio.create_task(ws_connect(Recorder, stack.url(server.port), **options))
            peer = await server.accept()
            peer.send_bytes(b"neither TLS nor HTTP\r\n\r\n")
            with pytest.raises((OSError, WSHandshakeError)):
                await connect
            for steps in range(0, 20, 2):
                connect = asyncio.create_task(
                    ws_connect(Recorder, stack.url(server.port), **options)
                )
                for _ in range(steps):
                    await asyncio.sleep(0)
                connect.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await connect
            with pytest.raises(TypeError, match="no_such_argument"):
                await ws_connect(Recorder, stack.url(server.port), no_such_argument=1, **options)
        for _ in range(5):
            await asyncio.sleep(0.01)  # transports close their sockets when they come to it

    stacks.run(stack.loop, main())
    assert [sock.fileno() for sock in made] == [-1] * len(made)


async def test_an_exception_of_the_factory_goes_through() -> None:
    def fail(url: WSParsedURL) -> None:
        raise OwnError

    async def fail_later(url: WSParsedURL) -> None:
        raise OwnError

    for factory in (fail, fail_later):
        with pytest.raises(OwnError):
            await ws_connect(Recorder, "ws://127.0.0.1:1/", socket_factory=factory)


async def test_a_socket_pair_will_do() -> None:
    ours, theirs = socket.socketpair()
    loop = asyncio.get_running_loop()
    connecting = asyncio.create_task(
        ws_connect(Recorder, "ws://nowhere.invalid/", socket_factory=lambda _: ours)
    )
    theirs.setblocking(False)
    assert (await loop.sock_recv(theirs, 65536)).startswith(b"GET / HTTP/1.1\r\nHost: nowhere")
    theirs.close()
    with pytest.raises(WSHandshakeError):
        await connecting


@contextlib.asynccontextmanager
async def unix_server(factory: Any, path: str, stack: stacks.Stack) -> Any:
    server = await ws_create_server(factory, path=path, **stack.server_options)
    async with server:
        yield


@pytest.mark.parametrize("stack", stacks.STACKS, ids=str)
def test_unix_sockets(stack: stacks.Stack, socket_path: str) -> None:
    seen: list[WSUpgradeRequest] = []

    def route(request: WSUpgradeRequest) -> Any:
        seen.append(request)
        return Echo()

    async def main() -> None:
        async with unix_server(route, socket_path, stack):
            scheme = "wss" if stack.tls else "ws"
            for given in (Path(socket_path), socket_path):
                url = f"{scheme}://localhost/feed?x"
                transport = await echoed(url, path=given, **stack.client_options)
                assert transport.is_secure == stack.tls
        assert [request.path for request in seen] == [b"/feed?x"] * 2
        assert seen[0].headers["Host"] == "localhost"
        with contextlib.suppress(FileNotFoundError):  # Python before 3.13 leaves it
            os.unlink(socket_path)
        with pytest.raises(FileNotFoundError):
            await ws_connect(Recorder, url, path=socket_path, **stack.client_options)

    stacks.run(stack.loop, main())


async def test_a_redirect_stays_on_the_unix_socket(socket_path: str) -> None:
    heads: list[WSUpgradeRequest] = []

    def route(request: WSUpgradeRequest) -> Any:
        heads.append(request)
        if request.path == b"/there":
            return Echo()
        response = WSUpgradeResponse.create_redirect_response(302, "http://public.example/there")
        return WSUpgradeResponseWithListener(response, None)

    async with unix_server(route, socket_path, PLAIN[0]):
        await echoed("ws://localhost/", path=socket_path, extra_headers={"Cookie": "s3cret"})
    assert [head.headers["Host"] for head in heads] == ["localhost", "public.example"]
    assert "Cookie" in heads[0].headers and "Cookie" not in heads[1].headers


async def test_one_place_to_connect_to(tmp_path: Path) -> None:
    path = tmp_path / "x.sock"
    for options in ({"proxy": "http://127.0.0.1:1"}, {"socket_factory": lambda _: None}):
        with pytest.raises(ValueError, match="path cannot be combined"):
            await ws_connect(Recorder, "ws://localhost/", path=path, **options)
    for address in ({"host": "127.0.0.1"}, {"port": 0}):
        with pytest.raises(ValueError, match="path cannot be combined"):
            await ws_create_server(lambda _: Echo(), path=path, **address)


@pytest.mark.parametrize("path", ["", b""])
async def test_an_empty_path_is_no_place(path: str | bytes) -> None:
    """ws_create_server raised IndexError."""
    with pytest.raises(ValueError, match="path must not be empty"):
        await ws_connect(Recorder, "ws://localhost/", path=path)
    with pytest.raises(ValueError, match="path must not be empty"):
        await ws_create_server(lambda _: Echo(), path=path)


def test_a_loop_that_shows_no_socket() -> None:
    async def main() -> None:
        async with serving(lambda _: Echo(), use_aiofastnet=False) as port:
            transport = await echoed(URL.format(port), use_aiofastnet=False)
            assert isinstance(transport.underlying_transport, SocketlessTransport)
            async with proxy_server("socks5") as proxy:
                await echoed(URL.format(port), use_aiofastnet=False, proxy=proxy.url())
            peer = await open_upgraded(port)
            peer.send(Frame(BINARY, b"x" * 100_000))
            assert await peer.read_frame() == Frame(BINARY, b"x" * 100_000)
            await peer.close()

    with asyncio.Runner(loop_factory=SocketlessLoop) as runner:
        runner.run(asyncio.wait_for(main(), 30))
