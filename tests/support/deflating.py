"""tests/native/deflate.zig: the compression of the core, called from Python."""

from __future__ import annotations

import ctypes
import subprocess
from ctypes import c_bool, c_int, c_size_t, c_ubyte, c_void_p
from pathlib import Path
from types import ModuleType

NEED_INPUT, NEED_ROOM, FAILURE = 0, 1, 2
NONE, SYNC, MESSAGE = 0, 1, 2


def build(setup_py: ModuleType, root: Path, folder: Path) -> ctypes.CDLL:
    """Compiles as the extension is compiled."""
    system, arch = setup_py.host()
    target = setup_py.SYSTEMS[system][0].format(arch)
    flags = setup_py.MODES["release"]
    path = folder / "deflate.so"
    args = ["-dynamic", "--name", "deflate", f"-femit-bin={path}", *setup_py.cache_args()]
    if system in ("gnu", "musl", "macos"):
        args += [*setup_py.LIBC, *setup_py.NO_ZIG_RUNTIME]
    args += ["-target", target, *flags, "--dep", "core", f"-Mroot={root}/tests/native/deflate.zig"]
    args += setup_py.module_args("core", target, flags)
    subprocess.run([*setup_py.ZIG, "build-lib", *args], cwd=root, check=True)
    return load(path)


def load(path: Path) -> ctypes.CDLL:
    lib = ctypes.CDLL(str(path))
    p, size, byte = c_void_p, c_size_t, c_ubyte
    arguments = {
        "inflater_size": [],
        "inflater_memory": [byte],
        "inflater_init": [p, byte],
        "inflater_run": [p, p, size, p, size, size, p],
        "inflater_keep": [p, p, size],
        "inflater_is_between_blocks": [p],
        "deflater_size": [],
        "deflater_memory": [byte, byte],
        "deflater_init": [p, byte, byte],
        "deflater_run": [p, p, size, p, size, c_int],
        "deflater_forget": [p],
        "deflate_bound": [size],
        "deflate_all": [p, p, p, size, p, p, c_bool],
        "inflate_all": [p, p, p, size, p, size, c_bool],
        "negotiation_choose": [p, size, byte, byte, byte, p, p],
        "negotiation_check": [p, size, byte, byte, byte, p],
    }
    results = {
        "inflater_run": c_int,
        "inflater_is_between_blocks": c_bool,
        "negotiation_choose": c_int,
        "negotiation_check": c_int,
    }
    nothing = ("_init", "_keep", "_forget", "deflate_all")
    for name, types in arguments.items():
        function = getattr(lib, name)
        function.argtypes = types
        function.restype = None if name.endswith(nothing) else results.get(name, c_size_t)
    return lib


class Inflater:
    def __init__(self, lib: ctypes.CDLL, window_bits: int) -> None:
        self.lib = lib
        self.state = ctypes.create_string_buffer(lib.inflater_size())
        self.progress = (c_size_t * 2)()
        lib.inflater_init(self.state, window_bits)

    def step(self, data: bytes, room: int) -> tuple[int, int, bytes]:
        """The status, how much of `data` was read, and what came out, which is kept."""
        out = ctypes.create_string_buffer(max(room, 1))
        status = self.lib.inflater_run(self.state, data, len(data), out, room, 0, self.progress)
        read, size = self.progress
        self.lib.inflater_keep(self.state, out, size)
        return status, read, out.raw[:size]

    def all(self, data: bytes, room: int = 1 << 13) -> bytes:
        """All that comes out, up to a fault."""
        parts = []
        while True:
            status, read, part = self.step(data, room)
            parts.append(part)
            data = data[read:]
            if status != NEED_ROOM:
                self.has_failed = status == FAILURE
                return b"".join(parts)

    @property
    def is_between_blocks(self) -> bool:
        return self.lib.inflater_is_between_blocks(self.state)


class Deflater:
    def __init__(self, lib: ctypes.CDLL, level: int, window_bits: int) -> None:
        self.lib = lib
        self.state = ctypes.create_string_buffer(lib.deflater_size())
        lib.deflater_init(self.state, level, window_bits)

    def run(self, data: bytes, flush: int = SYNC) -> bytes:
        room = self.lib.deflate_bound(len(data))
        out = ctypes.create_string_buffer(room)
        size = self.lib.deflater_run(self.state, data, len(data), out, room, flush)
        return out.raw[:size]

    def forget(self) -> None:
        self.lib.deflater_forget(self.state)
