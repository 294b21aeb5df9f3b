"""Runs the Autobahn cases against our server and our client, strict, on asyncio and on uvloop.

    python compliance/run.py [--endpoint server] [--loop uvloop] [--cases '1.*' 6.4.1]

The cases are 1 to 7, 9, 10, and those of compression, 12 and 13. They come from the package kosoku,
which the `test` extra installs: its runner is started as a process of its own, beside this
interpreter, from PATH, or from `--kosoku`. It plays the other side of every connection and judges.

A run of everything writes summary.md; one of a part only prints. `--report FOLDER` keeps the pages
of the suite, with what went over the wire in each case. Exit status: 1 if a case failed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
from asyncio.subprocess import PIPE, STDOUT, Process
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import endpoints

import picows

ENDPOINTS = ["server", "client"]
LOOPS = ["asyncio", "uvloop"] if find_spec("uvloop") else ["asyncio"]
CASES = ["1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "9.*", "10.*", "12.*", "13.*"]
VERDICTS = ["OK", "NON-STRICT", "INFORMATIONAL", "FAILED"]
SUMMARY = Path(__file__).with_name("summary.md")

#: Why a case that did not fail may be other than OK. The first pattern that matches counts.
REASONS = [
    (r"7\.1\.6$", "never graded: data before a CLOSE may or may not be answered"),
    (r"7\.13\.", "never graded: what a close code outside of the registry leads to is left open"),
    (r"(3|4)\.|5\.15$", "the connection ended before the echo of an earlier frame was read"),
    (r"6\.4\.", "invalid UTF-8 was refused one frame late"),
]


@dataclass(frozen=True)
class Verdict:
    """What the suite says of one case."""

    case: str
    behavior: str
    behavior_close: str
    close_code: int | None
    detail: str

    @property
    def name(self) -> str:
        """One of VERDICTS."""
        both = {self.behavior, self.behavior_close}
        if not both <= set(VERDICTS):  # UNCLEAN, WRONG CODE, ERROR, ...
            return "FAILED"
        return max(both, key=VERDICTS.index)

    @property
    def reason(self) -> str:
        why = next((why for what, why in REASONS if re.match(what, self.case)), self.detail)
        if self.name == "FAILED":
            why = f"{self.behavior}, closing {self.behavior_close}: {self.detail}"
        return f"{why} (the suite received close code {self.close_code})"


@dataclass(frozen=True)
class Run:
    endpoint: str
    loop: str
    verdicts: list[Verdict]
    seconds: float

    def count(self, name: str) -> int:
        return Counter(verdict.name for verdict in self.verdicts)[name]


def read_report(folder: Path, agent: str) -> list[Verdict]:
    verdicts = []
    for case, entry in json.loads((folder / "index.json").read_text("utf-8"))[agent].items():
        report = json.loads((folder / entry["reportfile"]).read_text("utf-8"))
        detail = f"{report['result']} {report['resultClose']}"
        behaviors = entry["behavior"], entry["behaviorClose"]
        verdicts.append(Verdict(case, *behaviors, entry["remoteCloseCode"], detail))
    return verdicts


async def run_against_server(start: Callable[..., Any], agent: str, options: Any) -> str:
    async with endpoints.serving(agent, options.use_aiofastnet) as port:
        suite: Process = await start("fuzzingclient", f"ws://127.0.0.1:{port}")
        output, _ = await suite.communicate()
    return str(output, "utf-8", "replace")


async def run_against_client(start: Callable[..., Any], agent: str, options: Any) -> str:
    suite: Process = await start("fuzzingserver", "127.0.0.1:0")
    assert suite.stdout
    try:
        first = str(await suite.stdout.readline(), "utf-8", "replace")
        if url := re.search(r"ws://\S+", first):
            await endpoints.run_client(url[0], agent, options.use_aiofastnet)
        output, _ = await suite.communicate()
    finally:
        if suite.returncode is None:
            suite.kill()
            await suite.wait()
    return first + str(output, "utf-8", "replace")


async def run(endpoint: str, loop: str, folder: Path, options: Any) -> Run:
    agent = f"picows-{loop}"
    included = [argument for case in options.cases or CASES for argument in ("-i", case)]

    async def start(mode: str, address: str) -> Process:
        # One case after the other, so that none disturbs the timing of another.
        command = [options.kosoku, "-m", mode, "-o", str(folder), *included, address]
        return await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=STDOUT)

    began = time.monotonic()
    drive = run_against_server if endpoint == "server" else run_against_client
    output = await drive(start, agent, options)
    if not (folder / "index.json").exists():
        sys.exit(f"kosoku wrote no report for {endpoint}, {loop}: no such case?\n{output}")
    return Run(endpoint, loop, read_report(folder, agent), time.monotonic() - began)


def run_all(options: Any, folder: Path) -> list[Run]:
    factories: dict[str, Any] = {"asyncio": asyncio.new_event_loop}
    if "uvloop" in options.loop:
        import uvloop

        factories["uvloop"] = uvloop.new_event_loop
    runs = []
    for endpoint in options.endpoint:
        for loop in options.loop:
            with asyncio.Runner(loop_factory=factories[loop]) as runner:
                done = runner.run(run(endpoint, loop, folder / f"{endpoint}-{loop}", options))
            runs.append(done)
            counts = ", ".join(f"{done.count(name)} {name}" for name in VERDICTS)
            print(f"{endpoint} {loop}: {counts} in {done.seconds:.0f} s", flush=True)
            for verdict in done.verdicts:
                if verdict.name != "OK":
                    print(f"  {verdict.case} {verdict.name}: {verdict.reason}", flush=True)
    return runs


def versions(kosoku: str) -> list[str]:
    """Of all that has a part in the result."""
    found = [f"picows {picows.__version__}", f"CPython {platform.python_version()}"]
    names = [name for name in ("uvloop", "aiofastnet") if find_spec(name)]
    found += [f"{name} {metadata.version(name)}" for name in names]
    python = shutil.which("python", path=str(Path(kosoku).parent)) or sys.executable
    ask = "from importlib.metadata import version; print(version('kosoku'))"
    suite = subprocess.run([python, "-c", ask], capture_output=True, text=True, check=True)
    return [*found, f"kosoku {suite.stdout.strip()}", f"{platform.system()} {platform.machine()}"]


def summarize(runs: list[Run], kosoku: str) -> str:
    lines = [
        "# Autobahn cases",
        "",
        "All cases (1 to 7, 9, 10, and of compression 12 and 13) against the frame echoes of",
        "`endpoints.py`, `strict=True`. Written by `python compliance/run.py`.",
        "",
        ", ".join(versions(kosoku)),
        "",
        "| endpoint | event loop | cases | " + " | ".join(VERDICTS) + " |",
        "|---|---|--:|" + "--:|" * len(VERDICTS),
    ]
    for done in runs:
        counts = [len(done.verdicts), *(done.count(name) for name in VERDICTS)]
        lines.append(f"| {done.endpoint} | {done.loop} | {' | '.join(map(str, counts))} |")
    lines += ["", "Cases that are not OK:", ""]
    lines += ["| endpoint | event loop | case | verdict | why |", "|---|---|---|---|---|"]
    lines += [
        f"| {done.endpoint} | {done.loop} | {verdict.case} | {verdict.name} | {verdict.reason} |"
        for done in runs
        for verdict in done.verdicts
        if verdict.name != "OK"
    ]
    return "\n".join(lines) + "\n"


def find_kosoku() -> str | None:
    """Beside this interpreter, where pip puts it, whether or not the environment is activated."""
    beside = shutil.which("kosoku", path=str(Path(sys.executable).parent))
    return beside or shutil.which("kosoku")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--endpoint", nargs="+", choices=ENDPOINTS, default=ENDPOINTS)
    parser.add_argument("--loop", nargs="+", choices=LOOPS, default=LOOPS)
    parser.add_argument("--cases", nargs="+", metavar="CASE", help="ids or patterns such as 9.*")
    parser.add_argument("--kosoku", metavar="PATH", default=find_kosoku(), help="its program")
    parser.add_argument("--report", metavar="FOLDER", type=Path, help="keep the suite's pages")
    parser.add_argument(
        "--no-aiofastnet",
        dest="use_aiofastnet",
        action="store_const",
        const=False,
        help="the event loop's transports, for plain TCP on Linux too",
    )
    options = parser.parse_args()
    if options.kosoku is None:
        parser.error("kosoku is not installed: pip install kosoku, or say where with --kosoku")
    return options


def main() -> int:
    options = parse_arguments()
    # The suite's violations are warnings, and expected; an error is ours and is seen.
    logging.basicConfig(level=logging.ERROR)
    with tempfile.TemporaryDirectory() as temporary:
        runs = run_all(options, options.report or Path(temporary))
    everything = options.endpoint == ENDPOINTS and options.loop == LOOPS and not options.cases
    if everything and options.use_aiofastnet is None:
        SUMMARY.write_text(summarize(runs, options.kosoku), "utf-8")
    return int(any(done.count("FAILED") for done in runs))


if __name__ == "__main__":
    sys.exit(main())
