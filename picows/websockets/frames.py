"""Frames as data. The compiled module parses and writes them."""

from __future__ import annotations

import enum
import os
from dataclasses import dataclass
from typing import Final

from .exceptions import ProtocolError
from .typing import BytesLike

__all__ = ["Close", "CloseCode", "Frame", "Opcode"]


class Opcode(enum.IntEnum):
    """Opcodes (RFC 6455, 5.2)."""

    CONT = 0x0
    TEXT = 0x1
    BINARY = 0x2
    CLOSE = 0x8
    PING = 0x9
    PONG = 0xA


CONT: Final = Opcode.CONT
TEXT: Final = Opcode.TEXT
BINARY: Final = Opcode.BINARY
CLOSE: Final = Opcode.CLOSE
PING: Final = Opcode.PING
PONG: Final = Opcode.PONG

DATA_OPCODES: Final = (CONT, TEXT, BINARY)
CTRL_OPCODES: Final = (CLOSE, PING, PONG)


class CloseCode(enum.IntEnum):
    """Close codes (RFC 6455, 7.4.1, and the registry of IANA)."""

    NORMAL_CLOSURE = 1000
    GOING_AWAY = 1001
    PROTOCOL_ERROR = 1002
    UNSUPPORTED_DATA = 1003
    # 1004 is reserved
    NO_STATUS_RCVD = 1005
    ABNORMAL_CLOSURE = 1006
    INVALID_DATA = 1007
    POLICY_VIOLATION = 1008
    MESSAGE_TOO_BIG = 1009
    MANDATORY_EXTENSION = 1010
    INTERNAL_ERROR = 1011
    SERVICE_RESTART = 1012
    TRY_AGAIN_LATER = 1013
    BAD_GATEWAY = 1014
    TLS_HANDSHAKE = 1015


#: What each close code means, in words that programs match.
CLOSE_CODE_EXPLANATIONS: Final[dict[int, str]] = {
    CloseCode.NORMAL_CLOSURE: "OK",
    CloseCode.GOING_AWAY: "going away",
    CloseCode.PROTOCOL_ERROR: "protocol error",
    CloseCode.UNSUPPORTED_DATA: "unsupported data",
    CloseCode.NO_STATUS_RCVD: "no status received [internal]",
    CloseCode.ABNORMAL_CLOSURE: "abnormal closure [internal]",
    CloseCode.INVALID_DATA: "invalid frame payload data",
    CloseCode.POLICY_VIOLATION: "policy violation",
    CloseCode.MESSAGE_TOO_BIG: "message too big",
    CloseCode.MANDATORY_EXTENSION: "mandatory extension",
    CloseCode.INTERNAL_ERROR: "internal error",
    CloseCode.SERVICE_RESTART: "service restart",
    CloseCode.TRY_AGAIN_LATER: "try again later",
    CloseCode.BAD_GATEWAY: "bad gateway",
    CloseCode.TLS_HANDSHAKE: "TLS handshake failure [internal]",
}
_NEVER_SENT: Final = {
    CloseCode.NO_STATUS_RCVD,
    CloseCode.ABNORMAL_CLOSURE,
    CloseCode.TLS_HANDSHAKE,
}
#: Codes that may be in a CLOSE frame, besides 3000 to 4999.
EXTERNAL_CLOSE_CODES: Final = set(CloseCode) - _NEVER_SENT
#: Codes with which both sides end a connection as they should.
OK_CLOSE_CODES: Final = {
    CloseCode.NORMAL_CLOSURE,
    CloseCode.GOING_AWAY,
    CloseCode.NO_STATUS_RCVD,
}
#: A control frame has at most 125 bytes (RFC 6455, 5.5), two of which are the close code.
REASON_SIZE_MAX: Final = 123


