"""What is measured, a function a kind. Each starts fresh processes, one of them the subject's."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass

from .lab import Lab
from .process import FailedError
from .subjects import Subject

Figures = dict[str, float]
Measure = Callable[[Lab, Subject, str], Figures]

HIGHER_IS_BETTER = {"rate", "mib_per_s"}
"""Of all other figures the lower is the better one."""
MIB = 1 << 20


@dataclass(frozen=True)
class Case:
    name: str
    measure: Measure
    subjects: frozenset[str] = frozenset({"ours", "picows", "websockets", "aiohttp", "c"})
    has_loop: bool = True
    rounds_max: int = 1000
    """What counts instead of timing needs few."""
    program: str = ""
    """Another program that it takes."""


def growth_of(name: str) -> tuple[str, int] | None:
    """Of growth-NAME-NUMBER the name and the number: points of one curve."""
    if not name.startswith("growth-"):
        return None
    kind, _, number = name.removeprefix("growth-").rpartition("-")
    return kind, int(number)


def figures_of(result: Figures, is_relayed: bool = False) -> Figures:
    """Echoes, frames or handshakes a second, and the CPU time of one in the measured process.

    is_relayed: the rate would be that of a relay.
    """
    count = max(result["count"], 1)
    if is_relayed:
        return {"cpu_us": result["cpu"] * 1e6 / count}
    return {"rate": result["count"] / result["seconds"], "cpu_us": result["cpu"] * 1e6 / count}


def latency_of(result: Figures) -> Figures:
    """What a client that timed each echo says: percentiles in microseconds."""
    if "p50_us" not in result:
        raise FailedError("no two echoes came in the time: --seconds has to be more")
    return {name: result[name] for name in ("p50_us", "p99_us", "p999_us")}


def client_echo(size: int, *, tls: bool = False, timed: bool = False) -> Measure:
    def measure(lab: Lab, subject: Subject, loop: str) -> Figures:
        server = (
            lab.tls_partner("server", size, apart=timed)
            if tls
            else lab.partner("server", apart=timed)
        )
        options = {"work": "echo", "path": "/echo", "size": size, "loop": loop}
        options |= {"tls": lab.tls_option(tls), "timed": int(timed)}
        # Of large messages a number, or the time would end in the middle of one.
        count = max(3, int(lab.seconds * 5e8 / size))
        go = lab.go if size < MIB else f"go 0 {count}"
        with server, lab.measured(subject, "client", port=server.port, **options) as client:
            result = client.ask(go, lab.seconds_max)
        return latency_of(result) if timed else figures_of(result)

    return measure


def client_flood(size: int, *, tls: bool = False) -> Measure:
    def measure(lab: Lab, subject: Subject, loop: str) -> Figures:
        options = {"work": "sink", "path": f"/flood/{size}", "loop": loop}
        options["tls"] = lab.tls_option(tls)
        with (
            lab.partner("server") as server,
            lab.way("client", server.port, tls) as way,
            lab.measured(subject, "client", port=way.port, **options) as client,
        ):
            return figures_of(client.ask(lab.go, lab.seconds_max), tls)

    return measure


def client_burst(frames: int) -> Measure:
    def measure(lab: Lab, subject: Subject, loop: str) -> Figures:
        options = {"work": "burst", "path": f"/burst/32/{frames}", "burst": frames, "loop": loop}
        with (
            lab.partner("server") as server,
            lab.measured(subject, "client", port=server.port, **options) as client,
        ):
            return figures_of(client.ask(lab.go, lab.seconds_max))

    return measure


def client_handshake(*, tls: bool = False) -> Measure:
    def measure(lab: Lab, subject: Subject, loop: str) -> Figures:
        options = {"work": "handshake", "path": "/echo", "connections": 8, "loop": loop}
        options["tls"] = lab.tls_option(tls)
        with (
            lab.partner("server") as server,
            lab.way("client", server.port, tls) as way,
            lab.measured(subject, "client", port=way.port, **options) as client,
        ):
            return figures_of(client.ask(lab.go, lab.seconds_max), tls)

    return measure


def server_echo(connections: int, *, timed: bool = False, tls: bool = False) -> Measure:
    def measure(lab: Lab, subject: Subject, loop: str) -> Figures:
        number = lab.scaled(connections)
        measured = {"work": "echo", "loop": loop, "tls": lab.tls_option(tls)}
        with (
            lab.measured(subject, "server", **measured) as server,
            lab.way("server", server.port, tls) as way,
        ):
            options = {"work": "echo", "path": "/echo", "connections": number, "timed": int(timed)}
            with lab.partner("client", apart=timed, port=way.port, **options) as client:
                before = server.ask("mark")
                result = client.ask(lab.go, lab.seconds_max)
                result["cpu"] = server.ask("mark")["cpu"] - before["cpu"]
        return latency_of(result) if timed else figures_of(result, tls)

    return measure


PIPELINED: dict[str, object] = {"work": "pipeline", "path": "/echo", "burst": 64}
"""A client with 64 messages under way."""


def server_pipelined(*, coalesce: bool) -> Measure:
    """64 messages of 256 bytes come at once, the next ones when all are answered."""

    def measure(lab: Lab, subject: Subject, loop: str) -> Figures:
        options = {"work": "echo", "loop": loop, "coalesce": int(coalesce)}
        with (
            lab.measured(subject, "server", **options) as server,
            lab.partner("client", port=server.port, **PIPELINED) as client,
        ):
            before = server.ask("mark")
            result = client.ask(lab.go, lab.seconds_max)
            result["cpu"] = server.ask("mark")["cpu"] - before["cpu"]
        return figures_of(result)

    return measure


def server_flood(size: int) -> Measure:
    def measure(lab: Lab, subject: Subject, loop: str) -> Figures:
        with lab.measured(subject, "server", work="sink", loop=loop) as server:
            options = {"work": "flood", "path": "/sink", "size": size}
            with lab.partner("client", port=server.port, **options) as client:
                before = server.ask("mark")
                client.ask(lab.go, lab.seconds_max)
                after = server.ask("mark", lab.seconds_max)
        difference = {name: after[name] - before[name] for name in after}
        return figures_of(difference | {"seconds": difference["time"]})

    return measure


def server_handshake(*, tls: bool = False) -> Measure:
    def measure(lab: Lab, subject: Subject, loop: str) -> Figures:
        measured = {"work": "idle", "loop": loop, "tls": lab.tls_option(tls)}
        with (
            lab.measured(subject, "server", **measured) as server,
            lab.way("server", server.port, tls) as way,
        ):
            with lab.partner("client", work="echo", path="/echo", port=way.port):
                pass  # the first one pays for what has been put off
            options = {"work": "handshake", "path": "/echo", "connections": 16}
            with lab.partner("client", port=way.port, **options) as client:
                before = server.ask("mark")
                result = client.ask(lab.go, lab.seconds_max)
                result["cpu"] = server.ask("mark")["cpu"] - before["cpu"]
                return figures_of(result, tls)

    return measure


def idle_memory(*, tls: bool) -> Measure:
    """What 2,000 more connections add to a server that has had some."""

    def measure(lab: Lab, subject: Subject, loop: str) -> Figures:
        few, many = lab.scaled(200), lab.scaled(2000)
        options = {"work": "idle", "loop": loop, "tls": lab.tls_option(tls)}
        with lab.measured(subject, "server", **options) as server:
            client = (
                lab.tls_partner("idle", server.port)
                if tls
                else lab.partner("client", work="idle", path="/echo", port=server.port)
            )
            with client:
                client.ask(f"open {few}")
                server.ask("collect")
                before = server.resident_bytes()
                client.ask(f"open {many}", 300)
                server.ask("collect")
                return {"kib": (server.resident_bytes() - before) / many / 1024}

    return measure


def broadcast(receivers: int, *, tls: bool = False) -> Measure:
    """256 bytes to each, again when all have them. `call_us` is the sender's call alone."""

    def measure(lab: Lab, subject: Subject, loop: str) -> Figures:
        number = lab.scaled(receivers)
        measured = {"work": "broadcast", "loop": loop, "tls": lab.tls_option(tls)}
        with (
            lab.measured(subject, "server", **measured) as server,
            lab.way("server", server.port, tls) as way,
        ):
            options = {"work": "members", "path": "/broadcast/256", "connections": number}
            with lab.partner("client", port=way.port, **options):
                result = server.ask(f"broadcast {lab.seconds} 0", lab.seconds_max)
        return figures_of(result, tls) | {
            "call_us": result["calls"] * 1e6 / max(result["count"], 1)
        }

    return measure


