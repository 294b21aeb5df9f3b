"""picows.asgi under uvicorn: messages, flow control, the end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

pytest.importorskip("uvicorn")

from support.asgi_server import App, uvicorn_serving
from uvicorn.protocols.utils import ClientDisconnected

from picows import ws_broadcast
from picows.testing import wire
from picows.testing.peers import SECONDS_MAX, Peer, open_raw
from picows.testing.wire import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, Frame


@contextlib.asynccontextmanager
async def opened(**options: Any) -> AsyncIterator[tuple[App, Peer]]:
    """An application and the peer of its one connection."""
    app = App()
    async with uvicorn_serving(app, **options) as (port, app.server):
        peer = await open_raw(port)
        peer.send_bytes(wire.request())
        await app.accepted()
        await peer.read_head()
        yield app, peer
        await peer.close()


def said(text: str) -> dict[str, Any]:
    return {"type": "websocket.receive", "text": text}


def gone(code: int, reason: str | None = None) -> dict[str, Any]:
    more = {} if reason is None else {"reason": reason}
    return {"type": "websocket.disconnect", "code": code, **more}


async def test_messages_both_ways() -> None:
    async with opened() as (app, peer):
        peer.send(
            Frame(TEXT, "grüße".encode()),
            Frame(BINARY, b"\0\xff"),
            Frame(TEXT, b"in ", fin=False),
            Frame(PING, b"p"),
            Frame(CONTINUATION, b"pieces"),
            Frame(BINARY),
        )
        assert await app.event() == said("grüße")
        assert await app.event() == {"type": "websocket.receive", "bytes": b"\0\xff"}
        assert await app.event() == said("in pieces")
        assert await app.event() == {"type": "websocket.receive", "bytes": b""}
        await peer.expect(Frame(PONG, b"p"))
        send = {"type": "websocket.send"}
        await app.send({**send, "text": "grüße"})
        await app.send({**send, "bytes": b"\0\xff", "text": None})
        await app.send({**send, "bytes": None, "text": ""})
        await app.send({**send, "bytes": bytearray(b"array")})
        await app.send({**send, "bytes": None})  # nothing, as uvicorn has it
        await asyncio.create_task(app.send({**send, "text": "of a task"}))
        await peer.expect(
            Frame(TEXT, "grüße".encode()),
            Frame(BINARY, b"\0\xff"),
            Frame(TEXT),
            Frame(BINARY, b"array"),
            Frame(TEXT, b"of a task"),
        )


async def test_waiting_may_be_cancelled() -> None:
    async with opened() as (app, peer):
        for text in ("one", "two"):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(app.receive(), 0.01)
            waiting = asyncio.create_task(app.receive())
            await asyncio.sleep(0)
            waiting.cancel()
            peer.send(Frame(TEXT, text.encode()))
            assert await app.event() == said(text)
        waiting = asyncio.create_task(app.receive())
        await asyncio.sleep(0)
        peer.send(Frame(TEXT, b"three"))
        assert await asyncio.wait_for(waiting, SECONDS_MAX) == said("three")


@pytest.mark.parametrize(
    ("payload", "event"), [(b"", gone(1005, "")), (b"\x0f\xa1x", gone(4001, "x"))]
)
async def test_the_peer_closes(payload: bytes, event: Any) -> None:
    async with opened() as (app, peer):
        peer.send(Frame(TEXT, b"last words"), Frame(CLOSE, payload))
        assert await peer.read_rest() == [Frame(CLOSE, payload[:2])]
        assert await app.event() == said("last words")
        assert await app.event() == event
        assert await app.event() == event, "again, for who asks again"
        for kind in ("send", "close"):
            with pytest.raises(ClientDisconnected):
                await app.send({"type": f"websocket.{kind}", "text": "too late"})


async def test_the_peer_vanishes() -> None:
    async with opened() as (app, peer):
        waiting = asyncio.create_task(app.event())
        await asyncio.sleep(0)
        peer.reset()
        assert await waiting == gone(1005)
        with pytest.raises(ClientDisconnected):
            await app.send({"type": "websocket.send", "text": "x"})
        assert not app.server.server_state.connections


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (Frame(TEXT, b"\xff"), 1007),
        (Frame(BINARY, bytes(101)), 1009),
        (Frame(0xB), 1002),
        (Frame(CONTINUATION, b"x"), 1002),
    ],
)
async def test_the_peer_breaks_the_protocol(frame: Frame, code: int) -> None:
    async with opened(ws_max_size=100) as (app, peer):
        peer.send(Frame(TEXT, b"fine"), frame)
        assert await app.event() == said("fine")
        event = await app.event()
        assert (event["type"], event["code"]) == ("websocket.disconnect", code)
        (close,) = await peer.read_rest()
        assert close.payload[:2] == code.to_bytes(2, "big")


async def test_fragments_have_a_limit_together() -> None:
    async with opened(ws_max_size=100) as (app, peer):
        peer.send(Frame(TEXT, b"x" * 60, fin=False), Frame(CONTINUATION, b"x" * 60))
        assert (await app.event())["code"] == 1009


async def test_the_application_closes() -> None:
    async with opened() as (app, peer):
        peer.send(Frame(TEXT, b"unread"))
        await peer_is_heard(app)
        await app.send({"type": "websocket.close", "code": 4000, "reason": "enough"})
        await peer.expect(wire.close(4000, "enough"))
        assert app.server.server_state.connections, "the peer has time to answer"
        with pytest.raises(RuntimeError, match=r"after sending 'websocket.close'"):
            await app.send({"type": "websocket.send", "text": "x"})
        peer.send(Frame(TEXT, b"crossing"), wire.close(4000))
        assert await peer.read_to_end() == b""
        assert await app.event() == said("unread")
        assert await app.event() == gone(4000, "enough")


async def peer_is_heard(app: App) -> None:
    """Until something is queued."""
    (protocol,) = app.server.server_state.connections
    async with asyncio.timeout(SECONDS_MAX):
        while not protocol.queued:  # noqa: ASYNC110
            await asyncio.sleep(0)


async def test_a_peer_that_does_not_answer_the_close() -> None:
    async with opened() as (app, peer):
        (protocol,) = app.server.server_state.connections
        protocol.close_timeout = 0.05
        await app.send({"type": "websocket.close"})
        assert await peer.read_rest() == [wire.close(1000)]


async def test_an_application_that_just_returns() -> None:
    """As uvicorn has it: the connection ends without a CLOSE."""
    async with opened() as (app, peer):
        app.end()
        assert await peer.read_to_end() == b""


async def test_who_does_not_take_messages_is_not_sent_more() -> None:
    async with opened(ws_max_queue=4) as (app, peer):
        peer.send(*[Frame(TEXT, b"%d" % i) for i in range(3)])
        await peer_is_heard(app)
        (protocol,) = app.server.server_state.connections
        assert not protocol.is_reading_paused
        peer.send(*[Frame(TEXT, b"%d" % i) for i in range(3, 10)])
        async with asyncio.timeout(SECONDS_MAX):
            while not protocol.is_reading_paused:  # noqa: ASYNC110
                await asyncio.sleep(0)
        assert [await app.event() for _ in range(10)] == [said(str(i)) for i in range(10)]
        assert not protocol.is_reading_paused


LARGE = {"type": "websocket.send", "bytes": bytes(1 << 20)}


async def fill(app: App) -> int:
    """Send messages until one has to wait, which is cancelled; how many were sent."""
    for count in range(100):
        try:
            await asyncio.wait_for(app.send(LARGE), 0.2)
        except TimeoutError:
            return count
    raise AssertionError("nobody had to wait")


async def test_send_waits_for_a_peer_that_does_not_read() -> None:
    async with opened() as (app, peer):
        peer.writer.transport.pause_reading()
        count = await fill(app)
        waiting = asyncio.create_task(app.send({"type": "websocket.send", "text": "behind"}))
        await asyncio.sleep(0)
        assert not waiting.done()
        peer.writer.transport.resume_reading()
        for _ in range(count):
            assert len((await peer.read_frame()).payload) == 1 << 20
        last = await peer.read_frame()
        assert last == Frame(TEXT, b"behind")
        await waiting


async def test_send_that_waits_ends_with_the_connection() -> None:
    async with opened() as (app, peer):
        peer.writer.transport.pause_reading()
        await fill(app)
        waiting = asyncio.create_task(app.send(LARGE))
        await asyncio.sleep(0)
        peer.reset()
        with pytest.raises(ClientDisconnected):
            await waiting


async def test_a_peer_that_does_not_answer_pings() -> None:
    async with opened(ws_ping_interval=0.05, ws_ping_timeout=0.05) as (app, peer):
        await peer.expect(Frame(PING))
        await peer.expect(wire.close(1011, "keepalive ping timeout"))
        assert await app.event() == gone(1005)


async def test_pings_may_be_off() -> None:
    async with opened(ws_ping_interval=None, ws_ping_timeout=None) as (app, peer):
        await app.send({"type": "websocket.send", "text": "x"})
        await peer.expect(Frame(TEXT, b"x"))


async def test_the_server_ends() -> None:
    async with opened() as (app, peer):
        app.server.should_exit = True
        assert await app.event() == gone(1012)
        await peer.expect(wire.close(1012))
        peer.send(wire.close(1012))
        assert await peer.read_to_end() == b""
        app.end()


async def test_an_application_may_broadcast() -> None:
    async with opened() as (app, peer):
        transport = app.scope["extensions"]["picows"]["transport"]
        ws_broadcast([transport], TEXT, b"to all")
        await peer.expect(Frame(TEXT, b"to all"))


@pytest.mark.parametrize("agreed", [True, False])
async def test_compression_is_as_uvicorn_has_it(agreed: bool) -> None:
    app = App()
    async with uvicorn_serving(app, ws_per_message_deflate=agreed) as (port, _):
        peer = await open_raw(port)
        offer = "permessage-deflate; client_max_window_bits"
        peer.send_bytes(wire.request({"Sec-WebSocket-Extensions": offer}))
        await app.accepted()
        _, headers = await peer.read_head()
        answer = headers.get("sec-websocket-extensions", "")
        expected = {"permessage-deflate", "server_max_window_bits=12", "client_max_window_bits=12"}
        assert set(answer.split("; ")) == (expected if agreed else {""})
        await app.send({"type": "websocket.send", "text": "again and " * 100})
        frame = await peer.read_frame()
        assert (len(frame.payload) < 100) is agreed
        await peer.close()
