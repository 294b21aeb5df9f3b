"""docs/errors.md says what to do about each message that the source has (support/messages.py)."""

from __future__ import annotations

import re
from pathlib import Path

from support.messages import messages


def on_the_page(root: Path) -> list[str]:
    """The messages in the first column of the page's tables."""
    rows = re.findall(r"(?m)^\| (`.*?`) \|", (root / "docs/errors.md").read_text("utf-8"))
    return [message for cell in rows for message in re.findall(r"`([^`]+)`", cell)]


def test_every_message_has_a_line(root: Path) -> None:
    page = set(on_the_page(root))
    missing = {text: path for text, path in messages(root).items() if text not in page}
    assert not missing, "add a line to docs/errors.md that says what to do"


def test_no_line_is_about_a_message_that_is_gone(root: Path) -> None:
    assert set(on_the_page(root)) <= messages(root).keys()


def test_the_search_sees_python_and_zig(root: Path) -> None:
    """One of each way in which a message is written."""
    assert {
        "status … is not an error: those are 400 to 599",  # f-string
        "redirected from … to … (status …)",  # logging
        "the HTTP head is larger than … bytes",  # comptimePrint
        "close code … may not be sent: use a WSCloseCode or 3000 to 4999",  # PyErr_Format
        "WSTransport.…() was called from another thread than the connection's; "
        "use loop.call_soon_threadsafe()",  # pieces
        "unknown opcode",  # the core's table
    } <= messages(root).keys()
