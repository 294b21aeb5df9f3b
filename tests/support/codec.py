"""libpicows through ctypes: its structs, and calls that look like Python."""

from __future__ import annotations

import ctypes
from ctypes import (
    POINTER,
    Structure,
    c_int,
    c_int32,
    c_size_t,
    c_uint8,
    c_uint16,
    c_uint32,
    c_uint64,
)
from pathlib import Path

OK, NEED_MORE, FAILURE, ENDED = 0, 1, 2, 3
BAD_ARGUMENT, NO_ROOM, AFTER_CLOSE, OUT_OF_ORDER, TOO_MANY_PINGS = -1, -2, -3, -4, -5
CLIENT, SERVER = 0, 1
FIN = 8


class Header(Structure):
    _fields_ = [
        ("payload_size", c_uint64),
        ("size", c_size_t),
        ("failure", c_int32),
        ("opcode", c_uint8),
        ("flags", c_uint8),
        ("is_masked", c_uint8),
        ("reserved", c_uint8),
        ("masking_key", c_uint8 * 4),
    ]


class Parser(Structure):
    _fields_ = [("private", c_uint64 * 16)]


class ParserOptions(Structure):
    _fields_ = [
        ("size", c_size_t),
        ("payload_size_max", c_uint64),
        ("role", c_uint8),
        ("strict", c_uint8),
        ("reserved", c_uint8 * 6),
    ]


class Frame(Structure):
    _fields_ = [
        ("payload", POINTER(c_uint8)),
        ("payload_size", c_size_t),
        ("size", c_size_t),
        ("failure", c_int32),
        ("opcode", c_uint8),
        ("flags", c_uint8),
        ("reserved", c_uint8 * 2),
    ]

    def bytes(self) -> bytes:
        return ctypes.string_at(self.payload, self.payload_size)


class Session(Structure):
    _fields_ = [("private", c_uint64 * 96)]


class SessionOptions(Structure):
    _fields_ = [
        ("size", c_size_t),
        ("payload_size_max", c_uint64),
        ("message_size_max", c_uint64),
        ("message_frame_count_max", c_uint32),
        ("role", c_uint8),
        ("mode", c_uint8),
        ("extensions", c_uint8),
        ("reserved", c_uint8),
    ]


class Event(Structure):
    _fields_ = [
        ("payload", POINTER(c_uint8)),
        ("payload_size", c_size_t),
        ("size", c_size_t),
        ("message_size", c_uint64),
        ("failure", c_int32),
        ("ping_count", c_uint32),
        ("close_code", c_uint16),
        ("kind", c_uint8),
        ("opcode", c_uint8),
        ("flags", c_uint8),
        ("message_opcode", c_uint8),
        ("piece", c_uint8),
        ("reserved", c_uint8),
    ]

    def bytes(self) -> bytes:
        return ctypes.string_at(self.payload, self.payload_size)


class Status(Structure):
    _fields_ = [
        ("failure", c_int32),
        ("sent_code", c_uint16),
        ("received_code", c_uint16),
        ("state", c_uint8),
        ("is_close_sent", c_uint8),
        ("is_close_received", c_uint8),
        ("reserved", c_uint8),
    ]


class Utf8(Structure):
    _fields_ = [("state", c_uint8)]


class Close(Structure):
    _fields_ = [
        ("reason", POINTER(c_uint8)),
        ("reason_size", c_size_t),
        ("failure", c_int32),
        ("code", c_uint16),
        ("reserved", c_uint8 * 2),
    ]


class Keys(Structure):
    _fields_ = [("private", c_uint64 * 136)]


class Field(Structure):
    _fields_ = [
        ("name", ctypes.c_void_p),
        ("name_size", c_size_t),
        ("value", ctypes.c_void_p),
        ("value_size", c_size_t),
    ]


class HeadReader(Structure):
    _fields_ = [("scanned", c_size_t)]


class Head(Structure):
    _fields_ = [
        ("start_line", ctypes.c_void_p),
        ("start_line_size", c_size_t),
        ("size", c_size_t),
        ("field_count", c_size_t),
        ("failure", c_int32),
        ("reserved", c_uint8 * 4),
        ("fields", Field * 128),
    ]


class ResponseReader(Structure):
    _fields_ = [("scanned", c_size_t), ("start", c_uint32), ("interim_count", c_uint32)]


class Request(Structure):
    _fields_ = [
        ("target", ctypes.c_void_p),
        ("target_size", c_size_t),
        ("failure", c_int32),
        ("accept", ctypes.c_char * 29),
        ("reserved", c_uint8 * 3),
    ]


class RequestOptions(Structure):
    _fields_ = [
        ("size", c_size_t),
        ("host", ctypes.c_char_p),
        ("target", ctypes.c_char_p),
        ("key", ctypes.c_char_p),
        ("fields", POINTER(Field)),
        ("field_count", c_size_t),
    ]


def load(path: Path) -> ctypes.CDLL:
    """The library, told which arguments are sizes: ctypes takes every int for a C int."""
    lib = ctypes.CDLL(str(path))
    p, size, byte = ctypes.c_void_p, c_size_t, c_uint8
    arguments = {
        "mask": [p, p, size, p, size],
        "header_decode": [p, size, p],
        "header_encode": [p, p, size, p],
        "parser_init": [p, p],
        "parser_next": [p, p, size, p],
        "frame_size": [size, c_int],
        "frame_write": [p, size, byte, byte, p, size, p, p],
        "frame_wrap": [p, size, size, byte, byte, p, p],
        "session_init": [p, p],
        "session_receive": [p, p, size, p],
        "session_answer": [p, p, p, p, size, p],
        "session_send": [p, byte, byte, p, size, p, p, size, p],
        "session_wrap": [p, p, size, size, byte, byte, p, p],
        "session_ping": [p, p, size, p, p, size, p],
        "session_close": [p, c_uint16, p, size, p, p, size, p],
        "session_drop": [p],
        "session_end": [p],
        "session_status": [p, p],
        "utf8_feed": [p, p, size],
        "close_decode": [p, size, p],
        "close_encode": [c_uint16, p, size, p, size, p],
        "keys_init": [p, p],
        "keys_next": [p, p],
        "key_encode": [p, p],
        "accept_key": [p, size, p],
        "head_read": [p, p, size, p],
        "head_find": [p, p],
        "head_has_token": [p, p, p],
        "request_check": [p, p],
        "request_write": [p, p, size, p],
        "response_read": [p, p, size, p],
        "response_check": [p, p, size, c_int, p],
        "response_check_offer": [p, p, size, p],
        "response_write": [p, p, size, p, size, p],
        "refusal_write": [c_int32, p, size, p],
        "failure_message": [c_int32],
        "failure_close_code": [c_int32],
        "failure_http_status": [c_int32],
        "version": [],
    }
    results = {
        "frame_size": size,
        "head_find": POINTER(Field),
        "failure_message": ctypes.c_char_p,
        "failure_close_code": c_uint16,
        "failure_http_status": c_uint16,
        "version": ctypes.c_char_p,
    }
    for name, types in arguments.items():
        function = getattr(lib, f"picows_{name}")
        function.argtypes = types
        function.restype = results.get(name, c_int32)
    return lib
