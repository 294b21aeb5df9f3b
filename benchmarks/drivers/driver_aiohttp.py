"""Drives the `aiohttp` package."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
from aiohttp import web
from common import SIZE_MAX, Options, Server, begin, drive, echo, handshakes, receive


async def client(options: Options) -> dict[str, float]:
    settings: dict[str, Any] = {"max_msg_size": SIZE_MAX, "compress": 0}
    if options.tls:
        settings["ssl"] = options.client_tls
    async with aiohttp.ClientSession() as session:

        async def one() -> None:
            socket = await session.ws_connect(options.url, **settings)
            # There is no public way to abort, so the closing handshake is in its figure.
            await socket.close()

        if options.work == "handshake":
            return await handshakes(one, options)
        socket = await session.ws_connect(options.url, **settings)
        run = begin()
        if options.work == "echo":
            work = echo(socket.send_bytes, socket.receive, run, options)
        else:
            work = receive(socket, socket.send_bytes, run, options)
        task = asyncio.create_task(work)
        result = await run.result()
        task.cancel()
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
        if broadcast := control.next_round(len(members)):
            with broadcast.call():
                for member in members:
                    await member.send_bytes(message)

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
