"""Messages that are sent and received in fragments.

    python examples/fragments.py

It prints:

    a message of 300000 characters
    the server closed with 1009: message is too long
"""

import asyncio

from picows import (
    WSCloseCode,
    WSFrame,
    WSListener,
    WSMsgType,
    WSProtocolError,
    WSTransport,
    ws_connect,
    ws_create_server,
)

FRAGMENT_SIZE = 64 * 1024
MESSAGE_SIZE_MAX = 1024 * 1024


def send_in_fragments(transport: WSTransport, msg_type: WSMsgType, message: bytes) -> None:
    for start in range(0, max(len(message), 1), FRAGMENT_SIZE):
        part = memoryview(message)[start : start + FRAGMENT_SIZE]
        is_last = start + FRAGMENT_SIZE >= len(message)
        transport.send(WSMsgType.CONTINUATION if start else msg_type, part, fin=is_last)


class Messages(WSListener):
    """Calls on_message with whole messages: str for TEXT, bytes for BINARY.

    It wants strict=True, so that what it sees is in order and whole messages of TEXT are UTF-8.
    """

    def __init__(self) -> None:
        self.msg_type = WSMsgType.BINARY
        self.parts = bytearray()

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.CLOSE:
            self.on_close(transport, frame)
            return
        if frame.msg_type in (WSMsgType.PING, WSMsgType.PONG):
            return
        if frame.msg_type != WSMsgType.CONTINUATION:
            self.msg_type = frame.msg_type
        # max_frame_size bounds a frame; fragments add up to anything.
        if len(self.parts) + frame.payload_size > MESSAGE_SIZE_MAX:
            raise WSProtocolError(WSCloseCode.MESSAGE_TOO_BIG, "message is too long")
        if frame.fin and not self.parts:
            message = frame.get_payload_as_bytes()
        else:
            self.parts += frame.get_payload_as_memoryview()
            if not frame.fin:
                return
            message = bytes(self.parts)
            self.parts.clear()
        is_text = self.msg_type == WSMsgType.TEXT
        self.on_message(transport, message.decode() if is_text else message)

    def on_message(self, transport: WSTransport, message: str | bytes) -> None:
        kind = "characters" if isinstance(message, str) else "bytes"
        transport.send(WSMsgType.TEXT, f"a message of {len(message)} {kind}")

    def on_close(self, transport: WSTransport, frame: WSFrame) -> None:
        transport.send_close(frame.get_close_code(), frame.get_close_message())
        transport.disconnect()


class Client(Messages):
    def on_message(self, transport: WSTransport, message: str | bytes) -> None:
        print(message)
        send_in_fragments(transport, WSMsgType.BINARY, bytes(MESSAGE_SIZE_MAX + 1))

    def on_close(self, transport: WSTransport, frame: WSFrame) -> None:
        print(f"the server closed with {frame.get_close_code():d}: {frame.get_close_reason()}")
        super().on_close(transport, frame)


async def main() -> None:
    server = await ws_create_server(lambda request: Messages(), "127.0.0.1", 0, strict=True)
    port = server.sockets[0].getsockname()[1]
    transport, _ = await ws_connect(Client, f"ws://127.0.0.1:{port}/", strict=True)
    # A fragment may end inside a character: only the whole is decoded.
    send_in_fragments(transport, WSMsgType.TEXT, ("ß" * 300_000).encode())
    await transport.wait_disconnected()
    server.close()


asyncio.run(main())
