"""Client and server agree on a subprotocol (RFC 6455, 1.9).

    python examples/subprotocols.py

It prints:

    chat.v3, chat.v2, chat.v1: the server chose chat.v2
    chat.v1: the server chose chat.v1
    mail: the server answered with status 400 instead of 101
"""

import asyncio
from http import HTTPStatus

from picows import (
    WSHandshakeError,
    WSInvalidStatusError,
    WSListener,
    WSTransport,
    WSUpgradeRequest,
    WSUpgradeResponse,
    WSUpgradeResponseWithListener,
    ws_connect,
    ws_create_server,
)

HEADER = "Sec-WebSocket-Protocol"
SUPPORTED = {"chat.v1", "chat.v2"}


class Chat(WSListener):
    def __init__(self, subprotocol: str) -> None:
        self.subprotocol = subprotocol


def offered_by(request: WSUpgradeRequest) -> list[str]:
    """What the client wants, the best first. The header may be there more than once."""
    lines = request.headers.getall(HEADER, [])
    return [name.strip() for line in lines for name in line.split(",")]


def make_listener(request: WSUpgradeRequest) -> WSUpgradeResponseWithListener:
    for name in offered_by(request):
        if name in SUPPORTED:
            response = WSUpgradeResponse.create_101_response({HEADER: name})
            return WSUpgradeResponseWithListener(response, Chat(name))
    response = WSUpgradeResponse.create_error_response(
        HTTPStatus.BAD_REQUEST, f"{HEADER}: one of {', '.join(sorted(SUPPORTED))}\n".encode()
    )
    return WSUpgradeResponseWithListener(response, None)


async def connect(url: str, offered: list[str]) -> tuple[WSTransport, Chat]:
    """Connect with one of the offered subprotocols, or raise WSHandshakeError."""

    def make_chat(request: WSUpgradeRequest, response: WSUpgradeResponse) -> Chat:
        chosen = response.headers.get(HEADER)
        if chosen not in offered:  # RFC 6455, 4.1: the client has to fail the connection
            raise WSHandshakeError(f"the server chose {chosen}, which was not offered")
        return Chat(chosen)

    return await ws_connect(make_chat, url, extra_headers={HEADER: ", ".join(offered)})


async def main() -> None:
    server = await ws_create_server(make_listener, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    for offered in (["chat.v3", "chat.v2", "chat.v1"], ["chat.v1"], ["mail"]):
        print(", ".join(offered), end=": ")
        try:
            transport, chat = await connect(f"ws://127.0.0.1:{port}/", offered)
        except WSInvalidStatusError as error:
            print(error)
        else:
            print("the server chose", chat.subprotocol)
            transport.disconnect()
            await transport.wait_disconnected()
    server.close()


asyncio.run(main())
