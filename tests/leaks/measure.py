"""What a process holds: memory, objects, references. The leak scripts compare two moments."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import ctypes
import gc
import logging
import os
import sys
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parents[2])]

from picows import _native  # noqa: E402 (the path has to be set first)

try:
    from support import stacks
except ImportError:  # a Python without the packages of the tests: asyncio and TCP only
    stacks = None  # type: ignore[assignment]

TYPES = ["WSFrame", "WSTransport", "WSListener", "Protocol", "Endpoint", "Chunk", "LoopState"]
RSS_GROWTH_MAX = 8 << 20
"""Allocators keep some; a leak of a hundred bytes a connection is above it at 100,000."""
OBJECTS_GROWTH_MAX = 100
BLOCKS_GROWTH_MAX = 1000
REFERENCES_GROWTH_MAX = 1000
SPARE = {"WSFrame": 1, "Chunk": 3}
"""What an event loop keeps for its next use, or not, depending on what came last."""


PARTS = 6


def open_descriptors() -> int:
    """How many file descriptors the process has; 0 where the system does not tell."""
    try:
        return len(os.listdir("/proc/self/fd"))
    except OSError:
        return 0


def give_back() -> None:
    """What the C library merely keeps for later: after many TLS connections tens of megabytes."""
    with contextlib.suppress(OSError, AttributeError):  # of glibc alone
        ctypes.CDLL(None).malloc_trim(0)


def resident_size() -> int:
    """Bytes of memory; 0 where the system does not tell."""
    try:
        lines = Path("/proc/self/status").read_text("utf-8").splitlines()
    except OSError:
        return 0
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS"))


@dataclass
class Sample:
    """`instances` are counted by the references to their types, which every instance holds.

    `objects` are those that the garbage collector knows, `blocks` the memory of all.
    """

    rss: int
    objects: int
    blocks: int
    descriptors: int
    instances: dict[str, int]
    references: int | None

    @classmethod
    def take(cls, with_references: bool) -> Sample:
        for _ in range(3):
            gc.collect()
        give_back()
        total = getattr(sys, "gettotalrefcount", None)
        return cls(
            resident_size(),
            len(gc.get_objects()),
            sys.getallocatedblocks(),
            open_descriptors(),
            {name: sys.getrefcount(getattr(_native, name)) for name in TYPES},
            total() if total and with_references else None,
        )

    def __str__(self) -> str:
        instances = " ".join(f"{name}={count}" for name, count in self.instances.items())
        return (
            f"rss={self.rss / 2**20:.1f}MiB objects={self.objects} blocks={self.blocks} "
            f"descriptors={self.descriptors} totalrefcount={self.references} {instances}"
        )


def problems(start: Sample, middle: Sample, end: Sample, objects_max: int) -> list[str]:
    """Why the last one is not as the first was.

    Memory and references are compared with the middle one: allocators and caches need their time
    to settle.
    """
    found = [
        f"{name}: {end.instances[name] - count} more"
        for name, count in start.instances.items()
        if end.instances[name] > count + SPARE.get(name, 0)
    ]
    if end.rss - middle.rss > RSS_GROWTH_MAX:
        found.append(f"memory grew by {(end.rss - middle.rss) / 2**20:.1f} MiB")
    if end.objects - start.objects > objects_max:
        found.append(f"{end.objects - start.objects} more Python objects")
    if end.blocks - middle.blocks > BLOCKS_GROWTH_MAX:
        found.append(f"{end.blocks - middle.blocks} more blocks of memory")
    if end.descriptors > start.descriptors:
        found.append(f"{end.descriptors - start.descriptors} more file descriptors")
    references = (end.references or 0) - (middle.references or 0)
    if references > REFERENCES_GROWTH_MAX:
        found.append(f"{references} more references")
    return found


def check(samples: list[Sample]) -> None:
    """Exits with a message unless nothing is left."""
    start, middle, end = samples[0], samples[len(samples) // 2], samples[-1]
    if found := problems(start, middle, end, OBJECTS_GROWTH_MAX):
        sys.exit("leaked: " + "; ".join(found))
    print("flat")


def arguments(description: str, count: int) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--count", type=int, default=count)
    parser.add_argument(
        "--loop", default="asyncio", choices=sorted(stacks.LOOPS if stacks else ["asyncio"])
    )
    parser.add_argument("--tls", action="store_true")
    parser.add_argument(
        "--transport", default="loop", choices=sorted(stacks.TRANSPORTS if stacks else ["loop"])
    )
    return parser.parse_args()


def options(given: argparse.Namespace) -> tuple[dict[str, Any], dict[str, Any], str]:
    """Keyword arguments of a server and of a client, and the URL's scheme."""
    if stacks is None:
        return {"use_aiofastnet": False}, {"use_aiofastnet": False}, "ws"
    stack = stacks.Stack(given.loop, stacks.TRANSPORTS[given.transport], given.tls)
    return stack.server_options, stack.client_options, "wss" if given.tls else "ws"


def run(
    given: argparse.Namespace, work: Callable[[int], Coroutine[Any, Any, None]], count: int
) -> None:
    """Measures around `count` units of work, after some that fill caches and pools."""
    logging.disable(logging.CRITICAL)
    factory = stacks.LOOPS[given.loop] if stacks else asyncio.new_event_loop
    # A debug build of CPython does not count what extensions built for a release build do.
    with_references = given.loop == "asyncio" and given.transport != "aiofastnet"

    async def main() -> None:
        # Several times: where each makes a server, its URLs are new.
        for _ in range(3):
            await work(max(count // 30, 50))
        samples: list[Sample] = []
        for part in range(PARTS + 1):
            if part > 0:
                await work(count // PARTS)
            samples.append(Sample.take(with_references))
            print(f"{part * count // PARTS:>8} {samples[-1]}", flush=True)
        check(samples)

    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(main())
