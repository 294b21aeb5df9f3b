"""The Autobahn cases against our server and our client, without the large messages of case 9.

`python compliance/run.py` runs all of them and writes compliance/summary.md.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

FOLDER = Path(__file__).resolve().parent.parent / "compliance"
LOOPS = ["asyncio", "uvloop"] if find_spec("uvloop") else ["asyncio"]

PROTOCOL = ["1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "10.*"]
#: 16 MiB in one frame, 4 MiB in frames of 4 KiB and sent in pieces, 1,000 messages of 16 KiB.
SIZES = ["9.1.6", "9.2.6", "9.3.4", "9.4.4", "9.5.4", "9.6.4", "9.7.6", "9.8.6"]
CASES = 247 + len(SIZES)

#: The suite never says more of these than INFORMATIONAL.
UNGRADED = {"7.1.6", "7.13.1", "7.13.2"}
#: NON-STRICT when the connection ends before an earlier echo is read. 6.4.* has that verdict too,
#: but waits a second between the parts that it sends: nothing but us can make it late there.
RACES = re.compile(r"[34]\.|5\.15$")

with_kosoku = pytest.mark.skipif(
    not (shutil.which("kosoku", path=str(Path(sys.executable).parent)) or shutil.which("kosoku")),
    reason="kosoku is not installed",
)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(FOLDER / "run.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


@with_kosoku
@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("endpoint", ["server", "client"])
def test_no_case_fails(endpoint: str, loop: str) -> None:
    done = run("--endpoint", endpoint, "--loop", loop, "--cases", *PROTOCOL, *SIZES)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    first, *others = done.stdout.splitlines()
    assert first.startswith(f"{endpoint} {loop}: ")
    assert sum(map(int, re.findall(r"(\d+) [A-Z]", first))) == CASES
    for line in others:
        case, verdict = line.split(":")[0].split()
        allowed = {"INFORMATIONAL"} if case in UNGRADED else {"NON-STRICT"}
        assert verdict in allowed and (case in UNGRADED or RACES.match(case)), line


@with_kosoku
@pytest.mark.parametrize("endpoint", ["server", "client"])
def test_a_pattern_without_cases_is_an_error(endpoint: str) -> None:
    done = run("--endpoint", endpoint, "--loop", "asyncio", "--cases", "99.*")
    assert done.returncode == 1
    assert "no such case" in done.stderr


def test_the_summary_is_of_a_whole_run_without_a_failure() -> None:
    rows = re.findall(
        r"^\| (server|client) \| (\w+) \| (\d+) \| (\d+) \| (\d+) \| (\d+) \| (\d+) \|$",
        (FOLDER / "summary.md").read_text("utf-8"),
        re.M,
    )
    ends = {(endpoint, loop) for endpoint, loop, *_ in rows}
    assert ends == {(end, loop) for end in ("server", "client") for loop in ("asyncio", "uvloop")}
    for *_, cases, ok, non_strict, informational, failed in rows:
        assert int(cases) == int(ok) + int(non_strict) + int(informational) == 301
        assert (int(informational), int(failed)) == (len(UNGRADED), 0)
