"""Drives the `websockets` package through its asyncio API."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import Any

from common import SECONDS_MAX, SIZE_MAX, Options, Run, Server, begin, drive
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
    if options.work == "handshake":
        return await handshakes(options, settings)
    async with connect(options.url, **settings) as connection:
        message = bytes(options.size)
        run = begin()
        if options.work == "echo":
            work = echo(connection, run, message, options.timed)
        else:
            await connection.send(str(max(run.limit, 0)).encode())
            work = receive(connection, run, options.burst if options.work == "burst" else 0)
        task = asyncio.create_task(work)
        result = await run.result()
        task.cancel()
        connection.transport.abort()
        return result


async def echo(connection: Any, run: Run, message: bytes, timed: bool) -> None:
    while not run.over:
        await connection.send(message)
        await connection.recv()
        run.count += 1
        if timed:
            run.times.append(time.perf_counter_ns())
        if run.count == run.limit:
            run.finish()


async def receive(connection: Any, run: Run, burst: int) -> None:
    async for _ in connection:
        run.count += 1
        if run.count == run.limit:
            run.finish()
        elif burst and run.count % burst == 0:
            await connection.send(b"")


async def handshakes(options: Options, settings: dict[str, Any]) -> dict[str, float]:
    async def one() -> None:
        connection = await connect(options.url, **settings)
        # As the others do: the closing handshake is not what is measured.
        connection.transport.abort()
        await connection.wait_closed()

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
        broadcast = control.broadcast
        assert broadcast
        if not broadcast.goes_on():
            return control.broadcast_over(len(members))
        start = time.perf_counter()
        send_to_all(members, message)
        broadcast.calls += time.perf_counter() - start
        broadcast.rounds += 1
        return None

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
