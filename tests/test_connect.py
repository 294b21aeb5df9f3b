"""ws_connect: its arguments. What servers can answer is in test_connect_answers.py."""

from __future__ import annotations

import asyncio
import functools
import gc
import inspect
import logging
import socket
import ssl
from collections.abc import Callable
from typing import Any

import pytest
from support import stacks

import picows
from picows import (
    WSAutoPingStrategy,
    WSCloseCode,
    WSError,
    WSInvalidURL,
    WSListener,
    WSTransport,
    WSUpgradeRequest,
    WSUpgradeResponse,
    ws_connect,
)
from picows.testing import wire
from picows.testing.peers import RawServer, raw_server
from picows.testing.recorder import URL, Recorder, serving
from picows.testing.wire import PING, PONG, TEXT, Frame


async def request_of(path: str = "/", **options: Any) -> tuple[str, dict[str, str]]:
    """The request that a raw server receives, after which all is said."""
    async with raw_server() as server:
        url = f"ws://127.0.0.1:{server.port}{path}"
        connecting = asyncio.create_task(ws_connect(WSListener, url, **options))
        peer = await server.accept()
        line, headers = await peer.read_head()
        peer.send_bytes(wire.response(headers["sec-websocket-key"]))
        transport, _ = await connecting
        transport.disconnect()
        await transport.wait_disconnected()
        headers["port"] = str(server.port)
        return line, headers


async def connected(server: RawServer, factory: Any = Recorder, **options: Any) -> Any:
    """Our end and the peer's of a connection to a raw server."""
    connecting = asyncio.create_task(ws_connect(factory, URL.format(server.port), **options))
    peer = await server.accept_upgraded()
    transport, listener = await connecting
    return transport, listener, peer


def test_signature_is_the_contract() -> None:
    parameters = inspect.signature(ws_connect).parameters
    defaults = {name: p.default for name, p in parameters.items() if p.default is not p.empty}
    assert list(parameters)[:2] == ["ws_listener_factory", "url"]
    assert list(parameters)[-1] == "kwargs"
    assert defaults == {
        "ssl_context": None,
        "disconnect_on_exception": True,
        "websocket_handshake_timeout": 5,
        "logger_name": None,
        "enable_auto_ping": False,
        "auto_ping_idle_timeout": 10,
        "auto_ping_reply_timeout": 10,
        "auto_ping_strategy": WSAutoPingStrategy.PING_WHEN_IDLE,
        "enable_auto_pong": True,
        "max_frame_size": 10 << 20,
        "extra_headers": None,
        "max_redirects": 5,
        "proxy": None,
        "proxy_ssl_context": None,
        "read_buffer_init_size": 16 << 10,
        "socket_factory": None,
        "use_aiofastnet": None,
        "strict": False,
        "coalesce_sends": False,
        "permessage_deflate": False,
        "reuse_tls_sessions": False,
        "enable_kernel_timestamps": False,
        "auto_ping_close_code": WSCloseCode.GOING_AWAY,
    }
    keyword_only = [name for name, p in parameters.items() if p.kind is p.KEYWORD_ONLY]
    assert keyword_only == list(defaults)


async def test_the_request_on_the_wire() -> None:
    line, headers = await request_of("/a/b?c=d%20e")
    assert line == "GET /a/b?c=d%20e HTTP/1.1"
    key = headers.pop("sec-websocket-key")
    assert len(key) == 24
    assert headers.pop("host") == f"127.0.0.1:{headers.pop('port')}"
    assert headers == {
        "upgrade": "websocket",
        "connection": "Upgrade",
        "sec-websocket-version": "13",
    }


async def test_each_request_has_a_key_of_its_own() -> None:
    keys = [(await request_of())[1]["sec-websocket-key"] for _ in range(3)]
    assert len(set(keys)) == 3


@pytest.mark.parametrize(
    "extra",
    [{"X-One": "1", "host": "other"}, [("X-One", "1"), ("Host", "other")], iter([("X-One", "1")])],
)
async def test_extra_headers_are_added_and_host_replaced(extra: Any) -> None:
    _, headers = await request_of(extra_headers=extra)
    assert headers["x-one"] == "1"
    if not isinstance(extra, dict | list):
        return
    assert headers["host"] == "other"


@pytest.mark.parametrize("extra", [[("a", 1)], ["ab"], {"a": None}, 1, "Name: value", [("a",)]])
async def test_extra_headers_of_a_wrong_type_are_refused(extra: Any) -> None:
    with pytest.raises(TypeError, match="extra_headers"):
        await ws_connect(WSListener, "ws://127.0.0.1:1/", extra_headers=extra)


@pytest.mark.parametrize("value", ["a\r\nX: y", "a\nb", "a\0b", "a\rb"])
async def test_extra_headers_cannot_end_a_line(value: str) -> None:
    with pytest.raises(ValueError, match="X-Name"):
        await ws_connect(WSListener, "ws://127.0.0.1:1/", extra_headers={"X-Name": value})


