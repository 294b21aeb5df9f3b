"""Thousands of connections opened at once: who gets in, what they cost, who waits meanwhile.

    python tests/soak/storm.py --connections 10000 [--silent] [--tls]

Servers (as many processes as the limit of open files wants, on one port) and processes of clients
whose sockets all connect in the same moment. Each client asks for the upgrade as soon as it is
connected, sends a message, wants it back and stays. With --silent it says nothing at all instead,
so that the server has to turn away those above a max_pending_handshakes of 4,096. All the time a
connection that was there before exchanges messages; the longest that it waited is printed. At the
end all leave, and a new one has to be welcome. Exits with 1 if somebody was not served who had to
be. A small --backlog makes the kernel refuse, a large one keeps event loops accepting for long.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import resource
import socket
import ssl
import statistics
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parents[2])]

from support import stacks  # noqa: E402 (the path has to be set first)

from picows import (  # noqa: E402
    WSFrame,
    WSListener,
    WSMsgType,
    WSTransport,
    ws_connect,
    ws_create_server,
)
from picows.client.proxy_stream import SocketStream  # noqa: E402
from picows.testing import wire  # noqa: E402

PENDING_MAX = 4096
FILES_OF_OTHERS = 200
HELLO = wire.encode(wire.Frame(wire.BINARY, b"hello, too"), wire.MASKING_KEY)
ECHO = wire.encode(wire.Frame(wire.BINARY, b"hello, too"))


def raise_limit() -> int:
    """As many open files as this process may have."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def resident_kib(pid: int) -> int:
    with open(f"/proc/{pid}/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") >> 10


async def line_of_stdin() -> str:
    return (await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)).strip()


class Echo(WSListener):
    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.BINARY:
            transport.send(frame.msg_type, frame.get_payload_as_memoryview())


async def serve(port: int, given: argparse.Namespace) -> None:
    quiet = logging.getLogger("storm")
    quiet.setLevel(logging.CRITICAL)
    options: dict[str, Any] = {"max_pending_handshakes": PENDING_MAX} if given.silent else {}
    server = await ws_create_server(
        lambda request: Echo(),
        "127.0.0.1",
        port,
        reuse_port=True,
        backlog=given.backlog,
        websocket_handshake_timeout=given.seconds,
        logger_name=quiet,
        ssl=stacks.server_tls() if given.tls else None,
        **options,
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await line_of_stdin()


def client_context() -> ssl.SSLContext:
    """The server is another process, with an authority of its own."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


async def attack(port: int, given: argparse.Namespace) -> None:
    """Open many connections at once. Prints how many are in, and leaves when stdin says so."""
    count: int = given.connections
    is_silent: bool = given.silent
    loop = asyncio.get_running_loop()
    wrap = partial(client_context().wrap_bio, server_hostname="localhost")
    pushed_out = 0
    sockets = []

    async def one() -> bool:
        nonlocal pushed_out
        sock = socket.socket()
        sockets.append(sock)
        sock.setblocking(False)
        await loop.sock_connect(sock, ("127.0.0.1", port))
        if is_silent:
            loop.add_reader(sock, gone, sock)
            return True
        stream = SocketStream(loop, sock)
        if given.tls:
            await stream.begin_tls(wrap)
        await stream.write(wire.request())
        assert (await stream.read_http_head()).startswith(b"HTTP/1.1 101 ")
        await stream.write(HELLO)
        return await stream.read_exactly(len(ECHO)) == ECHO

    def gone(sock: socket.socket) -> None:
        nonlocal pushed_out
        loop.remove_reader(sock)
        pushed_out += 1

    async with asyncio.timeout(given.seconds):
        results = await asyncio.gather(*(one() for _ in range(count)), return_exceptions=True)
    if is_silent:
        seen = -1
        while seen != pushed_out:
            seen = pushed_out
            await asyncio.sleep(2)
    print(sum(result is True for result in results) - pushed_out, flush=True)
    await line_of_stdin()
    for sock in sockets:
        loop.remove_reader(sock)
        sock.close()


class Witness(WSListener):
    """A connection beside the storm. `waits` are the seconds that each message took."""

    def __init__(self, seconds_max: float) -> None:
        self.seconds_max = seconds_max
        self.waits: list[float] = []
        self.echoed = asyncio.Event()

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        self.echoed.set()

    async def watch(self, transport: WSTransport) -> None:
        while True:
            self.echoed.clear()
            start = time.perf_counter()
            transport.send(WSMsgType.BINARY, b"still there?")
            async with asyncio.timeout(self.seconds_max):
                await self.echoed.wait()
            self.waits.append(time.perf_counter() - start)
            await asyncio.sleep(0.005)

    def report(self, when: str) -> None:
        waits, self.waits = self.waits, []
        median, longest = (1000 * f(waits) for f in (statistics.median, max))
        print(
            f"  the other connection: {len(waits)} messages {when}, median {median:.1f} ms,"
            f" longest {longest:.1f} ms"
        )


def spawn(stack: contextlib.ExitStack, *arguments: Any) -> subprocess.Popen[str]:
    command = [sys.executable, str(Path(__file__)), *map(str, arguments)]
    process = stack.enter_context(subprocess.Popen(command, stdin=-1, stdout=-1, text=True))
    stack.callback(process.kill)
    return process


async def answer(process: subprocess.Popen[str]) -> int:
    assert process.stdout is not None
    return int(await asyncio.to_thread(process.stdout.readline))


async def storm(given: argparse.Namespace, limit: int) -> bool:
    a_process_has = limit - FILES_OF_OTHERS
    count: int = given.connections
    kind = [f"--{name}" for name in ("silent", "tls") if getattr(given, name)]
    kind += ["--seconds", str(given.seconds)]
    with contextlib.ExitStack() as stack:
        options = ["--loop", given.loop, "--backlog", given.backlog, *kind]
        servers = [spawn(stack, "--serve", 0, *options)]
        port = await answer(servers[0])
        while len(servers) * a_process_has < count:
            servers.append(spawn(stack, "--serve", port, *options))
            await answer(servers[-1])
        sides = max(2, -(-count // a_process_has))

        def say(what: str) -> int:
            size = sum(resident_kib(server.pid) for server in servers)
            print(f"{what}: {len(servers)} server process(es) hold {size:,} KiB", flush=True)
            return size

        url = f"{'wss' if given.tls else 'ws'}://127.0.0.1:{port}/"
        tls = client_context() if given.tls else None
        transport, witness = await ws_connect(partial(Witness, given.seconds), url, ssl_context=tls)
        assert isinstance(witness, Witness)
        watching = asyncio.create_task(witness.watch(transport))
        await asyncio.sleep(0.5)
        before = say("before")
        witness.report("before")

        start = time.monotonic()
        shares = [count // sides + (side < count % sides) for side in range(sides)]
        sharing = ["--attack", port, *kind, "--connections"]
        clients = [spawn(stack, *sharing, share) for share in shares]
        inside = sum(await asyncio.gather(*(answer(client) for client in clients)))
        seconds = time.monotonic() - start
        print(f"{inside:,} of {count:,} connections from {sides} processes, {seconds:.1f} s")
        during = say("while they stay")
        print(f"  {(during - before) / max(1, inside):.2f} KiB a connection")
        witness.report("during the storm")

        for client in clients:
            client.communicate("leave\n")
        await asyncio.sleep(1)
        say("after they left")
        witness.report("while they left")
        watching.cancel()
        newcomer, _ = await ws_connect(partial(Witness, given.seconds), url, ssl_context=tls)
        for each in (newcomer, transport):
            each.disconnect()
            await each.wait_disconnected()
        return inside == (min(count, PENDING_MAX * len(servers)) if given.silent else count)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--connections", type=int, default=10_000)
    parser.add_argument("--silent", action="store_true")
    parser.add_argument("--tls", action="store_true")
    parser.add_argument(
        "--seconds", type=float, default=120, help="how long all may take to get in"
    )
    parser.add_argument("--backlog", type=int, default=1000)
    parser.add_argument("--loop", choices=sorted(stacks.LOOPS), default="asyncio")
    parser.add_argument("--serve", type=int, metavar="PORT", help=argparse.SUPPRESS)
    parser.add_argument("--attack", type=int, metavar="PORT", help=argparse.SUPPRESS)
    given = parser.parse_args()
    limit = raise_limit()
    if given.serve is not None:
        stacks.run(given.loop, serve(given.serve, given), 2 * given.seconds)
    elif given.attack is not None:
        asyncio.run(attack(given.attack, given))
    elif not asyncio.run(storm(given, limit)):
        sys.exit("somebody was not served")


if __name__ == "__main__":
    main()
