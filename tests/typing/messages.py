"""What type checkers make of programs that await messages. Never run, as right.py."""

from __future__ import annotations

from typing import assert_type

import picows
from picows import (
    WSConnection,
    WSDisconnectInfo,
    WSServer,
    WSTransport,
    WSUpgradeRequest,
    WSUpgradeResponse,
)


async def client() -> None:
    async with picows.connect("ws://localhost/") as ws:
        assert_type(ws, WSConnection[str | bytes])
        assert_type(await ws.recv(), str | bytes)
        assert_type(await ws.recv_batch(10), list[str | bytes])
        assert_type(ws.recv_nowait(), str | bytes | None)
        assert_type(ws.send("text"), bool)
        assert_type(ws.send(bytearray(3), text=True, compress=False), bool)
        assert_type(ws.transport, WSTransport)
        assert_type(ws.dropped, int)
        assert_type(ws.disconnect_info, WSDisconnectInfo | None)
        await ws.drain()
        async for message in ws:
            assert_type(message, str | bytes)

    bytes_only = await picows.connect("ws://localhost/", decode="bytes", max_queue=1)
    assert_type(await bytes_only.recv(), bytes)
    numbers = await picows.connect("ws://localhost/", decode=number)
    assert_type(await numbers.recv(), int)
    async for again in picows.connect("ws://localhost/", decode=number):
        assert_type(again, WSConnection[int])


def number(view: memoryview) -> int:
    return view[0]


async def echo(ws: WSConnection[str | bytes]) -> None:
    async for message in ws:
        ws.send(message)


async def total(ws: WSConnection[int]) -> None:
    ws.send(str(sum([value async for value in ws])))


def on_request(request: WSUpgradeRequest) -> WSUpgradeResponse | None:
    return None if request.path == b"/" else WSUpgradeResponse.create_error_response(404)


async def server() -> None:
    async with picows.serve(echo, "localhost", 9001, on_request=on_request) as listening:
        assert_type(listening, WSServer)
        assert_type(listening.port, int)
        await listening.serve_forever()
    await picows.serve(total, "localhost", 9002, decode=number)
    picows.serve(total, "localhost", 9002)  # type: ignore[arg-type]
