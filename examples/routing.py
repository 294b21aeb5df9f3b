"""Paths, a query, a health check and a redirect at one port.

    python examples/routing.py [PORT]

Ctrl-C ends it. Try `curl http://127.0.0.1:9001/health`.
"""

import asyncio
import contextlib
import json
import sys
from collections.abc import Callable
from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

from picows import (
    WSFrame,
    WSListener,
    WSMsgType,
    WSTransport,
    WSUpgradeRequest,
    WSUpgradeResponse,
    WSUpgradeResponseWithListener,
    ws_create_server,
)

Query = dict[str, list[str]]
Answer = WSListener | WSUpgradeResponseWithListener | None

connections: set[WSTransport] = set()


class Connection(WSListener):
    def on_ws_connected(self, transport: WSTransport) -> None:
        connections.add(transport)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        connections.discard(transport)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code(), frame.get_close_message())
            transport.disconnect()
        elif frame.msg_type == WSMsgType.TEXT:
            transport.send(WSMsgType.TEXT, self.answer(frame.get_payload_as_utf8_text()))

    def answer(self, text: str) -> str:
        return text


class Greeter(Connection):
    def __init__(self, greeting: str) -> None:
        self.greeting = greeting

    def answer(self, text: str) -> str:
        return f"{self.greeting}, {text}"


def echo(query: Query) -> Answer:
    return Connection()


def greet(query: Query) -> Answer:
    return Greeter(query.get("greeting", ["hello"])[0])


def health(query: Query) -> Answer:
    """Plain HTTP: no upgrade is asked for, and none is needed."""
    body = json.dumps({"ok": True, "connections": len(connections)}).encode()
    response = WSUpgradeResponse.create_ok_response(body, {"Content-Type": "application/json"})
    return WSUpgradeResponseWithListener(response, None)


def moved(query: Query) -> Answer:
    response = WSUpgradeResponse.create_redirect_response(HTTPStatus.PERMANENT_REDIRECT, "/echo")
    return WSUpgradeResponseWithListener(response, None)


ROUTES: dict[str, Callable[[Query], Answer]] = {
    "/echo": echo,
    "/greet": greet,
    "/health": health,
    "/old-echo": moved,
}


def route(request: WSUpgradeRequest) -> Answer:
    target = urlsplit(request.path.decode("latin-1"))
    handler = ROUTES.get(target.path)
    return handler(parse_qs(target.query)) if handler else None  # None is answered with 404


async def main(port: int) -> None:
    server = await ws_create_server(route, "127.0.0.1", port)
    print(f"listening on ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/", flush=True)
    await server.serve_forever()


with contextlib.suppress(KeyboardInterrupt):
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 9001))
