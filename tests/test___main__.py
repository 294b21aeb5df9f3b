"""The command line, from outside and from inside: exit status and what goes to which stream."""

from __future__ import annotations

import argparse
import re
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import picows
from picows import cli as command_line
from picows.cli import demo

COMMAND = [sys.executable, "-m", "picows"]


def test_demo_exits_with_0() -> None:
    done = subprocess.run(
        [*COMMAND, "demo", "--messages", "2"], capture_output=True, text=True, timeout=120
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "all of them right" in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["no-such-verb"],
        ["--no-such-option"],
        ["demo", "extra"],
        ["demo", "--no-such-option"],
        ["demo", "--messages", "1"],
        ["demo", "--messages", "-5"],
        ["demo", "--messages", "2.5"],
        ["demo", "--messages", "many"],
        ["demo", "--messages", "9" * 5000],
        ["demo", "--seconds", "0"],
        ["demo", "--seconds", "-1"],
        ["demo", "--seconds", "nan"],
        ["demo", "--seconds", "inf"],
        ["demo", "--seconds", "soon"],
        ["demo", "--seconds"],
        ["demo", "--seconds", "1", "--messages", "2"],
        ["demo", "--loop", "trio"],
    ],
)
def test_wrong_arguments_give_usage_and_exit_with_2(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        command_line.main(arguments)
    assert caught.value.code == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("usage: python -m picows")


def test_the_script_is_the_same_program(root: Path) -> None:
    """As pip makes it from the metadata: a file of this name that calls the function."""
    scripts = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]["scripts"]
    module, _, function = scripts["picows"].partition(":")
    code = f"import sys; from {module} import {function}; sys.argv[0] = '/opt/bin/picows'; "
    command = [sys.executable, "-c", f"{code} sys.exit({function}())"]
    done = subprocess.run([*command, "--version"], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, f"picows {picows.__version__}\n")
    done = subprocess.run([*command, "demo", "--loop"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert done.stderr.startswith("usage: picows demo")


def test_wrong_arguments_exit_with_2_as_a_process() -> None:
    done = subprocess.run([*COMMAND, "demo", "--loop"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert done.stderr.startswith("usage: ")


def test_uvloop_that_is_not_installed_is_a_wrong_argument(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "uvloop", None)
    with pytest.raises(SystemExit) as caught:
        command_line.main(["demo", "--loop", "uvloop"])
    assert caught.value.code == 2
    assert "pip install uvloop" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--help"], ["demo", "--help"]])
def test_help(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        command_line.main(arguments)
    assert caught.value.code == 0
    assert "demo" in capsys.readouterr().out


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        command_line.main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"picows {picows.__version__}\n"


def test_arguments_reach_the_verb(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[argparse.Namespace] = []

    def record(arguments: argparse.Namespace) -> int:
        seen.append(arguments)
        return 1

    monkeypatch.setattr(demo, "main", record)
    assert command_line.main(["demo", "--messages", "7"]) == 1
    assert command_line.main(["demo", "--seconds", "0.5"]) == 1
    assert command_line.main(["demo"]) == 1
    assert [(a.loop, a.seconds, a.messages) for a in seen] == [
        ("asyncio", demo.SECONDS_DEFAULT, 7),
        ("asyncio", 0.5, None),
        ("asyncio", demo.SECONDS_DEFAULT, None),
    ]


def test_an_interrupt_becomes_130(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(arguments: argparse.Namespace) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(demo, "main", interrupt)
    assert command_line.main(["demo"]) == 130
    assert capsys.readouterr().err == "interrupted\n"


@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT cannot be sent to one process")
@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_ctrl_c_exits_cleanly(loop: str) -> None:
    if loop == "uvloop":
        pytest.importorskip("uvloop")
    with subprocess.Popen(
        [*COMMAND, "demo", "--seconds", "0.2", "--loop", loop],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        for line in process.stdout:
            if re.match("TCP +32 B", line):  # in the middle of the measurements
                break
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 130
        assert process.stderr.read() == "interrupted\n"
