"""A client that sends a message, prints the answer and says goodbye.

    python examples/echo_client.py [URL]

With echo_server.py running it prints:

    hello
    closed with 1000
"""

import asyncio
import sys

from picows import WSCloseCode, WSFrame, WSListener, WSMsgType, WSTransport, ws_connect


class Client(WSListener):
    def on_ws_connected(self, transport: WSTransport) -> None:
        transport.send(WSMsgType.TEXT, "hello")

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.TEXT:
            print(frame.get_payload_as_utf8_text())
            transport.send_close(WSCloseCode.OK)
        elif frame.msg_type == WSMsgType.CLOSE:
            print("closed with", int(frame.get_close_code()))
            transport.disconnect()


async def main(url: str) -> None:
    transport, _ = await ws_connect(Client, url)
    await transport.wait_disconnected()


asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "ws://127.0.0.1:9001/"))