@dataclass
class Frame:
    """One frame; `str()` is for logs.

    Args:
        opcode: what it is.
        data: its payload, unmasked.
        fin: whether it is the last one of its message.
        rsv1: reserved bit, as `rsv2` and `rsv3` are.
    """

    opcode: Opcode
    data: BytesLike
    fin: bool = True
    rsv1: bool = False
    rsv2: bool = False
    rsv3: bool = False

    MAX_LOG_SIZE = int(os.environ.get("WEBSOCKETS_MAX_LOG_SIZE", "75"))

    def __str__(self) -> str:
        notes = [] if self.opcode in (TEXT, BINARY, CLOSE) else self._kind_of_data()
        size = len(self.data)
        notes.append(f"{size} byte{'' if size == 1 else 's'}")
        if not self.fin:
            notes.append("continued")
        return f"{self.opcode.name} {self._shown_data()} [{', '.join(notes)}]"

    def _text(self) -> str | None:
        if self.opcode is BINARY:
            return None
        try:
            return bytes(self.data).decode()
        except UnicodeDecodeError:
            return None

    def _kind_of_data(self) -> list[str]:
        if not self.data:
            return []
        return ["binary" if self._text() is None else "text"]

    def _shown_data(self) -> str:
        if self.opcode is CLOSE:
            return str(Close.parse(self.data))
        text = self._text()
        if text is not None:
            shown = repr(text)
            head = self.MAX_LOG_SIZE * 2 // 3
            if len(shown) <= self.MAX_LOG_SIZE:
                return shown
            return f"{shown[: head - 2]}...{shown[-(self.MAX_LOG_SIZE - head - 1) :]}"
        data = bytes(self.data)
        count = self.MAX_LOG_SIZE // 3  # a byte is two digits and a space
        if len(data) <= count:
            return data.hex(" ")
        head = count * 2 // 3
        return f"{data[:head].hex(' ')} ... {data[-(count - head - 1) :].hex(' ')}"

    def check(self) -> None:
        """Refuse a frame that RFC 6455 forbids.

        Raises:
            ProtocolError: a reserved bit is set, or a control frame is too long or fragmented.
        """
        if self.rsv1 or self.rsv2 or self.rsv3:
            raise ProtocolError("reserved bits must be 0")
        if self.opcode in CTRL_OPCODES:
            if len(self.data) > 125:
                raise ProtocolError("control frame too long")
            if not self.fin:
                raise ProtocolError("fragmented control frame")


@dataclass
class Close:
    """Code and reason of a CLOSE frame; `str()` is what exceptions show."""

    code: CloseCode | int
    reason: str

    def __str__(self) -> str:
        if 3000 <= self.code < 4000:
            meaning = "registered"
        elif 4000 <= self.code < 5000:
            meaning = "private use"
        else:
            meaning = CLOSE_CODE_EXPLANATIONS.get(self.code, "unknown")
        shown = f"{int(self.code)} ({meaning})"
        return f"{shown} {self.reason}" if self.reason else shown

    @classmethod
    def parse(cls, data: BytesLike) -> Close:
        """The code and reason of a payload; an empty one has code 1005.

        Raises:
            ProtocolError: there is one byte, or the code may not be sent.
            UnicodeDecodeError: the reason is not UTF-8.
        """
        if not data:
            return cls(CloseCode.NO_STATUS_RCVD, "")
        if len(data) < 2:
            raise ProtocolError("close frame too short")
        close = cls(known(int.from_bytes(data[:2], "big")), bytes(data[2:]).decode())
        close.check()
        return close

    def serialize(self) -> bytes:
        """The payload.

        Raises:
            ProtocolError: the code may not be sent.
        """
        self.check()
        return int(self.code).to_bytes(2, "big") + self.reason.encode()

    def check(self) -> None:
        """Refuse a code that may not be sent.

        Raises:
            ProtocolError: it is not 1000 to 1014 with a meaning, nor 3000 to 4999.
        """
        if self.code not in EXTERNAL_CLOSE_CODES and not 3000 <= self.code < 5000:
            raise ProtocolError("invalid status code")


def known(code: int) -> CloseCode | int:
    """A close code with its name, if it has one."""
    try:
        return CloseCode(code)
    except ValueError:
        return code
