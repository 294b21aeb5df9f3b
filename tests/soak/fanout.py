"""Two workers, a broker and a thousand clients, while the broker and the workers are replaced.

    python tests/soak/fanout.py --broker redis [--connections 1000] [--rate 20] [--seconds 10]

The clients are members of one room of examples/fanout, and a publisher sends numbered messages to
it. In turn: nothing happens; the broker is killed and started again; a worker is killed; the
workers are rolled. Clients that are disconnected come back after a random pause of up to a second.
Promised is that a connection misses nothing and sees nothing twice or out of order, unless it is
told with CLOSE 1012 or is lost. What was published while a client was away is counted as missed,
which is no fault. Exits with 1 if the promise was broken.
"""

from __future__ import annotations

import argparse
import asyncio
import collections
import contextlib
import functools
import os
import random
import re
import signal
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT)]

from support import brokers  # noqa: E402 (the path has to be set first)
from support.workers import Run, running  # noqa: E402

from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect  # noqa: E402

PADDING = b" " * 200
DRAIN_SECONDS = 3


class Tally:
    """What all clients saw."""

    def __init__(self) -> None:
        self.published = 0
        self.unpublished = 0
        self.delivered = 0
        self.missed = 0
        self.broken: list[str] = []
        self.codes: collections.Counter[int] = collections.Counter()
        self.present = 0


class Member(WSListener):
    """One life of a client."""

    def __init__(self, tally: Tally, last: int) -> None:
        self.tally = tally
        self.last = last
        self.first_life_message = True
        self.gap = ""

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code())
            return
        text = frame.get_payload_as_bytes()
        if text.startswith(b"you"):
            self.tally.present += 1
            return
        number = int(text)
        self.tally.delivered += 1
        if self.first_life_message:
            self.first_life_message = False
            if self.last:
                self.tally.missed += number - self.last - 1
        elif number != self.last + 1:
            self.gap = f"{number} came after {self.last}"
        self.last = number

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self.tally.present -= 1
        handshake = transport.close_handshake
        code = int(handshake.recv.code) if handshake and handshake.recv else 1006
        self.tally.codes[code] += 1
        if self.gap and code != 1012:
            self.tally.broken.append(self.gap)


async def live(tally: Tally, run: Run, until: asyncio.Event) -> None:
    """A client that comes back until told to end."""
    last = 0
    while not until.is_set():
        try:
            transport, member = await ws_connect(
                functools.partial(Member, tally, last), f"{run.place}feed"
            )
        except Exception as error:
            print(f"not connected: {error!r}")
        else:
            await _first(transport.wait_disconnected(), until.wait())
            assert isinstance(member, Member)
            last = member.last
            if until.is_set() and member.gap:
                tally.broken.append(member.gap)
            transport.disconnect()
        await _first(asyncio.sleep(random.random()), until.wait())


async def _first(*awaitables: Any) -> None:
    tasks = [asyncio.ensure_future(each) for each in awaitables]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def publish(tally: Tally, rate: float, send: Callable[[bytes], Awaitable[object]]) -> None:
    loop = asyncio.get_running_loop()
    due = loop.time()
    while True:
        try:
            await send(b"%d" % (tally.published + 1) + PADDING)
            tally.published += 1
        except Exception:
            tally.unpublished += 1
        due = max(due + 1 / rate, loop.time() - 1)
        await asyncio.sleep(due - loop.time())


async def open_publisher(kind: str, port: int) -> Callable[[bytes], Awaitable[object]]:
    if kind == "nats":
        import nats

        async def quiet(_: Exception) -> None:
            pass

        client = await nats.connect(
            f"nats://127.0.0.1:{port}", max_reconnect_attempts=-1, error_cb=quiet
        )
        return lambda data: client.publish("feed", data)
    import redis.asyncio as redis

    other = redis.Redis(port=port)
    return lambda data: other.publish("feed", data)


