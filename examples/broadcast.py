"""A feed: each message goes to all subscribers.

    python examples/broadcast.py

It prints:

    ada: tick 0, tick 1, tick 2
    bob: tick 0, tick 1, tick 2
    eve: tick 0, tick 1, tick 2
"""

import asyncio

from picows import (
    WSCloseCode,
    WSFrame,
    WSListener,
    WSMsgType,
    WSTransport,
    ws_broadcast,
    ws_connect,
    ws_create_server,
)

subscribers: set[WSTransport] = set()


class Subscriber(WSListener):
    def on_ws_connected(self, transport: WSTransport) -> None:
        subscribers.add(transport)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        subscribers.discard(transport)

    # What may wait for a slow reader is bounded by ws_broadcast; these would log a warning.
    def pause_writing(self) -> None:
        pass

    def resume_writing(self) -> None:
        pass

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code(), frame.get_close_message())
            transport.disconnect()


def publish(message: str) -> None:
    """Who reads so slowly that 64 KiB wait for it misses this one, and delays nobody."""
    ws_broadcast(subscribers, WSMsgType.TEXT, message, max_queued=64 * 1024)


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
        publish(f"tick {number}")
        await asyncio.sleep(0.01)
    for transport in list(subscribers):
        transport.send_close(WSCloseCode.GOING_AWAY)

    for name, transport, reader in readers:
        await transport.wait_disconnected()
        print(f"{name}: {', '.join(reader.seen)}")
    server.close()


asyncio.run(main())
