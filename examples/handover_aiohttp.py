"""A web server of aiohttp that hands its WebSockets over to picows.

    python examples/handover_aiohttp.py

It prints:

    GET /: a page of aiohttp
    WebSocket /feed: hello over picows
    WebSocket /feed: echo: and again

aiohttp routes, reads the request and knows middlewares and sessions; frames are picows' from the
first byte. `set_parser` gives what aiohttp has read behind the head, and `connection_lost` tells it
in the end, because its own protocol hears nothing from the transport any more.
"""

import asyncio
from typing import Any, cast

import aiohttp
from aiohttp import web

from picows import WSEndpoint, WSFrame, WSListener, WSMsgType, WSTransport, ws_connect, ws_endpoint

ENDPOINT = web.AppKey("endpoint", WSEndpoint)


class Feed(WSListener):
    def on_ws_connected(self, transport: WSTransport) -> None:
        transport.send(WSMsgType.TEXT, "hello over picows")

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code(), frame.get_close_message())
            transport.disconnect()
        else:
            transport.send(frame.msg_type, b"echo: " + frame.get_payload_as_bytes())


class Behind:
    """A parser of aiohttp's that keeps what it is fed."""

    def __init__(self) -> None:
        self.data = b""

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        self.data += data
        return False, b""

    def feed_eof(self) -> None:
        pass


def head_of(request: web.Request) -> bytes:
    fields = [b"%s: %s\r\n" % field for field in request.raw_headers]
    return b"GET %s HTTP/1.1\r\n%s\r\n" % (request.raw_path.encode(), b"".join(fields))


async def feed(request: web.Request) -> web.StreamResponse:
    transport, protocol = request.transport, request.protocol
    if transport is None or request.headers.get("Upgrade", "").lower() != "websocket":
        raise web.HTTPUpgradeRequired
    behind = Behind()
    cast(Any, protocol).set_parser(behind)
    connection = request.app[ENDPOINT].attach(transport, received=head_of(request) + behind.data)
    await connection.wait_disconnected()
    protocol.connection_lost(None)
    return web.Response()  # goes nowhere


async def page(request: web.Request) -> web.Response:
    return web.Response(text="a page of aiohttp")


class Client(WSListener):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def on_ws_connected(self, transport: WSTransport) -> None:
        transport.send(WSMsgType.TEXT, "and again")

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.TEXT:
            self.lines.append(frame.get_payload_as_utf8_text())
            if len(self.lines) == 2:
                transport.send_close(1000, answer_timeout=5)


async def main() -> None:
    app = web.Application()
    app[ENDPOINT] = ws_endpoint(lambda request: Feed())
    app.add_routes([web.get("/", page), web.get("/feed", feed)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    address = f"127.0.0.1:{runner.addresses[0][1]}"

    async with aiohttp.ClientSession() as session, session.get(f"http://{address}/") as response:
        print("GET /:", await response.text())
    transport, client = await ws_connect(Client, f"ws://{address}/feed")
    await transport.wait_disconnected()
    for line in client.lines:
        print("WebSocket /feed:", line)
    await runner.cleanup()


asyncio.run(main())
