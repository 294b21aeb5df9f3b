"""The documentation builds without a warning, has every public name, and names what exists."""

from __future__ import annotations

import html
import re
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

import picows

pytestmark = pytest.mark.slow

#: Where a file named on a page without its folder is.
FOLDERS = ("zig/core", "zig/binding", "zig/net", "zig/cpython", "picows", "tests", "docs")
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


def documented(site: Path, domain: str) -> set[str]:
    # Four lines of text, then a compressed line for each name.
    compressed = (site / "objects.inv").read_bytes().split(b"\n", 4)[4]
    lines = zlib.decompress(compressed).decode().splitlines()
    return {line.split()[0] for line in lines if f" {domain}:" in line}


def words(site: Path, page: str) -> str:
    """The words of a page, without the contents at its side."""
    text = (site / f"{page}.html").read_text("utf-8").partition('<article role="main"')[2]
    text = re.sub(r"<[^>]*>", "", text.partition("</article>")[0])
    return spaced(html.unescape(text))


def spaced(text: str) -> str:
    return f" {' '.join(re.findall(r'[A-Za-z0-9_]+', text))} "


def test_the_reference_has_every_public_name(site: Path) -> None:
    names = {name.removeprefix("picows.") for name in documented(site, "py")}
    missing = public_names() - names
    assert not missing, "add them to docs/reference.rst"


@pytest.mark.parametrize("header", ["picows.h", "picows_cpython.h"])
def test_the_reference_has_every_name_and_comment_of_a_header(
    header: str, site: Path, root: Path
) -> None:
    text = (root / "picows/include" / header).read_text("utf-8")
    code = re.sub(r'/\*.*?\*/|^#(?!define \w+ ).*?$|"[^"]*"', "", text, flags=re.S | re.M)
    declared = set(re.findall(r"\b(?:picows|PICOWS)_\w+", code)) - {"PICOWS_API"}
    for name, members in re.findall(r"typedef struct (\w+) \{(.*?)^\}", code, re.S | re.M):
        last = re.findall(r"(\w+)(?:\[\w+\])?;|\(\*(\w+)\)\([^;]*\);", members)
        declared |= {f"{name}.{a or b}" for a, b in last}
    assert len(declared) > 40
    assert not declared - documented(site, "c")

    page = words(site, "reference-c")
    about_the_code = re.compile(r"^(#(?!define).*|\} .*)", re.M)
    comments = re.findall(r"/\*(.*?)\*/", about_the_code.sub("", text), re.S)
    missing = [comment for comment in comments if spaced(comment) not in page]
    assert not missing


def test_the_reference_has_every_name_of_the_zig_package(site: Path, root: Path) -> None:
    page = words(site, "reference-zig")
    contents = (root / "zig/core/core.zig").read_text("utf-8")
    names = set(re.findall(r"^pub const (\w+) =", contents, re.M))
    whole = re.findall(r'^pub const \w+ = @import\("([\w/]+\.zig)"\);', contents, re.M)
    files = [root / "zig/cpu/select.zig", *(root / "zig/core" / file for file in whole)]
    for file in files:
        names |= set(
            re.findall(r"^ *pub (?:inline )?(?:const|fn) (\w+)", file.read_text("utf-8"), re.M)
        )
    assert len(names) > 60
    assert not {name for name in names if f" {name} " not in page}


def test_the_reference_has_every_name_of_the_pxd(site: Path, root: Path) -> None:
    page = words(site, "reference-cython")
    _, *declared = (root / "picows/picows.pxd").read_text("utf-8").split("\n\n\n")
    assert len(declared) > 5
    assert not [text for text in declared if spaced(text) not in page]


def test_every_page_is_in_the_contents(site: Path, root: Path) -> None:
    contents = (site / "index.html").read_text("utf-8")
    files = [path for path in (root / "docs").iterdir() if path.suffix in (".md", ".rst")]
    pages = {path.stem for path in files} - {"index"}
    assert len(pages) > 20
    assert all(f'href="{page}.html"' in contents for page in pages)


def named(page: Path) -> list[tuple[str, str]]:
    return re.findall(r"`([\w./]+)::([^`]+)`", page.read_text("utf-8"))


def defines(path: Path, name: str) -> bool:
    pattern = {
        ".zig": rf'\bfn {re.escape(name)}\(|^test "{re.escape(name)}"',
        ".py": rf"^\s*(async )?def {re.escape(name)}\(",
    }
    return re.search(pattern[path.suffix], path.read_text("utf-8"), re.M) is not None


@pytest.mark.parametrize("page", ["rfc6455.md", "migration.md"])
def test_what_a_page_names_exists(page: str, root: Path) -> None:
    rows = named(root / "docs" / page)
    assert len(rows) > 10
    for file, name in rows:
        paths = [root / folder / file for folder in FOLDERS if (root / folder / file).is_file()]
        paths += (root / "zig/core").glob(f"*/{file}")
        assert len(paths) == 1, f"{page}: {file}"
        assert defines(paths[0], name), f"{page}: {file}::{name}"
