"""Which lines of zig/core the core's tests run: the figures of docs/coverage.md. x86-64 Linux.

A breakpoint stands at the start of every line of the test program and is gone once it was hit, so
that the tests run as fast as ever. The lines come from the debug information (`readelf`, package
binutils). Lines that only the compiler runs, and functions that nothing calls, have no code and are
not counted.

python tests/coverage/zig_coverage.py
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CORE = ROOT / "zig/core"
PTRACE_TRACEME, PTRACE_CONT, PTRACE_GETREGS, PTRACE_SETREGS = 0, 7, 12, 13
RIP = 16  # its place among the registers, in <sys/user.h>
INT3 = b"\xcc"

Lines = dict[int, set[tuple[str, int]]]  # by address

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.restype = ctypes.c_long
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]


def ptrace(request: int, pid: int = 0, data: object = None) -> None:
    if libc.ptrace(request, pid, None, data) == -1:
        raise OSError(ctypes.get_errno(), "ptrace")


def build(program: Path) -> None:
    """As the tests of the test suite are built, without running them."""
    spec = importlib.util.spec_from_file_location("picows_setup", ROOT / "setup.py")
    assert spec and spec.loader
    setup = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(setup)
    system, arch = setup.host()
    target = setup.SYSTEMS[system][0].format(arch)
    args = setup.module_args("core", target, setup.MODES["debug"], root="zig/core/tests.zig")
    command = [*setup.ZIG, "test", "--test-no-exec", f"-femit-bin={program}", *args]
    subprocess.run(command, cwd=ROOT, check=True)


def read_lines(program: Path) -> Lines:
    """Where the code of each line of the core begins; tests are left out."""
    command = ["readelf", "--debug-dump=decodedline", str(program)]
    table = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    names = {path.name for path in CORE.rglob("*.zig")} - {"tests.zig"}
    names = {name for name in names if not name.endswith(("_test.zig", "_fuzz.zig"))}
    lines: Lines = defaultdict(set)
    for row in table.splitlines():
        match = re.match(r"(\S+\.zig)\s+(\d+)\s+0x([0-9a-f]+)\s.*\bx$", row)
        if match and match[1].startswith("zig/core/") and int(match[2]) > 0:
            name = Path(match[1]).name
            if name in names:
                lines[int(match[3], 16)].add((name, int(match[2])))
    return lines


def run(program: Path, addresses: list[int]) -> set[int]:
    """Runs the tests; returns the addresses that they came by."""
    pid = os.fork()
    if pid == 0:
        ptrace(PTRACE_TRACEME)
        os.chdir(ROOT)
        os.execv(program, [str(program)])
    os.waitpid(pid, 0)
    hit = set()
    registers = (ctypes.c_ulonglong * 32)()
    with open(f"/proc/{pid}/mem", "r+b", buffering=0) as memory:
        saved = {}
        for address in addresses:
            memory.seek(address)
            saved[address] = memory.read(1)
            memory.seek(address)
            memory.write(INT3)
        signal_number = 0
        while True:
            ptrace(PTRACE_CONT, pid, signal_number)
            _, status = os.waitpid(pid, 0)
            if not os.WIFSTOPPED(status):
                break
            signal_number = os.WSTOPSIG(status)
            if signal_number != signal.SIGTRAP:
                continue
            ptrace(PTRACE_GETREGS, pid, registers)
            address = registers[RIP] - 1
            signal_number = 0
            if address in saved:
                hit.add(address)
                memory.seek(address)
                memory.write(saved[address])
                registers[RIP] = address
                ptrace(PTRACE_SETREGS, pid, registers)
    if os.waitstatus_to_exitcode(status) != 0:
        sys.exit("the tests failed")
    return hit


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "core-tests"
        build(program)
        lines = read_lines(program)
        hit = run(program, sorted(lines))
    known: defaultdict[str, set[int]] = defaultdict(set)
    reached: defaultdict[str, set[int]] = defaultdict(set)
    for address, places in lines.items():
        for name, line in places:
            known[name].add(line)
            if address in hit:
                reached[name].add(line)
    total = sum(map(len, known.values()))
    for name in sorted(known):
        missed = sorted(known[name] - reached[name])
        rest = f"  not: {', '.join(map(str, missed))}" if missed else ""
        print(f"{name:16} {len(reached[name]):4} of {len(known[name]):4}{rest}")
    count = sum(map(len, reached.values()))
    print(f"{'all':16} {count:4} of {total:4} lines, {100 * count / total:.1f} %")


if __name__ == "__main__":
    main()
