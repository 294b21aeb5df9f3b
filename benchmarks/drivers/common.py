"""What the drivers of all libraries share: their options, the line protocol, and counting.

A driver is a program of its own, so that each library runs in its own interpreter:

    python drivers/NAME.py client|server work=WORK loop=asyncio|uvloop [port=N] [size=N] ...

It says `ready` (a server: `ready PORT`) and is then told what to do, a line at a time:

    go SECONDS COUNT         a client works for so long or for so many frames (0: no such limit)
    broadcast SECONDS COUNT  a server runs rounds of its broadcast
    mark                     a server says what it has counted until now
    collect                  a server gets rid of its garbage

The answer to each is a line of JSON. The end of stdin ends the program. Only the standard library
is imported here. The C programs in limit/ take the same options and lines.
"""

from __future__ import annotations

import asyncio
import gc
import json
import math
import os
import resource
import ssl
import sys
import time
from array import array
from collections.abc import AsyncIterable, Awaitable, Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

SIZE_MAX = 128 * 1024 * 1024
"""Of a message, the same for every library."""
SECONDS_MAX = 120
"""For handshakes: what runs under valgrind is slow."""


class Options:
    """The name=value arguments."""

    def __init__(self, arguments: list[str]) -> None:
        values = dict(argument.split("=", 1) for argument in arguments)
        self.work = values["work"]
        self.loop = values.get("loop", "asyncio")
        self.port = int(values.get("port", 0))
        self.size = int(values.get("size", 256))
        self.burst = int(values.get("burst", 1))
        self.connections = int(values.get("connections", 1))
        self.timed = values.get("timed", "0") != "0"
        self.coalesce = values.get("coalesce", "0") != "0"
        """Of picows: what the callbacks of one read send is one write, where there is that."""
        self.path = values.get("path", "/")
        self.tls = values.get("tls", "")
        """A folder with ca.pem and server.pem, or nothing for TCP."""

    @property
    def url(self) -> str:
        return f"{'wss' if self.tls else 'ws'}://127.0.0.1:{self.port}{self.path}"

    @property
    def client_tls(self) -> ssl.SSLContext | None:
        return ssl.create_default_context(cafile=f"{self.tls}/ca.pem") if self.tls else None

    @property
    def server_tls(self) -> ssl.SSLContext | None:
        if not self.tls:
            return None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(f"{self.tls}/server.pem")
        return context


class Run:
    """One measurement of a client: counts until its time or its number of frames is reached."""

    def __init__(self, seconds: float, limit: int) -> None:
        self.count = 0
        self.limit = limit or -1
        self.over = False
        self.times = array("q")
        """When each echo came, in nanoseconds, where that is wanted."""
        self._done = asyncio.get_running_loop().create_future()
        self._start, self._cpu = time.perf_counter(), time.process_time()
        self._result: dict[str, float] = {}
        if seconds:
            asyncio.get_running_loop().call_later(seconds, self.finish)

    def finish(self) -> None:
        if not self.over:
            self.over = True
            self._result = {
                "count": self.count,
                "seconds": time.perf_counter() - self._start,
                "cpu": time.process_time() - self._cpu,
            }
            self._done.set_result(None)

    async def result(self) -> dict[str, float]:
        await self._done
        return self._result | percentiles(self.times)


def percentiles(times: array[int]) -> dict[str, float]:
    """Of what lies between neighbouring times, in microseconds: the smallest that so many reach."""
    gaps = sorted(later - earlier for earlier, later in pairwise(times))
    if not gaps:
        return {}
    shares = {"p50_us": 0.5, "p99_us": 0.99, "p999_us": 0.999}
    return {name: gaps[math.ceil(share * len(gaps)) - 1] / 1000 for name, share in shares.items()}


def begin() -> Run:
    """Say that all is ready, wait for `go`, start the clock. Nothing else runs meanwhile."""
    print("ready", flush=True)
    words = sys.stdin.readline().split()
    if not words:
        sys.exit()
    return Run(float(words[1]), int(words[2]))


async def echo(
    send: Callable[[bytes], Awaitable[Any]],
    receive: Callable[[], Awaitable[Any]],
    run: Run,
    options: Options,
) -> None:
    """Of a library whose messages are awaited: send one, wait for the answer."""
    message = bytes(options.size)
    while not run.over:
        await send(message)
        await receive()
        run.count += 1
        if options.timed:
            run.times.append(time.perf_counter_ns())
        if run.count == run.limit:
            run.finish()


