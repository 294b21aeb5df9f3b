"""CONTRIBUTING.md, the workflows and .ci/run: one list of verbs, all of which exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest

yaml = pytest.importorskip("yaml")


def workflows(root: Path) -> dict[str, Any]:
    files = (root / ".github/workflows").glob("*.yml")
    return {path.name: yaml.safe_load(path.read_text("utf-8")) for path in files}


def lines_of(job: dict[str, Any]) -> list[str]:
    """What a job runs, with the verbs of its matrix."""
    lines = [step["run"] for step in job["steps"] if "run" in step]
    if "${{ matrix.verb }}" in lines:
        lines.remove("${{ matrix.verb }}")
        lines += job["strategy"]["matrix"]["verb"]
    return lines


def test_workflows_call_the_verbs_that_people_type(root: Path) -> None:
    contributing = (root / "CONTRIBUTING.md").read_text("utf-8")
    found = workflows(root)
    names = {"ci.yml", "docs.yml", "release.yml", "weekly.yml", "wheels.yml"}
    assert found.keys() == names
    for name, workflow in found.items():
        for job in workflow["jobs"].values():
            lines = lines_of(job)
            assert lines or not any("checkout" in step.get("uses", "") for step in job["steps"])
            for line in lines:
                assert line in contributing, f"{name}: {line}"


def test_what_is_said_exists(root: Path) -> None:
    contributing = (root / "CONTRIBUTING.md").read_text("utf-8")
    for line in re.findall(r"`((?:python|bash) [^`]+)`", contributing):
        for word in shlex.split(line):
            if "/" in word or word.endswith(".py"):
                assert (root / word).exists(), line
    for link in re.findall(r"\]\(([^):]+)\)", contributing):
        assert (root / link).exists(), link
    for folder in re.findall(r"`((?:zig|picows|tests|docs)/[\w/.]*)`", contributing):
        assert (root / folder).exists(), folder


def test_extras_that_are_installed_exist(root: Path) -> None:
    declared = set(re.findall(r"(?m)^(\w+) = \[", (root / "pyproject.toml").read_text("utf-8")))
    files = [root / "CONTRIBUTING.md", root / "README.md", root / "docs/introduction.md"]
    files += (root / ".github/workflows").glob("*.yml")
    for path in files:
        assert set(re.findall(r"'\.\[(\w+)\]'", path.read_text("utf-8"))) <= declared, path
