"""The scripts of tests/leaks, each in a process of its own, with small counts."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support import stacks
from support.stacks import Stack

pytestmark = pytest.mark.slow

FOLDER = Path(__file__).parent / "leaks"


@pytest.mark.parametrize("stack", stacks.STACKS, ids=str)
@pytest.mark.parametrize(("script", "count"), [("connections.py", 240), ("frames.py", 30_000)])
def test_flat(script: str, count: int, stack: Stack) -> None:
    command = [sys.executable, str(FOLDER / script), f"--count={count}", f"--loop={stack.loop}"]
    command += ["--tls"] if stack.tls else []
    command += [f"--transport={stack.transport}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert done.stdout.endswith("flat\n")


def test_every_way_to_end() -> None:
    """10,000 rounds of each are for the command line. Both event loops at once: it takes long."""
    command = [sys.executable, str(FOLDER / "endings.py"), "--rounds=40"]
    output: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    running = [subprocess.Popen([*command, f"--loop={loop}"], **output) for loop in stacks.LOOPS]
    for program in running:
        with program:
            out, error = program.communicate(timeout=400)
        assert (program.returncode, error) == (0, ""), out
        assert out.count(" flat\n") > 70


LEAKING = """
import sys, warnings
sys.path.insert(0, sys.argv.pop())
import endings, ways
from picows import WSListener
kept = []

async def leak(place, number):
    warnings.warn("said")
    kept.append(WSListener())

endings.ways = lambda stack: {"leaking": ways.Way(leak)}
endings.main()
"""


def test_a_leak_is_found() -> None:
    command = [sys.executable, "-c", LEAKING, "--rounds=40", str(FOLDER)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (1, "not flat: leaking\n")
    assert "WSListener: 40 more; 100 x UserWarning: said" in done.stdout


@pytest.mark.parametrize("script", ["connections.py", "frames.py"])
def test_usage(script: str) -> None:
    command = [sys.executable, str(FOLDER / script), "--count=many"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "--count" in done.stderr
