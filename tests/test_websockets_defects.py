"""What is wrong in picows.websockets 2.3.1, or in websockets 17.4, and right here.

More of it is in the scenarios of `test_websockets_pairings.py`.
"""

from __future__ import annotations

import asyncio
import base64
import gc
import re
import socket
import zlib
from typing import Any

import pytest

from picows.testing import wire
from picows.testing.peers import open_raw, open_upgraded, raw_server
from picows.testing.wire import Frame
from picows.websockets import (
    ClientConnection,
    ConnectionClosedError,
    ConnectionClosedOK,
    InvalidHeaderValue,
    InvalidStatus,
    State,
    connect,
    serve,
)

SILENT: dict[str, Any] = {"ping_interval": None, "proxy": None}


async def echo(ws: Any) -> None:
    async for message in ws:
        await ws.send(message)


def port_of(server: Any) -> int:
    port: int = server.sockets[0].getsockname()[1]
    return port


async def test_close_while_a_large_send_waits_loses_nothing() -> None:
    received: list[int] = []

    async def slow(ws: Any) -> None:
        started.set()
        async for message in ws:
            received.append(len(message))
        closes.append((ws.close_code, ws.close_reason))

    started, closes = asyncio.Event(), []
    async with serve(slow, "127.0.0.1", 0, max_size=None, compression=None) as server:
        ws = await connect(f"ws://127.0.0.1:{port_of(server)}", compression=None, **SILENT)
        await started.wait()
        sending = asyncio.create_task(ws.send(b"x" * 20_000_000))
        await asyncio.sleep(0)
        assert not sending.done(), "it has to wait for the peer"
        await ws.close()
        await asyncio.gather(sending, return_exceptions=True)
    assert received == [20_000_000]
    assert closes == [(1000, "")]


async def test_pings_that_nobody_awaits_make_no_noise(caplog: pytest.LogCaptureFixture) -> None:
    async with raw_server() as server:
        ws, peer = await asyncio.gather(
            connect(f"ws://127.0.0.1:{server.port}", **SILENT), server.accept_upgraded()
        )
        await ws.ping()
        awaited = await ws.ping()
        peer.reset()
        with pytest.raises(ConnectionClosedError):
            await awaited
        del awaited
        await ws.wait_closed()
    gc.collect()
    await asyncio.sleep(0)
    assert "never retrieved" not in caplog.text


async def test_hooks_and_handler_get_the_same_connection() -> None:
    seen: list[Any] = []

    def process_request(ws: Any, request: Any) -> None:
        ws.tenant = request.path.strip("/")
        seen.extend([ws.transport.get_extra_info("peername"), ws.remote_address, ws.state])

    async def handler(ws: Any) -> None:
        seen.extend([ws.tenant, ws.state])
        assert ws.id != ws.server and ws.logger.extra == {"websocket": ws}
        assert ws.loop is asyncio.get_running_loop()
        assert ws.protocol.state is State.OPEN
        assert ("X-Twice", "2") in list(ws.request.headers.raw_items())

    async with serve(handler, "127.0.0.1", 0, process_request=process_request) as server:
        headers = [("X-Twice", "1"), ("X-Twice", "2")]
        url = f"ws://127.0.0.1:{port_of(server)}/acme"
        async with connect(url, additional_headers=headers, **SILENT) as ws:
            ws.mine = 1  # type: ignore[attr-defined]
            await ws.wait_closed()
    assert seen[0] == seen[1] != None  # noqa: E711
    assert seen[2:] == [State.CONNECTING, "acme", State.OPEN]


async def test_a_pattern_of_origins_does_not_match_a_missing_one() -> None:
    origins: Any = [re.compile(r"https://.*\.example\.com")]
    async with serve(echo, "127.0.0.1", 0, origins=origins) as server:
        url = f"ws://127.0.0.1:{port_of(server)}"
        for origin in (None, "https://example.com", "https://a.example.com.evil"):
            with pytest.raises(InvalidStatus, match="HTTP 403"):
                await connect(url, origin=origin, **SILENT)  # type: ignore[arg-type]
        async with connect(url, origin="https://a.example.com", **SILENT) as ws:  # type: ignore[arg-type]
            assert ws.protocol.origin == "https://a.example.com"


async def test_one_user_agent() -> None:
    async with serve(echo, "127.0.0.1", 0) as server:
        url = f"ws://127.0.0.1:{port_of(server)}"
        async with connect(url, additional_headers={"user-agent": "mine"}, **SILENT) as ws:
            assert ws.request and ws.request.headers.get_all("User-Agent") == ["mine"]
        async with connect(url, user_agent_header=None, **SILENT) as ws:
            assert ws.request and ws.request.headers.get_all("User-Agent") == []


