"""Connections that come and go in every way leave nothing behind.

python tests/leaks/connections.py --count 100000
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
from typing import Any

import measure

from picows import (
    WSError,
    WSFrame,
    WSListener,
    WSMsgType,
    WSTransport,
    WSUpgradeRequest,
    ws_connect,
    ws_create_server,
)

CONCURRENT = 20
LARGE = b"x" * 100_000
ABRUPT = (2, 6)
"""Ways to end that reset the connection, which aiofastnet on uvloop does not always notice (the
reset is reported once, when bytes still stand in front of it): its server would wait for ever."""


class Server(WSListener):
    """Echoes; a few messages mean something."""

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code(), frame.get_close_message())
            transport.disconnect()
            return
        payload = frame.get_payload_as_bytes()
        if payload == b"disconnect":
            transport.disconnect()
        elif payload == b"raise":
            raise ValueError("asked for")
        elif payload == b"half":
            # The start of a frame that never ends, with a header that says so.
            transport.underlying_transport.write(b"\x82\x7f" + (1 << 20).to_bytes(8, "big"))
            transport.underlying_transport.write(LARGE)
            transport.disconnect()
        else:
            transport.send(frame.msg_type, payload)


class Client(WSListener):
    def __init__(self) -> None:
        self.kept: list[Any] = []
        self.answered = asyncio.Event()

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.transport = transport  # a cycle, as in many programs

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        self.kept.append(frame)
        self.kept.append(frame.get_payload_as_memoryview())
        self.answered.set()


def factory(request: WSUpgradeRequest) -> WSListener | None:
    if request.path == b"/raise":
        raise ValueError("asked for")
    return Server() if request.path == b"/" else None


async def echo(transport: WSTransport, listener: Client, message: bytes) -> None:
    transport.send(WSMsgType.BINARY, message)
    await listener.answered.wait()
    listener.answered.clear()


async def ends(transport: WSTransport, listener: Client, way: int) -> None:
    await echo(transport, listener, b"hello")
    if way == 0:
        transport.send_close(1000, "bye")
    elif way == 1:
        transport.disconnect()
    elif way == 2:
        transport.disconnect(graceful=False)
    elif way == 3:
        transport.send(WSMsgType.TEXT, "disconnect")
    elif way == 4:
        transport.send(WSMsgType.TEXT, "half")
    elif way == 5:
        await echo(transport, listener, LARGE)
        transport.disconnect()
    elif way == 6:  # data on its way that nobody reads any more
        transport.send(WSMsgType.BINARY, LARGE)
        transport.send(WSMsgType.BINARY, LARGE)
        transport.disconnect(graceful=False)
    else:
        transport.send(WSMsgType.TEXT, "raise")
    await transport.wait_disconnected()


async def connection(
    url: str, number: int, options: dict[str, Any], given: argparse.Namespace
) -> None:
    path = {13: "none", 27: "raise"}.get(number % 40, "")
    with contextlib.suppress(WSError, OSError):
        transport, listener = await ws_connect(Client, url + path, **options)
        assert isinstance(listener, Client)
        # An exception ends a connection after a while; few of them, so as not to wait for it.
        way = number % 7 if number % 40 else 7
        if way in ABRUPT and given.loop == "uvloop" and given.transport == "aiofastnet":
            way = 1
        await ends(transport, listener, way)


def main() -> None:
    given = measure.arguments(__doc__ or "", count=1000)
    server_options, client_options, scheme = measure.options(given)
    numbers = itertools.count()

    async def work(count: int) -> None:
        server = await ws_create_server(factory, "0.0.0.0", 0, **server_options)
        port = server.sockets[0].getsockname()[1]
        left = itertools.repeat(None, count)

        async def worker() -> None:
            for _ in left:
                number = next(numbers)
                # Many addresses: one has 28,000 ports for connections, and each rests for a minute.
                # The certificate knows only one.
                host = "127.0.0.1" if given.tls else f"127.0.0.{number % 50 + 1}"
                await connection(f"{scheme}://{host}:{port}/", number, client_options, given)

        await asyncio.gather(*[worker() for _ in range(CONCURRENT)])
        server.close()
        await server.wait_closed()
        await asyncio.sleep(0.2)  # the lingering ones and those of the other side

    measure.run(given, work, given.count)


if __name__ == "__main__":
    main()
