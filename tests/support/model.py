"""What bytes mean, read from RFC 6455 alone: a receiver that sees everything at once and is slow.

The rules that hold always and those of `strict=True` are the ones of docs/rfc6455.md.
The outcome is that after the last byte: how bytes are cut makes no difference to it.
"""

from __future__ import annotations

import codecs
from dataclasses import dataclass, field

from picows.testing.wire import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, Frame, mask

KNOWN = {CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG}
CONTROL = {CLOSE, PING, PONG}


@dataclass(frozen=True)
class Header:
    """RFC 6455 5.2. `length_bytes` is how many of them the extended length took."""

    first: int
    key: bytes | None
    size: int
    length_bytes: int
    header_size: int

    @property
    def opcode(self) -> int:
        return self.first & 0xF

    @property
    def is_fin(self) -> bool:
        return self.first >= 0x80

    @property
    def rsv(self) -> int:
        return self.first >> 4 & 7

    @property
    def is_minimal(self) -> bool:
        least = {0: 0, 2: 126, 8: 65536}[self.length_bytes]
        return self.size >= least


@dataclass
class Outcome:
    """Frames in order, then the close code of a failure if there was one.

    `consumed` is the size of all frames, `keys` are their masking keys.
    """

    frames: list[Frame] = field(default_factory=list)
    failure: int | None = None
    consumed: int = 0
    keys: list[bytes | None] = field(default_factory=list)


def read_header(data: bytes) -> Header | None:
    """None if it is not complete."""
    if len(data) < 2:
        return None
    short = data[1] & 0x7F
    length_bytes = {126: 2, 127: 8}.get(short, 0)
    key_at = 2 + length_bytes
    header_size = key_at + (4 if data[1] & 0x80 else 0)
    if len(data) < header_size:
        return None
    size = int.from_bytes(data[2:key_at], "big") if length_bytes else short
    return Header(data[0], data[key_at:header_size] or None, size, length_bytes, header_size)


def close_failure(payload: bytes) -> int | None:
    """RFC 6455 5.5.1 and 7.4: the code of the failure that the payload of a CLOSE is."""
    if not payload:
        return None
    if len(payload) == 1:
        return 1002
    code = int.from_bytes(payload[:2], "big")
    if code not in {*range(1000, 1004), *range(1007, 1015), *range(3000, 5000)}:
        return 1002
    try:
        payload[2:].decode()
    except UnicodeDecodeError:
        return 1007
    return None


class Receiver:
    def __init__(self, *, is_server: bool, strict: bool, max_frame_size: int) -> None:
        self.is_server = is_server
        self.strict = strict
        self.max_frame_size = max_frame_size
        self.outcome = Outcome()
        self.is_open = False  # a fragmented message, RFC 6455 5.4
        self.text: codecs.IncrementalDecoder | None = None

    def judge(self, header: Header) -> int | None:
        """What is wrong with a frame before its payload was looked at."""
        if header.size >= 1 << 63 or not header.is_minimal:  # 5.2
            return 1002
        is_control = header.opcode in CONTROL
        if header.opcode not in KNOWN or (is_control and not (header.is_fin and header.size < 126)):
            return 1002  # 5.2, 5.5
        if (header.key is not None) != self.is_server:  # 5.1
            return 1002
        if header.size > self.max_frame_size:
            return 1009
        if not self.strict:
            return None
        out_of_order = not is_control and (header.opcode == CONTINUATION) != self.is_open  # 5.4
        return 1002 if header.rsv or out_of_order else None  # 5.2

    def text_failure(self, header: Header, arrived: bytes) -> int | None:
        """RFC 6455 8.1, at the first byte that is wrong."""
        if not self.strict or header.opcode in CONTROL:
            return None
        if header.opcode != CONTINUATION:
            is_text = header.opcode == TEXT
            self.text = codecs.getincrementaldecoder("utf-8")() if is_text else None
        if self.text is None:
            return None
        is_last = header.is_fin and len(arrived) == header.size
        try:
            self.text.decode(arrived, is_last)
        except UnicodeDecodeError:
            return 1007
        return None

    def read_frame(self, data: bytes) -> bool:
        """Whether another frame may follow the one at the start of `data`."""
        header = read_header(data)
        if header is None:
            return False
        outcome = self.outcome
        outcome.failure = self.judge(header)
        if outcome.failure is not None:
            return False
        frame_size = header.header_size + header.size
        payload = data[header.header_size : frame_size]
        if header.key is not None:
            payload = mask(payload, header.key)  # 5.3
        outcome.failure = self.text_failure(header, payload)
        is_complete = len(payload) == header.size
        if is_complete and outcome.failure is None and header.opcode == CLOSE:
            outcome.failure = close_failure(payload)
        if outcome.failure is not None or not is_complete:
            return False
        if header.opcode not in CONTROL:
            self.is_open = not header.is_fin
        outcome.frames.append(Frame(header.opcode, payload, header.is_fin, header.rsv))
        outcome.consumed += frame_size
        outcome.keys.append(header.key)
        return header.opcode != CLOSE  # 5.5.1: what follows is not looked at


def receive(
    data: bytes, *, is_server: bool, strict: bool = False, max_frame_size: int = 10 << 20
) -> Outcome:
    receiver = Receiver(is_server=is_server, strict=strict, max_frame_size=max_frame_size)
    while receiver.read_frame(data[receiver.outcome.consumed :]):
        pass
    return receiver.outcome
