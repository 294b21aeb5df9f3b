"""The other end of what is measured over TLS: plain blocking sockets, no library of WebSockets.

python tls.py server FOLDER SIZE         answers each message of SIZE bytes with one of that size
python tls.py idle FOLDER PORT           opens connections when told: `open COUNT`
python tls.py client-relay FOLDER PORT   takes TLS connections and carries them to a port without
python tls.py server-relay FOLDER PORT   takes connections without and carries them to a TLS port

A relay lets a program that knows no TLS be the other end. It takes longer than what is measured, so
that a rate through it says nothing, but the CPU time of the measured process does.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import os
import resource
import socket
import ssl
import sys
import threading

REQUEST = (
    b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def head_of(connection: socket.socket) -> bytes:
    head = b""
    while b"\r\n\r\n" not in head:
        if not (received := connection.recv(4096)):
            raise ConnectionResetError
        head += received
    return head


def frame(payload: bytes) -> bytes:
    """An unmasked BINARY frame (RFC 6455 5.2)."""
    size = len(payload)
    if size < 126:
        return bytes([0x82, size]) + payload
    if size < 65536:
        return bytes([0x82, 126]) + size.to_bytes(2, "big") + payload
    return bytes([0x82, 127]) + size.to_bytes(8, "big") + payload


def echo(connection: socket.socket, answer: bytes) -> None:
    lines = head_of(connection).split(b"\r\n")
    key = next(line for line in lines if line.lower().startswith(b"sec-websocket-key:"))
    accept = base64.b64encode(hashlib.sha1(key.split(b": ")[1] + GUID).digest())
    connection.sendall(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
    )
    request_size = len(answer) + 4  # the same frame with a masking key
    buffer = bytearray(256 * 1024)
    received = 0
    while got := connection.recv_into(buffer):
        received += got
        while received >= request_size:
            received -= request_size
            connection.sendall(answer)


def serve(folder: str, size: int) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{folder}/server.pem")
    answer = frame(bytes(size))
    listener = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        while True:
            raw, _ = listener.accept()
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            # A client that had enough resets the connection.
            with contextlib.suppress(OSError), context.wrap_socket(raw, server_side=True) as secure:
                echo(secure, answer)

    threading.Thread(target=accept, daemon=True).start()
    print(f"ready {listener.getsockname()[1]}", flush=True)


def idle(folder: str, port: int) -> None:
    context = ssl.create_default_context(cafile=f"{folder}/ca.pem")
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    connections = []
    print("ready", flush=True)
    for line in sys.stdin:
        for _ in range(int(line.split()[1])):
            raw = socket.create_connection(("127.0.0.1", port))
            secure = context.wrap_socket(raw, server_hostname="127.0.0.1")
            secure.sendall(REQUEST)
            head_of(secure)
            connections.append(secure)
        print("{}", flush=True)


async def relay(folder: str, port: int, *, of_clients: bool) -> None:
    server_tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_tls.load_cert_chain(f"{folder}/server.pem")
    client_tls = ssl.create_default_context(cafile=f"{folder}/ca.pem")
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(1 << 16):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tls = None if of_clients else client_tls
        try:
            there = await asyncio.open_connection("127.0.0.1", port, ssl=tls)
        except OSError:
            writer.close()
            return
        await asyncio.gather(carry(reader, there[1]), carry(there[0], writer))

    tls = server_tls if of_clients else None
    server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=tls, backlog=4096)
    print(f"ready {server.sockets[0].getsockname()[1]}", flush=True)
    await asyncio.to_thread(sys.stdin.read)


def make_certificate(folder: str) -> None:
    import trustme

    authority = trustme.CA()
    authority.cert_pem.write_to_path(f"{folder}/ca.pem")
    certificate = authority.issue_cert("127.0.0.1", "localhost")
    certificate.private_key_and_cert_chain_pem.write_to_path(f"{folder}/server.pem")


if __name__ == "__main__":
    role, folder, number = sys.argv[1], sys.argv[2], int(sys.argv[3])
    if role == "server":
        serve(folder, number)
        sys.stdin.read()
    elif role == "idle":
        idle(folder, number)
    else:
        asyncio.run(relay(folder, number, of_clients=role == "client-relay"))
        os._exit(0)  # connections that are open have nothing to say
