"""Nothing that a program calls, with whatever arguments, ends the process.

`support/surface.py` does the calling; a larger number of calls, or another seed, is an argument:

    cd tests; python -m support.surface asyncio 7 100000 60 /tmp/calls
"""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path

import pytest
from support import stacks

from picows import _native

TESTS = Path(__file__).parent
SEED = 1
CALLS = 15_000
SECONDS_MAX = 8
#: Extensions in C make them: tests/test_cpython_header.py.
OUT_OF_REACH = {"NativeListener"}


def classes() -> set[str]:
    """Those of the compiled module, without enumerations, each of which has to be met."""
    found = inspect.getmembers(_native, inspect.isclass)
    return {name for name, kind in found if not hasattr(kind, "__members__")} - OUT_OF_REACH


@pytest.mark.parametrize("loop", stacks.LOOPS)
def test_odd_calls(loop: str, tmp_path: Path) -> None:
    log = tmp_path / "calls"
    arguments = [loop, str(SEED), str(CALLS), str(SECONDS_MAX), str(log)]
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-m", "support.surface", *arguments],
        cwd=TESTS,
        capture_output=True,
        text=True,
        timeout=120,
    )
    last = log.read_text().splitlines()[-3:]
    assert done.returncode == 0, f"status {done.returncode} after {last}\n{done.stderr}"
    count, *met = done.stdout.split()
    assert int(count) > 500, done.stdout
    assert classes() <= set(met), done.stdout