async def receive(
    messages: AsyncIterable[Any],
    send: Callable[[bytes], Awaitable[Any]],
    run: Run,
    options: Options,
) -> None:
    """Of a library whose messages are iterated over: count them, ask for the next burst."""
    burst = options.burst if options.work == "burst" else 0
    await send(str(max(run.limit, 0)).encode())
    async for _ in messages:
        run.count += 1
        if run.count == run.limit:
            run.finish()
        elif burst and run.count % burst == 0:
            await send(b"")


async def handshakes(one: Callable[[], Awaitable[None]], options: Options) -> dict[str, float]:
    """Connections opened and dropped by `one`, as many at a time as there are to be."""
    await one()  # the first one imports what has been put off
    run = begin()

    async def one_after_the_other() -> None:
        while not run.over:
            await one()
            run.count += 1

    tasks = [asyncio.create_task(one_after_the_other()) for _ in range(options.connections)]
    result = await run.result()
    await asyncio.gather(*tasks)
    return result


class Broadcast:
    """Rounds of a broadcast: the next begins when a client says that all have got the last one."""

    def __init__(self, seconds: float, limit: int) -> None:
        self.rounds = 0
        self.calls = 0.0
        """Seconds spent in the library's call."""
        self._limit = limit or -1
        self._start, self._cpu = time.perf_counter(), time.process_time()
        self._end = self._start + seconds

    def goes_on(self) -> bool:
        return self.rounds != self._limit and time.perf_counter() < self._end

    @contextmanager
    def call(self) -> Iterator[None]:
        """A round: what happens in it is the library's call."""
        start = time.perf_counter()
        yield
        self.calls += time.perf_counter() - start
        self.rounds += 1

    def result(self, receivers: int) -> dict[str, float]:
        return {
            "count": self.rounds * receivers,
            "seconds": time.perf_counter() - self._start,
            "cpu": time.process_time() - self._cpu,
            "calls": self.calls,
        }


class Server:
    """What a server counts, and how it is told what to do."""

    def __init__(self) -> None:
        self.count = 0
        self.broadcast: Broadcast | None = None
        self.round: Callable[[], None] | None = None
        """Starts a round of `broadcast`; set by the library's driver."""
        self.ended = asyncio.get_running_loop().create_future()

    def ready(self, port: int) -> None:
        print(f"ready {port}", flush=True)
        asyncio.get_running_loop().add_reader(0, self._on_command)

    def _on_command(self) -> None:
        words = os.read(0, 4096).decode().split()
        if not words:
            asyncio.get_running_loop().remove_reader(0)
            self.ended.set_result(None)
        elif words[0] == "collect":
            self.reply({"objects": gc.collect()})
        elif words[0] == "mark":
            self.reply(
                {"count": self.count, "time": time.perf_counter(), "cpu": time.process_time()}
            )
        else:
            self.broadcast = Broadcast(float(words[1]), int(words[2]))
            assert self.round, "this server was not started for broadcasts"
            self.round()

    def next_round(self, receivers: int) -> Broadcast | None:
        """The broadcast whose next round begins, None when it is over."""
        broadcast = self.broadcast
        assert broadcast
        if broadcast.goes_on():
            return broadcast
        self.reply(broadcast.result(receivers))
        self.broadcast = None
        return None

    def reply(self, result: dict[str, float]) -> None:
        print(json.dumps(result), flush=True)


def drive(
    client: Callable[[Options], Awaitable[dict[str, float]]],
    server: Callable[[Options, Server], Awaitable[None]],
) -> None:
    """The main function of a driver."""
    role, options = sys.argv[1], Options(sys.argv[2:])
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    factory: Any = asyncio.SelectorEventLoop
    if options.loop == "uvloop":
        import uvloop

        factory = uvloop.new_event_loop

    async def main() -> None:
        if role == "client":
            print(json.dumps(await client(options)), flush=True)
        else:
            await server(options, Server())
        # What is open is the kernel's to close: an orderly end of thousands takes its time.
        os._exit(0)

    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(main())