async def test_line_breaks_in_headers_do_not_get_out() -> None:
    with pytest.raises(InvalidHeaderValue):
        await connect("ws://127.0.0.1:1", additional_headers={"X": "a\r\nY: b"}, **SILENT)


def deflated(data: bytes, *, is_final: bool = False) -> bytes:
    compress = zlib.compressobj(wbits=-15)
    mode = zlib.Z_FINISH if is_final else zlib.Z_SYNC_FLUSH
    piece = compress.compress(data) + compress.flush(mode)
    return piece if is_final else piece.removesuffix(b"\0\0\xff\xff")


DEFLATE: dict[str, str | None] = {"Sec-WebSocket-Extensions": "permessage-deflate"}


async def compressed_peer(server: Any, answer: str = "permessage-deflate") -> Any:
    peer = await server.accept()
    _, headers = await peer.read_head()
    extensions: dict[str, str | None] = {"Sec-WebSocket-Extensions": answer}
    peer.send_bytes(wire.response(headers["sec-websocket-key"], extensions))
    return peer


async def connected(server: Any, answer: str = "permessage-deflate", **options: Any) -> Any:
    url = f"ws://127.0.0.1:{server.port}"
    return await asyncio.gather(connect(url, **SILENT, **options), compressed_peer(server, answer))


async def test_nothing_is_delivered_after_a_broken_compressed_message() -> None:
    async with raw_server() as server:
        ws, peer = await connected(server)
        peer.send(Frame(wire.TEXT, b"\xff\xff\xff", rsv=4), Frame(wire.TEXT, b"next"))
        with pytest.raises(ConnectionClosedError) as caught:
            await ws.recv()
        assert caught.value.sent and caught.value.sent.code in (1002, 1007)
        with pytest.raises(ConnectionClosedError):
            await ws.recv()


async def test_a_final_block_does_not_end_the_stream() -> None:
    """RFC 7692 7.2.3.4; websockets loses every later message."""
    async with raw_server() as server:
        ws, peer = await connected(server)
        peer.send(
            Frame(wire.TEXT, deflated(b"first", is_final=True) + b"\0", rsv=4),
            Frame(wire.TEXT, deflated(b"second"), rsv=4),
        )
        assert [await ws.recv(), await ws.recv()] == ["first", "second"]
        await peer.close()
        await ws.wait_closed()


async def test_the_smallest_window_in_an_answer() -> None:
    async with raw_server() as server:
        ws, peer = await connected(server, "permessage-deflate; client_max_window_bits=8")
        [extension] = ws.protocol.extensions
        assert extension.local_max_window_bits == 8
        await ws.send("a" * 1000)
        frame = await peer.read_frame()
        inflate = zlib.decompressobj(wbits=-8)
        assert inflate.decompress(frame.payload + b"\0\0\xff\xff") == b"a" * 1000
        await peer.close()
        await ws.wait_closed()


async def test_an_answer_takes_up_the_parameters_of_an_offer() -> None:
    offer = "permessage-deflate; server_no_context_takeover; server_max_window_bits=10"
    async with serve(echo, "127.0.0.1", 0) as server:
        peer = await open_raw(port_of(server))
        peer.send_bytes(wire.request({"Sec-WebSocket-Extensions": offer}))
        _, headers = await peer.read_head()
        answered = headers["sec-websocket-extensions"]
        assert "server_no_context_takeover" in answered
        assert "server_max_window_bits=10" in answered
        await peer.close()


async def test_a_compressed_message_of_the_largest_size() -> None:
    """One that compression makes larger counts as what comes out of it; websockets refuses it."""
    message = bytes(range(100, 200))
    async with serve(echo, "127.0.0.1", 0) as server:
        url = f"ws://127.0.0.1:{port_of(server)}"
        async with connect(url, max_size=100, **SILENT) as ws:
            await ws.send(message)
            assert await ws.recv() == message
            await ws.send(b"a" * 101)
            with pytest.raises(ConnectionClosedError, match="1009"):
                await ws.recv()


async def test_a_message_of_the_largest_size_in_fragments() -> None:
    async with raw_server() as server:
        ws, peer = await asyncio.gather(
            connect(f"ws://127.0.0.1:{server.port}", max_size=10, **SILENT),
            server.accept_upgraded(),
        )
        first = Frame(wire.TEXT, b"01234", fin=False)
        peer.send(first, Frame(wire.CONTINUATION, b"56789", fin=False), Frame(wire.CONTINUATION))
        assert await ws.recv() == "0123456789"
        peer.send(first, Frame(wire.CONTINUATION, b"567890"))
        with pytest.raises(ConnectionClosedError, match="1009") as caught:
            await ws.recv()
        assert type(caught.value.__cause__).__name__ == "PayloadTooBig"


