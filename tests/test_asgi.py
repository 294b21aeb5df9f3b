"""picows.asgi under uvicorn: the opening handshake, and what an application sees of it."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

pytest.importorskip("uvicorn")

from support.asgi_server import App, uvicorn_serving
from uvicorn.protocols.utils import ClientDisconnected

from picows.testing import wire
from picows.testing.peers import Peer, open_raw, open_upgraded
from picows.testing.wire import TEXT, Frame


async def ask(port: int, request: bytes) -> Peer:
    peer = await open_raw(port)
    peer.send_bytes(request)
    return peer


@pytest.mark.parametrize("http", ["h11", "httptools"])
async def test_what_an_application_is_told(http: str) -> None:
    pytest.importorskip(http)
    app = App()
    async with uvicorn_serving(app, http=http, root_path="/root") as (port, _):
        headers = "X-Name: ä\r\nsec-websocket-protocol: a, b\r\nSec-WebSocket-Protocol: c\r\n"
        line = "GET /caf%C3%A9/x%2Fy?q=1&r=%20 HTTP/1.1"
        peer = await ask(port, wire.request(line=line, more=headers))
        await app.started()
        scope = app.scope
        assert scope["type"] == "websocket"
        assert scope["asgi"] == {"version": "3.0", "spec_version": "2.4"}
        assert scope["scheme"] == "ws"
        assert scope["path"] == "/root/café/x/y"
        assert scope["raw_path"] == b"/root/caf%C3%A9/x%2Fy"
        assert scope["query_string"] == b"q=1&r=%20"
        assert scope["root_path"] == "/root"
        assert scope["server"] == ("127.0.0.1", port)
        assert scope["client"] == peer.writer.get_extra_info("sockname")
        assert scope["subprotocols"] == ["a", "b", "c"]
        assert scope["extensions"].keys() == {"websocket.http.response", "picows"}
        assert (b"x-name", "ä".encode("latin-1")) in scope["headers"]
        assert (b"upgrade", b"websocket") in scope["headers"]
        await app.send({"type": "websocket.close"})
        await peer.close()


async def test_accepting(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "uvicorn.error")
    app = App()
    async with uvicorn_serving(app, headers=[("X-Default", "1")]) as (port, _):
        request = wire.request({"Sec-WebSocket-Protocol": "a, b"}, line="GET /x?y=1 HTTP/1.1")
        peer = await ask(port, request)
        await app.accepted(subprotocol="b", headers=[(b"x-own", b"\xff"), (b"X-Own", b"2")])
        head = await peer.reader.readuntil(b"\r\n\r\n")
        lines = head.lower().split(b"\r\n")
        assert lines[0].startswith(b"http/1.1 101 ")
        for expected in (
            b"sec-websocket-protocol: b",
            b"x-default: 1",
            b"x-own: \xff",
            b"x-own: 2",
            b"server: uvicorn",
            b"sec-websocket-accept: " + wire.accept(wire.HANDSHAKE_KEY).lower().encode(),
        ):
            assert expected in lines
        assert '"WebSocket /x?y=1" [accepted]' in caplog.text
        await peer.close()


async def test_frames_that_come_before_the_answer_are_not_lost() -> None:
    """Those in the segment of the request are dropped by uvicorn, before we see them."""
    app = App()
    async with uvicorn_serving(app) as (port, _):
        peer = await ask(port, wire.request())
        await app.started()
        peer.send(Frame(TEXT, b"early"), Frame(TEXT, b"later"))
        await asyncio.sleep(0.02)
        await app.receive()
        await app.send({"type": "websocket.accept"})
        assert await app.event() == {"type": "websocket.receive", "text": "early"}
        assert await app.event() == {"type": "websocket.receive", "text": "later"}
        await peer.close()


async def test_refusing(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "uvicorn.error")
    app = App()
    async with uvicorn_serving(app) as (port, _):
        peer = await ask(port, wire.request())
        await app.started()
        await app.receive()
        await app.send({"type": "websocket.close"})
        head, headers = await peer.read_head()
        assert head.split(" ")[1] == "403"
        assert headers["content-length"] == "0"
        assert await peer.read_to_end() == b""
        assert await app.event() == {"type": "websocket.disconnect", "code": 1006}
        with pytest.raises(RuntimeError, match=r"after sending 'websocket.close'"):
            await app.send({"type": "websocket.accept"})
        assert '"WebSocket /" 403' in caplog.text
        await peer.close()


START = {"type": "websocket.http.response.start", "status": 401}
BODY = {"type": "websocket.http.response.body"}


async def test_refusing_with_a_response(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "uvicorn.error")
    app = App()
    async with uvicorn_serving(app) as (port, _):
        peer = await ask(port, wire.request())
        await app.started()
        await app.receive()
        headers = [(b"www-authenticate", b"Bearer"), (b"Content-Length", b"9")]
        await app.send({**START, "headers": headers})
        with pytest.raises(RuntimeError, match=r"Expected ASGI message 'websocket.http.response.b"):
            await app.send({**START, "headers": headers})
        await app.send({**BODY, "body": b"log ", "more_body": True})
        await app.send({**BODY, "body": b"\xffin"})
        head, received = await peer.read_head()
        assert head.split(" ")[1] == "401"
        assert received["www-authenticate"] == "Bearer"
        assert received["content-length"] == "7"
        assert await peer.read_to_end() == b"log \xffin"
        assert await app.event() == {"type": "websocket.disconnect", "code": 1006}
        assert '"WebSocket /" 401' in caplog.text
        await peer.close()


@pytest.mark.parametrize("begun", [False, True])
async def test_an_application_that_fails(begun: bool, caplog: pytest.LogCaptureFixture) -> None:
    app = App()
    async with uvicorn_serving(app) as (port, _):
        peer = await ask(port, wire.request())
        await app.started()
        if begun:
            await app.send(START)
        app.end(ValueError("a secret"))
        head, _ = await peer.read_head()
        assert head.split(" ")[1] == ("401" if begun else "500")
        assert b"secret" not in await peer.read_to_end()
        assert "Exception in ASGI application" in caplog.text
        await peer.close()


async def test_an_application_that_does_not_answer(caplog: pytest.LogCaptureFixture) -> None:
    app = App()
    async with uvicorn_serving(app) as (port, _):
        peer = await ask(port, wire.request())
        await app.started()
        app.end()
        head, _ = await peer.read_head()
        assert head.split(" ")[1] == "500"
        assert await peer.read_to_end() == b"Internal Server Error"
        assert "without completing handshake" in caplog.text
        await peer.close()


@pytest.mark.parametrize("event", [{"type": "websocket.send", "text": "x"}, {**START, "status": 7}])
async def test_events_that_may_not_come_first(event: Any) -> None:
    app = App()
    async with uvicorn_serving(app) as (port, _):
        peer = await ask(port, wire.request())
        await app.started()
        with pytest.raises(RuntimeError, match=r"Expected ASGI message|Invalid HTTP status"):
            await app.send(event)
        await app.send({"type": "websocket.accept"})
        await peer.read_head()
        with pytest.raises(RuntimeError, match=r"Expected ASGI message 'websocket.send'"):
            await app.send({"type": "websocket.accept"})
        await peer.close()


async def test_the_peer_leaves_before_it_is_answered() -> None:
    app = App()
    async with uvicorn_serving(app) as (port, server):
        peer = await ask(port, wire.request())
        await app.started()
        assert await app.receive() == {"type": "websocket.connect"}
        waiting = asyncio.create_task(app.event())
        await asyncio.sleep(0)
        await peer.close()
        assert await waiting == {"type": "websocket.disconnect", "code": 1006}
        with pytest.raises(ClientDisconnected):
            await app.send({"type": "websocket.accept"})
        assert not server.server_state.connections


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-WebSocket-Key": None}, 400),
        ({"Sec-WebSocket-Key": "short"}, 400),
        ({"Sec-WebSocket-Version": "8"}, 426),
    ],
)
async def test_what_is_no_upgrade_does_not_reach_the_application(
    headers: dict[str, str | None], status: int
) -> None:
    app = App()
    async with uvicorn_serving(app) as (port, _):
        peer = await ask(port, wire.request(headers))
        head, _ = await peer.read_head()
        assert head.split(" ")[1] == str(status)
        assert app._started.empty()
        await peer.close()


async def test_a_subprotocol_that_was_not_offered(caplog: pytest.LogCaptureFixture) -> None:
    """A client would end the connection (RFC 6455 4.1)."""
    app = App()
    async with uvicorn_serving(app) as (port, _):
        peer = await ask(port, wire.request())
        await app.started()
        with pytest.raises(RuntimeError, match="answered with 500"):
            await app.send({"type": "websocket.accept", "subprotocol": "mine"})
        head, _ = await peer.read_head()
        assert head.split(" ")[1] == "500"
        assert "must be one subprotocol that the client offered" in caplog.text
        await peer.close()


async def test_the_state_of_the_lifespan_is_copied() -> None:
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await receive()
            scope["state"]["name"] = "shared"
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        seen.append(dict(scope["state"]))
        scope["state"]["name"] = "changed"
        await receive()
        await send({"type": "websocket.accept"})

    async with uvicorn_serving(app, lifespan="on") as (port, _):
        for _ in range(2):
            await (await open_upgraded(port)).close()
    assert seen == [{"name": "shared"}] * 2
