"""`connect` on a terminal: a prompt that stays below what is received."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from types import ModuleType

from .. import WSMsgType
from .lines import read_lines
from .screen import harmless, make_console

PROMPT = "> "
_BINARY_SHOWN_MAX = 64
_CLEAR_LINE = "\r\x1b[K"


class Terminal:
    """Shows what happens above the line that is being typed. Raises MissingRichError."""

    def __init__(self) -> None:
        self._console = make_console()
        self._readline = _import_readline()
        self._plain_lines = read_lines()
        self._is_typing = False

    def lines(self) -> Iterator[bytes]:
        """What is typed, a line at a time, until Ctrl-D. Blocks: it is for a thread."""
        while True:
            self._is_typing = True
            line = self._ask()
            self._is_typing = False
            if line is None:
                return
            yield line

    @contextlib.contextmanager
    def kept(self) -> Iterator[None]:
        """Leave the terminal as it was, though a thread may still be reading a line from it."""
        try:
            import termios
        except ImportError:  # Windows has another kind
            yield
            return
        before = termios.tcgetattr(0)
        try:
            yield
        finally:
            termios.tcsetattr(0, termios.TCSADRAIN, before)
            if self._is_typing:
                sys.stdout.write(_CLEAR_LINE)
                sys.stdout.flush()

    def message(self, msg_type: WSMsgType, payload: bytes) -> None:
        """A message was received."""
        if msg_type == WSMsgType.TEXT:
            self._show("< ", harmless(payload.decode()), "green")
        else:
            more = " ..." if len(payload) > _BINARY_SHOWN_MAX else ""
            text = f"{payload[:_BINARY_SHOWN_MAX].hex(' ')}{more}"
            self._show("< ", f"{len(payload)} bytes: {text}", "cyan")

    def event(self, name: str, text: str, payload: bytes | None = None) -> None:
        """Something happened that is no message."""
        self._show("* ", harmless(f"{name}: {text}" if text else name), "dim")

    def error(self, text: str) -> None:
        """What went wrong."""
        self._show("! ", harmless(text), "red")

    def close(self, text: str, is_error: bool) -> None:
        """The connection has ended."""
        self._show("* ", harmless(text), "red" if is_error else "dim")

    def _ask(self) -> bytes | None:
        # Windows' console gives Unicode to input() only.
        if self._readline or os.name == "nt":
            with contextlib.suppress(EOFError):
                return input(PROMPT).encode(errors="surrogateescape")
            return None
        # Without readline, input() locks C's stdin while it waits, and musl's exit() waits for
        # that lock: the process would stay until Enter is pressed.
        sys.stdout.write(PROMPT)
        sys.stdout.flush()
        return next(self._plain_lines, None)

    def _show(self, mark: str, text: str, style: str) -> None:
        if self._is_typing:
            # Without readline only the terminal knows what has been typed: it stays where it is.
            sys.stdout.write(_CLEAR_LINE if self._readline else "\n")
        self._console.print(mark + text, style=style, markup=False, emoji=False, soft_wrap=True)
        if self._is_typing:
            sys.stdout.write(PROMPT + (self._readline.get_line_buffer() if self._readline else ""))
        sys.stdout.flush()


def _import_readline() -> ModuleType | None:
    """What makes input() editable, with a history; not every build of Python has it."""
    try:
        import readline
    except ImportError:
        return None
    return readline
