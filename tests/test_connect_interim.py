"""Interim answers (1xx) in front of the answer, and a 101 that announces a body."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from picows import WSHandshakeError, WSInvalidMessageError, WSInvalidStatusError, ws_connect
from picows.testing import wire
from picows.testing.peers import RawServer, raw_server
from picows.testing.recorder import URL, Recorder
from picows.testing.wire import TEXT, Frame, encode

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
PROCESSING = b"HTTP/1.1 102 Processing\r\nA: b\r\n\r\n"
HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n"
UNKNOWN = b"HTTP/1.1 199\r\nContent-Length: 5\r\n\r\n"
REFUSAL = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 3\r\n\r\nwhy"
INTERIM_COUNT_MAX = 16
HEAD_SIZE_MAX = 16 * 1024


async def answered(server: RawServer, answer: bytes, more: str = "", **options: bool) -> Recorder:
    """A listener whose connection is open, after `answer` and a 101."""
    url = URL.format(server.port)
    connecting = asyncio.create_task(ws_connect(Recorder, url, **options))
    peer = await server.accept()
    _, headers = await peer.read_head()
    agreement = wire.response(headers["sec-websocket-key"], more=more)
    peer.send_bytes(answer + agreement + encode(Frame(TEXT, b"hello")))
    transport, listener = await connecting
    assert await listener.until_frames(1) == [Frame(TEXT, b"hello")]
    assert transport.response.status == 101
    transport.disconnect()
    await transport.wait_disconnected()
    return listener


async def refusal(answer: bytes) -> WSHandshakeError:
    async with raw_server() as server:
        url = URL.format(server.port)
        connecting = asyncio.create_task(ws_connect(Recorder, url, max_redirects=0))
        peer = await server.accept()
        await peer.read_head()
        peer.send_bytes(answer)
        with pytest.raises(WSHandshakeError) as raised:
            await asyncio.wait_for(connecting, 5)
        return raised.value


@pytest.mark.parametrize(
    "interim",
    [CONTINUE, PROCESSING, HINTS, UNKNOWN, CONTINUE + PROCESSING + HINTS],
    ids=["100", "102", "103", "199", "three"],
)
async def test_interim_answers_are_skipped(interim: bytes) -> None:
    """`HTTP/1.1 103 Early Hints` in front of the 101 was raised as a refusal with status 103."""
    async with raw_server() as server:
        await answered(server, interim)


async def test_an_answer_may_be_cut_at_any_byte() -> None:
    interim = CONTINUE + HINTS
    async with raw_server() as server:
        connecting = asyncio.create_task(ws_connect(Recorder, URL.format(server.port)))
        peer = await server.accept()
        _, headers = await peer.read_head()
        for byte in interim + wire.response(headers["sec-websocket-key"]):
            peer.send_bytes(bytes([byte]))
            await peer.writer.drain()
            await asyncio.sleep(0)
        transport, _ = await connecting
        assert "Link" not in transport.response.headers
        transport.disconnect()


async def test_a_refusal_behind_interim_answers_is_told_alone() -> None:
    error = await refusal(CONTINUE + HINTS + REFUSAL)
    assert isinstance(error, WSInvalidStatusError)
    assert "403" in str(error)
    assert error.raw_header == b"HTTP/1.1 403 Forbidden\r\nContent-Length: 3"
    assert error.raw_body == b"why"
    assert error.response and "Link" not in error.response.headers


@pytest.mark.parametrize("interim", [b"", CONTINUE + HINTS])
async def test_the_body_of_a_refusal_may_come_in_pieces(interim: bytes) -> None:
    """Its bytes were taken for more of the head, once this had been read."""
    body = b"why\nnot\r\n\r\nbecause"
    head = b"HTTP/1.1 403 Forbidden\r\nContent-Length: %d\r\n\r\n" % len(body)
    async with raw_server() as server:
        connecting = asyncio.create_task(ws_connect(Recorder, URL.format(server.port)))
        peer = await server.accept()
        await peer.read_head()
        for byte in interim + head + body:
            peer.send_bytes(bytes([byte]))
            await peer.writer.drain()
            await asyncio.sleep(0)
        with pytest.raises(WSInvalidStatusError) as raised:
            await asyncio.wait_for(connecting, 5)
        assert raised.value.raw_body == body
        assert raised.value.raw_header == head.removesuffix(b"\r\n\r\n")


async def test_a_refusal_behind_interim_answers_may_end_with_the_connection() -> None:
    async with raw_server() as server:
        connecting = asyncio.create_task(ws_connect(Recorder, URL.format(server.port)))
        peer = await server.accept()
        await peer.read_head()
        peer.send_bytes(CONTINUE + b"HTTP/1.1 403 Forbidden\r\n\r\nbecause")
        peer.writer.write_eof()
        with pytest.raises(WSInvalidStatusError) as raised:
            await connecting
        assert raised.value.raw_body == b"because"


async def test_a_connection_that_ends_behind_an_interim_answer_was_not_answered() -> None:
    async with raw_server() as server:
        connecting = asyncio.create_task(ws_connect(Recorder, URL.format(server.port)))
        peer = await server.accept()
        await peer.read_head()
        peer.send_bytes(CONTINUE)
        peer.writer.write_eof()
        with pytest.raises(WSHandshakeError, match="closed before the server answered"):
            await connecting


async def test_interim_answers_are_bounded_in_number() -> None:
    async with raw_server() as server:
        await answered(server, CONTINUE * INTERIM_COUNT_MAX)
    error = await refusal(CONTINUE * (INTERIM_COUNT_MAX + 1))
    assert isinstance(error, WSInvalidMessageError)
    assert "16 interim answers" in str(error)


async def test_interim_answers_and_the_answer_are_bounded_in_size() -> None:
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: %b\r\n\r\n"
    room = HEAD_SIZE_MAX - len(wire.response(wire.HANDSHAKE_KEY)) - len(hints % b"")
    async with raw_server() as server:
        await answered(server, hints % (b"x" * room))
    error = await refusal(hints % (b"x" * 10_000) + hints % (b"y" * 10_000))
    assert isinstance(error, WSInvalidMessageError)
    assert "16384 bytes" in str(error)


async def test_an_interim_answer_is_http_1_1() -> None:
    error = await refusal(b"HTTP/1.0 100 Continue\r\n\r\n" + REFUSAL)
    assert isinstance(error, WSInvalidMessageError)


@pytest.mark.parametrize(
    "more",
    [
        "Transfer-Encoding: chunked\r\n",
        "Content-Length: 5\r\n",
        "Content-Length: 0\r\nContent-Length: 0\r\n",
    ],
)
async def test_a_101_has_no_body_whatever_it_says(more: str) -> None:
    """RFC 9112, 6.3: these were refused, though frames follow a 101 in any case."""
    async with raw_server() as server:
        await answered(server, b"", more)
        with pytest.raises(WSInvalidMessageError, match="announces a body"):
            await answered(server, b"", more, strict=True)


NESTED = """
import asyncio
from picows import ws_connect
from picows.testing import MemoryNetwork, wire
from picows.testing.peers import raw_server
from picows.testing.recorder import URL, Recorder

