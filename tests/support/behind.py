"""The bytes behind a payload, which readers of whole vectors may load."""

from __future__ import annotations

import ctypes

from picows import WSFrame

PADDING = 64
"""So many bytes behind every payload may be read."""


class PyBuffer(ctypes.Structure):
    _fields_ = [
        ("buf", ctypes.c_void_p),
        ("obj", ctypes.py_object),
        ("len", ctypes.c_ssize_t),
        ("rest", ctypes.c_void_p * 8),
    ]


def read_behind(frame: WSFrame) -> bytes:
    """The bytes behind the payload, as a SIMD reader would load them."""
    view = PyBuffer()
    ctypes.pythonapi.PyObject_GetBuffer(ctypes.py_object(frame), ctypes.byref(view), 0)
    try:
        return ctypes.string_at(view.buf + view.len, PADDING)
    finally:
        ctypes.pythonapi.PyBuffer_Release(ctypes.byref(view))
