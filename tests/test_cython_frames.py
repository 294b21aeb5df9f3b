"""benchmarks/cython_frames.py runs: both sides are this picows, and the frames are few."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from support import building

pytest.importorskip("Cython")
pytestmark = [pytest.mark.slow, building.needs_headers]


def test_it_runs(root: Path, tmp_path: Path) -> None:
    names = ["cython_frames.py", "cython_frames.pyx"]
    for name in names:
        (tmp_path / name).write_bytes((root / "benchmarks" / name).read_bytes())
    # -O0: the compiler's time is the test's.
    environment = {"CFLAGS": "-O0", "PYTHONPATH": str(root)}
    command = [sys.executable, "cython_frames.py", "--peer", sys.executable]
    command += ["--frames=200", "--rounds=1", "--loops", "asyncio"]
    command += ["--cases", "echo 32 B", "receive 32 B"]
    output = building.run(*command, cwd=tmp_path, **environment)
    row = r"^(?:echo|receive) .* asyncio +\d+ +\d+ +\d+\.\d\d "
    rows = re.findall(row, output.replace(",", ""), re.M)
    assert len(rows) == 2, output
