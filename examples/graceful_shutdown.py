"""A server that says goodbye: on SIGTERM or Ctrl-C nobody new gets in, all clients are told with
a CLOSE, and who has not left after five seconds is disconnected.

    python examples/graceful_shutdown.py [PORT]

Event loops on Windows take no signal handlers: there, catch KeyboardInterrupt (echo_server.py).
"""

import asyncio
import signal
import sys
from http import HTTPStatus

from picows import (
    WSCloseCode,
    WSFrame,
    WSListener,
    WSMsgType,
    WSTransport,
    WSUpgradeRequest,
    WSUpgradeResponse,
    WSUpgradeResponseWithListener,
    ws_create_server,
)

SECONDS_TO_LEAVE = 5

clients: set[WSTransport] = set()


class Client(WSListener):
    def on_ws_connected(self, transport: WSTransport) -> None:
        clients.add(transport)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        clients.discard(transport)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.CLOSE:
            if not transport.is_close_frame_sent:
                transport.send_close(frame.get_close_code(), frame.get_close_message())
            transport.disconnect()


async def say_goodbye() -> None:
    for transport in list(clients):
        transport.send_close(WSCloseCode.GOING_AWAY, "the server restarts")
    try:
        async with asyncio.timeout(SECONDS_TO_LEAVE):
            await asyncio.gather(*(transport.wait_disconnected() for transport in clients))
    except TimeoutError:
        print(f"{len(clients)} did not leave", flush=True)
        for transport in list(clients):
            transport.disconnect(graceful=False)


async def main(port: int) -> None:
    told_to_end = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, told_to_end.set)

    def make_listener(request: WSUpgradeRequest) -> Client | WSUpgradeResponseWithListener:
        if told_to_end.is_set():  # it was connected already, and asks only now
            status = HTTPStatus.SERVICE_UNAVAILABLE
            response = WSUpgradeResponse.create_error_response(status)
            return WSUpgradeResponseWithListener(response, None)
        return Client()

    server = await ws_create_server(make_listener, "127.0.0.1", port)
    print(f"listening on ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/", flush=True)
    await told_to_end.wait()
    server.close()
    await say_goodbye()
    print("all are gone", flush=True)


asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 9001))
