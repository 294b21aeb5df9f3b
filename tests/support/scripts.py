"""Programs in a process of their own, for what could end the process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent


def run(text: str, *arguments: str, seconds_max: float = 60) -> str:
    """Run a program that can import what the tests can; it must end well. Returns its output.

    faulthandler tells where a process died that did not.
    """
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", text, *arguments],
        cwd=TESTS,
        capture_output=True,
        text=True,
        timeout=seconds_max,
    )
    assert done.returncode == 0, f"status {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout
