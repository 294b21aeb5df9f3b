"""Many connections for a long time: every message accounted for, memory flat.

    python tests/soak/soak.py --minutes 60 --connections 500 --plot docs/soak.svg

A server and its clients, a process each, half of the connections TLS. Each client sends bursts of
messages of mixed sizes and pings, and compares every echo with what it sent. Now and then it
leaves: in order, when all echoes must have come, or abruptly, when what was under way may be lost.
The server counts what it got. At the end the numbers of both sides have to agree, and neither may
have grown since the second quarter of the time. Prints a line every ten seconds; --plot needs
matplotlib.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import ssl
import statistics
import subprocess
import sys
import time
from collections import deque
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import trustme

from picows import (
    WSCloseCode,
    WSFrame,
    WSListener,
    WSMsgType,
    WSTransport,
    ws_connect,
    ws_create_server,
)

SAMPLE_SECONDS = 10.0
ECHO_SECONDS_MAX = 60.0
PAUSE_SECONDS = (0.3, 6.0)
GROWTH_BYTES_MAX = 8 << 20
NOISE = os.urandom(2 << 20)


def resident_bytes() -> int:
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Echo(WSListener):
    """The server's end. The path names the client, whose messages are counted."""

    def __init__(self, received: dict[str, int], name: str) -> None:
        self.received = received
        self.name = name
        received[name] = 0

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code(), frame.get_close_message())
            transport.disconnect()
        elif frame.msg_type in (WSMsgType.TEXT, WSMsgType.BINARY):
            self.received[self.name] += 1
            transport.send(frame.msg_type, frame.get_payload_as_memoryview())

    def pause_writing(self) -> None:
        pass

    resume_writing = pause_writing


async def serve(certificate: str) -> None:
    """Serve until stdin asks: a line `sample`, answered with memory and connections, or `end`."""
    received: dict[str, int] = {}
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def factory(request: Any) -> Echo:
        return Echo(received, request.path.decode())

    options = {"enable_auto_ping": True, "auto_ping_idle_timeout": 5, "auto_ping_reply_timeout": 5}
    plain = await ws_create_server(factory, "127.0.0.1", 0, **options)
    secure = await ws_create_server(factory, "127.0.0.1", 0, ssl=context, **options)
    ports = [server.sockets[0].getsockname()[1] for server in (plain, secure)]
    print(json.dumps(ports), flush=True)
    loop = asyncio.get_running_loop()
    while (await loop.run_in_executor(None, sys.stdin.readline)).strip() == "sample":
        done, total = len(received), sum(received.values())
        print(json.dumps([resident_bytes(), done, total]), flush=True)
    print(json.dumps(received), flush=True)


@dataclass
class Totals:
    sent: int = 0
    echoed: int = 0
    pings: int = 0
    pongs: int = 0
    orderly_ends: int = 0
    abrupt_ends: int = 0
    lost_under_way: int = 0
    sent_by: dict[str, tuple[int, bool]] = field(default_factory=dict)
    """What each connection sent, and whether it ended in order."""


class Client(WSListener):
    def __init__(self, totals: Totals) -> None:
        self.totals = totals
        self.expected: deque[tuple[WSMsgType, memoryview]] = deque()
        self.pongs: deque[bytes] = deque()
        self.settled = asyncio.Event()

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.PONG:
            # Answers to auto-ping are used up before they come here.
            if self.pongs and frame.get_payload_as_bytes() == self.pongs[0]:
                self.pongs.popleft()
                self.totals.pongs += 1
            return
        if frame.msg_type == WSMsgType.CLOSE:
            return
        msg_type, payload = self.expected.popleft()
        assert frame.msg_type == msg_type, "the echo has another type"
        assert frame.get_payload_as_memoryview() == payload, "the echo has other bytes"
        self.totals.echoed += 1
        if not self.expected:
            self.settled.set()

    def pause_writing(self) -> None:
        pass

    resume_writing = pause_writing


def random_message(rng: random.Random) -> tuple[WSMsgType, memoryview]:
    limit = rng.choices([125, 2000, 20_000, 70_000, 1_000_000], [40, 40, 15, 4, 1])[0]
    size = rng.randrange(limit)
    start = rng.randrange(len(NOISE) - size)
    return WSMsgType.BINARY, memoryview(NOISE)[start : start + size]


async def live(
    name: str, url: str, context: ssl.SSLContext | None, end: float, totals: Totals
) -> None:
    """One connection from its handshake to its end."""
    rng = random.Random(name)
    transport, listener = await ws_connect(
        lambda: Client(totals),
        url + name,
        ssl_context=context,
        websocket_handshake_timeout=60,
        enable_auto_ping=True,
        auto_ping_idle_timeout=5,
        auto_ping_reply_timeout=5,
    )
    assert isinstance(listener, Client)
    sent = 0
    bursts = rng.randrange(5, 120)
    while bursts and time.monotonic() < end:
        bursts -= 1
        for _ in range(rng.randrange(1, 12)):
            msg_type, payload = random_message(rng)
            listener.expected.append((msg_type, payload))
            transport.send(msg_type, payload)
            sent += 1
        if rng.random() < 0.2:
            listener.pongs.append(rng.randbytes(8))
            transport.send_ping(listener.pongs[-1])
            totals.pings += 1
        listener.settled.clear()
        is_abrupt = bursts == 0 and rng.random() < 0.3
        if is_abrupt:
            break
        await asyncio.wait_for(listener.settled.wait(), ECHO_SECONDS_MAX)
        await asyncio.sleep(rng.uniform(*PAUSE_SECONDS))
    else:
        is_abrupt = False
        transport.send_close(WSCloseCode.OK, "done")
    totals.sent += sent
    totals.sent_by["/" + name] = (sent, not is_abrupt)
    if is_abrupt:
        totals.abrupt_ends += 1
        totals.lost_under_way += len(listener.expected)
        transport.disconnect(graceful=False)
    else:
        totals.orderly_ends += 1
        assert not listener.expected
    await asyncio.wait_for(transport.wait_disconnected(), ECHO_SECONDS_MAX)


async def keep_living(index: int, urls: list[Any], end: float, totals: Totals) -> None:
    generation = 0
    while time.monotonic() < end:
        url, context = urls[index % 2]
        await live(f"{index}-{generation}", url, context, end, totals)
        generation += 1


async def run(
    options: argparse.Namespace, server: subprocess.Popen[str], context: ssl.SSLContext
) -> list[Any]:
    assert server.stdin is not None
    assert server.stdout is not None
    plain, secure = json.loads(server.stdout.readline())
    urls = [(f"ws://127.0.0.1:{plain}/", None), (f"wss://localhost:{secure}/", context)]
    start = time.monotonic()
    end = start + options.minutes * 60
    totals = Totals()
    samples = []
    lives = asyncio.gather(*(keep_living(i, urls, end, totals) for i in range(options.connections)))
    while not lives.done():
        await asyncio.wait([lives], timeout=SAMPLE_SECONDS)
        server.stdin.write("sample\n")
        server.stdin.flush()
        answer = await asyncio.to_thread(server.stdout.readline)
        server_bytes, connections, _ = json.loads(answer)
        seconds = time.monotonic() - start
        samples.append((seconds, resident_bytes(), server_bytes, totals.echoed))
        print(
            f"{seconds:7.0f} s  {totals.echoed:>10,} echoes  {connections:>7,} connections  client"
            f" {resident_bytes() >> 10:>7,} KiB  server {server_bytes >> 10:>7,} KiB",
            flush=True,
        )
    await lives
    server.stdin.write("end\n")
    server.stdin.flush()
    check(totals, json.loads(await asyncio.to_thread(server.stdout.readline)), samples)
    return samples


def check(totals: Totals, received: dict[str, int], samples: list[Any]) -> None:
    numbers = {key: value for key, value in asdict(totals).items() if key != "sent_by"}
    print(json.dumps(numbers))
    assert totals.sent == totals.echoed + totals.lost_under_way
    assert received.keys() == totals.sent_by.keys()
    for name, (sent, is_orderly) in totals.sent_by.items():
        assert received[name] == sent if is_orderly else received[name] <= sent, name
    for side, name in ((1, "client"), (2, "server")):
        sizes = [sample[side] for sample in samples]
        quarter = max(1, len(sizes) // 4)
        # In the first quarter the buffers of TLS grow to what the largest messages need.
        first, last = (
            statistics.median(sizes[quarter : 2 * quarter] or sizes),
            statistics.median(sizes[-quarter:]),
        )
        # The names of past connections are kept for the account: some 200 bytes each.
        allowed = GROWTH_BYTES_MAX + 200 * len(totals.sent_by)
        print(
            f"{name}: {first / 2**20:.1f} MiB in the second quarter, {last / 2**20:.1f} in the last"
        )
        assert last - first < allowed, f"the {name} grew"


def plot(samples: list[Any], path: str) -> None:
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(8, 4))
    minutes = [sample[0] / 60 for sample in samples]
    for side, name in ((1, "clients"), (2, "server")):
        axes.plot(minutes, [sample[side] / 2**20 for sample in samples], label=name)
    axes.set(xlabel="minutes", ylabel="resident memory, MiB", ylim=(0, None))
    axes.legend()
    figure.tight_layout()
    figure.savefig(path)


def run_loop(coroutine: Any, loop_name: str) -> Any:
    if loop_name == "uvloop":
        import uvloop

        return uvloop.run(coroutine)
    return asyncio.run(coroutine)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--connections", type=int, default=500)
    parser.add_argument("--loop", choices=["asyncio", "uvloop"], default="asyncio")
    parser.add_argument("--plot", metavar="FILE", help="draw the memory over the time")
    parser.add_argument("--serve", metavar="CERTIFICATE", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        run_loop(serve(options.serve), options.loop)
        return
    authority = trustme.CA()
    context = ssl.create_default_context()
    authority.configure_trust(context)
    certificate = authority.issue_cert("localhost").private_key_and_cert_chain_pem
    with certificate.tempfile() as path:
        command = [sys.executable, str(Path(__file__)), "--serve", path, "--loop", options.loop]
        with subprocess.Popen(command, stdin=-1, stdout=-1, text=True) as server:
            samples = run_loop(run(options, server, context), options.loop)
    if options.plot:
        plot(samples, options.plot)
    print("all accounted for")


if __name__ == "__main__":
    main()
