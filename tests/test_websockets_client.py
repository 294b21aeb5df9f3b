"""connect() of picows.websockets: ways to a server, time limits, and connecting again."""

from __future__ import annotations

import asyncio
import logging
import socket
from typing import Any

import pytest

from picows.testing import wire
from picows.testing.peers import raw_server
from picows.websockets import (
    ClientConnection,
    ConnectionClosedError,
    InvalidHeader,
    InvalidMessage,
    InvalidProxyStatus,
    InvalidStatus,
    InvalidUpgrade,
    NegotiationError,
    SecurityError,
    State,
    connect,
    serve,
    unix_connect,
    unix_serve,
)

SILENT: dict[str, Any] = {"ping_interval": None, "proxy": None}


async def echo(ws: Any) -> None:
    async for message in ws:
        await ws.send(message)


def url_of(server: Any) -> str:
    return f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_a_unix_socket(socket_path: str) -> None:
    there = unix_connect(socket_path, ping_interval=None)
    async with unix_serve(echo, socket_path), there as ws:
        assert ws.request and ws.request.headers["Host"] == "localhost"
        await ws.send("x")
        assert await ws.recv() == "x"


async def test_a_socket_of_the_programs_own() -> None:
    async with serve(echo, "127.0.0.1", 0) as server:
        sock = socket.create_connection(server.sockets[0].getsockname())
        async with connect("ws://a.invalid", sock=sock, ping_interval=None) as ws:
            await ws.send("x")
            assert await ws.recv() == "x"


async def test_not_reentrant() -> None:
    async with serve(echo, "127.0.0.1", 0) as server:
        again = connect(url_of(server), **SILENT)
        async with again:
            with pytest.raises(RuntimeError, match="reentrant"):
                await again.__aenter__()
        async with again as ws:  # one after the other is fine
            await ws.close()


async def test_the_time_limit_spans_all() -> None:
    async with raw_server() as server:
        url = f"ws://127.0.0.1:{server.port}"
        with pytest.raises(TimeoutError, match="timed out during opening handshake"):
            await connect(url, open_timeout=0.05, **SILENT)


async def test_a_peer_that_does_not_answer_a_close() -> None:
    async with raw_server() as server:
        url = f"ws://127.0.0.1:{server.port}"
        ws, peer = await asyncio.gather(
            connect(url, close_timeout=0.05, **SILENT), server.accept_upgraded()
        )
        await ws.close()
        with pytest.raises(ConnectionClosedError, match="no close frame received") as caught:
            await ws.recv()
        assert isinstance(caught.value.__cause__, TimeoutError)
        assert (ws.close_code, ws.close_reason) == (1006, "")
        await peer.expect(wire.close(1000))


ANSWERS: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"line": "HTTP/1.1 404 Not Found"}, InvalidStatus, "HTTP 404"),
    ({"headers": {"Upgrade": None}}, InvalidUpgrade, "missing Upgrade header"),
    ({"headers": {"Upgrade": "h2c"}}, InvalidUpgrade, "invalid Upgrade header: h2c"),
    ({"headers": {"Sec-WebSocket-Accept": None}}, InvalidHeader, "missing Sec-WebSocket-Accept"),
    ({"headers": {"Sec-WebSocket-Protocol": "x"}}, NegotiationError, "unsupported subprotocol: x"),
    ({"headers": {"Sec-WebSocket-Extensions": "x"}}, NegotiationError, "unsupported extension: x"),
    ({"line": "SSH-2.0-OpenSSH"}, InvalidMessage, "did not receive a valid HTTP response"),
]


@pytest.mark.parametrize(("answer", "error", "text"), ANSWERS)
async def test_answers_that_do_not_accept(
    answer: dict[str, Any], error: type[Exception], text: str
) -> None:
    async def serve_it(server: Any) -> None:
        peer = await server.accept()
        _, headers = await peer.read_head()
        peer.send_bytes(wire.response(headers["sec-websocket-key"], **answer))
        await peer.close()

    async with raw_server() as server:
        url = f"ws://127.0.0.1:{server.port}"
        serving = asyncio.create_task(serve_it(server))
        with pytest.raises(error, match=text):
            await connect(url, **SILENT)
        await serving


async def test_a_server_that_closes_instead() -> None:
    async with raw_server() as server:
        url = f"ws://127.0.0.1:{server.port}"
        connecting = asyncio.create_task(connect(url, **SILENT)._connect())
        await (await server.accept()).close()
        with pytest.raises(InvalidMessage) as caught:
            await connecting
        assert isinstance(caught.value.__cause__, EOFError)


def redirects(location: str) -> Any:
    def process_request(ws: Any, request: Any) -> Any:
        if request.path == "/":
            response = ws.respond(302, "")
            response.headers["Location"] = location
            return response
        return None

    return process_request


