"""Measures this picows against its peers and against C, in interleaved rounds of one run.

    python -m benchmarks --make-venv build/peers
    python -m benchmarks --peer build/peers/bin/python --json results.json --plot docs/ratios.svg

Each figure is compared as a ratio, ours to the peer's: the median of the ratios of single rounds
and their quartiles. A round measures every library once, each in a fresh process.
docs/performance.md says what the cases are. Linux only, for the C programs use epoll.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from .cases import Case, Figures
from .catalog import all_cases, chosen
from .lab import Lab
from .process import FailedError
from .report import Result, load, results_of, save, table_head, table_row
from .subjects import LIBRARIES, Subject, drop_in, make_venv, ours, peers


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--case", action="append", default=[], help="begin or pattern of names; again for more"
    )
    parser.add_argument("--list", action="store_true", help="name the cases")
    parser.add_argument("--loop", action="append", choices=["asyncio", "uvloop"], default=[])
    parser.add_argument("--peer", help="interpreter of the environment with the other libraries")
    parser.add_argument(
        "--against",
        action="append",
        choices=["drop-in", *LIBRARIES, "c"],
        default=[],
        help="only these; again for more",
    )
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=1.0, help="for each measurement")
    parser.add_argument(
        "--scale", type=float, default=1.0, help="below 1 for trying out: fewer connections, bytes"
    )
    parser.add_argument("--json", type=Path, help="write all values there")
    parser.add_argument(
        "--plot", type=Path, help="draw the ratios there, and how cost grows in NAME-growth"
    )
    parser.add_argument("--read", type=Path, help="measure nothing, show this JSON file")
    parser.add_argument("--make-venv", type=Path, help="make an environment with the peers")
    return parser


def measure(lab: Lab, case: Case, loop: str, subjects: list[Subject], rounds: int) -> list[Result]:
    """Every other round goes backwards, so that what drifts helps nobody."""
    found: dict[str, list[Figures]] = {subject.key: [] for subject in subjects}
    for index in range(min(rounds, case.rounds_max)):
        for subject in subjects if index % 2 == 0 else reversed(subjects):
            try:
                found[subject.key].append(case.measure(lab, subject, loop))
            except FailedError as error:
                # One that fails is left out of this case, and said so; ours has to work.
                if subject.key == "ours":
                    raise
                print(f"{case.name}, {subject.label}: {error}", file=sys.stderr, flush=True)
                return measure(lab, case, loop, [s for s in subjects if s != subject], rounds)
    return results_of(case.name, loop, found)


def run(options: argparse.Namespace, lab: Lab) -> tuple[dict[str, str], list[Result]]:
    wanted = options.against or ["drop-in", *LIBRARIES, "c"]
    subjects = [ours(), drop_in(), *peers(options.peer), lab.c]
    subjects = [each for each in subjects if each.key == "ours" or each.key in wanted]
    labels = {subject.key: subject.label for subject in subjects}
    loops = options.loop or (["asyncio", "uvloop"] if find_spec("uvloop") else ["asyncio"])
    print(table_head(labels), flush=True)
    results = []
    for case in chosen(options.case):
        if case.program and not shutil.which(case.program):
            print(f"{case.name}: left out, {case.program} is not there", file=sys.stderr)
            continue
        for loop in loops if case.has_loop else [""]:
            present = [subject for subject in subjects if subject.key in case.subjects]
            for result in measure(lab, case, loop, present, options.rounds):
                results.append(result)
                print(table_row(result, labels), flush=True)
            if options.json:  # as it goes: a long run that is ended has its results
                save(options.json, settings(options), labels, results)
    return labels, results


def settings(options: argparse.Namespace) -> dict[str, object]:
    return {name: getattr(options, name) for name in ("rounds", "seconds", "scale")}


def main() -> None:
    options = arguments().parse_args()
    if options.list:
        print("\n".join(case.name for case in all_cases()))
        return
    if options.make_venv:
        print(make_venv(options.make_venv))
        return
    if options.read:
        labels, results = load(options.read)
        print(table_head(labels), *(table_row(each, labels) for each in results), sep="\n")
    elif options.peer and not shutil.which(options.peer):
        sys.exit(f"{options.peer} is no interpreter: --make-venv makes one")
    elif not sys.platform.startswith("linux"):
        sys.exit("the other end of every measurement is a C program that needs Linux")
    else:
        with tempfile.TemporaryDirectory() as folder:
            lab = Lab(Path(folder), options.seconds, options.scale)
            try:
                labels, results = run(options, lab)
            except FailedError as error:
                sys.exit(str(error))
    if options.plot:
        from .plot import plot

        plot(options.plot, labels, results)


if __name__ == "__main__":
    main()
