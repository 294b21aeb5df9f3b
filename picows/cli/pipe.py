"""What `connect` writes when its output is for a program: messages, and on stderr the rest."""

from __future__ import annotations

import base64
import json
import sys
from typing import Any

from .. import WSMsgType
from .notation import Notation
from .screen import harmless
from .status import print_error


class PipeOutput:
    """A line for each message received.

    is_verbose: tell on stderr about the connection, PINGs and PONGs.
    """

    def __init__(self, notation: Notation, is_verbose: bool) -> None:
        self._notation = notation
        self._is_verbose = is_verbose

    def message(self, msg_type: WSMsgType, payload: bytes) -> None:
        """A message was received. OSError if nobody reads the output any more."""
        shown = self._notation.show(msg_type, payload)
        if sys.stdout.isatty():
            shown = harmless(shown.decode(errors="replace").removesuffix("\n")).encode() + b"\n"
        sys.stdout.buffer.write(shown)
        sys.stdout.buffer.flush()

    def event(self, name: str, text: str, payload: bytes | None = None) -> None:
        """Something happened that is no message."""
        if self._is_verbose:
            self.error(f"{name}: {text}" if text else name)

    def error(self, text: str) -> None:
        """What went wrong."""
        print_error(text)

    def close(self, text: str, is_error: bool) -> None:
        """The connection has ended."""
        if is_error or self._is_verbose:
            self.error(text)


class JsonOutput(PipeOutput):
    """A JSON object a line, for messages and for all else that happens."""

    def message(self, msg_type: WSMsgType, payload: bytes) -> None:
        """A message was received."""
        if msg_type == WSMsgType.TEXT:
            self._write(event="text", text=payload.decode())
        else:
            self._write(event="binary", base64=base64.b64encode(payload).decode())

    def event(self, name: str, text: str, payload: bytes | None = None) -> None:
        """Something happened that is no message."""
        if payload is None:
            self._write(event=name, text=text)
        else:
            self._write(event=name, base64=base64.b64encode(payload).decode())

    def close(self, text: str, is_error: bool) -> None:
        """The connection has ended."""
        self._write(event="closed", text=text, is_error=is_error)

    def _write(self, **fields: Any) -> None:
        # JSON is UTF-8 (RFC 8259, 8.1), whatever the locale is.
        sys.stdout.buffer.write(json.dumps(fields, ensure_ascii=False).encode() + b"\n")
        sys.stdout.buffer.flush()
