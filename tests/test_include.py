"""picows.get_include(), and that what it promises is in the wheel and in the sdist."""

from __future__ import annotations

import tomllib
from pathlib import Path

import picows

FILES = ["include/picows_cpython.h", "picows.pxd"]


def test_the_folder_has_the_headers() -> None:
    folder = Path(picows.get_include())
    assert folder.is_absolute()
    assert (folder / "picows_cpython.h").is_file()


def test_they_are_packaged(root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))
    patterns = project["tool"]["setuptools"]["package-data"]["picows"]
    packaged = {path for pattern in patterns for path in (root / "picows").glob(pattern)}
    assert packaged >= {root / "picows" / name for name in FILES}
