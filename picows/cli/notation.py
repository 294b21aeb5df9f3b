"""How the bytes of a message are written down in a line of text."""

from __future__ import annotations

import base64
import binascii
import enum

from .. import WSMsgType


class NotationError(ValueError):
    """A line is not what the notation has it be."""


class Notation(enum.Enum):
    """What a line of input stands for, and how a BINARY message is shown."""

    TEXT = "text"
    HEX = "hex"
    BASE64 = "base64"
    RAW = "raw"

    @property
    def msg_type(self) -> WSMsgType:
        """The type of the messages sent."""
        return WSMsgType.TEXT if self is Notation.TEXT else WSMsgType.BINARY

    def read(self, line: bytes) -> bytes:
        """The payload that a line of input stands for. Raises NotationError."""
        try:
            if self is Notation.TEXT:
                line.decode()
            elif self is Notation.HEX:
                return bytes.fromhex(line.decode())
            elif self is Notation.BASE64:
                return base64.b64decode(line, validate=True)
        except (UnicodeDecodeError, ValueError, binascii.Error):
            name = "UTF-8" if self is Notation.TEXT else self.value
            raise NotationError(f"{line[:40].decode(errors='replace')!r} is not {name}") from None
        return line

    def show(self, msg_type: WSMsgType, payload: bytes) -> bytes:
        """A message received, as it is written into a pipe."""
        if self is Notation.RAW:
            return payload
        if msg_type == WSMsgType.BINARY:
            payload = (
                base64.b64encode(payload) if self is Notation.BASE64 else payload.hex().encode()
            )
        return payload + b"\n"
