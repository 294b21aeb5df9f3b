"""serve: a task for each connection."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from support import stacks
from support.mailbox import on_all_loops

import picows
from picows import (
    WSCloseCode,
    WSConnection,
    WSConnectionClosed,
    WSUpgradeRequest,
    WSUpgradeResponse,
)


async def echo(ws: WSConnection[Any]) -> None:
    async for message in ws:
        ws.send(message)


@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("loop", stacks.LOOPS)
def test_echo(loop: str, tls: bool) -> None:
    async def main() -> None:
        secure: dict[str, Any] = {"ssl": stacks.server_tls()} if tls else {}
        context: dict[str, Any] = {"ssl_context": stacks.client_tls()} if tls else {}
        async with picows.serve(echo, "127.0.0.1", 0, **secure) as server:
            url = f"{'wss' if tls else 'ws'}://127.0.0.1:{server.port}/"
            async with picows.connect(url, **context) as ws:
                assert len(server.connections) == 1
                for message in ("a", b"b", "c" * 100_000, bytes(3_000_000)):
                    ws.send(message)
                    assert await ws.recv() == message
        assert server.connections == []

    stacks.run(loop, main())


async def close_of(url: str) -> Any:
    async with picows.connect(url) as ws:
        await ws.wait_closed()
        return ws.transport.close_handshake.recv.code  # type: ignore[union-attr]


@on_all_loops
async def test_the_handlers_end_is_the_connections() -> None:
    async def handler(ws: WSConnection[Any]) -> None:
        if ws.request.path == b"/raise":
            raise RuntimeError("broken")
        if ws.request.path == b"/private":
            await ws.close(4000)

    async with picows.serve(handler, "127.0.0.1", 0) as server:
        url = f"ws://127.0.0.1:{server.port}"
        assert await close_of(f"{url}/return") == WSCloseCode.OK
        assert await close_of(f"{url}/raise") == WSCloseCode.INTERNAL_ERROR
        assert await close_of(f"{url}/private") == 4000


async def test_what_a_handler_raises_is_logged_but_the_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def handler(ws: WSConnection[Any]) -> None:
        await ws.recv()
        if ws.request.path == b"/raise":
            raise RuntimeError("broken")

    async with picows.serve(handler, "127.0.0.1", 0) as server:
        url = f"ws://127.0.0.1:{server.port}"
        async with picows.connect(f"{url}/leave"):
            pass
        async with picows.connect(f"{url}/raise") as ws:
            ws.send("go")
            await ws.wait_closed()
    errors = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert [record.getMessage() for record in errors] == ["the handler of a connection raised"]
    assert "broken" in str(errors[0].exc_info)


@on_all_loops
async def test_closing_the_server_ends_connections_and_waits_for_handlers() -> None:
    done = []

    async def handler(ws: WSConnection[Any]) -> None:
        async for _ in ws:
            pass
        await asyncio.sleep(0)
        done.append(ws)

    server = await picows.serve(handler, "127.0.0.1", 0)
    url = f"ws://127.0.0.1:{server.port}/"
    clients = await asyncio.gather(*(picows.connect(url)._connect() for _ in range(5)))
    while len(server.connections) < 5:  # noqa: ASYNC110
        await asyncio.sleep(0)
    assert len(server.asyncio_server.sockets) == 1
    server.close(reason="maintenance")
    server.close()  # again does nothing
    await server.wait_closed()
    assert len(done) == 5
    for ws in clients:
        assert [message async for message in ws] == []
        handshake = ws.transport.close_handshake
        assert handshake is not None and handshake.recv is not None
        assert (handshake.recv.code, handshake.recv.reason) == (1001, "maintenance")
    with pytest.raises(ConnectionRefusedError):
        await picows.connect(url)


@on_all_loops
async def test_cancelling_serve_forever_closes() -> None:
    async def serve() -> None:
        async with picows.serve(echo, "127.0.0.1", 0) as server:
            ports.put_nowait(server.port)
            await server.serve_forever()

    ports: asyncio.Queue[int] = asyncio.Queue()
    task = asyncio.ensure_future(serve())
    ws = await picows.connect(f"ws://127.0.0.1:{await ports.get()}/")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [message async for message in ws] == []


@on_all_loops
async def test_requests_can_be_refused_and_answered() -> None:
    def at_once(request: WSUpgradeRequest) -> WSUpgradeResponse | None:
        if request.path == b"/no":
            return WSUpgradeResponse.create_error_response(403)
        if request.path == b"/health":
            return WSUpgradeResponse.create_ok_response(b"fine")
        if request.path == b"/chat":
            return WSUpgradeResponse.create_101_response({"Sec-WebSocket-Protocol": "chat"})
        return None

    async def later(request: WSUpgradeRequest) -> WSUpgradeResponse | None:
        await asyncio.sleep(0)
        return at_once(request)

    for on_request in (at_once, later):
        async with picows.serve(echo, "127.0.0.1", 0, on_request=on_request) as server:
            url = f"ws://127.0.0.1:{server.port}"
            for path, status in (("/no", 403), ("/health", 200)):
                with pytest.raises(picows.WSInvalidStatusError) as caught:
                    await picows.connect(url + path)
                assert caught.value.response is not None
                assert caught.value.response.status == status
            offer = {"Sec-WebSocket-Protocol": "chat"}
            async with picows.connect(f"{url}/chat", extra_headers=offer) as ws:
                assert ws.response.headers["Sec-WebSocket-Protocol"] == "chat"
                ws.send("a")
                assert await ws.recv() == "a"
            async with picows.connect(url) as ws:
                ws.send("b")
                assert await ws.recv() == "b"


@on_all_loops
async def test_a_handler_that_is_cancelled_closes() -> None:
    started = asyncio.Event()

    async def handler(ws: WSConnection[Any]) -> None:
        tasks.append(asyncio.current_task())
        started.set()
        await ws.recv()

    tasks: list[Any] = []
    async with picows.serve(handler, "127.0.0.1", 0) as server:
        ws = await picows.connect(f"ws://127.0.0.1:{server.port}/")
        await started.wait()
        tasks[0].cancel()
        with pytest.raises(WSConnectionClosed, match="INTERNAL_ERROR"):
            await ws.recv()


def test_a_handler_must_be_callable() -> None:
    with pytest.raises(TypeError, match="handler must be a function or a class, not 5"):
        picows.serve(5, "127.0.0.1", 0)  # type: ignore[call-overload]