def pids(run: Run) -> list[int]:
    """Of the workers that are alive."""
    found = [int(pid) for line in run.log for pid in re.findall(r"worker (\d+) listens", line)]
    return [pid for pid in found if Path(f"/proc/{pid}").exists()]


def cpu_seconds(run: Run) -> float:
    ticks = 0
    for pid in pids(run):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


async def phase(
    name: str, tally: Tally, run: Run, seconds: float, act: Callable[[], Awaitable[object]]
) -> None:
    published, delivered, missed = tally.published, tally.delivered, tally.missed
    tally.codes.clear()
    cpu, began = cpu_seconds(run), time.monotonic()
    await act()
    await asyncio.sleep(seconds)
    took = time.monotonic() - began
    count = tally.delivered - delivered
    codes = ", ".join(f"{number} x {code}" for code, number in sorted(tally.codes.items()))
    line = f"{name:<28}{tally.published - published:>6} published {count:>9} delivered"
    line += f" ({count / took:>8,.0f}/s) {tally.missed - missed:>6} missed while away"
    line += f"; ends: {codes or 'none'}"
    if name == "nothing happens":
        line += f"; {(cpu_seconds(run) - cpu) / count * 1e6:.2f} us of CPU a delivery"
    print(line, flush=True)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 (a thousand clients would set the event)
            await asyncio.sleep(0.05)


async def main(options: argparse.Namespace, folder: Path) -> int:
    tally = Tally()
    broker = {"nats": brokers.nats, "redis": brokers.redis}[options.broker](folder)
    broker.start()
    os.environ[f"{options.broker.upper()}_URL"] = f"{options.broker}://127.0.0.1:{broker.port}"
    target = f"{options.broker}_rooms:program"
    arguments = ["--drain", str(DRAIN_SECONDS), "--loop", options.loop]
    over = asyncio.Event()
    seconds = options.seconds
    try:
        async with contextlib.AsyncExitStack() as stack:
            programs = ROOT / "examples/fanout"
            serving = running(programs, *arguments, app="", target=target, seconds_max=3600)
            run = await stack.enter_async_context(serving)
            clients = [
                asyncio.create_task(live(tally, run, over)) for _ in range(options.connections)
            ]
            await until(lambda: tally.present == options.connections)
            send = await open_publisher(options.broker, broker.port)
            publishing = asyncio.create_task(publish(tally, options.rate, send))
            await asyncio.sleep(1)

            async def nothing() -> None:
                pass

            async def restart_broker() -> None:
                broker.kill()
                await asyncio.sleep(1)
                await asyncio.to_thread(broker.start)

            async def kill_worker() -> None:
                os.kill(pids(run)[0], signal.SIGKILL)

            async def roll() -> None:
                run.signal(signal.SIGHUP)
                await run.logged("all workers are replaced")
                await asyncio.sleep(DRAIN_SECONDS)

            for name, act in (
                ("nothing happens", nothing),
                ("the broker is restarted", restart_broker),
                ("a worker is killed", kill_worker),
                ("the workers are rolled", roll),
            ):
                await phase(name, tally, run, seconds, act)
                await until(lambda: tally.present == options.connections)
            publishing.cancel()
            await asyncio.sleep(1)
            over.set()
            await asyncio.gather(*clients)
    finally:
        broker.kill()
    print(f"{tally.unpublished} could not be published; promises broken: {len(tally.broken)}")
    print(*tally.broken[:5], sep="\n")
    return 1 if tally.broken else 0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--broker", choices=["nats", "redis"], default="redis")
    parser.add_argument("--connections", type=int, default=1000)
    parser.add_argument("--rate", type=float, default=20, help="messages published a second")
    parser.add_argument("--seconds", type=float, default=10, help="for which each phase lasts")
    parser.add_argument("--loop", choices=["asyncio", "uvloop"], default="asyncio")
    return parser.parse_args()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        sys.exit(asyncio.run(main(parse(), Path(name))))
