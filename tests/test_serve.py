"""ws_create_server: its arguments, and what its listener factory can return."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import logging
import socket
from collections.abc import Callable
from typing import Any

import pytest
from support import stacks

import picows
from picows import (
    WSAutoPingStrategy,
    WSCloseCode,
    WSListener,
    WSUpgradeRequest,
    WSUpgradeResponse,
    WSUpgradeResponseWithListener,
    ws_create_server,
)
from picows.testing import wire
from picows.testing.peers import open_raw, open_upgraded
from picows.testing.recorder import Recorder, paired, serving
from picows.testing.wire import PING, PONG, TEXT, Frame, encode

SECRET = "the text of the exception"
USUAL = wire.request()


def complaints(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [record for record in caplog.records if record.levelno >= logging.WARNING]


async def answer_of(
    factory: Callable[[WSUpgradeRequest], Any], request: bytes = USUAL, **options: Any
) -> tuple[str, dict[str, str], bytes]:
    """Status line, headers and all that follows them: the server has to disconnect."""
    async with serving(factory, **options) as port:
        peer = await open_raw(port)
        peer.send_bytes(request)
        line, headers = await peer.read_head()
        body = await peer.read_to_end()
        await peer.close()
        return line, headers, body


def test_signature_is_the_contract() -> None:
    parameters = inspect.signature(ws_create_server).parameters
    defaults = {name: p.default for name, p in parameters.items() if p.default is not p.empty}
    assert list(parameters)[:3] == ["ws_listener_factory", "host", "port"]
    assert list(parameters)[-1] == "kwargs"
    assert defaults == {
        "host": None,
        "port": None,
        "disconnect_on_exception": True,
        "websocket_handshake_timeout": 5,
        "logger_name": None,
        "enable_auto_ping": False,
        "auto_ping_idle_timeout": 20,
        "auto_ping_reply_timeout": 20,
        "auto_ping_strategy": WSAutoPingStrategy.PING_WHEN_IDLE,
        "enable_auto_pong": True,
        "max_frame_size": 10 << 20,
        "read_buffer_init_size": 16 << 10,
        "use_aiofastnet": None,
        "strict": False,
        "coalesce_sends": False,
        "permessage_deflate": False,
        "enable_kernel_timestamps": False,
        "max_pending_handshakes": 16384,
        "auto_ping_close_code": WSCloseCode.GOING_AWAY,
    }
    keyword_only = [name for name, p in parameters.items() if p.kind is p.KEYWORD_ONLY]
    assert keyword_only == list(defaults)[2:]


@pytest.mark.parametrize("use_aiofastnet", stacks.TRANSPORTS.values())
async def test_it_returns_an_asyncio_server(use_aiofastnet: bool | None) -> None:
    server = await ws_create_server(
        lambda _: WSListener(), "127.0.0.1", 0, use_aiofastnet=use_aiofastnet
    )
    assert isinstance(server, asyncio.AbstractServer)
    assert server.is_serving()
    assert len(server.sockets) == 1
    server.close()
    await server.wait_closed()
    assert not server.is_serving()


async def test_a_listener_is_a_plain_101() -> None:
    requests: list[WSUpgradeRequest] = []
    listeners: list[Recorder] = []

    def factory(request: WSUpgradeRequest) -> WSListener:
        requests.append(request)
        listeners.append(Recorder())
        return listeners[-1]

    async with serving(factory) as port:
        peer = await open_raw(port)
        peer.send_bytes(wire.request({"X-One": "1"}, line="GET /a/b?c=d%20e HTTP/1.1"))
        line, headers = await peer.read_head()
        assert line == "HTTP/1.1 101 Switching Protocols"
        assert headers == {
            "upgrade": "websocket",
            "connection": "Upgrade",
            "sec-websocket-accept": "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",  # RFC 6455 1.3
        }
        [request], [listener] = requests, listeners
        assert isinstance(request, WSUpgradeRequest)
        assert (request.method, request.version) == (b"GET", b"HTTP/1.1")
        assert request.path == b"/a/b?c=d%20e"
        assert request.headers["x-one"] == "1"
        transport = listener.transport
        assert transport.request is request
        assert transport.response.status == 101
        assert not transport.is_client_side
        assert not transport.is_secure
        await peer.close()
        await listener.until_disconnected()


async def test_a_response_with_a_listener_is_sent_with_its_headers() -> None:
    def factory(request: WSUpgradeRequest) -> Any:
        response = WSUpgradeResponse.create_101_response({"Sec-WebSocket-Protocol": "chat"})
        return WSUpgradeResponseWithListener(response, Recorder())

    async with serving(factory) as port:
        peer = await open_raw(port)
        peer.send_bytes(wire.request({"Sec-WebSocket-Protocol": "chat, superchat"}))
        line, headers = await peer.read_head()
        assert line.startswith("HTTP/1.1 101 ")
        assert headers["sec-websocket-protocol"] == "chat"
        assert headers["sec-websocket-accept"] == wire.accept(wire.HANDSHAKE_KEY)
        await peer.close()


HEALTH = b"GET /health HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n\r\n"


async def test_a_health_check_needs_no_upgrade_headers() -> None:
    def factory(request: WSUpgradeRequest) -> Any:
        assert request.path == b"/health"
        response = WSUpgradeResponse.create_ok_response(b"fine", {"X-A": "b"})
        return WSUpgradeResponseWithListener(response, None)

    line, headers, body = await answer_of(factory, HEALTH)
    assert line == "HTTP/1.1 200 OK"
    assert headers["connection"] == "close"
    assert headers["content-length"] == "4"
    assert headers["x-a"] == "b"
    assert body == b"fine"


async def test_a_redirect_and_an_error_can_be_answered() -> None:
    def redirect(request: WSUpgradeRequest) -> Any:
        response = WSUpgradeResponse.create_redirect_response(308, "wss://elsewhere/")
        return WSUpgradeResponseWithListener(response, None)

    line, headers, body = await answer_of(redirect)
    assert (line, body) == ("HTTP/1.1 308 Permanent Redirect", b"")
    assert headers["location"] == "wss://elsewhere/"
    assert headers["connection"] == "close"

    def error(request: WSUpgradeRequest) -> Any:
        response = WSUpgradeResponse.create_error_response(503, b"x" * 1_000_000)
        return WSUpgradeResponseWithListener(response, None)

    line, headers, body = await answer_of(error)
    assert line == "HTTP/1.1 503 Service Unavailable"
    assert body == b"x" * 1_000_000


async def test_none_is_404(caplog: pytest.LogCaptureFixture) -> None:
    line, headers, _ = await answer_of(lambda _: None)
    assert line == "HTTP/1.1 404 Not Found"
    assert headers["connection"] == "close"
    assert complaints(caplog) == []


@pytest.mark.parametrize(
    "exception", [KeyError(SECRET), asyncio.CancelledError(SECRET)], ids=["usual", "cancelled"]
)
async def test_a_factory_that_raises_is_500_and_tells_the_log_alone(
    exception: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    def factory(request: WSUpgradeRequest) -> WSListener:
        raise exception

    line, headers, body = await answer_of(factory)
    assert line == "HTTP/1.1 500 Internal Server Error"
    assert headers["connection"] == "close"
    assert SECRET not in f"{headers}{body!r}"
    [record] = complaints(caplog)
    assert (record.name, record.levelno) == ("picows.server", logging.ERROR)
    assert record.exc_info and record.exc_info[1] is exception


def odd_response(request: WSUpgradeRequest) -> Any:
    """A listener that is none, behind the back of the constructor's check."""
    result = WSUpgradeResponseWithListener(WSUpgradeResponse.create_101_response(), Recorder())
    result.listener = "not a listener"  # type: ignore[assignment]
    return result


