"""Sphinx configuration: `sphinx-build -W -n docs docs/_build`."""

from __future__ import annotations

import ast
import importlib
import re
import sys
from pathlib import Path
from typing import Any

import picows

# Classes say where users import them from, but the comments on their attributes are in their rooms.
for path in Path(picows.__file__).parent.glob("values/*.py"):
    module = importlib.import_module(f"picows.values.{path.stem}")
    for name in re.findall(r"^class (\w+)", path.read_text(), re.M):
        getattr(module, name).__module__ = module.__name__

project = "picows"
author = "the picows authors"
copyright = f"2026, {author}"
version = release = picows.__version__

sys.path.insert(0, str(Path(__file__).parent / "_sphinx"))
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "c_header", "zig_module"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = "picows"
html_static_path = ["_static"]
html_css_files = ["site.css"]

default_role = "code"
python_maximum_signature_line_length = 80
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True, "undoc-members": True}
autodoc_preserve_defaults = True
napoleon_numpy_docstring = False
myst_heading_anchors = 3
# What is not ours is not documented here.
nitpick_ignore_regex = [
    (r"py:.*", r"(?!picows\.|WS|ws_).*"),
    (r"py:.*", r"WS\w+(Like|Factory)|.*\._M"),
    (r"c:.*", r"(?!picows_).*"),
]

# Where a page or a docstring says a name of the library, it becomes a link.
# One that is a word of English too does not.
NAMES = [name for name in picows.__all__ if not re.fullmatch("[a-z]+", name)]
NAME = rf"(?:{'|'.join(sorted(NAMES, key=len, reverse=True))})\b(?:\.\w+)?"
NAME_OR_MARKUP = re.compile(rf"`({NAME})`|:[^:`]+:(?!`)|:\w+:`[^`]*`|`[^`]*`|\b({NAME})")
FENCE_OR_NAME = re.compile(rf"(?s:^```.*?^```$)|`({NAME})`", re.M)


def linked(found: re.Match[str]) -> str | None:
    """The name of the library that was found, unless it is one that the reference leaves out."""
    name = found[1] or found[found.re.groups]
    first, _, member = (name or "").partition(".")
    return name if name and (not member or hasattr(getattr(picows, first), member)) else None


# Pages of their own makers: a link to one that is not there is text, and the contents leave it out.
OPTIONAL_PAGES = ("threads", "native", "embedding", "building")

# Files outside of docs/ that are pages of the site; a link to any other is text.
PAGES_ELSEWHERE = {
    "../CHANGELOG.md": "changelog.md",
    "../compliance/summary.md": "conformance.md",
    "../fuzz/README.md": "fuzzing.md",
}


def link_elsewhere(found: re.Match[str]) -> str:
    page = PAGES_ELSEWHERE.get(found[2])
    return f"[{found[1]}]({page})" if page else found[1]


def prepare_page(app: Any, docname: str, source: list[str]) -> None:
    if not str(app.env.doc2path(docname)).endswith(".md"):
        return
    pages = app.project.docnames
    for name in OPTIONAL_PAGES:
        if name not in pages:
            source[0] = re.sub(rf"\[([^]]+)\]\({name}\.md[^)]*\)", r"\1", source[0])
            source[0] = re.sub(rf"(?m)^{name}\n", "", source[0])
    source[0] = re.sub(r"(?<!!)\[([^]]+)\]\((\.\./[^)]+)\)", link_elsewhere, source[0])
    if docname == "index":
        named = set(re.findall(r"(?m)^[\w-]+$", source[0])) | {"index"}
        source[0] = source[0].replace("@pages-not-named@", "\n".join(sorted(pages - named)))
    source[0] = FENCE_OR_NAME.sub(
        lambda found: f"{{py:obj}}`~picows.{found[1]}`" if linked(found) else found[0], source[0]
    )


STUB = ast.parse((Path(picows.__file__).parent / "_native.pyi").read_text("utf-8"))
CLASSES = {node.name: node for node in STUB.body if isinstance(node, ast.ClassDef)}


def functions(class_name: str) -> dict[str, ast.FunctionDef]:
    return {node.name: node for node in CLASSES[class_name].body if hasattr(node, "returns")}


# The compiled types know their arguments; their types are in the stub.
for name in ("WSFrame", "WSTransport", "WSListener"):
    getattr(picows, name).__annotations__ = {
        member: ast.unparse(node.returns)
        for member, node in functions(name).items()
        if node.decorator_list
    }


def add_types(app: Any, what: str, name: str, obj: Any, options: Any, *_: Any) -> Any:
    _, _, path = name.partition("picows.")
    class_name, _, member = path.partition(".")
    if what != "method" or class_name not in CLASSES:
        return None
    node = functions(class_name)[member]
    arguments = node.args
    for group in (arguments.posonlyargs, arguments.args):
        if group and group[0].arg == "self":
            del group[0]
            break
    return f"({ast.unparse(arguments)})", ast.unparse(node.returns)


def link_names(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Names of the library become links wherever a docstring says them."""
    here = name.removeprefix("picows.").partition(".")[0]

    def link(found: re.Match[str]) -> str:
        there = linked(found)
        return f":py:obj:`~picows.{there}`" if there and there != here else found[0]

    lines[:] = [NAME_OR_MARKUP.sub(link, line) for line in lines]


def setup(app: Any) -> None:
    app.connect("source-read", prepare_page)
    app.connect("autodoc-process-signature", add_types)
    app.connect("autodoc-process-docstring", link_names, priority=600)
