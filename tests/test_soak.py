"""The soak test runs: a few seconds of what is run for an hour by hand."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent / "soak/soak.py"


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_every_message_is_accounted_for(loop: str) -> None:
    command = [sys.executable, str(SCRIPT), "--minutes=0.05", "--connections=10", f"--loop={loop}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("all accounted for\n")
