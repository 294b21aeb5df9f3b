"""Messages over compressed connections."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from support.mailbox import on_all_loops

import picows
from picows import WSConnection, WSConnectionClosed, WSPermessageDeflate

NO_TAKEOVER = WSPermessageDeflate(server_no_context_takeover=True, client_no_context_takeover=True)


async def echo(ws: WSConnection[Any]) -> None:
    async for message in ws:
        ws.send(message)


def documents(count: int) -> list[str]:
    rng = random.Random(5)
    return [json.dumps({"prices": [rng.random() for _ in range(50)]}) for _ in range(count)]


@on_all_loops
async def test_messages_are_compressed_both_ways() -> None:
    sent = [*documents(50), "", "x", "\N{SNOWMAN}" * 5000, *map(str.encode, documents(50))]
    for options in (True, NO_TAKEOVER):
        async with picows.serve(echo, "127.0.0.1", 0, compression=options) as server:
            url = f"ws://127.0.0.1:{server.port}/"
            async with picows.connect(url, compression=options) as ws:
                assert "permessage-deflate" in ws.response.headers["Sec-WebSocket-Extensions"]
                for message in sent:
                    ws.send(message)
                assert [await ws.recv() for _ in sent] == sent
                assert ws.send("plain", compress=False) and ws.send("y", compress=True)
                assert [await ws.recv(), await ws.recv()] == ["plain", "y"]


@on_all_loops
async def test_max_message_size_is_exact_also_for_what_does_not_get_smaller() -> None:
    size = 100_000
    exact = random.Random(1).randbytes(size)
    async with picows.serve(
        echo, "127.0.0.1", 0, compression=True, max_message_size=size
    ) as server:
        url = f"ws://127.0.0.1:{server.port}/"
        async with picows.connect(url, compression=True, max_message_size=size) as ws:
            for message in (exact, bytes(size)):
                ws.send(message)
                assert await ws.recv() == message
            ws.send(bytes(size + 1))
            with pytest.raises(WSConnectionClosed, match="MESSAGE_TOO_BIG"):
                await ws.recv()


@on_all_loops
async def test_text_is_checked_when_it_is_plain() -> None:
    async with picows.serve(echo, "127.0.0.1", 0, compression=True) as server:
        ws = await picows.connect(f"ws://127.0.0.1:{server.port}/", compression=True)
        ws.send(b"\xff" * 1000, text=True)
        with pytest.raises(WSConnectionClosed, match="INVALID_TEXT"):
            await ws.recv()
