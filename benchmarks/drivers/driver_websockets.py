"""Drives the `websockets` package through its asyncio API."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from common import (
    SECONDS_MAX,
    SIZE_MAX,
    Options,
    Server,
    begin,
    drive,
    echo,
    handshakes,
    receive,
)
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.asyncio.server import broadcast as send_to_all
from websockets.exceptions import ConnectionClosed

SETTINGS: dict[str, Any] = {
    "compression": None,
    "max_size": SIZE_MAX,
    "ping_interval": None,
    "open_timeout": SECONDS_MAX,
}


async def client(options: Options) -> dict[str, float]:
    settings = SETTINGS | {"ssl": options.client_tls, "proxy": None}

    async def one() -> None:
        connection = await connect(options.url, **settings)
        # As the others do: the closing handshake is not what is measured.
        connection.transport.abort()
        await connection.wait_closed()

    if options.work == "handshake":
        return await handshakes(one, options)
    async with connect(options.url, **settings) as connection:
        run = begin()
        if options.work == "echo":
            work = echo(connection.send, connection.recv, run, options)
        else:
            work = receive(connection, connection.send, run, options)
        task = asyncio.create_task(work)
        result = await run.result()
        task.cancel()
        connection.transport.abort()
        return result


async def server(options: Options, control: Server) -> None:
    message = bytes(options.size)
    members: set[ServerConnection] = set()

    async def handle_echo(connection: ServerConnection) -> None:
        async for received in connection:
            await connection.send(received)

    async def handle_sink(connection: ServerConnection) -> None:
        async for _ in connection:
            control.count += 1

    async def handle_stream(connection: ServerConnection) -> None:
        await connection.recv()
        for _ in range(options.burst):
            await connection.send(message)
        await connection.wait_closed()

    async def handle_member(connection: ServerConnection) -> None:
        members.add(connection)
        async for _ in connection:
            if control.broadcast:
                send_round()

    async def handle_idle(connection: ServerConnection) -> None:
        await connection.wait_closed()

    def send_round() -> None:
        if broadcast := control.next_round(len(members)):
            with broadcast.call():
                send_to_all(members, message)

    control.round = send_round
    handle = {
        "echo": handle_echo,
        "sink": handle_sink,
        "stream": handle_stream,
        "broadcast": handle_member,
        "idle": handle_idle,
    }[options.work]

    async def until_closed(connection: ServerConnection) -> None:
        with contextlib.suppress(ConnectionClosed):
            await handle(connection)

    listening = await serve(
        until_closed, "127.0.0.1", 0, ssl=options.server_tls, backlog=4096, **SETTINGS
    )
    control.ready(next(iter(listening.sockets)).getsockname()[1])
    await control.ended


if __name__ == "__main__":
    drive(client, server)
