"""Draws docs/_static/rooms.svg, and says how many files import each other in a circle.

python tests/support/rooms_picture.py
"""

from __future__ import annotations

import sys
from graphlib import TopologicalSorter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.rooms import Graph, python_imports, rooms, zig_imports

Rooms = dict[str, set[str]]
#: Files of picows that are one room: what users import.
PUBLIC = ("__init__", "closing", "exceptions", "picows", "url")
COLOURS = {"picows": "#fde9c4", "binding": "#d5e8f8", "zig": "#d9efd6"}
#: They stand in a column of their own.
WITHOUT_PYTHON = ("c_abi", "cpu", "core")
CELL, ROW = 150, 62


def all_rooms(root: Path) -> Rooms:
    """Folders of picows and of the binding, and the modules of Zig."""
    names = {"_native": "binding/module"}
    names |= dict.fromkeys(PUBLIC, "picows")
    names |= {"cli/": "picows/cli", "__main__": "picows/cli"}
    python = rooms(python_imports(root), root / "picows")
    found: Rooms = {}

    def add(name: str, imported: set[str]) -> None:
        found.setdefault(name, set()).update(imported - {name})

    def named(room: str, prefix: str) -> str:
        return names.get(room, f"{prefix}/{room.removesuffix('/')}")

    del python["include/"]  # headers
    python["__init__"].discard("include/")
    for room, others in python.items():
        add(named(room, "picows"), {named(other, "picows") for other in others})
    # By their names, in state.zig.
    found["binding/state"] = found["binding/module"]
    found["binding/module"] = set()
    for room, others in rooms(zig_imports(root / "zig/binding"), root / "zig/binding").items():
        add(f"binding/{room}".rstrip("/"), {f"binding/{other}".rstrip("/") for other in others})
    for path, files in zig_imports(root / "zig", modules=True).items():
        first, *rest = path.relative_to(root / "zig").parts
        if rest:
            name = first if first != "binding" else f"binding/{rest[0].removesuffix('.zig')}"
            folders = {file.relative_to(root / "zig").parts[0] for file in files}
            add(name, folders - {"binding", "version.zig"})
    return found


def reachable(graph: Rooms, start: str) -> set[str]:
    found: set[str] = set()
    waiting = list(graph[start])
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += graph[name]
    return found


def without_detours(graph: Rooms) -> Rooms:
    """Only the arrows that no longer way stands for."""
    below = {name: reachable(graph, name) for name in graph}
    return {
        name: {other for other in others if not any(other in below[third] for third in others)}
        for name, others in graph.items()
    }


def svg(graph: Rooms) -> str:
    arrows = without_detours(graph)
    floors: dict[str, int] = {}
    order = list(TopologicalSorter(arrows).static_order())
    for name in order:
        floors[name] = max((floors[other] + 1 for other in arrows[name]), default=0)
    floors["c_abi"] = floors["binding/module"]  # the two that are built
    importers = {name: [n for n in order if name in arrows[n]] for name in order}
    for name in reversed(order):  # as high as may be, so that lines are short
        floors[name] = min((floors[n] - 1 for n in importers[name]), default=floors[name])
    top, bottom = max(floors.values()), min(floors.values())
    rows: list[list[str]] = [
        [name for name in order if floors[name] == floor and name not in WITHOUT_PYTHON]
        for floor in range(top, bottom - 1, -1)
    ]
    width = max(map(len, rows))
    columns: dict[str, float] = dict.fromkeys(WITHOUT_PYTHON, 0)
    for row in rows:
        places = {n: [columns[above] for above in importers[n]] for n in row}
        row.sort(key=lambda name: (sum(places[name]) / max(len(places[name]), 1), name))
        for place, name in enumerate(row):
            columns[name] = place + 1 + (width - len(row)) / 2
    spots = {n: (75 + CELL * columns[n], 30 + ROW * (top - floors[n])) for n in order}
    lines = [
        f'<line x1="{spots[name][0]:.0f}" y1="{spots[name][1] + 15}" '
        f'x2="{spots[other][0]:.0f}" y2="{spots[other][1] - 15}" stroke="#888"/>'
        for name in sorted(arrows)
        for other in sorted(arrows[name])
    ]
    boxes = []
    for name in sorted(spots):
        x, y = spots[name]
        first = name.partition("/")[0]
        boxes.append(
            f'<rect x="{x - 62:.0f}" y="{y - 15}" width="124" height="30" rx="4" stroke="#555" '
            f'fill="{COLOURS.get(first, COLOURS["zig"])}"/>'
            f'<text x="{x:.0f}" y="{y + 4}" text-anchor="middle">{name}</text>'
        )
    size = f'width="{CELL * (width + 1)}" height="{60 + ROW * (top - bottom)}"'
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="12">'
    )
    return "\n".join([head, f'<rect {size} fill="white"/>', *lines, *boxes, "</svg>", ""])


def largest_circle(graph: Graph) -> int:
    """How many files of one folder import each other, at most."""
    within = {
        str(path): {str(other) for other in others if other.parent == path.parent}
        for path, others in graph.items()
    }
    below = {name: reachable(within, name) for name in within}
    return max(len({n for n in below[name] if name in below[n]}) for name in within)


def main() -> None:
    root = Path(__file__).parents[2]
    (root / "docs/_static/rooms.svg").write_text(svg(all_rooms(root)))
    for graph in (python_imports(root), zig_imports(root / "zig/binding")):
        folder = next(iter(graph)).relative_to(root).parts[0]
        print(f"{folder}: {largest_circle(graph)} files")


if __name__ == "__main__":
    main()
