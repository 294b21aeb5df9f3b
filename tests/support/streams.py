"""Streams of frames that get far: mostly right, now and then wrong in one place."""

from __future__ import annotations

import random
import struct

from picows.testing import wire
from picows.testing.wire import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, Frame

SIZES = [0, 1, 2, 5, 30, 124, 125, 126, 127, 300]
LARGE_SIZES = [65_535, 65_536, 70_000]
CHARACTERS = ["a", "hello", "\x00", "é", "€", "\ud7ff", "\ue000", "\uffff", "😀", "\U0010ffff"]
NOT_UTF8 = [b"\x80", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90", b"\xff", b"\xe2\x82", b"\xf0\x9f"]
CLOSE_CODES = [1000, 1001, 1003, 1007, 1014, 3000, 4999]
WRONG_CODES = [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_535]
LENGTH_LIES = [1 << 63, (1 << 64) - 1, 1 << 62, (1 << 63) - 1, 5]


class Generator:
    def __init__(self, rng: random.Random, *, is_masked: bool, is_large: bool = True) -> None:
        self.rng = rng
        self.is_masked = is_masked
        self.is_large = is_large
        self.is_open = False
        self.is_text = False
        self.cut = b""  # the end of a character whose start was sent

    def one_in(self, count: int) -> bool:
        return self.rng.randrange(count) == 0

    def stream(self) -> bytes:
        data = b"".join(self.frame() for _ in range(self.rng.randint(1, 8)))
        if self.one_in(3):
            data += self.closing()
        if self.one_in(3):
            data = data[: self.rng.randint(0, len(data))]
        if data and self.one_in(5):
            at = self.rng.randrange(min(len(data), 200))
            flipped = data[at] ^ 1 << self.rng.randrange(8)
            data = data[:at] + bytes([flipped]) + data[at + 1 :]
        return data

    def frame(self) -> bytes:
        return self.control() if self.one_in(3) else self.data()

    def closing(self) -> bytes:
        codes = WRONG_CODES if self.one_in(3) else CLOSE_CODES
        payload = struct.pack("!H", self.rng.choice(codes))
        payload += "".join(self.rng.choices(CHARACTERS, k=self.rng.randrange(4))).encode(
            errors="surrogatepass"
        )
        if self.one_in(4):
            payload += self.rng.choice(NOT_UTF8)
        if self.one_in(3):
            payload = payload[: self.rng.randrange(2)]
        return self.encode(Frame(CLOSE, payload))

    def control(self) -> bytes:
        if self.one_in(8):
            return self.closing()
        opcode = self.rng.choice([PING, PONG])
        size = self.rng.choice(SIZES[:7])
        if self.one_in(10):
            size = self.rng.choice(SIZES[7:])
        return self.encode(Frame(opcode, bytes(size), fin=not self.one_in(15)))

    def data(self) -> bytes:
        fin = not self.one_in(3)
        opcode = CONTINUATION
        if not self.is_open:
            self.is_text = self.one_in(2)
            opcode = TEXT if self.is_text else BINARY
        if self.one_in(12):
            opcode = self.rng.choice([CONTINUATION, TEXT, BINARY, 3, 7, 11, 15])
        self.is_open = not fin
        payload = self.text(fin) if self.is_text else self.rng.randbytes(self.rng.choice(SIZES))
        if self.is_large and self.one_in(40):
            payload += b"x" * self.rng.choice(LARGE_SIZES)
        return self.encode(Frame(opcode, payload, fin))

    def text(self, fin: bool) -> bytes:
        payload = self.cut + "".join(
            self.rng.choices(CHARACTERS, k=self.rng.choice([0, 1, 3, 40]))
        ).encode(errors="surrogatepass")
        self.cut = b""
        if self.one_in(10):
            payload += self.rng.choice(NOT_UTF8) + b"more"
        elif not fin and self.one_in(2):
            payload, self.cut = payload + b"\xf0\x9f", b"\x98\x80"
        return payload

    def encode(self, frame: Frame) -> bytes:
        key: bytes | None = None
        if self.is_masked != self.one_in(40):
            key = bytes(self.rng.choice([0, 0x55, 0xFF, 0x37]) for _ in range(3)) + b"\x01"
        if self.one_in(30):
            frame = Frame(frame.opcode, frame.payload, frame.fin, self.rng.randint(1, 7))
        if self.one_in(40):
            return wire.encode(frame, key, size=self.rng.choice(LENGTH_LIES), length_bytes=8)
        if self.one_in(40) and len(frame.payload) < 65_536:
            return wire.encode(frame, key, length_bytes=self.rng.choice([2, 8]))
        return wire.encode(frame, key)


def cuts(rng: random.Random, data: bytes) -> list[bytes]:
    """The stream as it may arrive."""
    size_max = rng.choice([1, 3, 20, 1000, 1 << 20])
    if len(data) > 5000:
        size_max = max(size_max, 1000)
    pieces = []
    at = 0
    while at < len(data):
        end = at + rng.randint(1, size_max)
        pieces.append(data[at:end])
        at = end
    return pieces
