"""docs/api-checklist.md is complete, and every test that it names exists."""

from __future__ import annotations

import ast
import enum
import functools
import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import picows

TESTS = Path(__file__).parent
PAGE = TESTS.parent / "docs/api-checklist.md"
ROWS = re.findall(r"^\| (.+) \| `(test_\w+\.py)::(test_\w+)` \|$", PAGE.read_text("utf-8"), re.M)
NAMES = [name.strip("`") for name, _, _ in ROWS if name.startswith("`")]


def arguments(function: Callable[..., Any]) -> list[str]:
    """Those that can be named; the arguments of a listener's callbacks cannot."""
    parameters = inspect.signature(function).parameters.values()
    named = [each.name for each in parameters if each.kind is not each.POSITIONAL_ONLY]
    return [name for name in named if name not in ("self", "args")]


def names_of_class(name: str, class_: type) -> Iterator[str]:
    if issubclass(class_, enum.Enum):
        yield from (f"{name}.{member}" for member in class_.__members__)
        return
    own = {attribute for attribute in vars(class_) if not attribute.startswith("_")}
    annotated = {each for each in vars(class_).get("__annotations__", {}) if each[0] != "_"}
    yield from (f"{name}.{attribute}" for attribute in own | annotated)
    for attribute in own:
        value = getattr(class_, attribute)
        if callable(value):
            yield from (f"{name}.{attribute}({argument})" for argument in arguments(value))
    if "__init__" in vars(class_):
        # Of a class with __new__, too, the signature would be that one's.
        made_by = class_.__init__ if inspect.isfunction(class_.__init__) else class_
        yield from (f"{name}({argument})" for argument in arguments(made_by))


def public_names() -> Iterator[str]:
    for name in picows.__all__:
        value = getattr(picows, name)
        yield name
        if inspect.isclass(value):
            yield from names_of_class(name, value)
        elif callable(value):
            yield from (f"{name}({argument})" for argument in arguments(value))


@functools.cache
def functions_of(file: str) -> set[str]:
    nodes = ast.walk(ast.parse((TESTS / file).read_text("utf-8")))
    return {n.name for n in nodes if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_every_public_name_has_a_line_and_no_other() -> None:
    assert set(NAMES) == set(public_names())


def test_no_name_has_two() -> None:
    assert len(NAMES) == len(set(NAMES))


def test_every_line_can_be_read() -> None:
    lines = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| ")]
    headings = [line for line in lines if line.endswith("| test |")]
    assert len(lines) == len(ROWS) + len(headings)


@pytest.mark.parametrize("file", sorted({file for _, file, _ in ROWS}))
def test_every_test_is_there(file: str) -> None:
    named = {test for _, other, test in ROWS if other == file}
    assert named <= functions_of(file)
