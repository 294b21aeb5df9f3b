"""Which files of the library import which, and the same of the folders that they are in."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

Graph = dict[Path, set[Path]]


def zig_imports(base: Path, *, modules: bool = False) -> Graph:
    """What the Zig files below a folder import from there, tests left out.

    modules: with folders of the same name that are imported as modules.
    """
    graph: Graph = {}
    for path in base.rglob("*.zig"):
        if path.name != "tests.zig" and not path.stem.endswith(("_test", "_fuzz")):
            code = re.sub(r"//.*", "", path.read_text("utf-8"))
            names = re.findall(r'@import\("([^"]+)"\)', code)
            graph[path] = {(path.parent / n).resolve() for n in names if n.endswith(".zig")}
            if modules:
                graph[path] |= {base / name for name in names if (base / name).is_dir()}
    return graph


def python_imports(root: Path) -> Graph:
    """What the files of picows import from it, in functions too; what is for types alone is not.

    `_native.pyi` stands for the compiled module, which has the names of modules in texts.
    """
    package = root / "picows"
    graph = {path: set(_python_imports(path, package)) for path in package.rglob("*.py")}
    texts = "".join(path.read_text("utf-8") for path in (root / "zig/binding").rglob("*.zig"))
    names = set(re.findall(r'"picows\.([a-z_]+(?:\.[a-z_]+)*)"', texts))
    named = {_file(package.joinpath(*name.split("."))) for name in names}
    graph[package / "_native.pyi"] = {path for path in named if path.exists()}
    return graph


def _python_imports(path: Path, package: Path) -> Iterator[Path]:
    for node in _nodes_at_run_time(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            assert not any(name.name.startswith("picows") for name in node.names), path
        if isinstance(node, ast.ImportFrom) and node.level:
            folder = path.parents[node.level - 1]
            module = folder.joinpath(*(node.module or "").split("."))
            for name in node.names:
                is_module = module.is_dir() and (module / name.name).with_suffix(".py").exists()
                yield _file(module / name.name if is_module else module)


def _nodes_at_run_time(tree: ast.AST) -> Iterator[ast.AST]:
    yield tree
    for node in ast.iter_child_nodes(tree):
        if not (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"):
            yield from _nodes_at_run_time(node)


def _file(module: Path) -> Path:
    if module.is_dir():
        return module / "__init__.py"
    return module.with_suffix(".pyi" if module.name == "_native" else ".py")


def rooms(graph: Graph, base: Path) -> dict[str, set[str]]:
    """The same of the folders right below one, and of the files that are in none of them."""

    def room(path: Path) -> str:
        first, *rest = path.relative_to(base).parts
        return f"{first}/" if rest else path.stem

    found: dict[str, set[str]] = {room(path): set() for path in graph}
    for path, imported in graph.items():
        found[room(path)] |= {room(other) for other in imported} - {room(path)}
    return found
