"""WebSocket over any pair of streams, here over the channels of an SSH connection (asyncssh).

    python examples/any_streams.py

It prints:

    through SSH: hello from the inside
    through SSH: echo: hello from the outside

No port of the WebSocket server is open: it can be reached through SSH alone, as `internal:80`.
`StreamTransport` is an asyncio transport over whatever can read, write and close.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import asyncssh

from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect, ws_endpoint


class StreamTransport(asyncio.Transport):
    """Moves bytes between a protocol and two streams until one side ends."""

    def __init__(self, reader: Any, writer: Any) -> None:
        super().__init__()
        self._reader = reader
        self._writer = writer
        self._is_closing = False
        self._may_read = asyncio.Event()
        self._may_read.set()

    async def run(self, protocol: Any) -> None:
        protocol.connection_made(self)
        error = None
        try:
            while not self._is_closing and (data := await self._reader.read(65536)):
                await self._may_read.wait()
                protocol.data_received(data)
            protocol.eof_received()
        except (OSError, asyncssh.Error) as reason:
            error = reason
        finally:
            self.close()
            protocol.connection_lost(error)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._writer.write(bytes(data))

    def close(self) -> None:
        self._is_closing = True
        self._writer.close()

    def abort(self) -> None:
        self.close()

    def is_closing(self) -> bool:
        return self._is_closing

    def pause_reading(self) -> None:
        self._may_read.clear()

    def resume_reading(self) -> None:
        self._may_read.set()

    def get_write_buffer_size(self) -> int:
        return 0  # these streams do not tell

    def can_write_eof(self) -> bool:
        return False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._writer.get_extra_info(name, default) if name == "peername" else default


class Inside(WSListener):
    def on_ws_connected(self, transport: WSTransport) -> None:
        transport.send(WSMsgType.TEXT, "hello from the inside")

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code(), frame.get_close_message())
            transport.disconnect()
        else:
            transport.send(frame.msg_type, b"echo: " + frame.get_payload_as_bytes())


class SSHServer(asyncssh.SSHServer):
    def __init__(self, make_protocol: Callable[[], asyncio.BufferedProtocol]) -> None:
        self._make_protocol = make_protocol

    def begin_auth(self, username: str) -> bool:
        return False  # everybody is welcome; check keys here

    def connection_requested(self, dest_host: str, dest_port: int, *_: Any) -> Any:
        if (dest_host, dest_port) != ("internal", 80):
            return False

        async def serve(reader: Any, writer: Any) -> None:
            await StreamTransport(reader, writer).run(self._make_protocol())

        return serve


class Outside(WSListener):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def on_ws_connected(self, transport: WSTransport) -> None:
        transport.send(WSMsgType.TEXT, "hello from the outside")

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.TEXT:
            self.lines.append(frame.get_payload_as_utf8_text())
            if len(self.lines) == 2:
                transport.send_close(1000, answer_timeout=5)


async def main() -> None:
    endpoint = ws_endpoint(lambda request: Inside())
    key = asyncssh.generate_private_key("ssh-ed25519")
    server = await asyncssh.create_server(
        lambda: SSHServer(endpoint), "127.0.0.1", 0, server_host_keys=[key]
    )
    client = await asyncssh.connect(
        "127.0.0.1",
        server.get_port(),
        known_hosts=([key.convert_to_public()], [], []),
        username="guest",
    )
    async with client, await client.forward_local_port("127.0.0.1", 0, "internal", 80) as tunnel:
        url = f"ws://127.0.0.1:{tunnel.get_port()}/"
        transport, outside = await ws_connect(Outside, url)
        await transport.wait_disconnected()
        for line in outside.lines:
            print("through SSH:", line)
    server.close()
    await server.wait_closed()


asyncio.run(main())
