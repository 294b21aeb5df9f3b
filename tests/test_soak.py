"""The scripts of tests/soak run: a few seconds of what is run for long by hand."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from support.brokers import program

pytest.importorskip("trustme")  # the scripts make their certificates with it

pytestmark = pytest.mark.slow

FOLDER = Path(__file__).parent / "soak"
SCRIPT = FOLDER / "soak.py"


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_every_message_is_accounted_for(loop: str) -> None:
    command = [sys.executable, str(SCRIPT), "--minutes=0.05", "--connections=10", f"--loop={loop}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("all accounted for\n")


def test_a_storm_in_small() -> None:
    command = [sys.executable, str(FOLDER / "storm.py"), "--connections=200", "--loop=asyncio"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    assert "200 of 200 connections" in done.stdout


def test_the_memory_of_tls_in_small() -> None:
    command = [sys.executable, str(FOLDER / "tls_memory.py"), "--connections=2", "--seconds=0.1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    assert "all disconnected" in done.stdout


def test_fan_out_in_small() -> None:
    pytest.importorskip("redis")
    program("redis-server")
    command = [sys.executable, str(FOLDER / "fanout.py"), "--connections=20", "--seconds=1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert "promises broken: 0" in done.stdout
