"""Draws what was measured: ratios with their spread, and how cost grows. Needs matplotlib."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt

from .cases import HIGHER_IS_BETTER, growth_of
from .report import Result

plt.switch_backend("Agg")
plt.rcParams["svg.hashsalt"] = "picows"  # the same picture is the same file

AXES = {
    "connections": "connections",
    "payload": "bytes of payload",
    "frames": "frames written at once",
}
COLORS = {
    "ours": "tab:red",
    "picows": "tab:blue",
    "websockets": "tab:green",
    "aiohttp": "tab:orange",
    "c": "black",
}


def plot(path: Path, labels: dict[str, str], results: list[Result]) -> list[Path]:
    """Ratios into `path`, growth into a file beside it. Returns what was written."""
    written = []
    growth = [result for result in results if growth_of(result.case) and result.figure == "rate"]
    ratios = [result for result in main_figures(results) if not growth_of(result.case)]
    if ratios:
        save(ratio_figure(labels, ratios), path)
        written.append(path)
    if growth:
        beside = path.with_stem(f"{path.stem}-growth")
        save(growth_figure(labels, growth), beside)
        written.append(beside)
    return written


def save(figure: Any, path: Path) -> None:
    metadata = {"Date": None} if path.suffix == ".svg" else None
    figure.savefig(path, bbox_inches="tight", metadata=metadata)
    plt.close(figure)


def main_figures(results: list[Result]) -> list[Result]:
    """Of each case and loop the first figure, which is the one that it is about."""
    first: dict[tuple[str, str], Result] = {}
    for result in results:
        first.setdefault((result.case, result.loop), result)
    return list(first.values())


def ratio_figure(labels: dict[str, str], results: list[Result]) -> Any:
    """To the right ours is better, whichever way the figure counts."""
    cases = list(dict.fromkeys(result.case for result in results))
    loops = list(dict.fromkeys(result.loop for result in results if result.loop)) or [""]
    figure, panels = plt.subplots(
        1,
        len(loops),
        figsize=(6 * len(loops), 1.5 + 0.32 * len(cases)),
        sharey=True,
        squeeze=False,
    )
    for loop, panel in zip(loops, panels[0], strict=True):
        for number, key in enumerate(key for key in labels if key != "ours"):
            points = []
            for result in results:
                ratio = result.ratios().get(key)
                if ratio and ratio.lower > 0 and result.loop in (loop, ""):
                    ends = [ratio.lower, ratio.median, ratio.upper]
                    if result.figure not in HIGHER_IS_BETTER:
                        ends = [1 / end for end in reversed(ends)]
                    points.append((cases.index(result.case) + 0.15 * number - 0.2, *ends))
            if not points:
                continue
            y, lower, median, upper = zip(*points, strict=True)
            errors = [
                [middle - end for middle, end in zip(median, lower, strict=True)],
                [end - middle for middle, end in zip(median, upper, strict=True)],
            ]
            panel.errorbar(
                median, y, xerr=errors, fmt="o", ms=3.5, color=COLORS[key], label=labels[key]
            )
        panel.axvline(1, color="gray", lw=1)
        panel.set_xscale("log")
        panel.grid(axis="x", which="both", alpha=0.2)
        panel.set_title(loop)
        panel.set_xlabel("times as good as (median of paired ratios, quartiles)")
    panels[0][0].set_yticks(range(len(cases)), cases)
    panels[0][0].invert_yaxis()
    panels[0][0].legend(loc="upper center", bbox_to_anchor=(0.5, -0.6 / len(cases) - 0.04), ncols=4)
    return figure


def growth_figure(labels: dict[str, str], results: list[Result]) -> Any:
    kinds = [kind for kind in AXES if any(growth_of(each.case)[0] == kind for each in results)]
    loops = list(dict.fromkeys(result.loop for result in results))
    size = 5 * len(kinds), 4 * len(loops)
    figure, panels = plt.subplots(
        len(loops), len(kinds), figsize=size, squeeze=False, layout="constrained"
    )
    for row, loop in zip(panels, loops, strict=True):
        for panel, kind in zip(row, kinds, strict=True):
            for key, label in labels.items():
                points = [
                    (growth_of(result.case)[1], 1e6 / statistics.median(result.values[key]))
                    for result in results
                    if result.loop == loop
                    and growth_of(result.case)[0] == kind
                    and statistics.median(result.values.get(key, [0.0])) > 0
                ]
                if points:
                    panel.plot(*zip(*points, strict=True), "o-", ms=3, c=COLORS[key], label=label)
            panel.set(xscale="log", yscale="log", xlabel=AXES[kind])
            panel.set_ylabel("µs a frame" if kind == "frames" else "µs an echo")
            panel.grid(which="both", alpha=0.2)
            panel.set_title(loop)
    panels[0][0].legend()
    return figure
