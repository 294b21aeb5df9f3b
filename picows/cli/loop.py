"""The event loop that a verb runs on."""

from __future__ import annotations

import argparse

from ..loop.run import run_in_loop

__all__ = ["add_loop_option", "run_in_loop"]


def add_loop_option(parser: argparse.ArgumentParser) -> None:
    """Add `--loop` to the options of a verb."""
    parser.add_argument(
        "--loop",
        type=_loop_name,
        default="asyncio",
        metavar="{asyncio,uvloop}",
        help="event loop (default: %(default)s)",
    )


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