async def test_credentials_of_the_url_go_into_authorization() -> None:
    async with raw_server() as server:
        url = f"ws://user:p%40ss@127.0.0.1:{server.port}/"
        connecting = asyncio.create_task(ws_connect(WSListener, url))
        peer = await server.accept()
        _, headers = await peer.read_head()
        assert headers["authorization"] == "Basic dXNlcjpwQHNz"
        assert headers["host"] == f"127.0.0.1:{server.port}"
        connecting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await connecting


@pytest.mark.parametrize("url", ["http://127.0.0.1/", "ws:///path", "127.0.0.1", "ws://a/#b", ""])
async def test_a_url_that_cannot_be_used(url: str) -> None:
    with pytest.raises(WSInvalidURL):
        await ws_connect(WSListener, url)


FACTORIES: dict[str, tuple[bool, Callable[[list[Any]], Any]]] = {
    "a class": (False, lambda seen: Recorder),
    "a function of nothing": (False, lambda seen: lambda: Recorder()),
    "a function of anything": (False, lambda seen: lambda *args: seen.extend(args) or Recorder()),
    "a function of two": (
        True,
        lambda seen: lambda request, response: seen.extend((request, response)) or Recorder(),
    ),
    "a partial of three": (
        True,
        lambda seen: functools.partial(
            lambda first, request, response: seen.extend((request, response)) or Recorder(), 1
        ),
    ),
}


@pytest.mark.parametrize("name", FACTORIES)
async def test_a_factory_is_asked_for_one_listener(name: str) -> None:
    takes_two, make = FACTORIES[name]
    seen: list[Any] = []
    async with raw_server() as server:
        transport, listener, _ = await connected(server, make(seen))
        assert type(listener) is Recorder
        assert listener.transport is transport
        assert listener.events == ["connected"]
        assert isinstance(transport, WSTransport)
        assert isinstance(transport.request, WSUpgradeRequest)
        assert isinstance(transport.response, WSUpgradeResponse)
        assert seen == ([transport.request, transport.response] if takes_two else [])
        assert transport.request.path == b"/"
        assert transport.request.headers["Sec-WebSocket-Version"] == "13"
        assert transport.response.status == 101
        assert transport.response.headers["upgrade"] == "websocket"
        assert transport.is_client_side
        assert not transport.is_secure
        assert not transport.is_disconnected
        assert transport.underlying_transport.get_extra_info("peername")[1] == server.port
        transport.disconnect()


async def test_an_exception_of_the_factory_is_raised() -> None:
    def factory() -> WSListener:
        raise KeyError("mine")

    async with raw_server() as server:
        connecting = asyncio.create_task(ws_connect(factory, URL.format(server.port)))
        peer = await server.accept_upgraded()
        with pytest.raises(KeyError, match="mine"):
            await connecting
        assert await peer.read_rest() == []


@pytest.mark.parametrize("result", [None, 1, object(), WSListener])
async def test_a_factory_that_makes_no_listener_is_a_type_error(result: object) -> None:
    async with raw_server() as server:
        connecting = asyncio.create_task(ws_connect(lambda: result, URL.format(server.port)))
        peer = await server.accept_upgraded()
        with pytest.raises(TypeError, match="WSListener"):
            await connecting
        assert await peer.read_rest() == []


async def test_a_handshake_that_takes_too_long_is_a_timeout_error() -> None:
    async with raw_server() as server:
        with pytest.raises(asyncio.TimeoutError):
            await ws_connect(WSListener, URL.format(server.port), websocket_handshake_timeout=0.02)
        peer = await server.accept()
        await peer.read_head()
        assert await peer.read_to_end() == b""


async def test_an_answer_that_dribbles_in_does_not_stop_the_clock() -> None:
    async with raw_server() as server:
        connecting = asyncio.create_task(
            ws_connect(WSListener, URL.format(server.port), websocket_handshake_timeout=0.05)
        )
        peer = await server.accept()

        async def dribble() -> None:
            peer.send_bytes(b"HTTP/1.1 101 Switching Protocols\r\nX-Endless: ")
            while True:
                peer.send_bytes(b"x")
                await asyncio.sleep(0.005)

        dribbling = asyncio.create_task(dribble())
        with pytest.raises(asyncio.TimeoutError):
            await connecting
        dribbling.cancel()


async def test_no_timeout_waits_and_a_timeout_ends_with_the_handshake() -> None:
    async with raw_server() as server:
        for timeout in (None, 0.5):
            transport, listener, peer = await connected(server, websocket_handshake_timeout=timeout)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(transport.wait_disconnected(), 0.6)
            peer.send(Frame(TEXT, b"still here"))
            await listener.until_frames(1)
            transport.disconnect()


@pytest.mark.parametrize("name", ["ssl", "sock", "all_errors"])
async def test_arguments_that_are_ours_are_refused(name: str) -> None:
    with pytest.raises(TypeError, match=name):
        await ws_connect(WSListener, "ws://127.0.0.1:1/", **{name: None})