def slow_consumer(lab: Lab, subject: Subject, loop: str) -> Figures:
    """1 GiB in messages of 1 MiB to a client with a small window that pauses now and then."""
    count = lab.scaled(1024)
    with lab.measured(subject, "server", work="stream", size=MIB, burst=count, loop=loop) as server:
        options = {"work": "slow", "path": f"/stream/{MIB}/{count}", "bytes": count * (MIB + 10)}
        with lab.partner("client", port=server.port, **options) as client:
            before, marked = server.resident_bytes(), server.ask("mark")
            result = client.ask("go 0 0", 300)
            cpu = server.ask("mark")["cpu"] - marked["cpu"]
            peak = server.resident_bytes(peak=True)
    return {
        "mib_per_s": count / result["seconds"],
        "cpu_us": cpu * 1e6 / count,
        "peak_mib": peak / MIB,
        "peak_growth_mib": (peak - before) / MIB,
    }


IMPORTS = {
    "picows": "import picows",
    "websockets": "import websockets.asyncio.client, websockets.asyncio.server",
    "aiohttp": "import aiohttp, aiohttp.web",
}


def import_time(lab: Lab, subject: Subject, loop: str) -> Figures:
    """Beyond asyncio's. What picows puts off shows in `start_ms`: until a first server listens."""
    code = (
        "import asyncio, ssl, time; start = time.perf_counter()\n"
        f"{IMPORTS[subject.library]}\nprint(time.perf_counter() - start)\n"
    )
    if subject.library == "picows":
        code += (
            "async def serve():\n    await picows.ws_create_server(print, '127.0.0.1', 0)\n"
            "with asyncio.Runner() as runner:\n    runner.get_loop()\n"
            "    before = time.perf_counter(); runner.run(serve())\n"
            "print(time.perf_counter() - before)\n"
        )
    # A checkout has no compiled modules, and may not be allowed to keep any; what is installed has.
    compiled = {"PYTHONPYCACHEPREFIX": str(lab.folder / "compiled"), "PYTHONDONTWRITEBYTECODE": ""}
    runs = []
    for _ in range(1 + lab.scaled(5)):
        output = subprocess.run(
            [subject.python, "-c", code],
            env=subject.environment | compiled,
            cwd="/",
            check=True,
            capture_output=True,
        ).stdout
        runs.append([float(line) * 1e3 for line in output.split()])
    del runs[0]  # compiled
    figures = {"import_ms": min(run[0] for run in runs)}
    if subject.library == "picows":
        figures["start_ms"] = min(sum(run) for run in runs)
    return figures
