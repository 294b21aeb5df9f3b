"""What an exception says may be a secret of the server: its log gets it, the client does not."""

import asyncio
import io
import logging

from picows import WSFrame, WSListener, WSUpgradeRequest, ws_create_server

SECRET = "password of the database: hunter2"
REQUEST = (
    "GET {} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
TEXT_HELLO = b"\x81\x85\x00\x00\x00\x00hello"


class Raises(WSListener):
    def on_ws_frame(self, transport: object, frame: WSFrame) -> None:
        raise ValueError(SECRET)


def factory(request: WSUpgradeRequest) -> WSListener:
    if request.path == b"/frame":
        return Raises()
    raise ValueError(SECRET)


async def received(port: int, path: str, then: bytes = b"") -> bytes:
    """All that a client gets to see."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(REQUEST.format(path).encode() + then)
    answer = await reader.read()
    writer.close()
    return answer


async def main() -> None:
    log = io.StringIO()
    logging.basicConfig(stream=log)
    server = await ws_create_server(factory, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    of_factory = await received(port, "/")
    of_frame = await received(port, "/frame", TEXT_HELLO)
    server.close()

    print(f"the factory raised, the client got\n{of_factory.decode()}\n")
    print(f"on_ws_frame raised, the client got\n{of_frame!r}\n")
    print(f"the log has the text {log.getvalue().count(SECRET)} times")
    assert of_factory.startswith(b"HTTP/1.1 500 ")
    assert of_frame.endswith(b"\x88\x02\x03\xf3"), "CLOSE with 1011, INTERNAL_ERROR"
    assert SECRET.encode() not in of_factory + of_frame
    assert b"ValueError" not in of_factory + of_frame
    assert log.getvalue().count(SECRET) >= 2


asyncio.run(main())
