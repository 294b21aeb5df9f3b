"""Drives `picows.connect`: messages that are awaited."""

from __future__ import annotations

import asyncio
import time

from common import SECONDS_MAX, SIZE_MAX, Options, Run, Server, begin, drive

import picows
from picows import WSConnection

Connection = WSConnection[str | bytes]


async def client(options: Options) -> dict[str, float]:
    ws = await picows.connect(
        options.url,
        ssl_context=options.client_tls,
        max_message_size=SIZE_MAX,
        websocket_handshake_timeout=SECONDS_MAX,
        enable_auto_ping=False,
    )
    run = begin()
    work = echo if options.work == "echo" else receive
    task = asyncio.create_task(work(ws, run, options))
    result = await run.result()
    task.cancel()
    ws.transport.disconnect(graceful=False)
    return result


async def echo(ws: Connection, run: Run, options: Options) -> None:
    message = bytes(options.size)
    while not run.over:
        ws.send(message)
        await ws.recv()
        run.count += 1
        if options.timed:
            run.times.append(time.perf_counter_ns())
        if run.count == run.limit:
            run.finish()


async def receive(ws: Connection, run: Run, options: Options) -> None:
    burst = options.burst if options.work == "burst" else 0
    ws.send(str(max(run.limit, 0)).encode())
    async for _ in ws:
        run.count += 1
        if run.count == run.limit:
            run.finish()
        elif burst and run.count % burst == 0:
            ws.send(b"")


async def server(options: Options, control: Server) -> None:
    raise NotImplementedError("no case has a server that awaits messages")


if __name__ == "__main__":
    drive(client, server)
