"""Masking keys: each bit is set half the time, and a forked child masks with keys of its own."""

import asyncio
import itertools
import os
import socket

from picows import WSListener, WSMsgType, WSTransport, ws_connect, ws_create_server

FRAMES = 20_000
# Half of 20,000 coin tosses, give or take seven standard deviations.
TOLERANCE = 7 * (FRAMES / 4) ** 0.5


def keys_in(stream: bytes) -> list[int]:
    """Masking keys of frames without a payload: two bytes of header, four of the key."""
    assert len(stream) % 6 == 0
    pieces = [stream[at : at + 6] for at in range(0, len(stream), 6)]
    assert all(piece[:2] == b"\x82\x80" for piece in pieces)
    return [int.from_bytes(piece[2:], "big") for piece in pieces]


async def send_and_read(transport: WSTransport, server_end: socket.socket, count: int) -> list[int]:
    loop = asyncio.get_running_loop()
    reading = asyncio.ensure_future(read(loop, server_end, 6 * count))
    for _ in range(count):
        transport.send(WSMsgType.BINARY, None)
    return keys_in(await reading)


async def read(loop: asyncio.AbstractEventLoop, sock: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = await loop.sock_recv(sock, size - len(data))
        assert piece, "the connection ended"
        data += piece
    return data


async def connect(port: int) -> WSTransport:
    transport, _ = await ws_connect(WSListener, f"ws://127.0.0.1:{port}/")
    return transport


async def child(port: int) -> None:
    transport = await connect(port)
    for _ in range(100):
        transport.send(WSMsgType.BINARY, None)


async def main() -> None:
    # A listener of ours for the handshake; what follows is read from its socket, byte for byte.
    connected: asyncio.Queue[tuple[WSTransport, socket.socket]] = asyncio.Queue()

    class Server(WSListener):
        def on_ws_connected(self, transport: WSTransport) -> None:
            transport.underlying_transport.pause_reading()
            raw = transport.underlying_transport.get_extra_info("socket")
            connected.put_nowait((transport, socket.socket(fileno=os.dup(raw.fileno()))))

    server = await ws_create_server(lambda request: Server(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    transport = await connect(port)
    server_transport, server_end = await connected.get()

    keys = await send_and_read(transport, server_end, FRAMES)
    counts = [sum(key >> bit & 1 for key in keys) for bit in range(32)]
    print(f"{FRAMES} keys, first {keys[0]:08x}; how often each bit is set:")
    print(" ".join(f"{100 * count / FRAMES:.1f}%" for count in counts))
    assert all(abs(count - FRAMES / 2) < TOLERANCE for count in counts)
    changes = [sum((a ^ b) >> bit & 1 for a, b in itertools.pairwise(keys)) for bit in range(32)]
    print("and how often it is another than in the key before:")
    print(" ".join(f"{100 * count / FRAMES:.1f}%" for count in changes))
    assert all(abs(count - FRAMES / 2) < TOLERANCE for count in changes)
    assert len(set(keys)) > FRAMES - 10, "keys repeat"

    # A connection belongs to the process that made it, so the child makes one of its own.
    pid = os.fork()
    if pid == 0:
        asyncio.run(child(port))
        os._exit(0)
    child_transport, child_end = await connected.get()
    of_child = keys_in(await read(asyncio.get_running_loop(), child_end, 600))
    await asyncio.to_thread(os.waitpid, pid, 0)
    of_parent = await send_and_read(transport, server_end, 100)
    print(
        f"after a fork: the parent's next key is {of_parent[0]:08x}, the child's {of_child[0]:08x}"
    )
    assert not set(of_child) & set(of_parent)

    for end in (server_end, child_end):
        end.close()
    for each in (transport, server_transport, child_transport):
        each.disconnect(graceful=False)
        await each.wait_disconnected()
    server.close()


asyncio.run(main())
