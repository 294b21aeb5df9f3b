"""What a terminal is shown. Everything about the package rich goes through here."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

# C0 but for the tab, DEL and C1: a server could drive the terminal with them. Characters that
# change the direction of writing could make one message look like another.
_CONTROLS = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


class MissingRichError(Exception):
    """The package rich is needed and is not installed."""


def make_console(*, stderr: bool = False) -> Console:
    """Return a rich console. Raises MissingRichError with a message that says what to install."""
    try:
        from rich.console import Console
    except ImportError:
        raise MissingRichError(
            "this needs the package rich: pip install 'picows[cli]'. "
            "Without it: --json, and connect with its input from a pipe"
        ) from None
    return Console(stderr=stderr, highlight=False)


def harmless(text: str) -> str:
    """A peer's text with control characters spelled out, so that it cannot drive the terminal."""
    return _CONTROLS.sub(lambda found: _spell(found[0]), text)


def _spell(character: str) -> str:
    if character == "\n":
        return "\\n"
    return f"\\x{ord(character):02x}" if ord(character) < 0x100 else f"\\u{ord(character):04x}"
