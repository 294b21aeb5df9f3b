"""JSON from msgspec straight into the buffer that is sent, and back out of the receive buffer:
no copy of a message is made on the way. MessagePack works alike.

    pip install msgspec
    python examples/msgspec_buffer.py

It prints:

    Order(id=1, symbol='XYZ', price=99.5)
    Order(id=2, symbol='XYZ', price=100.0)
    Order(id=3, symbol='XYZ', price=100.5)
"""

import asyncio

import msgspec

from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect, ws_create_server

HEADER_SIZE_MAX = 14
"""Bytes in front of a message into which picows writes the header of the frame."""


class Order(msgspec.Struct):
    id: int
    symbol: str
    price: float


class Sender:
    """One buffer for all messages: it is free again when the send returns."""

    def __init__(self, transport: WSTransport) -> None:
        self.transport = transport
        self.encoder = msgspec.json.Encoder()
        self.buffer = bytearray(4096)

    def send(self, order: Order) -> None:
        self.encoder.encode_into(order, self.buffer, HEADER_SIZE_MAX)  # which also sets its length
        self.transport.send_reuse_external_bytearray(WSMsgType.TEXT, self.buffer, HEADER_SIZE_MAX)


class Market(WSListener):
    def __init__(self) -> None:
        self.decoder = msgspec.json.Decoder(Order)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.TEXT:
            print(self.decoder.decode(frame.get_payload_as_memoryview()))
        elif frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code(), frame.get_close_message())
            transport.disconnect()


class Client(WSListener):
    def on_ws_connected(self, transport: WSTransport) -> None:
        sender = Sender(transport)
        for number in (1, 2, 3):
            sender.send(Order(number, "XYZ", 99 + number / 2))
        transport.send_close()

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.CLOSE:
            transport.disconnect()


async def main() -> None:
    server = await ws_create_server(lambda request: Market(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    transport, _ = await ws_connect(Client, f"ws://127.0.0.1:{port}/")
    await transport.wait_disconnected()
    server.close()


asyncio.run(main())
