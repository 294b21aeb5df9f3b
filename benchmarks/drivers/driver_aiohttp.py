"""Drives the `aiohttp` package."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import aiohttp
from aiohttp import web
from common import SIZE_MAX, Options, Run, Server, begin, drive


async def client(options: Options) -> dict[str, float]:
    settings: dict[str, Any] = {"max_msg_size": SIZE_MAX, "compress": 0}
    if options.tls:
        settings["ssl"] = options.client_tls
    async with aiohttp.ClientSession() as session:
        if options.work == "handshake":
            return await handshakes(session, options, settings)
        socket = await session.ws_connect(options.url, **settings)
        message = bytes(options.size)
        run = begin()
        if options.work == "echo":
            work = echo(socket, run, message, options.timed)
        else:
            await socket.send_bytes(str(max(run.limit, 0)).encode())
            work = receive(socket, run, options.burst if options.work == "burst" else 0)
        task = asyncio.create_task(work)
        result = await run.result()
        task.cancel()
        return result


async def echo(socket: Any, run: Run, message: bytes, timed: bool) -> None:
    while not run.over:
        await socket.send_bytes(message)
        await socket.receive()
        run.count += 1
        if timed:
            run.times.append(time.perf_counter_ns())
        if run.count == run.limit:
            run.finish()


async def receive(socket: Any, run: Run, burst: int) -> None:
    async for _ in socket:
        run.count += 1
        if run.count == run.limit:
            run.finish()
        elif burst and run.count % burst == 0:
            await socket.send_bytes(b"")


async def handshakes(
    session: aiohttp.ClientSession, options: Options, settings: dict[str, Any]
) -> dict[str, float]:
    async def one() -> None:
        socket = await session.ws_connect(options.url, **settings)
        # There is no public way to abort, so the closing handshake is in its figure.
        await socket.close()

    await one()  # the first one imports what has been put off
    run = begin()

    async def one_after_the_other() -> None:
        while not run.over:
            await one()
            run.count += 1

    tasks = [asyncio.create_task(one_after_the_other()) for _ in range(options.connections)]
    result = await run.result()
    await asyncio.gather(*tasks)
    return result


async def server(options: Options, control: Server) -> None:
    message = bytes(options.size)
    members: set[web.WebSocketResponse] = set()

    async def handle_echo(socket: web.WebSocketResponse) -> None:
        async for received in socket:
            await socket.send_bytes(received.data)

    async def handle_sink(socket: web.WebSocketResponse) -> None:
        async for _ in socket:
            control.count += 1

    async def handle_stream(socket: web.WebSocketResponse) -> None:
        await socket.receive()
        for _ in range(options.burst):
            await socket.send_bytes(message)
        await socket.receive()

    async def handle_member(socket: web.WebSocketResponse) -> None:
        members.add(socket)
        async for _ in socket:
            if control.broadcast:
                await send_round()

    async def handle_idle(socket: web.WebSocketResponse) -> None:
        await socket.receive()

    async def send_round() -> None:
        """There is no broadcast; a send waits only when the transport is full."""
        broadcast = control.broadcast
        assert broadcast
        if not broadcast.goes_on():
            return control.broadcast_over(len(members))
        start = time.perf_counter()
        for member in members:
            await member.send_bytes(message)
        broadcast.calls += time.perf_counter() - start
        broadcast.rounds += 1
        return None

    tasks: list[asyncio.Task[None]] = []
    control.round = lambda: tasks.append(asyncio.create_task(send_round()))
    handle = {
        "echo": handle_echo,
        "sink": handle_sink,
        "stream": handle_stream,
        "broadcast": handle_member,
        "idle": handle_idle,
    }[options.work]

    async def upgrade(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(max_msg_size=SIZE_MAX, compress=False)
        await socket.prepare(request)
        await handle(socket)
        return socket

    application = web.Application()
    application.router.add_get("/{path:.*}", upgrade)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=options.server_tls, backlog=4096)
    await site.start()
    control.ready(runner.addresses[0][1])
    await control.ended


if __name__ == "__main__":
    drive(client, server)
