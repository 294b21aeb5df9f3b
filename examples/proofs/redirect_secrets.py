"""A redirect to another origin gets none of the secrets that were meant for the first."""

import asyncio

from picows import (
    WSListener,
    WSUpgradeRequest,
    WSUpgradeResponse,
    WSUpgradeResponseWithListener,
    ws_connect,
    ws_create_server,
)

HEADERS = {
    "Authorization": "Bearer secret-token",
    "Cookie": "session=secret-session",
    "Proxy-Authorization": "Basic secret-proxy",
    "X-Client": "is no secret",
}


async def main() -> None:
    seen: dict[str, WSUpgradeRequest] = {}

    def at_the_second(request: WSUpgradeRequest) -> WSListener:
        seen["second"] = request
        return WSListener()

    second = await ws_create_server(at_the_second, "127.0.0.1", 0)
    there = f"ws://127.0.0.1:{second.sockets[0].getsockname()[1]}/there"

    def at_the_first(request: WSUpgradeRequest) -> WSUpgradeResponseWithListener:
        seen["first"] = request
        redirect = WSUpgradeResponse.create_redirect_response(302, there)
        return WSUpgradeResponseWithListener(redirect, None)

    first = await ws_create_server(at_the_first, "127.0.0.1", 0)
    port = first.sockets[0].getsockname()[1]
    for url, extra_headers in (
        (f"ws://127.0.0.1:{port}/", HEADERS),
        (f"ws://user:secret-password@127.0.0.1:{port}/", {"X-Client": "is no secret"}),
    ):
        transport, _ = await ws_connect(WSListener, url, extra_headers=extra_headers)
        transport.disconnect()
        await transport.wait_disconnected()
        for name, request in seen.items():
            print(f"{name} origin: {request.path.decode()}")
            for header, value in request.headers.items():
                print(f"    {header}: {value}")
        assert "Authorization" in seen["first"].headers, "the first origin may know it"
        arrived = seen["second"].headers
        assert not {"Authorization", "Cookie", "Proxy-Authorization"} & set(arrived)
        assert not any("secret-" in value for value in arrived.values())
        assert arrived["X-Client"] == "is no secret"
    first.close()
    second.close()


asyncio.run(main())
