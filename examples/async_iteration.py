"""Messages in an `async for`, through a queue that stops the peer while it is long.

    python examples/async_iteration.py

It prints:

    5000 prices, 12497500 in all
"""

import asyncio
from collections.abc import AsyncIterator

from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect, ws_create_server


class Stream(WSListener):
    """Iterate over it. While `queued_max` messages wait, no more are read from the socket."""

    def __init__(self, queued_max: int = 100) -> None:
        self.queued_max = queued_max
        self.queue: asyncio.Queue[str | None] = asyncio.Queue()

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.transport = transport

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.TEXT:
            self.queue.put_nowait(frame.get_payload_as_utf8_text())
            if self.queue.qsize() >= self.queued_max:
                transport.underlying_transport.pause_reading()
        elif frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code(), frame.get_close_message())
            transport.disconnect()

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self.queue.put_nowait(None)

    async def __aiter__(self) -> AsyncIterator[str]:
        while (message := await self.queue.get()) is not None:
            if self.queue.qsize() <= self.queued_max // 2:
                self.transport.underlying_transport.resume_reading()
            yield message


class Prices(WSListener):
    def on_ws_connected(self, transport: WSTransport) -> None:
        for price in range(5000):
            transport.send(WSMsgType.TEXT, str(price))
        transport.send_close()

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.CLOSE:
            transport.disconnect()


async def main() -> None:
    server = await ws_create_server(lambda request: Prices(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]

    _, stream = await ws_connect(Stream, f"ws://127.0.0.1:{port}/")
    prices = []
    async for message in stream:
        prices.append(int(message))
        await asyncio.sleep(0)  # whatever takes its time
    print(f"{len(prices)} prices, {sum(prices)} in all")
    server.close()


asyncio.run(main())
