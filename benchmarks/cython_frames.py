"""One Cython source on this picows and on another one: nanoseconds a frame.

    python benchmarks/cython_frames.py --peer PEER_PYTHON [--frames 1000000] [--rounds 5]

PEER_PYTHON is the interpreter of another virtual environment, with picows 2.3.1 and uvloop, say.
cython_frames.pyx is compiled against each, by one Cython and one C compiler (CC, or that of Zig),
into benchmarks/build. Echo: a process holds a server and a client on one event loop; the client
sends a window of frames, and another for each that comes back; a frame is one trip there and back.
Receive: a server that knows no library, in another process, sends as fast as is taken; a frame is
one callback. Rounds are interleaved, all on one core; the ratio is the median of those of
neighbouring rounds (above 1: ours is faster).
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import hashlib
import importlib.util
import multiprocessing
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).resolve().with_suffix(".pyx")
LOOPS = ["asyncio", "uvloop"]
# Payload, and how many frames of an echo are on their way at a time.
CASES = {
    "echo 32 B": (32, 1),
    "echo 32 B, 64 at once": (32, 64),
    "echo 1 KiB": (1024, 1),
    "receive 32 B": (32, 0),
}


def flood(listener: socket.socket) -> None:
    """Send frames to one connection after the other; the path, /flood-SIZE, says how large."""
    while True:
        connection, _ = listener.accept()
        # A client that had enough resets the connection.
        with connection, contextlib.suppress(OSError):
            head = b""
            while b"\r\n\r\n" not in head:
                head += connection.recv(4096)
            key = re.search(rb"(?i)sec-websocket-key: (\S+)", head)
            size = re.search(rb"/flood-(\d+) ", head)
            assert key and size
            digest = hashlib.sha1(key[1] + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
            connection.sendall(
                b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                b"Connection: Upgrade\r\nSec-WebSocket-Accept: "
                + base64.b64encode(digest)
                + b"\r\n\r\n"
            )
            frame = b"\x82" + bytes([int(size[1])]) + os.urandom(int(size[1]))
            block = frame * (65536 // len(frame))
            while True:
                connection.sendall(block)


def run(command: list[str], python: str, **options: Any) -> str:
    """What a program of `python` prints; it imports the picows that is installed there."""
    environment = dict(os.environ)
    if python != sys.executable:
        environment.pop("PYTHONPATH", None)
    # Not from this folder: the checkout must not hide the peer's installed package.
    done = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, text=True, cwd="/", env=environment, **options
    )
    return done.stdout


def build(python: str, name: str) -> Path:
    """The extension as `python` compiles it, where its own picows is found."""
    folder = SOURCE.parent / "build" / name
    folder.mkdir(parents=True, exist_ok=True)
    code = (
        "import pathlib, picows, sysconfig; print(pathlib.Path(picows.__file__).parents[1]);"
        "print(sysconfig.get_path('include')); print(sysconfig.get_config_var('EXT_SUFFIX'))"
    )
    answer = run([python, "-c", code], python)
    root, include, suffix = answer.split()
    c_file, output = folder / "cython_frames.c", folder / f"cython_frames{suffix}"
    # Beside the checkout's picows.pxd Cython would take that one.
    source = shutil.copy(SOURCE, folder)
    cython = [sys.executable, "-m", "cython", "-3", "-I", root, source, "-o", str(c_file)]
    subprocess.run(cython, check=True, cwd=folder)
    compiler = os.environ.get("CC", f"{sys.executable} -m ziglang cc").split()
    flags = [
        os.environ.get("CFLAGS", "-O2"),
        "-shared",
        "-fPIC",
        f"-I{include}",
        str(c_file),
        "-o",
        str(output),
    ]
    subprocess.run([*compiler, *flags], check=True)
    return output


def load(path: str) -> Any:
    spec = importlib.util.spec_from_file_location("cython_frames", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


async def measure(native: Any, port: int, size: int, window: int, frames: int) -> float:
    """Nanoseconds a frame. `port` is that of the server that knows no library."""
    from picows import ws_connect, ws_create_server

    server = await ws_create_server(lambda request: native.Echo(), "127.0.0.1", 0)
    if window > 0:
        port = server.sockets[0].getsockname()[1]
    url = f"ws://127.0.0.1:{port}/flood-{size}"
    done = asyncio.get_running_loop().create_future()
    start = time.perf_counter_ns()
    transport, _ = await ws_connect(
        lambda: native.Client(size, window, frames, lambda: done.set_result(None)), url
    )
    await done
    elapsed = time.perf_counter_ns() - start
    transport.disconnect(False)
    await transport.wait_disconnected()
    server.close()
    return elapsed / frames


def run_one(path: str, loop: str, *numbers: int) -> None:
    if loop == "uvloop":
        import uvloop

        factory = uvloop.new_event_loop
    else:
        factory = asyncio.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        print(runner.run(measure(load(path), *numbers)))


def main() -> None:
    if sys.argv[1:2] == ["--one"]:
        path, loop, *numbers = sys.argv[2:]
        run_one(path, loop, *map(int, numbers))
        return
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--peer", required=True, help="interpreter that has the other picows")
    parser.add_argument("--frames", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cases", nargs="*", choices=CASES, default=list(CASES))
    parser.add_argument("--loops", nargs="*", choices=LOOPS, default=LOOPS)
    options = parser.parse_args()
    pythons = {"ours": sys.executable, "peer": options.peer}
    names = {python: name for name, python in pythons.items()}
    built = {python: build(python, name) for python, name in names.items()}
    core = max(os.sched_getaffinity(0))
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    fork = multiprocessing.get_context("fork")
    server = fork.Process(target=flood, args=(listener,), daemon=True)
    server.start()
    os.sched_setaffinity(server.pid or 0, {core})

    def one(name: str, loop: str, size: int, window: int) -> float:
        arguments = map(
            str,
            (SOURCE.with_suffix(".py"), "--one", built[pythons[name]], loop, port, size, window),
        )
        output = run(
            [pythons[name], *arguments, str(options.frames)],
            pythons[name],
            preexec_fn=lambda: os.sched_setaffinity(0, {core}),
        )
        return float(output)

    print(f"{'case':<24}{'loop':<10}{'ours ns':>9}{'peer ns':>9}{'ratio':>7}   spread")
    for case in options.cases:
        for loop in options.loops:
            times: dict[str, list[float]] = {"ours": [], "peer": []}
            for _ in range(options.rounds):
                for name in times:
                    times[name].append(one(name, loop, *CASES[case]))
            ratios = sorted(b / a for a, b in zip(times["ours"], times["peer"], strict=True))
            print(
                f"{case:<24}{loop:<10}{statistics.median(times['ours']):>9,.0f}"
                f"{statistics.median(times['peer']):>9,.0f}{statistics.median(ratios):>7.2f}"
                f"   {ratios[0]:.2f} to {ratios[-1]:.2f}",
                flush=True,
            )
    server.terminate()


if __name__ == "__main__":
    main()
