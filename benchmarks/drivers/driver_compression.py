"""An echo of compressed messages in one process, both ends the same library's; prints JSON.

python driver_compression.py LIBRARY SIZE ECHOES CONNECTIONS

LIBRARY: picows (a listener), picows.websockets, websockets, aiohttp, aiohttp-isal. Each with what
it does if it is asked to compress and told nothing else. Runs in any interpreter with the library.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import socket
import struct
import sys
import time
from typing import Any

TCP_INFO_SIZE = 256
BYTES_ACKED = 120  # in struct tcp_info of linux/tcp.h; bytes received are next to it


def messages(size: int) -> list[str]:
    """JSON of a market feed; before a message comes again, no window has it any more."""
    rng = random.Random(7692)

    def quote() -> dict[str, Any]:
        return {
            "s": rng.choice(["BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT"]),
            "p": f"{rng.uniform(100, 70000):.2f}",
            "q": f"{rng.uniform(0, 3):.4f}",
            "T": 1_700_000_000_000 + rng.randrange(10**9),
        }

    made = []
    for _ in range(max(64, 70_000 // size)):
        text = ""
        while len(text) < size:
            text += json.dumps(quote(), separators=(",", ":")) + ","
        made.append(text[:size])
    return made


def resident() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096


class Picows:
    async def __aenter__(self) -> Picows:
        from picows import WSListener, ws_create_server

        class Echo(WSListener):
            def on_ws_frame(self, transport: Any, frame: Any) -> None:
                transport.send(frame.msg_type, frame.get_payload_as_utf8_text())

        self.server = await ws_create_server(
            lambda _: Echo(), "127.0.0.1", 0, permessage_deflate=True
        )
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def connect(self) -> Any:
        from picows import WSListener, ws_connect

        class Client(WSListener):
            def on_ws_frame(self, transport: Any, frame: Any) -> None:
                self.left -= 1
                self.last = frame.get_payload_as_utf8_text()
                if self.left:
                    transport.send(1, self.messages[self.left % len(self.messages)])
                else:
                    self.done.set_result(None)

        url = f"ws://127.0.0.1:{self.port}/"
        return await ws_connect(Client, url, permessage_deflate=True)

    async def echo(self, connection: Any, texts: list[str], count: int) -> None:
        transport, client = connection
        client.messages, client.left = texts, count
        client.done = asyncio.get_running_loop().create_future()
        transport.send(1, texts[count % len(texts)])
        await client.done
        assert client.last == texts[1]

    async def __aexit__(self, *_: object) -> None:
        self.server.close()


class Websockets:
    def __init__(self, package: str) -> None:
        if package == "websockets":
            from websockets.asyncio.client import connect
            from websockets.asyncio.server import serve
        else:
            from picows.websockets.asyncio.client import connect
            from picows.websockets.asyncio.server import serve
        self._connect, self._serve = connect, serve

    async def __aenter__(self) -> Websockets:
        async def handler(ws: Any) -> None:
            async for message in ws:
                await ws.send(message)

        self.server = await self._serve(handler, "127.0.0.1", 0, compression="deflate")
        sockets = getattr(self.server, "sockets", None) or self.server.server.sockets
        self.port = next(iter(sockets)).getsockname()[1]
        return self

    async def connect(self) -> Any:
        ws = await self._connect(f"ws://127.0.0.1:{self.port}/", compression="deflate")
        return (
            await ws.__aenter__() if hasattr(ws, "__aenter__") and not hasattr(ws, "recv") else ws
        )

    async def echo(self, ws: Any, texts: list[str], count: int) -> None:
        for left in range(count, 0, -1):
            await ws.send(texts[left % len(texts)])
            message = await ws.recv()
        assert message == texts[1]

    async def __aexit__(self, *_: object) -> None:
        self.server.close()


class Aiohttp:
    def __init__(self, isal: bool) -> None:
        import aiohttp

        self.session: Any = None
        self.aiohttp = aiohttp
        if isal:
            from isal import isal_zlib

            aiohttp.set_zlib_backend(isal_zlib)

    async def __aenter__(self) -> Aiohttp:
        from aiohttp import web

        async def handle(request: Any) -> Any:
            ws = web.WebSocketResponse()
            await ws.prepare(request)
            async for message in ws:
                await ws.send_str(message.data)
            return ws

        app = web.Application()
        app.router.add_get("/", handle)
        self.runner = web.AppRunner(app)
        await self.runner.setup()
        site = web.TCPSite(self.runner, "127.0.0.1", 0)
        await site.start()
        self.port = site._server.sockets[0].getsockname()[1]
        connector = self.aiohttp.TCPConnector(limit=0)
        self.session = self.aiohttp.ClientSession(connector=connector)
        return self

    async def connect(self) -> Any:
        return await self.session.ws_connect(f"ws://127.0.0.1:{self.port}/", compress=15)

    async def echo(self, ws: Any, texts: list[str], count: int) -> None:
        for left in range(count, 0, -1):
            await ws.send_str(texts[left % len(texts)])
            message = await ws.receive_str()
        assert message == texts[1]

    async def __aexit__(self, *_: object) -> None:
        await self.session.close()


def library(name: str) -> Any:
    if name == "picows":
        return Picows()
    if name.startswith("aiohttp"):
        return Aiohttp(name == "aiohttp-isal")
    return Websockets(name)


def wire_bytes(port: int) -> int:
    """Both ways on the first connection to the port, as the kernel counts them."""
    for name in sorted(os.listdir("/proc/self/fd"), key=int):
        try:
            with socket.socket(fileno=os.dup(int(name))) as sock:
                if sock.family == socket.AF_INET and sock.getpeername()[1] == port:
                    info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, TCP_INFO_SIZE)
                    return sum(struct.unpack_from("=2Q", info, BYTES_ACKED))
        except OSError:
            continue  # no socket, or not connected
    raise LookupError(port)


async def measure(name: str, size: int, count: int, connections: int) -> dict[str, float]:
    texts = messages(size)
    async with library(name) as subject:
        one = await subject.connect()
        await subject.echo(one, texts, 64)
        before = wire_bytes(subject.port)
        cpu, wall = time.process_time(), time.perf_counter()
        await subject.echo(one, texts, count)
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        wire = wire_bytes(subject.port) - before
        memory = resident()
        kept = [one]
        for _ in range(connections):
            kept.append(await subject.connect())
            await subject.echo(kept[-1], texts, 65)
        memory = resident() - memory
    return {
        "cpu_us": cpu / count * 1e6,
        "rate": count / wall,
        "wire": wire / count / 2,
        "idle_kib": memory / 1024 / max(1, connections),
    }


if __name__ == "__main__":
    name, *numbers = sys.argv[1:]
    print(json.dumps(asyncio.run(measure(name, *map(int, numbers)))), flush=True)
    os._exit(0)  # nobody closes the connections
