"""What compression costs and gains: the core against the zlib of Python, with context takeover.

python -m benchmarks.deflate            a table, in a minute
python -m benchmarks.deflate --tiny     so few messages that the figures say nothing

Both take turns in one process, and their CPU time is measured; the best of five turns counts. zlib
is called as a Python library calls it, a message at a time, and the core in a loop in native code:
the calls, 0.2 to 0.4 us a message, are part of zlib's price.
"""

from __future__ import annotations

import argparse
import ctypes
import importlib.util
import json
import random
import sys
import tempfile
import time
import zlib
from collections.abc import Callable
from ctypes import c_size_t
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from support import deflating  # noqa: E402

ROUNDS = 5
#: Level, window bits, and zlib's memory level: 8 is the default, 5 what `websockets` takes.
SETTINGS = [(1, 15, 8), (6, 15, 8), (9, 15, 8), (1, 12, 5), (6, 12, 5), (9, 12, 5)]
TAIL_SIZE = 4


def library(folder: Path) -> ctypes.CDLL:
    spec = importlib.util.spec_from_file_location("picows_setup", ROOT / "setup.py")
    assert spec and spec.loader
    setup = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(setup)
    return deflating.build(setup, ROOT, folder)


def trade(rng: random.Random) -> bytes:
    message = {
        "e": "trade",
        "s": rng.choice(["BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT", "DOGEUSDT"]),
        "p": f"{rng.uniform(100, 70000):.2f}",
        "q": f"{rng.uniform(0, 3):.4f}",
        "T": 1_700_000_000_000 + rng.randrange(10**9),
        "m": rng.random() < 0.5,
    }
    return json.dumps(message, separators=(",", ":")).encode()


def book(rng: random.Random) -> bytes:
    base = rng.uniform(100, 70000)
    sides = [
        [[f"{base + sign * i * 0.01:.2f}", f"{rng.uniform(0, 9):.5f}"] for i in range(22)]
        for sign in (-1, 1)
    ]
    message = {"lastUpdateId": rng.randrange(10**10), "bids": sides[0], "asks": sides[1]}
    return json.dumps(message, separators=(",", ":")).encode()


def records(rng: random.Random, count: int = 270) -> bytes:
    words = [
        "price",
        "order",
        "user",
        "account",
        "created",
        "active",
        "pending",
        "server",
        "amount",
    ]
    rows = [
        {
            "id": rng.randrange(10**6),
            "user": rng.choice(words) + str(rng.randrange(100)),
            "status": rng.choice(["active", "pending", "confirmed"]),
            "amount": round(rng.uniform(0, 1000), 2),
            "note": " ".join(rng.choice(words) for _ in range(rng.randrange(3, 9))),
        }
        for _ in range(count)
    ]
    return json.dumps(rows).encode()


def cpu_time(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


class Core:
    """All messages in one call of native code."""

    def __init__(
        self, lib: ctypes.CDLL, messages: list[bytes], level: int, window_bits: int
    ) -> None:
        self.lib, self.level, self.window_bits = lib, level, window_bits
        self.count = len(messages)
        self.data = b"".join(messages)
        self.sizes = (c_size_t * self.count)(*map(len, messages))
        self.out_sizes = (c_size_t * self.count)()
        room = sum(lib.deflate_bound(len(message)) for message in messages)
        self.out = ctypes.create_string_buffer(room)
        self.back = ctypes.create_string_buffer(max(map(len, messages)) + 1000)
        self.deflater = ctypes.create_string_buffer(lib.deflater_size())
        self.inflater = ctypes.create_string_buffer(lib.inflater_size())

    def deflate(self) -> None:
        self.lib.deflater_init(self.deflater, self.level, self.window_bits)
        self.lib.deflate_all(
            self.deflater, self.data, self.sizes, self.count, self.out, self.out_sizes, True
        )

    def inflate(self) -> None:
        self.lib.inflater_init(self.inflater, self.window_bits)
        size = self.lib.inflate_all(
            self.inflater,
            self.out,
            self.out_sizes,
            self.count,
            self.back,
            len(self.back),
            True,
        )
        assert size == len(self.data)

    @property
    def size(self) -> int:
        return sum(self.out_sizes) - TAIL_SIZE * self.count


class Zlib:
    def __init__(self, messages: list[bytes], level: int, window_bits: int, memory: int) -> None:
        self.messages, self.level = messages, level
        self.window_bits, self.memory = window_bits, memory
        self.made: list[bytes] = []

    def deflate(self) -> None:
        deflater = zlib.compressobj(self.level, zlib.DEFLATED, -self.window_bits, self.memory)
        self.made = [
            deflater.compress(message) + deflater.flush(zlib.Z_SYNC_FLUSH)
            for message in self.messages
        ]

    def inflate(self) -> None:
        inflater = zlib.decompressobj(-self.window_bits)
        for data in self.made:
            inflater.decompress(data)

    @property
    def size(self) -> int:
        return sum(map(len, self.made)) - TAIL_SIZE * len(self.made)


def row(name: str, messages: list[bytes], core: Core, other: Zlib, kept: int) -> str:
    core.deflate()
    other.deflate()
    assert zlib.decompressobj(-15).decompress(core.out.raw[: sum(core.out_sizes)]) == core.data
    turns = [core.deflate, other.deflate, core.inflate, other.inflate]
    times = [min(each) for each in zip(*[map(cpu_time, turns) for _ in range(ROUNDS)], strict=True)]
    ours, theirs, ours_back, theirs_back = (1e6 * one / len(messages) for one in times)
    total = sum(map(len, messages))
    return (
        f"| {name} | {core.level} | {core.window_bits} | {100 * core.size / total:.1f} %"
        f" | {100 * other.size / total:.1f} % | {ours:.2f} | {theirs:.2f} | {theirs / ours:.1f}"
        f" | {ours_back:.2f} | {theirs_back:.2f} | {theirs_back / ours_back:.1f}"
        f" | {kept / 1024:.1f} |"
    )


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Compression of the core against Python's zlib.")
    parser.add_argument("--tiny", action="store_true", help="few messages")
    tiny = parser.parse_args(arguments).tiny
    rng = random.Random(7692)
    kinds = {
        "trade": [trade(rng) for _ in range(20 if tiny else 4000)],
        "book": [book(rng) for _ in range(5 if tiny else 400)],
        "records": [records(rng) for _ in range(2 if tiny else 16)],
    }
    print("| message | level | window | size | zlib's | deflate us | zlib's | times", end="")
    print(" | inflate us | zlib's | times | KiB kept |")
    print("|---" * 12 + "|")
    with tempfile.TemporaryDirectory() as folder:
        lib = library(Path(folder))
        for kind, messages in kinds.items():
            name = f"{kind}, {sum(map(len, messages)) // len(messages)} B"
            for level, window_bits, memory in SETTINGS:
                kept = lib.deflater_memory(level, window_bits) + lib.inflater_memory(window_bits)
                core = Core(lib, messages, level, window_bits)
                print(row(name, messages, core, Zlib(messages, level, window_bits, memory), kept))


if __name__ == "__main__":
    main()
