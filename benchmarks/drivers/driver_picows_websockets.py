"""Drives `picows.websockets`, ours and that of 2.3.1: the same source for both."""

from __future__ import annotations

import asyncio
from typing import Any

from common import SECONDS_MAX, SIZE_MAX, Options, Server, begin, drive, echo, receive

from picows.websockets.asyncio.client import connect

SETTINGS: dict[str, Any] = {
    "compression": None,
    "max_size": SIZE_MAX,
    "ping_interval": None,
    "open_timeout": SECONDS_MAX,
    "proxy": None,
}


async def client(options: Options) -> dict[str, float]:
    connection = await connect(options.url, ssl=options.client_tls, **SETTINGS)
    run = begin()
    if options.work == "echo":
        work = echo(connection.send, connection.recv, run, options)
    else:
        work = receive(connection, connection.send, run, options)
    task = asyncio.create_task(work)
    result = await run.result()
    task.cancel()
    return result


async def server(options: Options, control: Server) -> None:
    raise NotImplementedError("no case has a server that awaits messages")


if __name__ == "__main__":
    drive(client, server)
