"""What can be counted instead of timed: instructions, heap allocations, system calls.

Each figure is the difference of two runs of the same program, one with more frames than the other,
so that starting, connecting and ending cancel out. What is counted is outside of the kernel.
"""

from __future__ import annotations

import re
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .cases import PIPELINED, Case, Figures, Measure
from .lab import Lab
from .subjects import Subject


@dataclass(frozen=True)
class Watcher:
    """A program that others are put behind, and that writes to a file what it has counted."""

    command: Callable[[Path], list[str]]
    read: Callable[[str], Counter[str]]


def _instructions(text: str) -> Counter[str]:
    found = re.search(r"^(?:totals|summary): (\d+)", text, re.M)
    assert found, "callgrind wrote no sum"
    return Counter({"instructions": int(found[1])})


def _allocations(text: str) -> Counter[str]:
    found = re.search(r"total heap usage: ([\d,]+) allocs", text)
    assert found, "valgrind wrote no sum"
    return Counter({"allocations": int(found[1].replace(",", ""))})


def _calls(text: str) -> Counter[str]:
    """Columns: % time, seconds, microseconds a call, calls, errors (or nothing), name."""
    counts: Counter[str] = Counter()
    for line in text.splitlines():
        words = line.split()
        if len(words) < 5 or not words[3].isdigit() or words[-1] == "total":
            continue
        counts["calls"] += int(words[3])
        counts[f"calls_{words[-1]}"] += int(words[3])
        # A read that finds nothing. The loop's own calls do not fail.
        counts["calls_failed"] += int(words[4]) if len(words) > 5 else 0
    return counts


CALLGRIND = Watcher(
    lambda output: ["valgrind", "--tool=callgrind", f"--callgrind-out-file={output}", "-q"],
    _instructions,
)
# Python's own allocator would hide from valgrind what is allocated.
MALLOC = ["env", "PYTHONMALLOC=malloc"]
MEMCHECK = Watcher(
    lambda output: [*MALLOC, "valgrind", f"--log-file={output}", "--undef-value-errors=no"],
    _allocations,
)
STRACE = Watcher(lambda output: ["strace", "-f", "-c", "-o", str(output)], _calls)

Work = Callable[[Lab, Subject, str, int, list[str]], None]
"""Runs a subject behind a command for so many frames."""


def client_work(work: str, *, tls: bool = False) -> Work:
    def run(lab: Lab, subject: Subject, loop: str, count: int, wrap: list[str]) -> None:
        path = "/echo" if work == "echo" else "/flood/32"
        options = {"work": work, "path": path, "size": 256, "loop": loop}
        options["tls"] = lab.tls_option(tls)
        with (
            lab.tls_partner("server", 256) if tls else lab.partner("server") as server,
            lab.measured(subject, "client", wrap, port=server.port, **options) as client,
        ):
            client.ask(f"go 0 {count}", 600)

    return run


def server_work(work: str) -> Work:
    def run(lab: Lab, subject: Subject, loop: str, count: int, wrap: list[str]) -> None:
        options: dict[str, object] = {"work": work, "path": "/echo", "size": 256}
        if work == "sink":
            options = {"work": "flood", "path": "/sink", "size": 32}
        with (
            lab.measured(subject, "server", wrap, work=work, loop=loop) as server,
            lab.partner("client", port=server.port, **options) as client,
        ):
            client.ask(f"go 0 {count}", 600)
            while work == "sink" and server.ask("mark", 600)["count"] < count:
                time.sleep(0.05)

    return run


def pipelined_work(*, coalesce: bool) -> Work:
    def run(lab: Lab, subject: Subject, loop: str, count: int, wrap: list[str]) -> None:
        options = {"work": "echo", "loop": loop, "coalesce": int(coalesce)}
        with (
            lab.measured(subject, "server", wrap, **options) as server,
            lab.partner("client", port=server.port, **PIPELINED) as client,
        ):
            client.ask(f"go 0 {count}", 600)

    return run


def counted(watcher: Watcher, work: Work, frames: tuple[int, int]) -> Measure:
    def measure(lab: Lab, subject: Subject, loop: str) -> Figures:
        few, many = (lab.scaled(number) for number in frames)
        counts = []
        for count in (few, many):
            with tempfile.TemporaryDirectory() as folder:
                output = Path(folder) / "output"
                work(lab, subject, loop, count, watcher.command(output))
                counts.append(watcher.read(output.read_text(errors="replace")))
        differences = {
            name: (counts[1][name] - counts[0][name]) / (many - few) for name in counts[1]
        }
        # Of single system calls those that each echo makes; the rest is the loop's housekeeping.
        return {
            name: value
            for name, value in differences.items()
            if value >= 0.5 or not name.startswith("calls_") or name == "calls_failed"
        }

    return measure


def counted_flood(watcher: Watcher, figure: str, frames: tuple[int, int]) -> Measure:
    """Of a client, for a frame of a flood; of picows also without the Python callback."""

    def measure(lab: Lab, subject: Subject, loop: str) -> Figures:
        whole = counted(watcher, client_work("sink"), frames)(lab, subject, loop)
        if subject.library != "picows":
            return whole
        alone = counted(watcher, client_work("callback"), frames)(lab, subject, loop)
        callback = alone[figure]
        return whole | {
            f"{figure}_callback": callback,
            f"{figure}_library": whole[figure] - callback,
        }

    return measure


LIBRARIES = frozenset({"ours", "picows", "websockets", "aiohttp"})
ECHOES = (300, 2300)
FRAMES = (4000, 24_000)


def counted_cases() -> list[Case]:
    measures: dict[str, Measure] = {
        "instructions-flood-client": counted_flood(CALLGRIND, "instructions", FRAMES),
        "instructions-flood-server": counted(CALLGRIND, server_work("sink"), FRAMES),
        "instructions-echo-client": counted(CALLGRIND, client_work("echo"), ECHOES),
        "instructions-echo-server": counted(CALLGRIND, server_work("echo"), ECHOES),
        "allocations-flood-client": counted_flood(MEMCHECK, "allocations", FRAMES),
        "allocations-echo-client": counted(MEMCHECK, client_work("echo"), ECHOES),
        "allocations-echo-server": counted(MEMCHECK, server_work("echo"), ECHOES),
        "calls-echo-client": counted(STRACE, client_work("echo"), ECHOES),
        "calls-echo-server": counted(STRACE, server_work("echo"), ECHOES),
        "instructions-echo-client-tls": counted(CALLGRIND, client_work("echo", tls=True), ECHOES),
        "calls-echo-client-tls": counted(STRACE, client_work("echo", tls=True), ECHOES),
    }
    for name, coalesce in ("at-once", False), ("coalesced", True):
        work = pipelined_work(coalesce=coalesce)
        measures[f"instructions-pipelined-{name}"] = counted(CALLGRIND, work, FRAMES)
        measures[f"calls-pipelined-{name}"] = counted(STRACE, work, FRAMES)
    return [
        Case(
            name,
            measure,
            *([LIBRARIES] if name.endswith("-tls") else []),
            rounds_max=1,
            program="strace" if name.startswith("calls") else "valgrind",
        )
        for name, measure in measures.items()
    ]