async def test_other_arguments_go_to_create_connection() -> None:
    async with raw_server() as server:
        transport, _, _ = await connected(
            server, local_addr=("127.0.0.2", 0), family=socket.AF_INET
        )
        assert transport.underlying_transport.get_extra_info("sockname")[0] == "127.0.0.2"
        transport.disconnect()
        with pytest.raises(TypeError, match="no_such_argument"):
            await ws_connect(Recorder, URL.format(server.port), no_such_argument=1)


async def test_small_frames_leave_at_once() -> None:
    async with raw_server() as server:
        transport, _, _ = await connected(server, use_aiofastnet=False)
        sock = transport.underlying_transport.get_extra_info("socket")
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        transport.disconnect()


@pytest.mark.parametrize("enabled", [True, False])
async def test_auto_pong(enabled: bool) -> None:
    async with raw_server() as server:
        transport, listener, peer = await connected(server, enable_auto_pong=enabled)
        peer.send(Frame(PING, b"a"), Frame(TEXT, b"b"), Frame(PING, bytes(125)))
        if enabled:
            assert await peer.read_frame() == Frame(PONG, b"a")
            assert await peer.read_frame() == Frame(PONG, bytes(125))
            assert listener.frames == [Frame(TEXT, b"b")]
        else:
            assert len(await listener.until_frames(3)) == 3
            transport.disconnect()
            assert await peer.read_rest() == []
        transport.disconnect()


@pytest.mark.parametrize(
    "size", [-1, "1", 1.5, None, 1 << 70], ids=["negative", "str", "float", "none", "huge"]
)
async def test_a_max_frame_size_that_is_none(size: Any) -> None:
    with pytest.raises((TypeError, ValueError, OverflowError)):
        await ws_connect(WSListener, "ws://127.0.0.1:1/", max_frame_size=size)


async def test_loggers(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(picows.PICOWS_DEBUG_LL)
    adapter = logging.LoggerAdapter(logging.getLogger("mine.own"), {})
    loggers = {None: "picows.client", "feed": "picows.feed", adapter: "mine.own"}
    async with raw_server() as server:
        for logger_name, expected in loggers.items():
            caplog.clear()
            transport, _, _ = await connected(server, logger_name=logger_name)
            transport.disconnect()
            await transport.wait_disconnected()
            ours = [record for record in caplog.records if record.name != "asyncio"]
            assert {record.name for record in ours} == {expected}
            informed = [r.getMessage() for r in ours if r.levelno == logging.INFO]
            assert len(informed) == 2
            assert str(server.port) in informed[0]
            assert {record.levelno for record in ours} == {logging.INFO, picows.PICOWS_DEBUG_LL}


async def test_a_refused_connection_is_an_os_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    with pytest.raises(ConnectionRefusedError):
        await ws_connect(WSListener, URL.format(port))


@pytest.mark.parametrize("use_aiofastnet", stacks.TRANSPORTS.values())
@pytest.mark.parametrize("loop", stacks.LOOPS)
def test_cancelling_ends_the_connection_at_every_step(
    loop: str, use_aiofastnet: bool | None
) -> None:
    """Whenever it comes, nothing is left open and no exception goes unseen."""

    async def main() -> None:
        unseen: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, c: unseen.append(c))
        async with raw_server() as server:
            for steps in range(12):
                connecting = asyncio.create_task(
                    ws_connect(Recorder, URL.format(server.port), use_aiofastnet=use_aiofastnet)
                )
                for _ in range(steps):
                    await asyncio.sleep(0)
                connecting.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await connecting
            for peer in server.peers:
                await peer.read_to_end()
        gc.collect()
        assert unseen == []

    stacks.run(loop, main())


async def test_a_cancelled_handshake_closes_the_connection() -> None:
    async with raw_server() as server:
        connecting = asyncio.create_task(ws_connect(Recorder, URL.format(server.port)))
        peer = await server.accept()
        await peer.read_head()
        connecting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await connecting
        assert await peer.read_to_end() == b""


@pytest.mark.parametrize("stack", [s for s in stacks.STACKS if s.tls], ids=str)
def test_tls_checks_the_certificate(stack: stacks.Stack) -> None:
    async def main() -> None:
        async with serving(lambda _: WSListener(), **stack.server_options) as port:
            with pytest.raises(ssl.SSLCertVerificationError):
                await ws_connect(WSListener, stack.url(port), use_aiofastnet=stack.use_aiofastnet)
            transport, _ = await ws_connect(WSListener, stack.url(port), **stack.client_options)
            assert transport.is_secure
            assert transport.underlying_transport.get_extra_info("ssl_object") is not None
            transport.disconnect()
            await transport.wait_disconnected()
            # The name may be another than the one that is connected to.
            with pytest.raises(ssl.SSLCertVerificationError):
                await ws_connect(
                    WSListener, stack.url(port), server_hostname="other", **stack.client_options
                )

    stacks.run(stack.loop, main())


async def test_tls_to_a_server_that_speaks_none() -> None:
    async with serving(lambda _: WSListener()) as port:
        with pytest.raises((ssl.SSLError, OSError, WSError)):
            await ws_connect(WSListener, f"wss://127.0.0.1:{port}/")
