"""Formatters, linter and type checker: what can be checked is not argued about."""

import subprocess
import sys

import pytest

COMMANDS = {
    "zig fmt": ["ziglang", "fmt", "--check", "build.zig", "zig", "examples"],
    "ruff check": ["ruff", "check", "."],
    "ruff format": ["ruff", "format", "--check", "."],
    "mypy": ["mypy"],  # strict, on picows/: pyproject.toml
}


@pytest.mark.parametrize("name", COMMANDS)
def test_clean(name, root):
    done = subprocess.run(
        [sys.executable, "-m", *COMMANDS[name]], cwd=root, capture_output=True, text=True
    )
    assert done.returncode == 0, f"{name} complains:\n{done.stdout}{done.stderr}"
