"""Every way to end a connection, and to fail to make one, many times: nothing is left of it.

python tests/leaks/endings.py --rounds 10000
python tests/leaks/endings.py --only "cancelled *" --loop uvloop

Each way is measured before, in the middle and at the end: objects, blocks of memory, references
(where this Python counts them), resident memory, file descriptors. What reaches a handler of last
resort (sys.unraisablehook, the event loop's, a warning) counts as well. Exit status 1 if something
is left or was said.
"""

from __future__ import annotations

import argparse
import asyncio
import fnmatch
import gc
import logging
import re
import sys
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from typing import Any

from measure import Sample, problems  # sets the path
from places import Place
from support import stacks
from ways import Way, ways

from picows import _native

SETTLE_SECONDS_MAX = 15
FORMAT = "{:<40} {:>7} {:>6} {:>8} {:>8} {:>10} {:>8} {:>4}  {}"
HEADS = ("way", "rounds", "s", "objects", "blocks", "references", "KiB", "fds", "")


class Complaints:
    """What was handed to a handler of last resort, with numbers and addresses left out."""

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()

    def note(self, text: str) -> None:
        self.seen[re.sub(r"0x[0-9a-f]+|\d+", "N", text)[:300]] += 1

    def unraisable(self, args: Any) -> None:
        self.note(f"unraisable {args.exc_type.__name__}: {args.exc_value} in {args.object!r}")

    def warning(self, message: Any, category: type[Warning], *_: Any, **__: Any) -> None:
        self.note(f"{category.__name__}: {message}")

    def of_loop(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self.note(f"loop: {context['message']}: {context.get('exception')!r}")

    def not_allowed(self, pattern: str) -> list[str]:
        return [
            f"{count} x {text}"
            for text, count in self.seen.items()
            if not (pattern and re.match(pattern, text))
        ]


def instances() -> int:
    return sum(sys.getrefcount(getattr(_native, name)) for name in ("Protocol", "WSTransport"))


async def settled(place: Place, before: int) -> None:
    """Until the other sides of the last connections are gone too, and what threads look up."""
    await asyncio.sleep(0.03)
    place.forget()
    end = time.monotonic() + SETTLE_SECONDS_MAX
    while time.monotonic() < end and (not place.is_empty or instances() > before):
        gc.collect()
        await asyncio.sleep(0.02)


async def rounds(way: Way, place: Place, numbers: Iterator[int], complaints: Complaints) -> None:
    """One for each number, several at a time."""
    assert way.round is not None
    asyncio.get_running_loop().set_exception_handler(complaints.of_loop)
    before = instances()

    async def worker() -> None:
        for number in numbers:
            await way.round(place, number)

    await asyncio.gather(*(worker() for _ in range(way.at_once)))
    await settled(place, before)


def batches(way: Way, given: argparse.Namespace, complaints: Complaints) -> Iterator[Sample]:
    """What the process holds after a few rounds, and twice after half of them."""
    factory = stacks.LOOPS[given.loop]
    with_references = given.loop == "asyncio" and given.transport != "aiofastnet"
    half = given.rounds // 2
    counts = [max(given.rounds // 20, way.warm_up), half, half]
    if way.dropped is not None:

        def unclosed() -> asyncio.AbstractEventLoop:
            loop = factory()
            loop.set_exception_handler(complaints.of_loop)
            return loop

        for count in counts:
            for number in range(count):
                way.dropped(unclosed, number)
            yield Sample.take(with_references)
        return
    stack = stacks.Stack(given.loop, stacks.TRANSPORTS[given.transport], tls=False)
    with asyncio.Runner(loop_factory=factory) as runner:
        opened = Place(stack, complaints.note).open()
        place = runner.run(opened.__aenter__())
        for count in counts:
            runner.run(rounds(way, place, iter(range(count)), complaints))
            yield Sample.take(with_references)
        runner.run(opened.__aexit__(None, None, None))


def measured(name: str, way: Way, given: argparse.Namespace) -> bool:
    """Prints a row of the table. Whether nothing is left and nothing was said."""
    complaints = Complaints()
    sys.unraisablehook = complaints.unraisable
    warnings.showwarning = complaints.warning
    began = time.monotonic()
    start, middle, end = batches(way, given, complaints)
    found = problems(start, middle, end, max(20, given.rounds // 50))
    found += complaints.not_allowed(way.allowed)
    references = (end.references or 0) - (middle.references or 0)
    row = (name, given.rounds, f"{time.monotonic() - began:.1f}", end.objects - start.objects)
    row += (end.blocks - middle.blocks, references, (end.rss - middle.rss) >> 10)
    row += (end.descriptors - start.descriptors, "; ".join(found) or "flat")
    print(FORMAT.format(*row), flush=True)
    return not found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=1000, help="of each way")
    parser.add_argument("--only", default="*", help="a pattern of names")
    parser.add_argument("--loop", choices=sorted(stacks.LOOPS), default="asyncio")
    parser.add_argument("--transport", choices=sorted(stacks.TRANSPORTS), default="own")
    given = parser.parse_args()
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("always")
    stack = stacks.Stack(given.loop, stacks.TRANSPORTS[given.transport], tls=False)
    print(FORMAT.format(*HEADS))
    found = {name: way for name, way in ways(stack).items() if fnmatch.fnmatch(name, given.only)}
    # What is imported late, by a rare answer, is held from then on: a leak is there every time.
    bad = [name for name, way in found.items() if not any(measured(name, way, given) for _ in "12")]
    if bad or not found:
        sys.exit(f"not flat: {', '.join(bad)}" if bad else f"no way is called {given.only}")


if __name__ == "__main__":
    main()
