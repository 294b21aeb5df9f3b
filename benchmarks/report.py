"""From rounds to ratios: paired, with their spread; the table, and the file."""

from __future__ import annotations

import json
import os
import platform
import statistics
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .cases import HIGHER_IS_BETTER


@dataclass(frozen=True)
class Ratio:
    """Of ours to a peer's, round by round."""

    median: float
    lower: float
    upper: float
    """The quartiles."""
    better: bool | None
    """Whether ours is; nothing when the quartiles are on both sides of 1, or of fewer than 3."""


def ratio_of(figure: str, ours: list[float], peer: list[float]) -> Ratio | None:
    """Nothing where a figure is nothing, or the memory of some connections was there already."""
    ratios = [a / b for a, b in zip(ours, peer, strict=True) if b > 0]
    if not ratios:
        return None
    lower = median = upper = ratios[0]
    if len(ratios) > 1:
        lower, median, upper = statistics.quantiles(ratios, n=4, method="inclusive")
    better = None
    if len(ratios) > 2 and (lower > 1 or upper < 1):
        better = (lower > 1) == (figure in HIGHER_IS_BETTER)
    return Ratio(median, lower, upper, better)


@dataclass
class Result:
    """One figure of a case on an event loop: a list of values, a round each, for every subject."""

    case: str
    loop: str
    figure: str
    values: dict[str, list[float]]

    def ratios(self) -> dict[str, Ratio]:
        if "ours" not in self.values:
            return {}
        ours = self.values["ours"]
        found = {
            key: ratio_of(self.figure, ours, values)
            for key, values in self.values.items()
            if key != "ours"
        }
        return {key: ratio for key, ratio in found.items() if ratio}


def results_of(case: str, loop: str, rounds: dict[str, list[dict[str, float]]]) -> list[Result]:
    """`rounds` has the figures of each round for every subject."""
    names = dict.fromkeys(name for figures in rounds.values() for name in figures[0])
    return [
        Result(
            case,
            loop,
            name,
            {
                key: [figures.get(name, 0.0) for figures in all_figures]
                for key, all_figures in rounds.items()
                if name in all_figures[0]
            },
        )
        for name in names
    ]


def readable(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def table_head(labels: dict[str, str]) -> str:
    peers = [key for key in labels if key != "ours"]
    cells = ["case", "loop", "figure", "ours", *(f"to {labels[key]}" for key in peers)]
    return "\n".join(
        ["| " + " | ".join(cells) + " |", "|---" * 3 + "|--:" * (len(peers) + 1) + "|"]
    )


def table_row(result: Result, labels: dict[str, str]) -> str:
    """The median of ours; for each peer the ratio and its quartiles."""
    ours = result.values.get("ours")
    cells = [result.case, result.loop, result.figure]
    cells.append(readable(statistics.median(ours)) if ours else "")
    ratios = result.ratios()
    for key in labels:
        if key == "ours":
            continue
        ratio = ratios.get(key)
        if ratio:
            mark = {None: "", True: " +", False: " -"}[ratio.better]
            cells.append(f"{ratio.median:.2f} ({ratio.lower:.2f} to {ratio.upper:.2f}){mark}")
        elif key in result.values:
            cells.append(readable(statistics.median(result.values[key])) + " itself")
        else:
            cells.append("")
    return "| " + " | ".join(cells) + " |"


def machine() -> dict[str, Any]:
    model = ""
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
        model = next((line.split(": ")[1] for line in lines if line.startswith("model name")), "")
    return {
        "system": platform.platform(),
        "cpu": model,
        "cores": os.cpu_count(),
        "python": platform.python_version(),
    }


def save(
    path: Path, settings: dict[str, Any], labels: dict[str, str], results: list[Result]
) -> None:
    rows = [
        asdict(result) | {"ratios": {key: asdict(each) for key, each in result.ratios().items()}}
        for result in results
    ]
    content = {"settings": settings, "machine": machine(), "subjects": labels, "results": rows}
    path.write_text(json.dumps(content, indent=1) + "\n")


def load(path: Path) -> tuple[dict[str, str], list[Result]]:
    content = json.loads(path.read_text("utf-8"))
    names = ("case", "loop", "figure", "values")
    return content["subjects"], [
        Result(**{name: row[name] for name in names}) for row in content["results"]
    ]
