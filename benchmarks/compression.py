"""Echoes of compressed messages against other libraries, in interleaved rounds of one run.

python -m benchmarks.compression [--peer build/peers/bin/python] [--rounds 5]
python -m benchmarks.compression --tiny     so little of it that the figures say nothing

Each round runs every library once, in a process of its own with both ends. CPU time is that of the
process, for an echo: two messages compressed, two inflated, and all else. Bytes are those of a
message on the wire, with its frame. Memory is what a connection, both ends, has added to the
process after 65 echoes. `--peer` is an interpreter that has picows 2.3.1.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

DRIVER = Path(__file__).parent / "drivers/driver_compression.py"
ROOT = Path(__file__).resolve().parent.parent
LIBRARIES = ["picows", "picows.websockets", "websockets", "aiohttp", "aiohttp-isal"]
OLD = "picows 2.3.1's websockets"
#: Size of a message, echoes in a round, connections of which memory is measured.
SIZES = [(88, 4000, 0), (1024, 4000, 100), (33_000, 300, 20)]


def run_one(library: str, peer: str | None, numbers: tuple[int, ...]) -> dict[str, float]:
    python, path = sys.executable, str(ROOT)
    if library == OLD:
        assert peer
        python, path, library = peer, "", "picows.websockets"
    command = [python, str(DRIVER), library, *map(str, numbers)]
    environment = os.environ | {"PYTHONPATH": path}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{library} failed: {done.stderr}")
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def median(rounds: list[dict[str, float]], name: str) -> float:
    return statistics.median(figures[name] for figures in rounds)


def table(results: dict[str, list[dict[str, float]]]) -> str:
    """Ratios are medians of those of single rounds: other load of the machine hits both."""
    lines = [
        "| library | CPU us | ours to its | rate | ours to its | bytes | idle KiB |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    ours = results["picows"]
    for library, rounds in results.items():
        pairs = list(zip(ours, rounds, strict=True))
        cpu = statistics.median(a["cpu_us"] / b["cpu_us"] for a, b in pairs)
        rate = statistics.median(a["rate"] / b["rate"] for a, b in pairs)
        lines.append(
            f"| {library} | {median(rounds, 'cpu_us'):.1f} | {cpu:.2f} "
            f"| {median(rounds, 'rate'):,.0f} | {rate:.2f} "
            f"| {median(rounds, 'wire'):,.0f} | {median(rounds, 'idle_kib'):.1f} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--peer", help="interpreter with picows 2.3.1")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--library", action="append", default=[], help="only these; again for more")
    parser.add_argument("--tiny", action="store_true")
    options = parser.parse_args()
    libraries = ["picows", *(name for name in options.library or LIBRARIES if name != "picows")]
    if options.peer:
        libraries.append(OLD)
    for size, count, connections in SIZES:
        numbers = (size, 10, 2) if options.tiny else (size, count, connections)
        results: dict[str, list[dict[str, float]]] = {library: [] for library in libraries}
        for _ in range(1 if options.tiny else options.rounds):
            for library, rounds in results.items():
                rounds.append(run_one(library, options.peer, numbers))
        print(f"\n{size} bytes, {numbers[1]} echoes in a round\n\n{table(results)}", flush=True)


if __name__ == "__main__":
    main()
