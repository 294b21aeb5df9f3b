"""What ws_connect makes of the answers that a server can give."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Any

import pytest

from picows import (
    WSHandshakeError,
    WSInvalidHeaderError,
    WSInvalidMessageError,
    WSInvalidStatusError,
    WSInvalidUpgradeError,
    ws_connect,
)
from picows.testing import wire
from picows.testing.peers import Peer, RawServer, raw_server
from picows.testing.recorder import URL, Recorder
from picows.testing.wire import BINARY, TEXT, Frame, encode

HEAD = b"HTTP/1.1 403 Forbidden\r\n"


class Asked:
    """A ws_connect that waits for its answer."""

    def __init__(self, connecting: asyncio.Task[Any], peer: Peer, key: str) -> None:
        self.connecting = connecting
        self.peer = peer
        self.key = key

    def answer(self, data: bytes) -> None:
        self.peer.send_bytes(data)


async def ask(server: RawServer, **options: Any) -> Asked:
    options = {"max_redirects": 0} | options
    connecting = asyncio.create_task(ws_connect(Recorder, URL.format(server.port), **options))
    peer = await server.accept()
    _, headers = await peer.read_head()
    return Asked(connecting, peer, headers["sec-websocket-key"])


async def refusal(answer: bytes, *, then_close: bool = False) -> WSHandshakeError:
    """What ws_connect raises at an answer; the connection is gone afterwards."""
    async with raw_server() as server:
        asked = await ask(server)
        asked.answer(answer)
        if then_close:
            asked.peer.writer.write_eof()
        with pytest.raises(WSHandshakeError) as raised:
            await asyncio.wait_for(asked.connecting, 2)
        with contextlib.suppress(ConnectionResetError):  # for what we did not read
            assert await asked.peer.read_to_end() == b""
        return raised.value


@pytest.mark.parametrize(
    "line",
    [
        "HTTP/1.1 101 Switching Protocols",
        "HTTP/1.1 101 Web Socket Protocol Handshake",
        "HTTP/1.1 101 ",
        "HTTP/1.1 101",
    ],
)
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Upgrade": "WebSocket", "Connection": "upgrade"},
        {"Connection": "keep-alive, Upgrade"},
        {"Content-Length": "0"},
        {"Server": "x", "X-Text": "caf\xe9"},
    ],
)
async def test_answers_that_agree(line: str, headers: dict[str, str | None]) -> None:
    async with raw_server() as server:
        asked = await ask(server)
        asked.answer(wire.response(asked.key, headers, line=line))
        transport, _ = await asked.connecting
        for name, value in headers.items():
            if value.isascii():
                assert transport.response.headers[name] == value
        assert transport.response.body is None
        transport.disconnect()


async def test_a_header_that_is_no_utf8_keeps_its_bytes() -> None:
    async with raw_server() as server:
        asked = await ask(server)
        asked.answer(wire.response(asked.key, {"X-Text": "caf\xe9"}))
        transport, _ = await asked.connecting
        text = transport.response.headers["X-Text"]
        assert text.encode("utf-8", "surrogateescape") == b"caf\xe9"
        transport.disconnect()


@pytest.mark.parametrize("split", [False, True])
async def test_frames_behind_the_answer_are_delivered_after_on_ws_connected(split: bool) -> None:
    frames = [Frame(TEXT, b"a"), Frame(BINARY, bytes(300_000)), Frame(TEXT)]
    async with raw_server() as server:
        asked = await ask(server)
        data = wire.response(asked.key) + b"".join(encode(frame) for frame in frames)
        if split:
            for i in range(200):
                asked.answer(data[i : i + 1])
                await asyncio.sleep(0)
            data = data[200:]
        asked.answer(data)
        transport, listener = await asked.connecting
        assert await listener.until_frames(3) == frames
        assert listener.events[0] == "connected"
        transport.disconnect()


async def test_a_server_that_agrees_and_leaves_is_a_connection_that_ended() -> None:
    async with raw_server() as server:
        asked = await ask(server)
        asked.answer(wire.response(asked.key) + encode(Frame(TEXT, b"a")))
        await asked.peer.close()
        transport, listener = await asked.connecting
        await transport.wait_disconnected()
        assert listener.events == ["connected", "frame", "disconnected"]


@pytest.mark.parametrize("status", [200, 301, 302, 401, 403, 404, 500, 503, 599, 999])
async def test_another_status(status: int) -> None:
    body = b"why not"
    head = f"HTTP/1.1 {status} Reason\r\nContent-Length: 7\r\nX-A: b".encode()
    error = await refusal(head + b"\r\n\r\n" + body)
    assert isinstance(error, WSInvalidStatusError)
    assert str(status) in str(error)
    assert error.raw_header == head
    assert error.raw_body == body
    assert error.response.status == status
    assert error.response.body == body
    assert error.response.headers["x-a"] == "b"
    assert error.response.version == b"HTTP/1.1"


@pytest.mark.parametrize("size", [0, 1, 5000, 60_000])
async def test_a_body_that_ends_with_the_connection(size: int) -> None:
    error = await refusal(HEAD + b"\r\n" + b"x" * size, then_close=True)
    assert isinstance(error, WSInvalidStatusError)
    assert error.raw_body == b"x" * size


async def test_a_body_that_is_cut_short_is_there_as_far_as_it_came() -> None:
    error = await refusal(HEAD + b"Content-Length: 100\r\n\r\nhalf", then_close=True)
    assert isinstance(error, WSInvalidStatusError)
    assert error.raw_body == b"half"


async def test_of_an_endless_body_the_start_is_enough() -> None:
    error = await refusal(HEAD + b"Content-Length: 1000000\r\n\r\n" + bytes(1_000_000))
    assert isinstance(error, WSInvalidStatusError)
    assert 1000 < len(error.raw_body) < 1_000_000


# Regression: these answers were waited for until the handshake timed out, and raised TimeoutError.
@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 304 Not Modified\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nwhy\r\n0\r\n\r\n",
    ],
    ids=["204", "304", "chunked"],
)
async def test_a_refusal_on_a_connection_that_stays_open_is_not_waited_for(answer: bytes) -> None:
    error = await refusal(answer)
    assert isinstance(error, WSInvalidStatusError)


async def test_a_refusal_whose_end_never_comes_is_still_a_refusal() -> None:
    async with raw_server() as server:
        asked = await ask(server, websocket_handshake_timeout=0.5)
        asked.answer(HEAD + b"\r\nhalf a bo")
        with pytest.raises(WSInvalidStatusError, match="403"):
            await asked.connecting


@pytest.mark.parametrize(
    ("headers", "name", "value"),
    [
        ({"Upgrade": None}, "Upgrade", None),
        ({"Upgrade": "h2c"}, "Upgrade", "h2c"),
        ({"Connection": None}, "Connection", None),
        ({"Connection": "keep-alive"}, "Connection", "keep-alive"),
        ({"Connection": "upgraded"}, "Connection", "upgraded"),
        ({"Sec-WebSocket-Accept": None}, "Sec-WebSocket-Accept", None),
        ({"Sec-WebSocket-Accept": "x"}, "Sec-WebSocket-Accept", "x"),
        ({"Sec-WebSocket-Accept": ""}, "Sec-WebSocket-Accept", ""),
        (
            {"Sec-WebSocket-Accept": wire.accept(wire.HANDSHAKE_KEY)},
            "Sec-WebSocket-Accept",
            wire.accept(wire.HANDSHAKE_KEY),
        ),
    ],
)
async def test_a_wrong_header(headers: dict[str, str | None], name: str, value: str | None) -> None:
    async with raw_server() as server:
        asked = await ask(server)
        asked.answer(wire.response(asked.key, headers))
        with pytest.raises(WSInvalidHeaderError) as raised:
            await asked.connecting
        error = raised.value
        assert isinstance(error, WSInvalidUpgradeError) == (name in ("Upgrade", "Connection"))
        assert (error.name, error.value) == (name, value)
        assert error.raw_header.startswith(b"HTTP/1.1 101 ")
        assert error.response.status == 101
        assert await asked.peer.read_to_end() == b""


GARBAGE = {
    "no HTTP": b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
    "an empty line": b"\r\n\r\n",
    "bytes": bytes(range(256)) + b"\r\n\r\n",
    "HTTP/1.0": b"HTTP/1.0 101 Switching Protocols\r\n\r\n",
    "HTTP/2": b"HTTP/2 101\r\n\r\n",
    "status of two digits": b"HTTP/1.1 10 Switching\r\n\r\n",
    "status of four digits": b"HTTP/1.1 1010 Switching\r\n\r\n",
    "status of letters": b"HTTP/1.1 abc Switching\r\n\r\n",
    "LF alone": b"HTTP/1.1 101 Switching Protocols\nUpgrade: websocket\n\n",
    "no colon": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade websocket\r\n\r\n",
    "space in a name": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade : websocket\r\n\r\n",
    "folded": b"HTTP/1.1 101 Switching Protocols\r\nA: b\r\n c\r\n\r\n",
    "NUL": b"HTTP/1.1 101 Switching Protocols\r\nA: b\0\r\n\r\n",
    "a CR alone": b"HTTP/1.1 101 Switching Protocols\r\nA: b\rc\r\n\r\n",
    "129 headers": b"HTTP/1.1 101 Switching Protocols\r\n" + b"A: b\r\n" * 129 + b"\r\n",
    "over 16 KiB": b"HTTP/1.1 101 Switching Protocols\r\nA: " + b"b" * 16_400,
    "never ending": bytes(b"x" * 100_000),
}


@pytest.mark.parametrize("name", GARBAGE)
async def test_garbage(name: str) -> None:
    error = await refusal(GARBAGE[name])
    assert isinstance(error, WSInvalidMessageError)
    assert error.raw_header
    assert GARBAGE[name].startswith(error.raw_header)
    assert error.response is None


async def test_128_headers_and_16_kib_are_fine() -> None:
    async with raw_server() as server:
        asked = await ask(server)
        asked.answer(wire.response(asked.key, more="A: b\r\n" * 125))
        transport, _ = await asked.connecting
        assert len(transport.response.headers) == 128
        transport.disconnect()

        asked = await ask(server)
        rest = 16384 - len(wire.response(asked.key, more="A: \r\n"))
        asked.answer(wire.response(asked.key, more=f"A: {'b' * rest}\r\n"))
        transport, _ = await asked.connecting
        transport.disconnect()


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 101 Swit", b"HTTP/1.1 101 Switching\r\nUpgr"])
@pytest.mark.parametrize("how", ["FIN", "RST"])
async def test_a_server_that_leaves_before_it_has_answered(
    said: bytes, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with raw_server() as server:
        asked = await ask(server)
        asked.answer(said)
        if how == "FIN":
            asked.peer.writer.write_eof()
        else:
            asked.peer.reset()
        with pytest.raises(WSHandshakeError, match="closed") as raised:
            await asked.connecting
        assert (raised.value.__cause__ is None) == (how == "FIN")
    assert [record for record in caplog.records if record.levelno > logging.INFO] == []


async def test_a_listener_is_not_asked_for_before_the_server_agreed() -> None:
    async with raw_server() as server:
        asked: list[int] = []
        connecting = asyncio.create_task(
            ws_connect(lambda: asked.append(1), URL.format(server.port))
        )
        peer = await server.accept()
        peer.send_bytes(HEAD + b"Content-Length: 0\r\n\r\n")
        with pytest.raises(WSInvalidStatusError):
            await connecting
        assert asked == []
