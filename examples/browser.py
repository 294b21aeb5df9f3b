"""A chat room in the browser: the page and the WebSocket come from the same port.

    python examples/browser.py [PORT]

Open the page that it names in two windows. Ctrl-C ends it.
"""

import asyncio
import contextlib
import sys
from http import HTTPStatus
from pathlib import Path

from picows import (
    WSFrame,
    WSListener,
    WSMsgType,
    WSTransport,
    WSUpgradeRequest,
    WSUpgradeResponse,
    WSUpgradeResponseWithListener,
    ws_broadcast,
    ws_create_server,
)

PAGE = Path(__file__).with_suffix(".html").read_bytes()
MESSAGE_SIZE_MAX = 4096

room: set[WSTransport] = set()


class Guest(WSListener):
    def on_ws_connected(self, transport: WSTransport) -> None:
        room.add(transport)
        send_to_all(f"{len(room)} in the room")

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        room.discard(transport)
        send_to_all(f"{len(room)} in the room")

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code(), frame.get_close_message())
            transport.disconnect()
        elif frame.msg_type == WSMsgType.TEXT:
            send_to_all(frame.get_payload_as_utf8_text())

    def pause_writing(self) -> None:
        pass  # send_to_all() sees to it

    def resume_writing(self) -> None:
        pass


def send_to_all(text: str) -> None:
    # Who does not read is disconnected; its page comes back when it can.
    ws_broadcast(room, WSMsgType.TEXT, text, when_full="disconnect")


def answer(request: WSUpgradeRequest) -> Guest | WSUpgradeResponseWithListener | None:
    if request.path == b"/":
        headers = {"Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-cache"}
        response = WSUpgradeResponse.create_ok_response(PAGE, headers)
        return WSUpgradeResponseWithListener(response, None)
    if request.path != b"/room":
        return None
    # A browser sends its cookies from any page: who asks has to be a page of ours.
    origin = request.headers.get("Origin", "")
    if origin.partition("://")[2] != request.headers.get("Host"):
        response = WSUpgradeResponse.create_error_response(HTTPStatus.FORBIDDEN)
        return WSUpgradeResponseWithListener(response, None)
    return Guest()


async def main(port: int) -> None:
    server = await ws_create_server(
        answer, "127.0.0.1", port, strict=True, max_frame_size=MESSAGE_SIZE_MAX
    )
    print(f"open http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", flush=True)
    await server.serve_forever()


with contextlib.suppress(KeyboardInterrupt):
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 9001))
