"""Frames of all types and sizes, sent, received, looked at, kept for a while: nothing is left.

python tests/leaks/frames.py --count 10000000
"""

from __future__ import annotations

import asyncio
from typing import Any

import measure

from picows import (
    WSFrame,
    WSListener,
    WSMsgType,
    WSTransport,
    ws_broadcast,
    ws_connect,
    ws_create_server,
)

SMALL = 2000
"""Frames of up to 32 bytes in a batch."""
SEEN = SMALL + 4
"""What the other side's listener sees of a batch: two large frames, a PONG, and the PONG that
answers its own PING are added. The PING itself is answered without asking the listener."""


class Counter(WSListener):
    """Looks at its frames in all ways, each of them now and then, and keeps some until later."""

    def __init__(self) -> None:
        self.count = 0
        self.wanted = 0
        self.done = asyncio.Event()
        self.kept: list[Any] = []
        self.transport: WSTransport | None = None

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.transport = transport

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        self.count += 1
        if self.count % 16 == 0:
            self.look(frame)
        if self.count == self.wanted:
            self.done.set()

    def look(self, frame: WSFrame) -> None:
        frame.get_payload_as_bytes()
        frame.get_payload_as_utf8_text()
        frame.get_payload_as_ascii_text()
        view = frame.get_payload_as_memoryview()
        assert len(view) == frame.payload_size
        assert frame.fin and not frame.rsv1 and not frame.rsv2 and not frame.rsv3
        assert frame.tail_size >= 0 and frame.last_in_buffer in (True, False)
        assert WSMsgType(frame.msg_type).name
        if self.count % 160 == 0:
            self.kept += [frame, view, str(frame)]
            del self.kept[:-30]
        try:
            frame.get_close_code()
        except ValueError:
            return
        raise AssertionError("not a CLOSE frame")

    async def until(self, count: int) -> None:
        self.wanted = count
        self.done.clear()
        if self.count < count:
            await self.done.wait()


def send_batch(transport: WSTransport, batch: int) -> None:
    buffer = bytearray(14 + 32)
    view = memoryview(b"0123456789abcdef" * 2)
    for i in range(SMALL // 4):
        transport.send(WSMsgType.BINARY, b"0123456789abcdef" * 2)
        transport.send(WSMsgType.TEXT, "0123456789abcdef")
        transport.send(WSMsgType.BINARY, view[i % 32 :])
        transport.send_reuse_external_bytearray(WSMsgType.BINARY, buffer, 14)
        buffer[14:] = view
    large = [b"y" * 5000, b"y" * 70_000, b"y" * 300_000][batch % 3]
    transport.send(WSMsgType.BINARY, large)
    ws_broadcast([transport], WSMsgType.BINARY, large, max_queued=1 << 30)
    transport.send_pong("pong")
    transport.send_ping(b"answered, and not seen by the listener")
    try:
        transport.send(WSMsgType.BINARY, object())  # type: ignore[arg-type]
    except TypeError:
        return
    raise AssertionError("not a message")


def main() -> None:
    given = measure.arguments(__doc__ or "", count=100_000)
    server_options, client_options, scheme = measure.options(given)

    async def work(count: int) -> None:
        servers: list[Counter] = []

        def factory(request: Any) -> Counter:
            servers.append(Counter())
            return servers[-1]

        server = await ws_create_server(factory, "127.0.0.1", 0, **server_options)
        port = server.sockets[0].getsockname()[1]
        transport, listener = await ws_connect(
            Counter, f"{scheme}://127.0.0.1:{port}/", **client_options
        )
        assert isinstance(listener, Counter)
        counters = [listener, servers[0]]
        sent, batch = 0, 0
        while sum(counter.count for counter in counters) < count:
            for counter in counters:
                assert counter.transport is not None
                send_batch(counter.transport, batch)
            batch += 1
            sent += SEEN
            for counter in counters:
                await counter.until(sent)
        transport.disconnect()
        await transport.wait_disconnected()
        await asyncio.sleep(0.05)
        server.close()
        await server.wait_closed()
        await asyncio.sleep(0.05)

    measure.run(given, work, given.count)


if __name__ == "__main__":
    main()
