"""Fuzzes the core's parsers. Exits 1 on a finding, which `zig build test --fuzz` itself does not.

python fuzz/run.py                    200,000 runs of every target
python fuzz/run.py --runs 2M          more of them
python fuzz/run.py --minutes 10       rounds of --runs, each with another seed, for that long
python fuzz/run.py --keep             copy what the fuzzer kept to .zig-cache/found/TARGET/
"""

from __future__ import annotations

import argparse
import random
import re
import struct
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CORPUS = ROOT / "fuzz/corpus"
CACHE = ROOT / ".zig-cache"
FOUND = CACHE / "found"
CRASH = CACHE / "f/crash"
# The fuzzer names the folder of a target's inputs by the Wyhash of its test's full name.
FOLDERS = {
    "02be7bc6ec3632cb": "http",
    "06bc55b976771266": "close",
    "092b305acb66913c": "header",
    "1d296eecece443e1": "negotiation",
    "29cbe664ab42445a": "utf8",
    "624fede0f8f63fa2": "deflate",
    "92fe8116b54f1935": "parser",
    "99e69fe1eeeb87c1": "compression",
    "ae9d03cf5e270daa": "session",
    "b8f552bc704ab5b5": "handshake",
    "d0142c02b4b543d3": "inflate",
}
# With every check of bounds and arithmetic, and ten times as fast as a debug build.
BUILD = [sys.executable, "-m", "ziglang", "build", "test", "-Doptimize=safe"]
SIGNS = re.compile(r"failed|crash|panic|error:|saved to", re.I)


def coverage() -> tuple[int, int, int]:
    """Runs, places in the code that were reached, and all there are, from the newest coverage file.

    The file is a header of three numbers, then a bit for each place, then their addresses.
    """
    files = sorted((CACHE / "v").glob("*"), key=lambda path: path.stat().st_mtime)
    if not files:
        return 0, 0, 0
    data = files[-1].read_bytes()
    runs, _, places = struct.unpack_from("=QQQ", data)
    bits = data[24 : 24 + (places + 63) // 64 * 8]
    return runs, sum(byte.bit_count() for byte in bits), places


def payload(entry: bytes) -> bytes:
    """What a target saw: the fuzzer keeps it with a length of 32 bits in front."""
    size = int.from_bytes(entry[:4], "little")
    return entry[4 : 4 + size]


def fuzz_round(runs: str, seed: int) -> str | None:
    """One bounded run; the output if there is something to read in it."""
    CRASH.unlink(missing_ok=True)
    done = subprocess.run(
        [*BUILD, f"--fuzz={runs}", f"--seed={seed:#x}"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    if done.returncode or CRASH.exists() or SIGNS.search(done.stdout):
        return done.stdout
    return None


def report(output: str) -> None:
    print(output)
    if CRASH.exists():
        data = payload(CRASH.read_bytes())
        FOUND.mkdir(parents=True, exist_ok=True)
        (FOUND / "crash").write_bytes(data)
        print(f"{len(data)} bytes in {FOUND / 'crash'}: {data[:200]!r}")
        print("fuzz/README.md says how to make a regression test of it")


def keep() -> None:
    """Copies the inputs that the fuzzer kept, and that are not in the corpus."""
    known = {path.read_bytes() for path in CORPUS.glob("*/*")}
    for path in sorted((CACHE / "f").glob("*/*")):
        data = payload(path.read_bytes())
        if path.name.isalnum() and "lock" not in path.name and data not in known:
            target = FOUND / FOLDERS.get(path.parent.name, path.parent.name)
            target.mkdir(parents=True, exist_ok=True)
            (target / path.name).write_bytes(data)


def main() -> int:
    parser = argparse.ArgumentParser(description="Fuzzes the core's parsers.")
    parser.add_argument("--runs", default="200K", help="of each target in a round (default: 200K)")
    parser.add_argument("--minutes", type=float, default=0, help="go on with new rounds so long")
    parser.add_argument("--seed", type=lambda text: int(text, 0), help="of the first round")
    parser.add_argument("--keep", action="store_true", help="copy inputs to .zig-cache/found")
    options = parser.parse_args()
    seed = random.randrange(2**32) if options.seed is None else options.seed
    targets = sorted(path.name for path in CORPUS.iterdir())
    start = time.monotonic()
    rounds = 0
    while not rounds or time.monotonic() - start < 60 * options.minutes:
        output = fuzz_round(options.runs, (seed + rounds) % 2**32)
        if output is not None:
            report(output)
            print(f"FOUND something in round {rounds + 1}, seed {(seed + rounds) % 2**32:#x}")
            return 1
        rounds += 1
        runs, reached, places = coverage()
        print(
            f"round {rounds}: {options.runs} runs of each of {', '.join(targets)}; "
            f"{runs} in all, {reached} of {places} places reached, "
            f"{time.monotonic() - start:.0f} s",
            flush=True,
        )
    if options.keep:
        keep()
    return 0


if __name__ == "__main__":
    sys.exit(main())
