"""The scripts of tests/leaks, each in a process of its own, with small counts."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

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


@pytest.mark.parametrize("script", ["connections.py", "frames.py"])
def test_usage(script: str) -> None:
    command = [sys.executable, str(FOLDER / script), "--count=many"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "--count" in done.stderr
