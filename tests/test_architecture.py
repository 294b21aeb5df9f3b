"""The map of the code in docs/architecture.md is true: it has each file, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from support.rooms import python_imports, rooms, zig_imports
from support.rooms_picture import all_rooms, svg

MAPPED = (
    "zig/core",
    "zig/core/text",
    "zig/core/frame",
    "zig/core/deflate",
    "zig/core/message",
    "zig/core/http",
    "zig/core/opening",
    "zig/core/session",
    "zig/core/testing",
    "zig/cpu",
    "zig/net",
    "zig/cpython",
    "zig/c_abi",
    "zig/binding",
    "zig/binding/state",
    "zig/binding/eventloop",
    "zig/binding/memory",
    "zig/binding/frame",
    "zig/binding/listener",
    "zig/binding/transport",
    "zig/binding/messages",
    "zig/binding/connection",
    "zig/binding/opening",
    "zig/binding/tcp",
    "zig/binding/tls",
    "picows",
    "picows/values",
    "picows/loop",
    "picows/client",
    "picows/server",
    "picows/workers",
    "picows/messages",
    "picows/testing",
    "picows/cli",
    "picows/websockets",
    "picows/websockets/asyncio",
    "picows/websockets/extensions",
)
#: What is built, downloaded or left behind by tools.
NOT_OURS = re.compile(r"\.|build$|dist$|zig-out$|__pycache__$|.*\.egg-info$")


def rows_of(root: Path, section: str) -> tuple[list[set[str]], str]:
    """The names in the first column of a section's table, row by row, and all of its text."""
    page = (root / "docs/architecture.md").read_text("utf-8")
    text = page.split(f"\n### {section}\n")[1].split("\n##")[0]
    cells = re.findall(r"^\| (`[^|]+) \|", text, re.M)
    return [set(re.findall(r"`([^`]+)`", cell)) for cell in cells], text


def first_column(root: Path, section: str) -> tuple[set[str], str]:
    rows, text = rows_of(root, section)
    return set().union(*rows), text


def files_of(folder: Path) -> set[str]:
    """Each file without its ending where the ending says nothing; each folder with a slash."""
    names = set()
    for path in folder.iterdir():
        if NOT_OURS.match(path.name) or path.name.startswith("_native.abi3"):
            continue
        if path.is_dir():
            names.add(f"{path.name}/")
        elif path.suffix not in (".so", ".pyd"):
            names.add(path.stem if path.suffix in (".py", ".zig") else path.name)
    return names


@pytest.mark.parametrize("section", MAPPED)
def test_files(section: str, root: Path) -> None:
    rows, text = first_column(root, section)
    files = files_of(root / section)
    endings = tuple(row.removeprefix("...") for row in rows if row.startswith("..."))
    # Said once, of the whole.
    endings += ("_test", "_fuzz") if section.startswith("zig/core/") else ()
    endings += ("_doc",) if section.startswith("zig/binding/") else ()
    endings += ("__init__",) if section.startswith("picows/") else ()
    named = {row for row in rows if not row.startswith("...")}
    assert named <= files, "the table names what is not there"
    spoken_of = named | {name for name in files if f"`{name}`" in text or name.endswith(endings)}
    assert not files - spoken_of, "docs/architecture.md does not say what these are about"


@pytest.mark.parametrize("base", ["zig/core", "zig/binding", "picows"])
def test_folders_import_only_from_those_above_them(base: str, root: Path) -> None:
    rows, _ = rows_of(root, base)
    places = {name.removesuffix(".pyi"): place for place, row in enumerate(rows) for name in row}
    graph = python_imports(root) if base == "picows" else zig_imports(root / base)
    found = rooms(graph, root / base)
    assert len(found) > 5
    for room, imported in found.items():
        for other in imported:
            assert places[other] < places[room], f"{base}: {room} imports {other}"


def test_the_picture_shows_what_is_imported(root: Path) -> None:
    picture = (root / "docs/_static/rooms.svg").read_text("utf-8")
    assert picture == svg(all_rooms(root)), "run tests/support/rooms_picture.py"


def test_layers(root: Path) -> None:
    page = (root / "docs/architecture.md").read_text("utf-8")
    layers = set(re.findall(r"^(zig/\w+|picows)/ ", page, re.M))
    folders = {f"zig/{path.name}" for path in (root / "zig").iterdir() if path.is_dir()}
    assert layers == folders | {"picows"}
    assert layers <= set(MAPPED)


def test_folders_around_the_library(root: Path) -> None:
    named, _ = first_column(root, "Around the library")
    folders = {path.name for path in root.iterdir() if path.is_dir()}
    assert named == {name for name in folders if not NOT_OURS.match(name)} - {"picows", "zig"}