async def test_redirects() -> None:
    async with serve(echo, "127.0.0.1", 0, process_request=redirects("/there?a")) as server:
        async with connect(url_of(server), **SILENT) as ws:
            assert ws.request and ws.request.path == "/there?a"

        class Stays(connect):
            def process_redirect(self, exc: Exception) -> Exception | str:
                return exc

        with pytest.raises(InvalidStatus, match="HTTP 302"):
            await Stays(url_of(server), **SILENT)
        with pytest.raises(SecurityError, match="redirects"):
            await connect(url_of(server), max_redirects=0, **SILENT)
    async with serve(echo, "127.0.0.1", 0, process_request=redirects("/")) as server:
        with pytest.raises(SecurityError, match="more than 3 redirects"):
            await connect(url_of(server), max_redirects=3, **SILENT)
    async with serve(echo, "127.0.0.1", 0, process_request=redirects("ws://b.invalid")) as server:
        host, port = server.sockets[0].getsockname()
        with pytest.raises(ValueError, match="cross-origin"):
            await connect("ws://a.invalid", host=host, port=port, **SILENT)


def test_no_redirect_from_tls_to_none() -> None:
    class Response:
        status_code = 302
        headers = {"Location": "ws://a/"}  # noqa: RUF012

    error = connect("wss://a").process_redirect(InvalidStatus(Response()))  # type: ignore[arg-type]
    assert isinstance(error, SecurityError)


async def test_it_connects_again(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "websockets.client")
    count = 0

    async def handler(ws: Any) -> None:
        nonlocal count
        count += 1
        await ws.send(str(count))
        ws.transport.abort() if count == 1 else await ws.wait_closed()

    refusals = 0

    def process_request(ws: Any, request: Any) -> Any:
        nonlocal refusals
        refusals += 1
        return ws.respond(503, "") if refusals == 1 else None

    seen = []
    delays = []

    def no_delays() -> Any:
        while True:
            delays.append(0)
            yield 0

    async with serve(handler, "127.0.0.1", 0, process_request=process_request) as server:
        connecting = connect(url_of(server), reconnect_delays=no_delays, **SILENT)
        async for ws in connecting:
            try:
                async for message in ws:
                    seen.append(message)
                    if message == "2":
                        break
                else:
                    continue
                break
            except ConnectionClosedError:
                continue
        assert ws.state is State.OPEN or ws.close_code == 1000
        await ws.close()
    assert seen[-1] == "2"
    assert len(delays) == 1
    assert "connect failed; reconnecting in 0.0 seconds" in caplog.text
    assert "HTTP 503" in caplog.text


async def test_what_does_not_pass_is_raised() -> None:
    def process_request(ws: Any, request: Any) -> Any:
        return ws.respond(403, "")

    async with serve(echo, "127.0.0.1", 0, process_request=process_request) as server:
        with pytest.raises(InvalidStatus, match="HTTP 403"):
            async for _ in connect(url_of(server), **SILENT):
                pass
        connecting = connect(
            url_of(server), process_exception=lambda error: LookupError("mine"), **SILENT
        )
        with pytest.raises(LookupError) as caught:
            async for _ in connecting:
                pass
        assert isinstance(caught.value.__cause__, InvalidStatus)


async def test_a_connection_class_of_the_programs_own() -> None:
    class Mine(ClientConnection):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.options = kwargs

    async with serve(echo, "127.0.0.1", 0) as server:
        ws = await connect(url_of(server), create_connection=Mine, **SILENT)
        assert isinstance(ws, Mine)
        assert ws.options["max_queue"] == 16 and ws.protocol.side.name == "CLIENT"
        await ws.close()


def test_what_does_not_go_together() -> None:
    with pytest.raises(ValueError, match="ssl argument is incompatible"):
        connect("ws://a", ssl=True)
    with pytest.raises(ValueError, match="ssl=None is incompatible"):
        connect("wss://a", ssl=None)
    with pytest.raises(ValueError, match="unsupported compression: zstd"):
        connect("ws://a", compression="zstd")
    with pytest.raises(NotImplementedError, match="knows one extension"):
        connect("ws://a", extensions=[type("Other", (), {"name": "x-other"})()])
    with pytest.raises(TypeError, match="subprotocols must be a list"):
        connect("ws://a", subprotocols="abc")  # type: ignore[arg-type]


async def test_proxies_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "no_proxy", "socks_proxy", "wss_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    async with serve(echo, "127.0.0.1", 0) as server, raw_server() as proxy:
        monkeypatch.setenv("ws_proxy", f"http://127.0.0.1:{proxy.port}")

        async def refuse() -> str:
            peer = await proxy.accept()
            line, _ = await peer.read_head()
            peer.send_bytes(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
            await peer.close()
            return line

        refusing = asyncio.create_task(refuse())
        with pytest.raises(InvalidProxyStatus, match="proxy rejected connection: HTTP 407"):
            await connect("ws://a.example:81/", ping_interval=None)
        assert await refusing == "CONNECT a.example:81 HTTP/1.1"
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        async with connect(url_of(server), ping_interval=None) as ws:
            await ws.send("x")
            assert await ws.recv() == "x"
