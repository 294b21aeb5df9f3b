"""Values on the command line: what is wrong with one is said before anything happens."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable

_SUFFIXES = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
_DIGITS_MAX = 18


def positive_number(text: str) -> float:
    """A finite number above 0: seconds, messages a second."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and number > 0):
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive number")
    return number


def seconds(text: str) -> float:
    """A finite number of seconds, 0 or more."""
    return 0.0 if text == "0" else positive_number(text)


def whole_number(lowest: int, highest: int | None = None) -> Callable[[str], int]:
    """A reader of whole numbers from `lowest` to `highest`."""
    limits = f"of at least {lowest}" if highest is None else f"from {lowest} to {highest}"

    def read(text: str) -> int:
        is_number = text.isascii() and text.isdigit() and len(text) <= _DIGITS_MAX
        if not (is_number and lowest <= int(text) and (highest is None or int(text) <= highest)):
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number {limits}")
        return int(text)

    return read


def size(text: str) -> int:
    """Bytes, as in 256, 8k or 1M."""
    digits, suffix = text, ""
    if text[-1:].isalpha():
        digits, suffix = text[:-1], text[-1].lower()
    is_number = digits.isascii() and digits.isdigit() and len(digits) <= _DIGITS_MAX
    if not is_number or suffix not in _SUFFIXES:
        raise argparse.ArgumentTypeError(f"{text!r} is no size: 256, 8k and 1M are")
    return int(digits) * _SUFFIXES[suffix]
