"""Drives `websocket-rs`, whose messages are views that are made when they are taken."""

from __future__ import annotations

import asyncio
from typing import Any

from common import SECONDS_MAX, Options, Run, Server, begin, drive, receive
from websocket_rs.native_client import connect


async def client(options: Options) -> dict[str, float]:
    connection = await connect(
        options.url, ssl_context=options.client_tls, connect_timeout=SECONDS_MAX
    )
    run = begin()

    async def send(message: bytes) -> None:
        connection.send(message)

    if options.work == "echo":
        work = echo(connection, run, options)
    else:
        work = receive(connection, send, run, options)
    task = asyncio.create_task(work)
    result = await run.result()
    task.cancel()
    return result


async def echo(connection: Any, run: Run, options: Options) -> None:
    message = bytes(options.size)
    while not run.over:
        connection.send(message)
        await connection.recv()
        run.count += 1
        if run.count == run.limit:
            run.finish()


async def server(options: Options, control: Server) -> None:
    raise NotImplementedError("websocket-rs is a client")


if __name__ == "__main__":
    drive(client, server)
