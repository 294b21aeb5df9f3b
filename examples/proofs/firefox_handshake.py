"""`Connection: keep-alive, Upgrade` is a list of tokens: servers and clients accept it."""

import asyncio
import base64
import hashlib

from picows import WSListener, ws_connect, ws_create_server

REQUEST = """\
GET / HTTP/1.1
Host: 127.0.0.1
User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0
Accept: */*
Accept-Language: en-US,en;q=0.5
Accept-Encoding: gzip, deflate, br, zstd
Sec-WebSocket-Version: 13
Origin: http://127.0.0.1
Sec-WebSocket-Extensions: permessage-deflate
Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==
Connection: keep-alive, Upgrade
Sec-Fetch-Mode: websocket
Pragma: no-cache
Cache-Control: no-cache
Upgrade: websocket

"""


async def a_server_accepts_it() -> None:
    server = await ws_create_server(lambda request: WSListener(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(REQUEST.replace("\n", "\r\n").encode())
    answer = (await reader.readuntil(b"\r\n\r\n")).decode()
    print(f"a request like Firefox's is answered with\n{answer}")
    assert answer.startswith("HTTP/1.1 101 ")
    assert "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in answer  # RFC 6455, 1.3
    assert "extensions" not in answer.lower(), "none was agreed to"
    writer.close()
    server.close()


async def a_client_accepts_it() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        key = head.split("Sec-WebSocket-Key: ")[1].split("\r\n")[0]
        digest = hashlib.sha1(f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest()
        writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\n"
            b"Connection: keep-alive, Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + base64.b64encode(digest) + b"\r\n\r\n"
        )
        await reader.read()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    transport, _ = await ws_connect(WSListener, f"ws://127.0.0.1:{port}/")
    print(
        "a client accepts the answer 'Connection:", transport.response.headers["Connection"] + "'"
    )
    transport.disconnect()
    await transport.wait_disconnected()
    server.close()


async def main() -> None:
    await a_server_accepts_it()
    await a_client_accepts_it()


asyncio.run(main())