def factory():
    # As nest_asyncio does it: turns of the event loop inside of one.
    loop = asyncio.get_running_loop()
    asyncio._set_running_loop(None)
    task = asyncio.tasks._current_tasks.pop(loop, None)
    for _ in range(9):
        loop.call_soon(lambda: None)
        loop._run_once()
    if task:
        asyncio.tasks._current_tasks[loop] = task
    asyncio._set_running_loop(loop)
    return Recorder()

async def main():
    async with MemoryNetwork(), raw_server() as server:
        connecting = asyncio.create_task(ws_connect(factory, URL.format(server.port)))
        peer = await server.accept()
        _, headers = await peer.read_head()
        peer.send_bytes(b"HTTP/1.1 103 Early Hints\\r\\nLink: x\\r\\n\\r\\n")
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        peer.send_bytes(wire.response(headers["sec-websocket-key"]))
        asyncio.get_running_loop().call_soon(peer.send_bytes, b"\\x81\\x00")
        await asyncio.wait([connecting])

asyncio.run(main())
"""


def test_bytes_that_come_while_the_factory_runs_end_no_process(root: Path) -> None:
    """They were searched from behind the interim answer on, where there was nothing of them."""
    environment = dict(os.environ, PYTHONPATH=str(root))
    command = [sys.executable, "-c", NESTED]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
