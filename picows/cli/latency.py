"""Durations counted in buckets: memory does not grow with their number."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator

#: Buckets are this much wider, one after the other: the error of a percentile is half of it.
_STEP = 1.01
_LOG_STEP = math.log(_STEP)
PERCENTILES = (50.0, 90.0, 99.0, 99.9)


class Latencies:
    """Durations in seconds: how many, shortest and longest exact, percentiles to half a percent."""

    def __init__(self) -> None:
        self.count = 0
        self.total = 0.0
        self.shortest = math.inf
        self.longest = 0.0
        self._buckets: Counter[int] = Counter()

    def add(self, seconds: float) -> None:
        """Count a duration."""
        self.count += 1
        self.total += seconds
        self.shortest = min(self.shortest, seconds)
        self.longest = max(self.longest, seconds)
        self._buckets[round(math.log(max(seconds, 1e-9)) / _LOG_STEP)] += 1

    @property
    def mean(self) -> float:
        """The average; ZeroDivisionError if there is none."""
        return self.total / self.count

    def percentile(self, percent: float) -> float:
        """The duration that `percent` of all do not exceed. ValueError if there is none."""
        if not self.count:
            raise ValueError("no durations, so no percentiles")
        rank = max(1, math.ceil(self.count * percent / 100))
        for bucket in sorted(self._buckets):
            rank -= self._buckets[bucket]
            if rank <= 0:
                return min(max(math.exp(bucket * _LOG_STEP), self.shortest), self.longest)
        return self.longest

    def histogram(self, rows: int = 12) -> Iterator[tuple[float, float, int]]:
        """Rows of (from, to, how many), each as much wider as the one before, down to the longest.

        They span all durations; without any, or with all alike, there is one row at most.
        """
        if not self.count:
            return
        low, high = min(self._buckets), max(self._buckets)
        width = max(1, math.ceil((high - low + 1) / rows))
        for first in range(low, high + 1, width):
            count = sum(self._buckets[bucket] for bucket in range(first, first + width))
            start = math.exp((first - 0.5) * _LOG_STEP)
            yield start, math.exp((first + width - 0.5) * _LOG_STEP), count

    def summary(self) -> dict[str, float]:
        """Seconds by name: min, mean, p50, p90, p99, p99.9, max; empty without durations."""
        if not self.count:
            return {}
        middle = {f"p{percent:g}": self.percentile(percent) for percent in PERCENTILES}
        return {"min": self.shortest, "mean": self.mean, **middle, "max": self.longest}


def readable(seconds: float) -> str:
    """A duration with three digits and its unit."""
    units = (("s", 1.0), ("ms", 1e-3), ("us", 1e-6))
    unit, factor = next((each for each in units if seconds >= each[1]), units[-1])
    number = seconds / factor
    digits = max(0, 2 - math.floor(math.log10(number))) if number > 0 else 0
    return f"{number:.{digits}f} {unit}"
