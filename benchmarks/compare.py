"""A client of this picows against a client of another one, in the same run.

    python benchmarks/compare.py --peer PEER_PYTHON [--rounds 9] [--seconds 1]

PEER_PYTHON is the interpreter of another virtual environment, with picows 2.3.1 and uvloop, say.
Each library runs the same source in a process of its own; rounds are interleaved, and each figure
is the median of the ratios of neighbouring rounds (above 1: ours is faster). The server knows no
library: a loop over one blocking socket that answers every so many bytes with the same frame, or
sends frames as fast as they are taken.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import hashlib
import json
import multiprocessing
import os
import socket
import statistics
import subprocess
import sys
import time
from typing import Any

CASES = ["echo-256", "echo-8192", "flood-32"]
LOOPS = ["asyncio", "uvloop"]


def frame(payload: bytes) -> bytes:
    """An unmasked BINARY frame (RFC 6455 5.2)."""
    size = len(payload)
    if size < 126:
        return bytes([0x82, size]) + payload
    return bytes([0x82, 126]) + size.to_bytes(2, "big") + payload


def serve(listener: socket.socket) -> None:
    """Answer one connection after the other; the path, /echo-SIZE or /flood-SIZE, says how."""
    while True:
        connection, _ = listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # A client that had enough resets the connection.
        with connection, contextlib.suppress(OSError):
            serve_connection(connection)


def serve_connection(connection: socket.socket) -> None:
    head = b""
    while b"\r\n\r\n" not in head:
        head += connection.recv(4096)
    lines = head.decode().split("\r\n")
    key = next(
        line.split(": ")[1] for line in lines if line.lower().startswith("sec-websocket-key")
    )
    digest = hashlib.sha1(key.encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
    connection.sendall(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + base64.b64encode(digest) + b"\r\n\r\n"
    )
    kind, size = lines[0].split(" ")[1][1:].split("-")
    answer = frame(os.urandom(int(size)))
    if kind == "flood":
        block = answer * (65536 // len(answer))
        while True:
            connection.sendall(block)
    request_size = len(answer) + 4  # the same frame with a masking key
    received = 0
    while data := connection.recv(1 << 20):
        received += len(data)
        while received >= request_size:
            received -= request_size
            connection.sendall(answer)


async def measure(case: str, url: str, seconds: float) -> float:
    """Frames a second that a client of the installed picows receives."""
    import picows

    kind, size = case.split("-")
    message = os.urandom(int(size))
    end = asyncio.get_running_loop().create_future()

    class Client(picows.WSListener):  # type: ignore[misc]
        count = 0

        def on_ws_connected(self, transport: Any) -> None:
            if kind == "echo":
                transport.send(picows.WSMsgType.BINARY, message)

        def on_ws_frame(self, transport: Any, frame: Any) -> None:
            self.count += 1
            if kind == "echo":
                transport.send(picows.WSMsgType.BINARY, message)
            elif not self.count & 1023 and time.perf_counter() > stop:
                end.done() or end.set_result(None)

    stop = time.perf_counter() + seconds
    transport, client = await picows.ws_connect(Client, f"{url}/{case}")
    start, before = time.perf_counter(), client.count
    if kind == "echo":
        await asyncio.sleep(seconds)
    else:
        await end
    elapsed = time.perf_counter() - start
    rate = (client.count - before) / elapsed
    transport.disconnect(False)
    await transport.wait_disconnected()
    return rate


def run_client(case: str, loop: str, url: str, seconds: float) -> None:
    if loop == "uvloop":
        import uvloop

        factory = uvloop.new_event_loop
    else:
        factory = asyncio.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        print(json.dumps(runner.run(measure(case, url, seconds))))


def client_rate(python: str, case: str, loop: str, url: str, seconds: float, core: int) -> float:
    command = [python, os.path.abspath(__file__), "--client", case, loop, url, str(seconds)]
    # Not from this folder: the checkout must not hide the peer's installed package.
    output = subprocess.run(
        command,
        check=True,
        capture_output=True,
        cwd="/",
        preexec_fn=lambda: os.sched_setaffinity(0, {core}),
    )
    return float(json.loads(output.stdout))


def main() -> None:
    if sys.argv[1:2] == ["--client"]:
        case, loop, url, seconds = sys.argv[2:]
        run_client(case, loop, url, float(seconds))
        return
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--peer", required=True, help="interpreter that has the other picows")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument(
        "--same-core", action="store_true", help="client and server on one core: cost, not latency"
    )
    parser.add_argument("--cases", nargs="*", default=CASES)
    options = parser.parse_args()

    listener = socket.create_server(("127.0.0.1", 0))
    url = f"ws://127.0.0.1:{listener.getsockname()[1]}"
    server = multiprocessing.get_context("fork").Process(
        target=serve, args=(listener,), daemon=True
    )
    server.start()
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(server.pid or 0, {cores[0]})
    client_core = cores[0] if options.same_core else cores[-1]

    print(f"{'case':<12}{'loop':<10}{'ours/s':>12}{'peer/s':>12}{'ratio':>8}   spread")
    for case in options.cases:
        for loop in LOOPS:
            rates: dict[str, list[float]] = {"ours": [], "peer": []}
            for _ in range(options.rounds):
                for name, python in (("ours", sys.executable), ("peer", options.peer)):
                    rates[name].append(
                        client_rate(python, case, loop, url, options.seconds, client_core)
                    )
            ratios = sorted(a / b for a, b in zip(rates["ours"], rates["peer"], strict=True))
            print(
                f"{case:<12}{loop:<10}{statistics.median(rates['ours']):>12,.0f}"
                f"{statistics.median(rates['peer']):>12,.0f}{statistics.median(ratios):>8.2f}"
                f"   {ratios[0]:.2f} to {ratios[-1]:.2f}",
                flush=True,
            )
    server.terminate()


if __name__ == "__main__":
    main()