def bad_header(request: WSUpgradeRequest) -> Any:
    response = WSUpgradeResponse.create_101_response({"X-A": "b\r\nX-C: d"})
    return WSUpgradeResponseWithListener(response, Recorder())


@pytest.mark.parametrize(
    "factory",
    [
        lambda _: 1,
        lambda _: "listener",
        lambda _: WSListener,
        lambda _: WSUpgradeResponse.create_ok_response(),
        lambda: WSListener(),
        odd_response,
        bad_header,
    ],
    ids=["int", "str", "class", "bare response", "no argument", "odd response", "bad header"],
)
async def test_a_factory_that_returns_something_else_is_500(
    factory: Any, caplog: pytest.LogCaptureFixture
) -> None:
    line, headers, _ = await answer_of(factory)
    assert line == "HTTP/1.1 500 Internal Server Error"
    assert "x-c" not in headers
    assert [record.levelno for record in complaints(caplog)] == [logging.ERROR]


async def test_a_handshake_that_takes_too_long_is_disconnected(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def factory(request: WSUpgradeRequest) -> WSListener:
        raise AssertionError("there was no request")

    async with serving(factory, websocket_handshake_timeout=0.05) as port:
        silent, dribbling = await open_raw(port), await open_raw(port)
        for byte in wire.request()[:-2]:
            dribbling.send_bytes(bytes([byte]))
            await asyncio.sleep(0)
        for peer in (silent, dribbling):
            with contextlib.suppress(ConnectionResetError):
                assert await peer.read_to_end() == b""
            await peer.close()
    assert len(complaints(caplog)) == 2


async def test_the_time_for_the_handshake_ends_with_the_handshake() -> None:
    for timeout in (0.5, None):
        async with paired("server", websocket_handshake_timeout=timeout) as pair:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(pair.transport.wait_disconnected(), 0.6)
            pair.peer.send(Frame(TEXT, b"still here"))
            await pair.listener.until_frames(1)


async def test_frames_in_the_segment_of_the_request_are_delivered() -> None:
    listener = Recorder()
    frames = [Frame(TEXT, b"a"), Frame(TEXT, b"b")]
    async with serving(lambda _: listener) as port:
        peer = await open_raw(port)
        data = b"".join(encode(frame, peer.key) for frame in frames)
        peer.send_bytes(wire.request() + data)
        assert await listener.until_frames(2) == frames
        assert listener.events[0] == "connected"
        await peer.close()
        await listener.until_disconnected()


async def test_a_client_that_leaves_inside_its_request_is_no_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with serving(lambda _: Recorder()) as port:
        for cut in (0, 1, 50):
            peer = await open_raw(port)
            peer.send_bytes(wire.request()[:cut])
            peer.writer.write_eof()
            assert await peer.read_to_end() == b""
            await peer.close()
            peer = await open_raw(port)
            peer.send_bytes(wire.request()[:cut])
            peer.reset()
            await peer.close()
        await (await open_upgraded(port)).close()
    assert complaints(caplog) == []


@pytest.mark.parametrize("enabled", [True, False])
async def test_auto_pong(enabled: bool) -> None:
    async with paired("server", enable_auto_pong=enabled) as pair:
        pair.peer.send(Frame(PING, b"a"), Frame(TEXT, b"b"))
        await pair.listener.until(lambda: Frame(TEXT, b"b") in pair.listener.frames)
        pair.transport.disconnect()
        assert await pair.peer.read_rest() == ([Frame(PONG, b"a")] if enabled else [])
        assert (Frame(PING, b"a") in pair.listener.frames) != enabled


async def test_loggers(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(picows.PICOWS_DEBUG_LL)
    adapter = logging.LoggerAdapter(logging.getLogger("mine.own"), {})
    loggers = {None: "picows.server", "feed": "picows.feed", adapter: "mine.own"}
    for logger_name, expected in loggers.items():
        caplog.clear()
        async with paired("server", logger_name=logger_name) as pair:
            pair.peer.send(Frame(PING, b"a"))
            await pair.peer.read_frame()
        ours = [record for record in caplog.records if record.name != "asyncio"]
        assert {record.name for record in ours} == {expected}
        assert {record.levelno for record in ours} == {logging.INFO, picows.PICOWS_DEBUG_LL}


async def test_a_logger_that_is_not_enabled_gets_nothing(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        async with paired("server"):
            pass
    assert [record for record in caplog.records if record.name != "asyncio"] == []


@pytest.mark.parametrize("use_aiofastnet", stacks.TRANSPORTS.values())
@pytest.mark.parametrize("loop", stacks.LOOPS)
def test_other_arguments_go_to_create_server(loop: str, use_aiofastnet: bool | None) -> None:
    async def main() -> None:
        sock = socket.create_server(("127.0.0.1", 0))
        options: dict[str, Any] = {"use_aiofastnet": use_aiofastnet, "backlog": 5}
        server = await ws_create_server(lambda _: WSListener(), sock=sock, **options)
        await (await open_upgraded(sock.getsockname()[1])).close()
        server.close()
        await server.wait_closed()
        if hasattr(socket, "SO_REUSEPORT"):
            options["reuse_port"] = True
            async with serving(lambda _: WSListener(), **options) as port:
                other = await ws_create_server(lambda _: WSListener(), "127.0.0.1", port, **options)
                other.close()
                await other.wait_closed()

    stacks.run(loop, main())


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="needs unix sockets")
@pytest.mark.parametrize("use_aiofastnet", stacks.TRANSPORTS.values())
async def test_a_unix_socket_can_be_served(use_aiofastnet: bool | None, socket_path: str) -> None:
    listener = Recorder()
    sock = socket.socket(socket.AF_UNIX)
    sock.bind(socket_path)
    server = await ws_create_server(lambda _: listener, sock=sock, use_aiofastnet=use_aiofastnet)
    reader, writer = await asyncio.open_unix_connection(socket_path)
    writer.write(wire.request() + encode(Frame(TEXT, b"a"), wire.MASKING_KEY))
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
    await listener.until_frames(1)
    writer.close()
    await writer.wait_closed()
    await listener.until_disconnected()
    server.close()
    await server.wait_closed()
