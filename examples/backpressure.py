"""A server that sends a lot to a client that reads slowly, and keeps little of it in memory.

    python examples/backpressure.py

It prints:

    sent 32 MiB, at most 1 MiB of it waited here: True
    the client received 32 MiB
"""

import asyncio

from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect, ws_create_server

MIB = 1024 * 1024
PART = bytes(256 * 1024)


class Download(WSListener):
    def on_ws_connected(self, transport: WSTransport) -> None:
        self.transport = transport
        self.may_send = asyncio.Event()
        self.may_send.set()
        transport.underlying_transport.set_write_buffer_limits(high=MIB // 2)
        self.task = asyncio.create_task(self.run())

    def pause_writing(self) -> None:
        self.may_send.clear()

    def resume_writing(self) -> None:
        self.may_send.set()

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self.task.cancel()

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.CLOSE:
            transport.disconnect()

    async def run(self) -> None:
        waiting_max = 0
        for _ in range(32 * MIB // len(PART)):
            await self.may_send.wait()
            self.transport.send(WSMsgType.BINARY, PART)
            waiting = self.transport.underlying_transport.get_write_buffer_size()
            waiting_max = max(waiting_max, waiting)
        print("sent 32 MiB, at most 1 MiB of it waited here:", waiting_max <= MIB)
        self.transport.send_close()


class SlowClient(WSListener):
    """Reads 1 MiB, does nothing for a moment, and reads on. TCP tells the server to wait."""

    def __init__(self) -> None:
        self.received = 0

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code(), frame.get_close_message())
            transport.disconnect()
            return
        self.received += frame.payload_size
        if self.received % MIB == 0:
            reader = transport.underlying_transport
            reader.pause_reading()
            asyncio.get_running_loop().call_later(0.005, reader.resume_reading)


async def main() -> None:
    server = await ws_create_server(lambda request: Download(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    transport, client = await ws_connect(SlowClient, f"ws://127.0.0.1:{port}/")
    await transport.wait_disconnected()
    print(f"the client received {client.received // MIB} MiB")
    server.close()


asyncio.run(main())
