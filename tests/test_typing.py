"""Programs as type checkers see them: tests/typing has the expected types and errors in it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import picows


def test_mypy_strict(root: Path) -> None:
    """`--strict` makes an `ignore` that nothing needs an error, so what must be wrong is."""
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "tests/typing"],
        cwd=root,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_program_for_websockets(root: Path, tmp_path: Path) -> None:
    """It has the same types with either import; that of ours is checked with the others."""
    text = (root / "tests/typing/from_websockets.py").read_text("utf-8")
    program = tmp_path / "program.py"
    program.write_text(text.replace("from picows.websockets", "from websockets"), "utf-8")
    command = [sys.executable, "-m", "mypy", "--strict", program]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_pyright(root: Path) -> None:
    folders = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    pyright = shutil.which("pyright", path=folders)
    if pyright is None:
        pytest.skip("pyright is not installed: pip install pyright, which needs node")
    works = subprocess.run([pyright, "--version"], capture_output=True, text=True)
    if works.returncode != 0:
        pytest.skip(f"pyright does not start: {works.stderr.strip()[-200:]}")
    done = subprocess.run(
        [pyright, "--pythonpath", sys.executable, "picows", "pytest_picows.py", "tests/typing"],
        cwd=root,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_package_says_that_it_is_typed() -> None:
    assert (Path(picows.__file__).parent / "py.typed").is_file()
