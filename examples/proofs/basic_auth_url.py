"""Credentials of a URL become Basic authentication, and stand nowhere else."""

import asyncio
import base64

from picows import WSListener, WSUpgradeRequest, ws_connect, ws_create_server


async def main() -> None:
    seen: list[WSUpgradeRequest] = []

    def factory(request: WSUpgradeRequest) -> WSListener:
        seen.append(request)
        return WSListener()

    server = await ws_create_server(factory, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    transport, _ = await ws_connect(WSListener, f"ws://Aladdin:open%20sesame@127.0.0.1:{port}/cave")
    transport.disconnect()
    await transport.wait_disconnected()
    server.close()

    request = seen[0]
    print(request.method.decode(), request.path.decode())
    for name, value in request.headers.items():
        print(f"{name}: {value}")
    kind, _, credentials = request.headers["Authorization"].partition(" ")
    assert (kind, base64.b64decode(credentials)) == ("Basic", b"Aladdin:open sesame")
    assert request.headers["Host"] == f"127.0.0.1:{port}"
    assert request.path == b"/cave"
    others = [value for name, value in request.headers.items() if name != "Authorization"]
    assert not any("Aladdin" in value or "sesame" in value for value in others)


asyncio.run(main())
