"""picows.asgi against uvicorn's default: CPU time of the server, both in one run, in turns.

    python -m benchmarks.asgi [CASE ...]

Each case is measured some times with one server and the other. Printed are the medians of both, in
microseconds of the server's CPU time a message (a connection, KiB), and the median of the ratios.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

ROOT = Path(__file__).parents[1]
SERVERS = {"uvicorn": "websockets-sansio", "picows": "picows.asgi:PicowsProtocol"}
ROUNDS = 5


class Echoed(WSListener):
    """Sends a message again as often as it comes back, until it came back so often."""

    def __init__(self, payload: bytes, count: int) -> None:
        self.payload, self.count = payload, count
        self.done = asyncio.get_running_loop().create_future()

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.transport = transport

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        self.count -= 1
        if self.count > 0:
            transport.send(WSMsgType.BINARY, self.payload)
        elif not self.done.done():
            self.done.set_result(None)


async def connected(url: str, count: int, make: Callable[[], Echoed], **options: Any) -> list[Any]:
    return [(await ws_connect(make, url, **options))[1] for _ in range(count)]


async def left(clients: list[Any]) -> None:
    for client in clients:
        client.transport.disconnect()
    for client in clients:
        await client.transport.wait_disconnected()


def cpu(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory(process: int) -> float:
    """Resident KiB."""
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGESIZE") / 1024


def echoes(
    connections: int, messages: int, payload: bytes = b"x" * 256, **options: Any
) -> Callable[[str, int], Awaitable[float]]:
    async def measure(url: str, process: int) -> float:
        each = messages // connections
        clients = await connected(url, connections, lambda: Echoed(payload, each), **options)
        before = cpu(process)
        for client in clients:
            client.transport.send(WSMsgType.BINARY, payload)
        await asyncio.gather(*(client.done for client in clients))
        used = cpu(process) - before
        await left(clients)
        return used / messages * 1e6

    return measure


async def inflow(url: str, process: int) -> float:
    """Many small messages in each write, none of which is answered but the last."""
    (client,) = await connected(f"{url}sink", 1, lambda: Echoed(b"", 1), coalesce_sends=False)
    count = 30_000
    before = cpu(process)
    for start in range(0, count, 500):
        for _ in range(500):
            client.transport.send(WSMsgType.BINARY, b"x" * 32)
        if start % 5000 == 0:
            await asyncio.sleep(0)
    client.transport.send(WSMsgType.TEXT, "all")
    await client.done
    used = cpu(process) - before
    await left([client])
    return used / count * 1e6


async def connects(url: str, process: int) -> float:
    count = 400
    before = cpu(process)
    for _ in range(count // 20):
        await left(await connected(url, 20, lambda: Echoed(b"", 1)))
    return (cpu(process) - before) / count * 1e6


async def idle(url: str, process: int) -> float:
    """Of a server that had only a few before: what connections leave is used again by others."""
    await left(await connected(url, 10, lambda: Echoed(b"", 1)))
    before = memory(process)
    clients = await connected(url, 2000, lambda: Echoed(b"", 1))
    await asyncio.sleep(0.3)
    used = memory(process) - before
    await left(clients)
    return used / 2000


TEXT = b'{"symbol": "ABC", "side": "buy", "price": 101.25, "quantity": 300, "venue": "X"}, ' * 12
CASES: dict[str, tuple[str, Callable[[str, int], Awaitable[float]]]] = {
    "raw echo, 64 connections": ("raw", echoes(64, 19_200)),
    "raw echo, 1 connection": ("raw", echoes(1, 6_000)),
    "Starlette echo, 64 connections": ("starlette", echoes(64, 12_800)),
    "FastAPI echo, 64 connections": ("fastapi", echoes(64, 12_800)),
    "compressed echo of 1 KB": ("raw", echoes(16, 6_400, TEXT, permessage_deflate=True)),
    "inflow of 32 B": ("raw", inflow),
    "connects": ("raw", connects),
    "idle, KiB": ("raw", idle),
}


async def raw(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    sink = scope["path"] == "/sink"
    while (event := await receive())["type"] == "websocket.receive":
        data = event.get("bytes")
        if data is None:
            await send({"type": "websocket.send", "text": event["text"]})
        elif not sink:
            await send({"type": "websocket.send", "bytes": data})


def starlette() -> Any:
    from starlette.applications import Starlette
    from starlette.routing import WebSocketRoute

    return Starlette(routes=[WebSocketRoute("/", _echo)])


def fastapi() -> Any:
    from fastapi import FastAPI, WebSocket

    app = FastAPI()
    _echo.__annotations__["ws"] = WebSocket
    app.websocket("/")(_echo)
    return app


async def _echo(ws: Any) -> None:
    await ws.accept()
    while (event := await ws.receive())["type"] == "websocket.receive":
        await ws.send_bytes(event["bytes"])


@contextlib.contextmanager
def served(ws: str, app: str) -> Iterator[tuple[str, int]]:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port = sock.getsockname()[1]
    options = ["--loop", "uvloop", "--log-level", "error", "--lifespan", "off"]
    if app != "raw":
        options.append("--factory")
    command = [sys.executable, "-m", "uvicorn", f"benchmarks.asgi:{app}", "--ws", ws, *options]
    process = subprocess.Popen([*command, "--port", str(port)], cwd=ROOT)
    try:
        for _ in range(300):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            time.sleep(0.1)
        yield f"ws://127.0.0.1:{port}/", process.pid
    finally:
        process.kill()
        process.wait()


def main() -> None:
    import uvloop

    for name in sys.argv[1:] or CASES:
        app, measure = CASES[name]
        results: dict[str, list[float]] = {server: [] for server in SERVERS}
        with contextlib.ExitStack() as stack:
            running = {key: stack.enter_context(served(ws, app)) for key, ws in SERVERS.items()}
            for _ in range(1 if name.startswith("idle") else ROUNDS):
                for server, (url, process) in running.items():
                    results[server].append(uvloop.run(measure(url, process)))
        theirs, ours = results["uvicorn"], results["picows"]
        ratio = statistics.median(a / b for a, b in zip(theirs, ours, strict=True) if b > 0)
        medians = [statistics.median(each) for each in (theirs, ours)]
        print(f"{name:32} {medians[0]:8.1f} {medians[1]:8.1f}   {ratio:.2f} times", flush=True)


if __name__ == "__main__":
    main()
