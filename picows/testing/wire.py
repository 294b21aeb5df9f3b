"""WebSocket bytes made and read by hand, without the code under test: RFC 6455 4.2.2 and 5.2."""

from __future__ import annotations

import base64
import hashlib
import struct
from dataclasses import dataclass

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
MASKING_KEY = bytes.fromhex("37fa213d")  # of the example in RFC 6455 5.7
HANDSHAKE_KEY = "dGhlIHNhbXBsZSBub25jZQ=="  # of the example in RFC 6455 1.3


@dataclass(frozen=True)
class Frame:
    """What a frame says, however it was encoded."""

    opcode: int
    payload: bytes = b""
    fin: bool = True
    rsv: int = 0


def close(code: int, reason: str = "") -> Frame:
    return Frame(CLOSE, struct.pack("!H", code) + reason.encode())


def mask(payload: bytes, key: bytes) -> bytes:
    size = len(payload)
    pad = (key * (size // 4 + 1))[:size]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(pad, "big")).to_bytes(size, "big")


def encode(
    frame: Frame,
    key: bytes | None = None,
    *,
    size: int | None = None,
    length_bytes: int | None = None,
) -> bytes:
    """The bytes of a frame.

    key: masks the payload, as a client must.
    size: the length to announce, if it is to be a lie.
    length_bytes: 0, 2 or 8 for the extended length, if it is not to be the shortest form.
    """
    if size is None:
        size = len(frame.payload)
    if length_bytes is None:
        length_bytes = 0 if size < 126 else 2 if size < 65536 else 8
    short = {0: size, 2: 126, 8: 127}[length_bytes]
    first = frame.fin << 7 | frame.rsv << 4 | frame.opcode
    head = (
        bytes([first, (0x80 if key else 0) | short]) + size.to_bytes(8, "big")[8 - length_bytes :]
    )
    if key is None:
        return head + frame.payload
    return head + key + mask(frame.payload, key)


def accept(key: str) -> str:
    digest = hashlib.sha1(key.encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
    return base64.b64encode(digest).decode()


#: What a browser would send; `None` for a value leaves the header out.
REQUEST_HEADERS: dict[str, str] = {
    "Host": "127.0.0.1",
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": HANDSHAKE_KEY,
    "Sec-WebSocket-Version": "13",
}


def request(
    headers: dict[str, str | None] | None = None, *, line: str = "GET / HTTP/1.1", more: str = ""
) -> bytes:
    """A request for the opening handshake. `headers` replace or (None) remove usual ones; `more` is
    added unchanged."""
    merged = REQUEST_HEADERS | (headers or {})
    fields = "".join(f"{name}: {value}\r\n" for name, value in merged.items() if value is not None)
    return f"{line}\r\n{fields}{more}\r\n".encode("latin-1")


def response(
    key: str,
    headers: dict[str, str | None] | None = None,
    *,
    line: str = "HTTP/1.1 101 Switching Protocols",
    more: str = "",
) -> bytes:
    """The answer that accepts a request with `key`, or one that is nearly right."""
    usual = {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Accept": accept(key),
    }
    merged = usual | (headers or {})
    fields = "".join(f"{name}: {value}\r\n" for name, value in merged.items() if value is not None)
    return f"{line}\r\n{fields}{more}\r\n".encode("latin-1")


def parse_head(head: bytes) -> tuple[str, dict[str, str]]:
    """Start line, and headers by lower-case name; a name that is there twice is an error here."""
    line, *fields = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    pairs = [field.split(": ", 1) for field in fields]
    headers = {name.lower(): value for name, value in pairs}
    assert len(headers) == len(pairs), head
    return line, headers
