"""A feed: each message goes to all subscribers.

    python examples/broadcast.py

It prints:

    ada: tick 0, tick 1, tick 2
    bob: tick 0, tick 1, tick 2
    eve: tick 0, tick 1, tick 2
"""

import asyncio
from collections.abc import Iterable

from picows import (
    WSCloseCode,
    WSFrame,
    WSListener,
    WSMsgType,
    WSTransport,
    ws_connect,
    ws_create_server,
)

subscribers: set[WSTransport] = set()


class Subscriber(WSListener):
    def on_ws_connected(self, transport: WSTransport) -> None:
        self.transport = transport
        subscribers.add(transport)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        subscribers.discard(transport)

    # Who reads too slowly misses some, and delays nobody.
    def pause_writing(self) -> None:
        subscribers.discard(self.transport)

    def resume_writing(self) -> None:
        if not self.transport.is_disconnected:
            subscribers.add(self.transport)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code(), frame.get_close_message())
            transport.disconnect()


def broadcast(transports: Iterable[WSTransport], msg_type: WSMsgType, message: bytes) -> None:
    for transport in list(transports):
        transport.send(msg_type, message)


class Reader(WSListener):
    def __init__(self) -> None:
        self.seen: list[str] = []

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.TEXT:
            self.seen.append(frame.get_payload_as_utf8_text())
        elif frame.msg_type == WSMsgType.CLOSE:
            transport.disconnect()


async def main() -> None:
    server = await ws_create_server(lambda request: Subscriber(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    url = f"ws://127.0.0.1:{port}/"
    readers = [(name, *await ws_connect(Reader, url)) for name in ("ada", "bob", "eve")]

    for number in range(3):
        broadcast(subscribers, WSMsgType.TEXT, f"tick {number}".encode())
        await asyncio.sleep(0.01)
    for transport in list(subscribers):
        transport.send_close(WSCloseCode.GOING_AWAY)

    for name, transport, reader in readers:
        await transport.wait_disconnected()
        print(f"{name}: {', '.join(reader.seen)}")
    server.close()


asyncio.run(main())
