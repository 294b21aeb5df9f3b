"""connect: a connection awaited, entered, or made again and again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from support.mailbox import on_all_loops

import picows
from picows import WSConnection, WSConnectionClosed, WSUpgradeRequest, WSUpgradeResponse


async def echo(ws: WSConnection[Any]) -> None:
    async for message in ws:
        ws.send(message)


def at_once() -> Iterator[float]:
    while True:
        yield 0


@on_all_loops
async def test_async_with_closes_the_connection() -> None:
    seen = []

    async def handler(ws: WSConnection[Any]) -> None:
        await echo(ws)
        seen.append(ws.transport.close_handshake.recv.code)  # type: ignore[union-attr]

    async with picows.serve(handler, "127.0.0.1", 0) as server:
        url = f"ws://127.0.0.1:{server.port}/"
        connecting = picows.connect(url)
        async with connecting as ws:
            ws.send("hello")
            assert await ws.recv() == "hello"
            with pytest.raises(RuntimeError, match="entered already"):
                await connecting.__aenter__()
        assert ws.transport.is_disconnected
        with pytest.raises(KeyError):
            async with picows.connect(url):
                raise KeyError
    assert seen == [1000]  # the other one ended irregularly


@on_all_loops
async def test_iteration_connects_again_and_subscribes_each_time() -> None:
    """The server ends each connection in another way."""

    async def handler(ws: WSConnection[Any]) -> None:
        topic = await ws.recv()
        ws.send(f"news of {topic}")
        if len(topics) == 2:
            ws.transport.disconnect(graceful=False)
        if len(topics) == 3:
            raise RuntimeError("broken")

    topics: list[str] = []

    async def subscribe(ws: WSConnection[Any]) -> None:
        topics.append(f"topic {len(topics)}")
        ws.send(topics[-1])

    got = []
    async with picows.serve(handler, "127.0.0.1", 0) as server:
        url = f"ws://127.0.0.1:{server.port}/"
        async for ws in picows.connect(url, on_connect=subscribe, delays=at_once):
            got += [message async for message in ws]
            if len(topics) == 4:
                break
    assert got[0] == "news of topic 0" and got[-1] == "news of topic 3"


@on_all_loops
async def test_iteration_tries_again_while_the_server_is_busy() -> None:
    answers = [503, 429, None, 403]

    def on_request(_: WSUpgradeRequest) -> WSUpgradeResponse | None:
        status = answers.pop(0)
        return WSUpgradeResponse.create_error_response(status) if status else None

    waited = []

    def delays() -> Iterator[float]:
        while True:
            waited.append(len(answers))
            yield 0

    async with picows.serve(echo, "127.0.0.1", 0, on_request=on_request) as server:
        url = f"ws://127.0.0.1:{server.port}/"
        connections = 0
        with pytest.raises(picows.WSInvalidStatusError, match="403"):  # noqa: PT012
            async for ws in picows.connect(url, delays=delays):
                connections += 1
                await ws.close()
        assert (connections, waited) == (1, [3, 2, 1])


@on_all_loops
async def test_a_hook_that_finds_the_connection_gone_is_a_failed_attempt() -> None:
    attempts = 0

    async def handler(ws: WSConnection[Any]) -> None:
        await ws.recv()
        if attempts > 1:
            ws.send("welcome")
            await echo(ws)

    async def hook(ws: WSConnection[Any]) -> None:
        nonlocal attempts
        attempts += 1
        ws.send("subscribe")
        await ws.recv()

    async with picows.serve(handler, "127.0.0.1", 0) as server:
        url = f"ws://127.0.0.1:{server.port}/"
        async for _ in picows.connect(url, on_connect=hook, delays=at_once):
            break
        assert attempts == 2
        attempts = 0
        with pytest.raises(WSConnectionClosed):
            await picows.connect(url, on_connect=hook)
        with pytest.raises(ZeroDivisionError):
            await picows.connect(url, on_connect=lambda ws: 1 / 0)


async def test_connecting_again_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "picows.client")
    attempts = iter([OSError("no route"), ValueError("wrong")])

    def hook(_: Any) -> None:
        raise next(attempts)

    async with picows.serve(echo, "127.0.0.1", 0) as server:
        url = f"ws://127.0.0.1:{server.port}/"
        with pytest.raises(ValueError, match="wrong"):
            async for _ in picows.connect(url, on_connect=hook, delays=at_once):
                pass
    assert "connecting again in 0 seconds: no route" in caplog.messages


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"strict": True}, TypeError, "strict is for frames"),
        ({"max_frame_size": 10}, TypeError, "max_frame_size is for frames"),
        ({"close_timeout": 0}, ValueError, "close_timeout must be more than 0"),
    ],
)
def test_arguments(arguments: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        picows.connect("ws://127.0.0.1/", **arguments)
    with pytest.raises(error, match=message):
        picows.serve(echo, "127.0.0.1", 0, **arguments)


@on_all_loops
async def test_max_message_size_is_exact() -> None:
    async with picows.serve(echo, "127.0.0.1", 0, max_message_size=None) as server:
        url = f"ws://127.0.0.1:{server.port}/"
        for size in (0, 1000, 70_000):
            async with picows.connect(url, max_message_size=size) as ws:
                ws.send(bytes(size))
                assert await ws.recv() == bytes(size)
                ws.send(bytes(size + 1))
                with pytest.raises(WSConnectionClosed, match="MESSAGE_TOO_BIG"):
                    await ws.recv()


async def test_a_connection_can_be_made_in_a_task() -> None:
    async with picows.serve(echo, "127.0.0.1", 0) as server:
        url = f"ws://127.0.0.1:{server.port}/"

        async def ask(number: int) -> Any:
            async with picows.connect(url) as ws:
                ws.send(str(number))
                return await ws.recv()

        assert await asyncio.gather(*map(ask, range(20))) == [str(n) for n in range(20)]
