"""serve() of picows.websockets: requests of all kinds, handlers, and the end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Any

import pytest

from picows.testing import wire
from picows.testing.peers import open_raw, open_upgraded
from picows.websockets import (
    ClientConnection,
    ConnectionClosed,
    InvalidStatus,
    NegotiationError,
    ServerConnection,
    basic_auth,
    broadcast,
    connect,
    route,
    serve,
)

SILENT: dict[str, Any] = {"ping_interval": None, "proxy": None}


async def echo(ws: Any) -> None:
    async for message in ws:
        await ws.send(message)


def port_of(server: Any) -> int:
    port: int = server.sockets[0].getsockname()[1]
    return port


async def answer(port: int, request: bytes) -> tuple[str, dict[str, str], bytes]:
    peer = await open_raw(port)
    peer.send_bytes(request)
    line, headers = await peer.read_head()
    body = await peer.read_to_end()
    await peer.close()
    return line, headers, body


def asked(method: str = "GET", version: str = "1.1", **headers: str | None) -> bytes:
    named: Any = {name.replace("_", "-"): value for name, value in headers.items()}
    return wire.request(named, line=f"{method} /health HTTP/{version}")


REFUSED = [
    (asked("POST"), "405 Method Not Allowed", {"allow": "GET"}),
    (asked("HEAD"), "405 Method Not Allowed", {}),
    (asked(version="1.0"), "505 HTTP Version Not Supported", {}),
    (asked(Upgrade=None), "426 Upgrade Required", {"upgrade": "websocket"}),
    (asked(Connection="close"), "426 Upgrade Required", {}),
    (wire.request(line=f"GET /{'x' * 8192} HTTP/1.1"), "414 Request-URI Too Long", {}),
    (asked(Cookie="x" * 8192), "431 Request Header Fields Too Large", {}),
    (asked(Sec_WebSocket_Key=None), "400 Bad Request", {}),
    (asked(Sec_WebSocket_Key="short"), "400 Bad Request", {}),
    (asked(Sec_WebSocket_Version="12"), "400 Bad Request", {}),
    (wire.request(more="Origin: a\r\nOrigin: b\r\n"), "400 Bad Request", {}),
]


@pytest.mark.parametrize(("request_", "status", "expected"), REFUSED)
async def test_what_is_no_opening_handshake(
    request_: bytes, status: str, expected: dict[str, str]
) -> None:
    async with serve(echo, "127.0.0.1", 0) as server:
        line, headers, body = await answer(port_of(server), request_)
        assert line == f"HTTP/1.1 {status}"
        assert headers.items() >= expected.items()
        assert {"date", "server", "content-type"} <= headers.keys()
        if not request_.startswith(b"HEAD"):
            assert body.startswith(b"Failed to open a WebSocket connection: ")


@pytest.mark.parametrize("request_", [asked("POST"), asked("HEAD"), asked(version="1.0")])
async def test_process_request_sees_every_request(request_: bytes) -> None:
    """It answers the health checks of load balancers."""
    seen = []

    def process_request(ws: ServerConnection, request: Any) -> Any:
        seen.append((request.method, request.path, request.protocol))
        return ws.respond(200, "healthy\n")

    async with serve(echo, "127.0.0.1", 0, process_request=process_request) as server:
        line, _, body = await answer(port_of(server), request_)
        assert line == "HTTP/1.1 200 OK"
        method, path, protocol = request_.split(b"\r\n")[0].decode().split(" ")
        assert body == (b"" if method == "HEAD" else b"healthy\n")
        assert seen == [(method, path, protocol)]


async def test_a_response_of_a_foreign_class() -> None:
    class Response:
        status_code = 201
        reason_phrase = "Created"
        headers = None
        body = b"made"

    def process_request(ws: ServerConnection, request: Any) -> Any:
        response = Response()
        response.headers = ws.respond(201, "").headers  # type: ignore[assignment]
        return response

    async with serve(echo, "127.0.0.1", 0, process_request=process_request) as server:
        line, _, body = await answer(port_of(server), wire.request())
        assert (line, body) == ("HTTP/1.1 201 Created", b"made")


async def test_a_choice_of_subprotocols_that_fails(caplog: pytest.LogCaptureFixture) -> None:
    def refuse(ws: Any, offered: Any) -> Any:
        raise NegotiationError("none of these")

    def broken(ws: Any, offered: Any) -> Any:
        raise ZeroDivisionError("a secret")

    for select, status in ((refuse, b"400"), (broken, b"500"), (lambda *_: "x", b"400")):
        async with serve(echo, "127.0.0.1", 0, select_subprotocol=select) as server:
            line, _, body = await answer(port_of(server), wire.request())
            assert status.decode() in line
            assert b"a secret" not in body
    assert "a secret" in caplog.text


async def test_a_handler_that_fails(caplog: pytest.LogCaptureFixture) -> None:
    async def handler(ws: ServerConnection) -> None:
        raise ZeroDivisionError("why")

    async with serve(handler, "127.0.0.1", 0) as server:
        ws = await connect(f"ws://127.0.0.1:{port_of(server)}", **SILENT)
        with pytest.raises(ConnectionClosed, match="1011"):
            await ws.recv()
    [record] = [r for r in caplog.records if r.message == "connection handler failed"]
    assert record.exc_info and "why" in str(record.exc_info[1])
    assert isinstance(record.websocket, ServerConnection)  # type: ignore[attr-defined]


async def test_log_lines(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "websockets.server")
    async with serve(echo, "127.0.0.1", 0, origins=[None]) as server:
        url = f"ws://127.0.0.1:{port_of(server)}"
        async with connect(url, **SILENT):
            pass
        with pytest.raises(InvalidStatus):
            await connect(url, origin="http://a", **SILENT)  # type: ignore[arg-type]
    messages = [record.message for record in caplog.records]
    assert messages[0].startswith("server listening on ('127.0.0.1', ")
    told = [message for message in messages if message.startswith(("connection o", "connection r"))]
    assert told == ["connection open", "connection rejected (403 Forbidden)"]
    assert [m for m in messages if m.startswith("server c")] == ["server closing", "server closed"]


async def test_the_end_of_a_server() -> None:
    """It stops listening, tells clients, answers 503 to who comes late, and waits for handlers."""
    hold, held = asyncio.Event(), asyncio.Event()
    finished = []

    async def handler(ws: ServerConnection) -> None:
        await ws.wait_closed()
        await asyncio.sleep(0)
        finished.append(ws)

    async def process_request(ws: ServerConnection, request: Any) -> None:
        if request.path == "/late":
            held.set()
            await hold.wait()

    server = await serve(handler, "127.0.0.1", 0, process_request=process_request)
    port = port_of(server)
    async with server:  # what was awaited may be used so as well
        assert server.is_serving() and server.get_loop() is asyncio.get_running_loop()
        ws = await connect(f"ws://127.0.0.1:{port}", **SILENT)
        late = asyncio.create_task(connect(f"ws://127.0.0.1:{port}/late", **SILENT)._connect())
        await held.wait()
        assert {c.state.name for c in server.connections} == {"OPEN"}
        server.close(reason="bye")
        server.close()
        await ws.wait_closed()
        hold.set()
        with pytest.raises(InvalidStatus, match="HTTP 503"):
            await late
        await server.wait_closed()
        assert len(finished) == 1 and not server.connections and not server.is_serving()
        with pytest.raises(OSError):  # noqa: PT011 - the system's
            await connect(f"ws://127.0.0.1:{port}", **SILENT)
    assert (ws.close_code, ws.close_reason) == (1001, "bye")


async def test_connections_may_outlive_a_server() -> None:
    server = await serve(echo, "127.0.0.1", 0)
    async with connect(f"ws://127.0.0.1:{port_of(server)}", **SILENT) as ws:
        server.close(close_connections=False)
        await ws.send("x")
        assert await ws.recv() == "x"
    await server.wait_closed()


async def test_serve_forever() -> None:
    server = await serve(echo, "127.0.0.1", 0, start_serving=False)
    assert not server.is_serving()
    forever = asyncio.create_task(server.serve_forever())
    await asyncio.sleep(0)
    ws = await connect(f"ws://127.0.0.1:{port_of(server)}", **SILENT)
    forever.cancel()
    with pytest.raises(asyncio.CancelledError):
        await forever
    await ws.wait_closed()
    assert ws.close_code == 1001


async def test_broadcast() -> None:
    async with serve(echo, "127.0.0.1", 0) as server:
        url = f"ws://127.0.0.1:{port_of(server)}"
        clients: list[ClientConnection] = [await connect(url, **SILENT) for _ in range(3)]
        await clients[0].close()
        for message, options in (("a", {}), (b"b", {}), (b"c", {"text": True})):
            broadcast(server.connections, message, **options)  # type: ignore[arg-type]
        for ws in clients[1:]:
            assert [await ws.recv() for _ in range(3)] == ["a", b"b", "c"]
        with pytest.raises(TypeError, match="data must be str or bytes"):
            broadcast([], 1)  # type: ignore[arg-type]
        never = asyncio.Event()

        async def fragments() -> Any:
            yield "a"
            await never.wait()

        sending = asyncio.create_task(clients[1].send(fragments()))
        await asyncio.sleep(0)
        with pytest.raises(ExceptionGroup, match="skipped broadcast"):
            broadcast(clients, "x", raise_exceptions=True)
        sending.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await sending
        for ws in clients:
            await ws.close()


async def test_basic_authentication() -> None:
    async def check(name: str, password: str) -> bool:
        return (name, password) == ("a", "b")

    async def handler(ws: ServerConnection) -> None:
        await ws.send(ws.username)

    for given in (
        {"credentials": ("a", "b")},
        {"credentials": [("c", "d"), ("a", "b")]},
        {"check_credentials": check},
    ):
        hook: Any = basic_auth("realm", **given)  # type: ignore[arg-type]
        async with serve(handler, "127.0.0.1", 0, process_request=hook) as server:
            address = f"127.0.0.1:{port_of(server)}"
            async with connect(f"ws://a:b@{address}", **SILENT) as ws:
                assert await ws.recv() == "a"
            for user in ("a:wrong@", "x:b@", ""):
                with pytest.raises(InvalidStatus, match="HTTP 401"):
                    await connect(f"ws://{user}{address}", **SILENT)
    for wrong in ({}, {"credentials": ("a", "b"), "check_credentials": check}):
        with pytest.raises(TypeError, match="provide either credentials or check_credentials"):
            basic_auth(**wrong)  # type: ignore[arg-type]
    for wrong in (1, ["a"], [("a", 1)]):  # type: ignore[assignment]
        with pytest.raises(TypeError, match="invalid credentials argument"):
            basic_auth(credentials=wrong)  # type: ignore[arg-type]


async def test_routes() -> None:
    routing = pytest.importorskip("werkzeug.routing")

    async def room(ws: ServerConnection, name: str) -> None:
        await ws.send(name)

    url_map = routing.Map(
        [
            routing.Rule("/rooms/<name>", endpoint=room),
            routing.Rule("/old/<name>", redirect_to="/rooms/<name>"),
        ]
    )
    async with route(url_map, "127.0.0.1", 0) as server:
        url = f"ws://127.0.0.1:{port_of(server)}"
        async with connect(f"{url}/rooms/blue", **SILENT) as ws:
            assert await ws.recv() == "blue"
        async with connect(f"{url}/old/red", **SILENT) as ws:
            assert await ws.recv() == "red"
        with pytest.raises(InvalidStatus, match="HTTP 404"):
            await connect(f"{url}/elsewhere", **SILENT)


async def test_a_class_of_the_programs_own() -> None:
    class Mine(ServerConnection):
        async def greet(self) -> None:
            await self.send(f"hello {self.remote_address[0]}")

    async def handler(ws: Any) -> None:
        await ws.greet()

    async with serve(handler, "127.0.0.1", 0, create_connection=Mine) as server:
        ws = await connect(f"ws://127.0.0.1:{port_of(server)}", **SILENT)
        assert await ws.recv() == "hello 127.0.0.1"
        await ws.close()


async def test_a_peer_that_is_slow_to_take() -> None:
    """send() waits above the write limit, and goes on when the peer takes what is there."""
    sent: list[int] = []

    async def handler(ws: ServerConnection) -> None:
        for number in range(200):
            await ws.send(b"x" * 100_000)
            sent.append(number)

    async with serve(handler, "127.0.0.1", 0, write_limit=1000) as server:
        peer = await open_upgraded(port_of(server))
        await peer.read_frame()
        assert len(sent) < 200
        for _ in range(199):
            await peer.read_frame()
        await peer.expect(wire.close(1000))
        assert len(sent) == 200
        await peer.close()


@pytest.mark.parametrize("more", ["X: y\r\n" * 200, f"X: {'y' * 17000}\r\n"])
async def test_a_head_beyond_all_limits(more: str) -> None:
    async with serve(echo, "127.0.0.1", 0) as server:
        line, _, _ = await answer(port_of(server), wire.request(more=more))
        assert line == "HTTP/1.1 431 Request Header Fields Too Large"
