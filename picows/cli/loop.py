"""The event loop that a verb runs on."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

_Result = TypeVar("_Result")


def add_loop_option(parser: argparse.ArgumentParser) -> None:
    """Add `--loop` to the options of a verb."""
    parser.add_argument(
        "--loop",
        type=_loop_name,
        default="asyncio",
        metavar="{asyncio,uvloop}",
        help="event loop (default: %(default)s)",
    )


def run_in_loop(name: str, main: Coroutine[Any, Any, _Result]) -> _Result:
    """Run a coroutine to its end. Ctrl-C cancels it; KeyboardInterrupt if it lets that happen."""
    factory: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop
    if name == "uvloop":
        import uvloop

        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(main)


def _loop_name(text: str) -> str:
    if text not in ("asyncio", "uvloop"):
        raise argparse.ArgumentTypeError(f"{text!r} is neither asyncio nor uvloop")
    if text == "uvloop":
        try:
            import uvloop  # noqa: F401
        except ImportError:
            raise argparse.ArgumentTypeError(
                "uvloop is not installed: pip install uvloop"
            ) from None
    return text