async def test_too_many_fragments(monkeypatch: pytest.MonkeyPatch) -> None:
    async with raw_server() as server:
        ws, peer = await asyncio.gather(
            connect(f"ws://127.0.0.1:{server.port}", **SILENT), server.accept_upgraded()
        )
        peer.send(Frame(wire.TEXT, b"a", fin=False))
        peer.send(*[Frame(wire.CONTINUATION, b"a", fin=False)] * 4096)
        with pytest.raises(ConnectionClosedError, match="1009"):
            await ws.recv()


async def test_a_peer_that_does_not_answer_keepalive_is_given_up_at_once() -> None:
    """Not after `close_timeout`, which is endless here."""
    async with raw_server() as server:
        options: dict[str, Any] = {"ping_interval": 0.01, "ping_timeout": 0.01}
        url = f"ws://127.0.0.1:{server.port}"
        ws, peer = await asyncio.gather(
            connect(url, proxy=None, close_timeout=None, **options), server.accept_upgraded()
        )
        with pytest.raises(ConnectionClosedError, match="keepalive ping timeout") as caught:
            await ws.recv()
        assert caught.value.sent and caught.value.sent.code == 1011
        assert caught.value.rcvd is None
        assert (await peer.read_frame()).opcode == wire.PING
        await peer.expect(wire.close(1011, "keepalive ping timeout"))


async def test_a_pong_behind_what_we_do_not_read_is_not_the_peers_fault() -> None:
    async with raw_server() as server:
        options: dict[str, Any] = {"ping_interval": 0.01, "ping_timeout": 0.01, "max_queue": 1}
        ws, peer = await asyncio.gather(
            connect(f"ws://127.0.0.1:{server.port}", proxy=None, **options),
            server.accept_upgraded(),
        )
        peer.send(*[Frame(wire.TEXT, b"x")] * 10)
        await peer.read_frame()  # the first PING: what was sent before it arrived is read by now
        while not ws.is_reading_paused:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0)
        await asyncio.sleep(0.05)  # several times ping_timeout
        assert ws.state is State.OPEN
        assert [await ws.recv() for _ in range(10)] == ["x"] * 10
        peer.send(wire.close(1000))


async def test_a_host_that_is_not_that_of_the_uri() -> None:
    if not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")
    try:
        server = await serve(echo, "::1", 0)
    except OSError:
        pytest.skip("this machine has no IPv6")
    async with server:
        port = port_of(server)
        async with connect("ws://a.invalid/x", host="::1", port=port, **SILENT) as ws:
            assert ws.request and ws.request.headers["Host"] == "a.invalid"
            await ws.send("x")
            assert await ws.recv() == "x"


async def test_secrets_do_not_follow_redirects_elsewhere() -> None:
    seen: list[Any] = []

    def record(ws: Any, request: Any) -> None:
        seen.append([request.headers.get(name) for name in ("Authorization", "Cookie", "X")])

    async with serve(echo, "127.0.0.1", 0, process_request=record) as there:
        target = f"ws://127.0.0.1:{port_of(there)}/there"

        def redirect(ws: Any, request: Any) -> Any:
            record(ws, request)
            response = ws.respond(307, "")
            response.headers["Location"] = target
            return response

        async with serve(echo, "127.0.0.1", 0, process_request=redirect) as here:
            url = f"ws://name:word@127.0.0.1:{port_of(here)}/"
            headers = {"Cookie": "secret", "X": "kept"}
            async with connect(url, additional_headers=headers, **SILENT) as ws:
                assert ws.request and ws.request.path == "/there"
    basic = "Basic " + base64.b64encode(b"name:word").decode()
    assert seen == [[basic, "secret", "kept"], [None, None, "kept"]]


async def test_each_raise_has_an_exception_of_its_own() -> None:
    async with serve(echo, "127.0.0.1", 0) as server:
        ws: ClientConnection = await connect(f"ws://127.0.0.1:{port_of(server)}", **SILENT)
        await ws.close()
        errors = []
        for _ in range(2):
            with pytest.raises(ConnectionClosedOK) as caught:
                await ws.recv()
            errors.append(caught.value)
        assert errors[0] is not errors[1]


async def test_a_close_inside_of_a_fragmented_message_is_an_error() -> None:
    async with serve(echo, "127.0.0.1", 0) as server:
        peer = await open_upgraded(port_of(server))
        peer.send(Frame(wire.TEXT, b"a", fin=False), wire.close(1000))
        await peer.expect(wire.close(1002, "incomplete fragmented message"))
        await peer.close()
