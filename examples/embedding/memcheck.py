"""Runs the two programs under valgrind; exit status 1 if it finds anything that is picows's.

    python examples/embedding/memcheck.py

README.md has the lines that build the programs. CPython 3.11 alone has findings: it multiplies a
digit that nobody set by zero. So valgrind sees an asyncio echo without picows first, and what it
says of CPython's functions there is not counted. Of leaks nothing is left out: what is lost,
directly or with something else, counts. A block to which a pointer into its middle is left is not
lost: CPython's point behind the garbage collector's head.
"""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
#: How many of the innermost functions of a finding have to be the same.
DEPTH = 4
VALGRIND = ["valgrind", "-q", "--num-callers=25", "--leak-check=full"]
KINDS = "--{}-leak-kinds=definite,indirect"
VALGRIND += [KINDS.format("show"), KINDS.format("errors-for"), "--error-exitcode=9"]
ECHO_WITHOUT_PICOWS = """
import asyncio, ssl, uuid, multidict, python_socks
async def main():
    async def echo(reader, writer):
        while data := await reader.read(100):
            writer.write(data)
        writer.close()
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    for _ in range(100):
        writer.write(b"x")
        await reader.readexactly(1)
    writer.close()
    await writer.wait_closed()
    server.close()
    await server.wait_closed()
asyncio.run(main())
"""
#: PYTHONMALLOC: each object is a block of its own, of which valgrind knows.
ENVIRONMENT = {
    **os.environ,
    "PYTHONMALLOC": "malloc",
    "PYTHONPATH": os.pathsep.join([str(ROOT), sysconfig.get_path("purelib")]),
}


def findings_of_cpython(path: Path) -> int:
    """Writes what valgrind says of CPython alone, as its suppressions; how many they are."""
    command = [*VALGRIND, "--gen-suppressions=all", sys.executable, "-S", "-c", ECHO_WITHOUT_PICOWS]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True)
    if done.returncode not in (0, 9):
        raise SystemExit(done.stderr)
    found = set()
    entries = re.findall(r"^\{\n.*\n   (Memcheck:\w+)\n((?:   .*\n)+)\}", done.stderr, re.M)
    for kind, stack in entries:
        if kind != "Memcheck:Leak":
            found.add("\n".join([kind, *stack.splitlines()[:DEPTH], "..."]))
    path.write_text("".join(f"{{\nCPython's\n{entry}\n}}\n" for entry in sorted(found)))
    return len(found)


async def use(port: int) -> None:
    """What a server meets: messages of all sizes, and in parts, nonsense, an open connection."""
    from websockets.asyncio.client import connect

    url = f"ws://127.0.0.1:{port}/"
    async with connect(url, max_size=None, compression=None) as client:
        for message in [*(b"x" * size for size in (0, 125, 126, 65535, 65536, 1 << 20)), "text"]:
            await client.send(message)
            assert await client.recv() == message
        await client.send([b"in ", b"parts"])
        assert await client.recv() == b"in parts"
        await (await client.ping())
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"hello\r\n\r\n")
    assert (await reader.read()).startswith(b"HTTP/1.1 400 ")
    writer.close()
    await connect(url)


def check_echo_server() -> bool:
    command = [*VALGRIND, str(ROOT / "build/echo_server"), "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        port = re.search(r"port (\d+)", process.stdout.readline())
        assert port, "the server does not say where it listens"
        asyncio.run(use(int(port[1])))
        process.terminate()
        return process.wait() == 0


def check_embed_python() -> bool:
    with tempfile.TemporaryDirectory() as folder:
        known = Path(folder, "cpython.supp")
        print(f"{findings_of_cpython(known)} kinds of findings in CPython without picows")
        command = [*VALGRIND, f"--suppressions={known}", str(ROOT / "build/embed_python"), "100"]
        return subprocess.run(command, env=ENVIRONMENT).returncode == 0


if __name__ == "__main__":
    results = {"echo_server": check_echo_server(), "embed_python": check_embed_python()}
    for name, is_clean in results.items():
        print(f"{name}: {'clean' if is_clean else 'valgrind found something'}")
    sys.exit(not all(results.values()))
