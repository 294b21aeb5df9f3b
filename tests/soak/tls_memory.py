"""What a TLS connection holds, and who holds it: resident memory while large messages go round.

    python tests/soak/tls_memory.py --connections 100 --seconds 40 [--transport own]

A server and its clients, a process each. Each client sends a message of 1 MB now and then, one
after the other or all at once, and waits for its echo. The memory is read before the connections,
after them, and while messages go round; at the end once more after malloc_trim(0), which shows how
much of it the C library merely kept, and after the connections ended. Works with any library that
has picows' API, so the same script measures another release.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import ctypes
import gc
import os
import ssl
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import trustme

from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect, ws_create_server

MESSAGE = os.urandom(1_000_000)
FRAME_SIZE_MAX = 4 << 20
#: `use_aiofastnet` for each.
TRANSPORTS = {"own": None, "loop": False, "aiofastnet": True}


def resident_kib(pid: int | str = "self") -> int:
    with open(f"/proc/{pid}/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") >> 10


def trim() -> None:
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


class Quiet(WSListener):
    def pause_writing(self) -> None:
        pass

    resume_writing = pause_writing


class Echo(Quiet):
    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.BINARY:
            transport.send(WSMsgType.BINARY, frame.get_payload_as_memoryview())
        elif frame.msg_type == WSMsgType.CLOSE:
            transport.disconnect()


class Client(Quiet):
    def __init__(self) -> None:
        self.answered = asyncio.Event()

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        assert frame.get_payload_as_memoryview() == MESSAGE
        self.answered.set()


def options(arguments: argparse.Namespace) -> dict[str, Any]:
    given: dict[str, Any] = {
        "max_frame_size": FRAME_SIZE_MAX,
        "use_aiofastnet": TRANSPORTS[arguments.transport],
    }
    if arguments.bio_size:
        given["ssl_incoming_bio_size"] = given["ssl_outgoing_bio_size"] = arguments.bio_size
    return given


async def serve(arguments: argparse.Namespace) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(arguments.serve)
    server = await ws_create_server(
        lambda request: Echo(), "127.0.0.1", 0, ssl=context, **options(arguments)
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    loop = asyncio.get_running_loop()
    while await loop.run_in_executor(None, sys.stdin.readline):  # each line asks to trim
        gc.collect()
        trim()
        print("trimmed", flush=True)


async def send(transport: WSTransport, listener: Client) -> None:
    listener.answered.clear()
    transport.send(WSMsgType.BINARY, MESSAGE)
    await asyncio.wait_for(listener.answered.wait(), 60)


async def run(
    arguments: argparse.Namespace, server: subprocess.Popen[str], context: ssl.SSLContext
) -> None:
    assert server.stdin is not None
    assert server.stdout is not None
    url = f"wss://localhost:{int(server.stdout.readline())}/"

    def say(what: str) -> None:
        here, there = resident_kib(), resident_kib(server.pid)
        print(f"{what:<28} client {here:>8,} KiB  server {there:>8,} KiB", flush=True)

    async def trimmed(what: str) -> None:
        gc.collect()
        trim()
        server.stdin.write("trim\n")
        server.stdin.flush()
        await asyncio.to_thread(server.stdout.readline)
        say(what)

    say("nothing connected")
    pairs: list[Any] = []
    for _ in range(arguments.connections):
        pairs.append(await ws_connect(Client, url, ssl_context=context, **options(arguments)))
    say(f"{len(pairs)} connections, no message")
    start = time.monotonic()
    shown = 0.0
    while (passed := time.monotonic() - start) < arguments.seconds:
        for pair in pairs:
            await send(*pair)
        if passed >= shown:
            say(f"one after the other, {passed:.0f} s")
            shown = passed + arguments.seconds / 4
    await trimmed("the same, trimmed")
    for _ in range(3):
        await asyncio.gather(*(send(*pair) for pair in pairs))
        say("all at once")
    await trimmed("the same, trimmed")
    for transport, _ in pairs:
        transport.disconnect()
    await asyncio.gather(*(transport.wait_disconnected() for transport, _ in pairs))
    pairs.clear()
    await asyncio.sleep(0.5)
    say("all disconnected")
    await trimmed("the same, trimmed")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--connections", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=40)
    parser.add_argument("--bio-size", type=int, help="aiofastnet's buffers of a connection, bytes")
    parser.add_argument("--transport", choices=list(TRANSPORTS), default="aiofastnet")
    parser.add_argument("--serve", metavar="CERTIFICATE", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        asyncio.run(serve(arguments))
        return
    authority = trustme.CA()
    context = ssl.create_default_context()
    authority.configure_trust(context)
    certificate = authority.issue_cert("localhost").private_key_and_cert_chain_pem
    with certificate.tempfile() as path:
        command = [sys.executable, str(Path(__file__)), *sys.argv[1:], "--serve", path]
        with subprocess.Popen(command, stdin=-1, stdout=-1, text=True) as server:
            asyncio.run(run(arguments, server, context))
            assert server.stdin is not None
            server.stdin.close()


if __name__ == "__main__":
    main()
