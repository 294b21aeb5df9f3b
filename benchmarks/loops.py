"""Event loops in threads: two against one, on a free-threaded CPython.

    python -m benchmarks.loops [--rounds 5] [--seconds 2]

echo: each thread has clients and a server of its own, which exchange messages of 256 bytes.
rooms: examples/thread_rooms.py, 201 members in one room; one of them publishes as messages come
back.

Rounds with one thread and with two alternate, and the median of the ratios counts: other programs
on the machine disturb both. Clients are in the same process, so that a thread is all that there is.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import socket
import statistics
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect, ws_create_server

CONNECTIONS = 32
MEMBERS = 200
WINDOW = 8
MESSAGE = bytes(256)


class Echo(WSListener):
    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        transport.send(WSMsgType.BINARY, frame.get_payload_as_memoryview())


class Pinger(WSListener):
    """Sends the next message when an echo has come, and counts echoes."""

    count = 0

    def on_ws_connected(self, transport: WSTransport) -> None:
        transport.send(WSMsgType.BINARY, MESSAGE)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        self.count += 1
        transport.send(WSMsgType.BINARY, MESSAGE)


class EchoThread(threading.Thread):
    def __init__(self, together: threading.Barrier, seconds: float) -> None:
        super().__init__()
        self.together = together
        self.seconds = seconds
        self.count = 0

    def run(self) -> None:
        asyncio.run(self.measure())

    async def measure(self) -> None:
        server = await ws_create_server(lambda request: Echo(), "127.0.0.1", 0)
        url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        pairs = [await ws_connect(Pinger, url) for _ in range(CONNECTIONS)]
        self.together.wait()
        before = sum(pinger.count for _, pinger in pairs)  # type: ignore[attr-defined]
        await asyncio.sleep(self.seconds)
        self.count = sum(pinger.count for _, pinger in pairs) - before  # type: ignore[attr-defined]
        self.together.wait()
        for transport, _ in pairs:
            transport.disconnect(graceful=False)
        server.close()
        await server.wait_closed()


def echo(count: int, seconds: float) -> tuple[float, float]:
    """Messages a second, and CPU seconds a message."""
    together = threading.Barrier(count + 1)
    threads = [EchoThread(together, seconds) for _ in range(count)]
    for thread in threads:
        thread.start()
    together.wait()
    began, cpu = time.monotonic(), time.process_time()
    together.wait()
    took, cpu = time.monotonic() - began, time.process_time() - cpu
    for thread in threads:
        thread.join()
    total = sum(thread.count for thread in threads)
    return total / took, cpu / total


def load_example() -> Any:
    path = Path(__file__).parents[1] / "examples/thread_rooms.py"
    spec = importlib.util.spec_from_file_location("thread_rooms", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Reader(WSListener):
    """A member that counts, and publishes as many as come back if it is told to."""

    def __init__(self, publishes: bool) -> None:
        self.publishes = publishes
        self.count = 0

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        self.count += 1
        if not self.publishes:
            return
        for _ in range(WINDOW if self.count == 1 else 1):  # the first one is the welcome
            transport.send(WSMsgType.TEXT, b"x" * 256)


def rooms(count: int, seconds: float) -> tuple[float, float]:
    """Deliveries a second, and CPU seconds a delivery."""
    example = load_example()
    with socket.socket() as reserved:
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
        workers: list[Any] = []
        workers += [example.Worker(number, port, workers) for number in range(count)]
        for worker in workers:
            worker.start()
            worker.is_listening.wait()
    readers = [Reader(False) for _ in range(MEMBERS)]

    async def enter(reader: Reader) -> WSTransport:
        transport, _ = await ws_connect(lambda: reader, f"ws://127.0.0.1:{port}/room")
        return transport

    def enter_from(number: int, reader: Reader) -> WSTransport:
        loop = workers[number % count].loop
        return asyncio.run_coroutine_threadsafe(enter(reader), loop).result()

    ends = [enter_from(number, reader) for number, reader in enumerate(readers)]
    first = Reader(True)
    ends.append(enter_from(0, first))
    readers.append(first)
    time.sleep(0.3)
    before, began, cpu = sum(r.count for r in readers), time.monotonic(), time.process_time()
    time.sleep(seconds)
    total, took, cpu = (
        sum(r.count for r in readers) - before,
        time.monotonic() - began,
        time.process_time() - cpu,
    )
    for number, end in enumerate(ends):
        worker = workers[0 if end is ends[-1] else number % count]
        worker.loop.call_soon_threadsafe(end.disconnect, False)
    for worker in workers:
        worker.end()
    for worker in workers:
        worker.join()
    return total / took, cpu / total


def compare(
    name: str, measure: Callable[[int, float], tuple[float, float]], rounds: int, seconds: float
) -> None:
    ones, twos = [], []
    for _ in range(rounds):
        ones.append(measure(1, seconds))
        twos.append(measure(2, seconds))
    rate, cpu = (
        statistics.median(two[part] / one[part] for one, two in zip(ones, twos, strict=True))
        for part in (0, 1)
    )
    one, two = (statistics.median(rate for rate, _ in results) for results in (ones, twos))
    # What the machine had left for us: two loops are worth little on one core.
    cores = [statistics.median(rate * cpu for rate, cpu in results) for results in (ones, twos)]
    print(
        f"{name}: one loop {one:,.0f}/s on {cores[0]:.2f} cores, "
        f"two {two:,.0f}/s on {cores[1]:.2f}; two loops {rate:.2f} times one, "
        f"{cpu:.2f} times the CPU of a message",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2)
    options = parser.parse_args()
    has_gil = getattr(sys, "_is_gil_enabled", lambda: True)()
    print(f"Python {sys.version.split()[0]}, {'with a GIL' if has_gil else 'without a GIL'}")
    compare("echo", echo, options.rounds, options.seconds)
    compare("rooms", rooms, options.rounds, options.seconds)


if __name__ == "__main__":
    main()
