"""A client that comes back: it waits longer after each failure, never as long as all the others
(jitter), and subscribes again to all it had.

    python examples/reconnect.py URL TOPIC...

It sends "subscribe TOPIC" for each topic, prints what it receives, and ends with Ctrl-C.
"""

import asyncio
import contextlib
import random
import sys

from picows import (
    WSCloseCode,
    WSError,
    WSFrame,
    WSInvalidStatusError,
    WSListener,
    WSMsgType,
    WSTransport,
    ws_connect,
)

DELAY_MIN = 0.1
DELAY_MAX = 30.0


class Feed(WSListener):
    """What outlives a connection: the topics. One object serves all connections."""

    def __init__(self) -> None:
        self.topics: set[str] = set()
        self.transport: WSTransport | None = None

    def subscribe(self, topic: str) -> None:
        self.topics.add(topic)
        if self.transport is not None:
            self.transport.send(WSMsgType.TEXT, f"subscribe {topic}")

    def on_ws_connected(self, transport: WSTransport) -> None:
        print("connected", flush=True)
        self.transport = transport
        for topic in sorted(self.topics):
            self.subscribe(topic)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self.transport = None
        assert transport.disconnect_info is not None
        print("disconnected:", transport.disconnect_info.cause.name, flush=True)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.TEXT:
            print(frame.get_payload_as_utf8_text(), flush=True)
        elif frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code(), frame.get_close_message())
            transport.disconnect()


async def keep_connected(feed: Feed, url: str) -> None:
    clock = asyncio.get_running_loop().time
    delay = DELAY_MIN
    while True:
        began = clock()
        try:
            # The pings find a server that is gone without a word.
            transport, _ = await ws_connect(lambda: feed, url, enable_auto_ping=True)
            await transport.wait_disconnected()
        except WSInvalidStatusError as error:
            if error.response and error.response.status in (400, 401, 403, 404):
                raise  # it will be as wrong the next time
            print(f"refused: {error}", flush=True)
        except (OSError, WSError) as error:
            print(f"no connection: {error}", flush=True)
        if clock() - began > DELAY_MAX:
            delay = DELAY_MIN
        await asyncio.sleep(random.uniform(0, delay))
        delay = min(delay * 2, DELAY_MAX)


async def main(url: str, topics: list[str]) -> None:
    feed = Feed()
    for topic in topics:
        feed.subscribe(topic)
    try:
        await keep_connected(feed, url)
    finally:
        if (transport := feed.transport) is not None:
            transport.send_close(WSCloseCode.GOING_AWAY)
            transport.disconnect()
            await transport.wait_disconnected()


if len(sys.argv) < 3:
    sys.exit(__doc__)
with contextlib.suppress(KeyboardInterrupt):
    asyncio.run(main(sys.argv[1], sys.argv[2:]))
