"""A server that lets in who brings a token: `Authorization: Bearer ...` (RFC 6750).

    python examples/token_auth.py

It prints:

    hello ada
    the server answered with status 401 instead of 101

Browsers cannot set headers on a WebSocket. For them, take a cookie and check `Origin` (browser.py),
or let the first message bring the token. A token in the URL would end up in logs.
"""

import asyncio
import hashlib
from http import HTTPStatus

from picows import (
    WSFrame,
    WSInvalidStatusError,
    WSListener,
    WSMsgType,
    WSTransport,
    WSUpgradeRequest,
    WSUpgradeResponse,
    WSUpgradeResponseWithListener,
    ws_connect,
    ws_create_server,
)


def digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


# Who reads this table cannot log in with it, and how long a look-up takes tells nothing of a token.
USERS = {digest("8f14e45fceea167a5a36dedd4bea2543"): "ada"}


class Session(WSListener):
    def __init__(self, user: str) -> None:
        self.user = user

    def on_ws_connected(self, transport: WSTransport) -> None:
        transport.send(WSMsgType.TEXT, f"hello {self.user}")

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code(), frame.get_close_message())
            transport.disconnect()


async def user_of(token: str) -> str | None:
    await asyncio.sleep(0.01)  # asks a database, say
    return USERS.get(digest(token))


async def make_listener(request: WSUpgradeRequest) -> Session | WSUpgradeResponseWithListener:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    user = await user_of(token.strip()) if scheme.lower() == "bearer" else None
    if user is None:
        response = WSUpgradeResponse.create_error_response(
            HTTPStatus.UNAUTHORIZED, extra_headers={"WWW-Authenticate": 'Bearer realm="feed"'}
        )
        return WSUpgradeResponseWithListener(response, None)
    return Session(user)


class Client(WSListener):
    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        print(frame.get_payload_as_utf8_text())
        transport.disconnect()


async def main() -> None:
    server = await ws_create_server(make_listener, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    for token in ("8f14e45fceea167a5a36dedd4bea2543", "a guess"):
        headers = {"Authorization": f"Bearer {token}"}
        try:
            transport, _ = await ws_connect(
                Client, f"ws://127.0.0.1:{port}/", extra_headers=headers
            )
        except WSInvalidStatusError as error:
            print(error)
        else:
            await transport.wait_disconnected()
    server.close()


asyncio.run(main())
