"""Every Python block of the README and of the documentation runs (docs/documentation.md)."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import pytest
from support.pages import ROOT, run_page
from sybil.example import SybilFailure

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
WITH_BLOCKS = [page for page in PAGES if re.search(r"^```python$", page.read_text("utf-8"), re.M)]


@pytest.mark.parametrize("page", WITH_BLOCKS, ids=lambda page: page.stem)
def test_blocks_run(page: Path, tmp_path: Path) -> None:
    assert run_page(page, tmp_path) == page.read_text("utf-8").count("\n```python\n")


def run(text: str, folder: Path) -> int:
    page = folder / "page.md"
    page.write_text(text, "utf-8")
    return run_page(page, folder)


def test_blocks_go_on_where_those_above_ended(tmp_path: Path) -> None:
    blocks = (
        "```python\nimport asyncio\nx = 1\n```\n\n```python\nawait asyncio.sleep(0)\nprint(x)\n```"
    )
    assert run(f"{blocks}\n\n```text\n1\n```\n", tmp_path) == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("```python\nprint(1)\n```\n\n```text\n2\n```\n", "printed was '1"),
        ("```python\nimport asyncio\nasyncio.run(None)\n```\n", "the program failed"),
    ],
)
def test_what_a_page_promises_is_checked(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(SybilFailure, match=message):
        run(text, tmp_path)


def test_an_exception_names_the_line_of_the_page(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        run("# Title\n\n```python\n1 / 0\n```\n", tmp_path)
    assert caught.traceback[-1].lineno + 1 == 4


def test_what_a_page_does_to_logging_ends_with_it(tmp_path: Path) -> None:
    logger = logging.getLogger("picows.client")
    before = logger.level
    run("```python\nimport logging\nlogging.getLogger('picows.client').setLevel(3)\n```", tmp_path)
    assert logger.level == before
