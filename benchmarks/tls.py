"""The other end of what is measured over TLS: plain blocking sockets, no library of WebSockets.

python tls.py server FOLDER SIZE         answers each message of SIZE bytes with one of that size
python tls.py idle FOLDER PORT           opens connections when told: `open COUNT`
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
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


def make_certificate(folder: str) -> None:
    import trustme

    authority = trustme.CA()
    authority.cert_pem.write_to_path(f"{folder}/ca.pem")
    certificate = authority.issue_cert("127.0.0.1", "localhost")
    certificate.private_key_and_cert_chain_pem.write_to_path(f"{folder}/server.pem")


if __name__ == "__main__":
    if sys.argv[1] == "server":
        serve(sys.argv[2], int(sys.argv[3]))
        sys.stdin.read()
    else:
        idle(sys.argv[2], int(sys.argv[3]))
