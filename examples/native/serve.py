"""An echo server whose listener is the native extension in the current folder: serve.py [PORT]"""

import asyncio
import contextlib
import sys

from picows import WSUpgradeRequest, ws_create_server

sys.path.insert(0, ".")
import native_echo


async def main(port: int) -> None:
    def listener_factory(request: WSUpgradeRequest):
        return native_echo.Echo()

    server = await ws_create_server(listener_factory, "127.0.0.1", port)
    print(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 9001))
