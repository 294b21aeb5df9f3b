"""The documentation builds without a warning, has every public name, and names what exists."""

from __future__ import annotations

import re
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

import picows

#: Where a file named on a page without its folder is.
FOLDERS = ("zig/core", "zig/python", "picows", "tests", "docs")
#: Public for native code only.
NATIVE = {"WSFrame.payload_ptr", "WSTransport.send_reuse_external_buffer"}


@pytest.fixture(scope="module")
def site(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-n", "-q", "docs", folder]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def public_names() -> set[str]:
    names = set(picows.__all__) | NATIVE
    for name in picows.__all__:
        cls = getattr(picows, name)
        if isinstance(cls, type):
            members = (set(vars(cls)) | set(vars(cls).get("__annotations__", ()))) - set(dir(int))
            names |= {f"{name}.{member}" for member in members if not member.startswith("_")}
    return names


def test_the_reference_has_every_public_name(site: Path) -> None:
    # Four lines of text, then a compressed line for each name.
    compressed = (site / "objects.inv").read_bytes().split(b"\n", 4)[4]
    lines = zlib.decompress(compressed).decode().splitlines()
    documented = {line.split()[0].removeprefix("picows.") for line in lines if " py:" in line}
    missing = public_names() - documented
    assert not missing, "add them to docs/reference.rst"


def test_every_page_is_in_the_contents(site: Path, root: Path) -> None:
    contents = (site / "index.html").read_text()
    pages = {path.stem for path in (root / "docs").glob("*.md")} - {"index"}
    assert all(f'href="{page}.html"' in contents for page in pages | {"reference"})


def named(page: Path) -> list[tuple[str, str]]:
    return re.findall(r"`([\w.]+)::([^`]+)`", page.read_text())


def defines(path: Path, name: str) -> bool:
    pattern = {
        ".zig": rf'\bfn {re.escape(name)}\(|^test "{re.escape(name)}"',
        ".py": rf"^\s*(async )?def {re.escape(name)}\(",
    }
    return re.search(pattern[path.suffix], path.read_text(), re.M) is not None


@pytest.mark.parametrize("page", ["rfc6455.md", "migration.md"])
def test_what_a_page_names_exists(page: str, root: Path) -> None:
    rows = named(root / "docs" / page)
    assert len(rows) > 10
    for file, name in rows:
        paths = [root / folder / file for folder in FOLDERS if (root / folder / file).is_file()]
        assert len(paths) == 1, f"{page}: {file}"
        assert defines(paths[0], name), f"{page}: {file}::{name}"
