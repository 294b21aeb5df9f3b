"""examples/deployment: two servers behind nginx and HAProxy, as their configurations say."""

from __future__ import annotations

import asyncio
import contextlib
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from support.brokers import Server, program
from support.workers import Client, Run, running

from picows import WSMsgType, ws_connect
from picows.cli import build_parser
from picows.testing.wire import PING, TEXT

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="run is for Linux")

FOLDER = Path(__file__).parents[1] / "examples/deployment"
#: Shorter than those of the configurations, so that the tests need not wait for a minute.
TIMEOUT = "3s"
PINGS = ["--option", "enable_auto_ping=True", "--option", "auto_ping_idle_timeout=0.5"]
PINGS += ["--option", "auto_ping_reply_timeout=30"]


class Proxy(Server):
    """One of the configurations, between its port and two servers."""

    def __init__(
        self, folder: Path, name: str, servers: tuple[int, int], arguments: Callable[[], list[str]]
    ) -> None:
        super().__init__(folder, lambda port: arguments())
        text = (FOLDER / name).read_text("utf-8").replace("8080", str(self.port))
        for port, actual in zip(("8765", "8766"), servers, strict=True):
            text = text.replace(port, str(actual))
        self.text = re.sub(r"\b60s", TIMEOUT, text)
        (folder / name).write_text(self.text, "utf-8")

    def reload(self) -> None:
        raise NotImplementedError


class Nginx(Proxy):
    def __init__(self, folder: Path, servers: tuple[int, int]) -> None:
        path = program("nginx")
        command = [path, "-p", str(folder), "-c", str(folder / "main.conf")]
        super().__init__(folder, "nginx.conf", servers, lambda: command)
        temporary = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        paths = "".join(f"{name}_temp_path {folder}/{name};" for name in temporary)
        (folder / "main.conf").write_text(
            f"daemon off; pid {folder}/pid; error_log stderr; events {{}}"
            f"http {{ access_log off; {paths} include {folder}/nginx.conf; }}"
        )

    def reload(self) -> None:
        self.signal(signal.SIGHUP)


class HAProxy(Proxy):
    def __init__(self, folder: Path, servers: tuple[int, int]) -> None:
        command = [program("haproxy"), "-db", "-f", str(folder / "haproxy.cfg")]
        super().__init__(folder, "haproxy.cfg", servers, lambda: command)
        # So many files may not be open here; servers are up after two checks.
        text = self.text.replace("maxconn 200000", "maxconn 1000").replace("inter 2s", "inter 100")
        (folder / "haproxy.cfg").write_text(text, "utf-8")

    def reload(self) -> None:
        """The new process binds the port, too, and tells the old one to stop listening."""
        self.replace("-sf")


PROXIES: dict[str, Callable[[Path, tuple[int, int]], Proxy]] = {"nginx": Nginx, "haproxy": HAProxy}


class Setting:
    """Two servers, and a proxy in front of them."""

    def __init__(self, proxy: Proxy, servers: list[Run], stack: contextlib.AsyncExitStack) -> None:
        self.proxy = proxy
        self.servers = servers

    async def connect(self) -> Client:
        _, client = await ws_connect(Client, f"ws://127.0.0.1:{self.proxy.port}/")
        assert isinstance(client, Client)
        await client.until_frames(1)
        return client

    async def connect_to_both(self) -> dict[int, list[Client]]:
        """Clients by worker: at least two at each."""
        clients: dict[int, list[Client]] = {}
        while len(clients) < 2 or min(map(len, clients.values())) < 2:
            client = await self.connect()
            clients.setdefault(client.pid, []).append(client)
        return clients


@contextlib.asynccontextmanager
async def setting(name: str, folder: Path, *arguments: str) -> AsyncIterator[Setting]:
    async with contextlib.AsyncExitStack() as stack:
        servers = []
        for number in range(2):
            place = folder / str(number)
            place.mkdir()
            run = running(place, "--workers", "1", "--drain", "600", *arguments)
            servers.append(await stack.enter_async_context(run))
        proxy = PROXIES[name](folder, (servers[0].port, servers[1].port))
        await asyncio.to_thread(proxy.start)
        stack.callback(proxy.stop)
        async with asyncio.timeout(60):
            yield Setting(proxy, servers, stack)


async def echoes(client: Client) -> bool:
    count = len(client.frames)
    client.transport.send(TEXT, "still there?")
    await client.until_frames(count + 1)
    return client.frames[-1].payload == b"still there?"


@pytest.mark.parametrize("name", PROXIES)
async def test_pings_keep_a_connection_longer_than_the_timeout(name: str, tmp_path: Path) -> None:
    async with setting(name, tmp_path, *PINGS) as here:
        url = f"ws://127.0.0.1:{here.proxy.port}/"
        _, client = await ws_connect(Pinged, url, enable_auto_pong=False)
        assert isinstance(client, Pinged)
        await client.until(lambda: sum(frame.opcode == PING for frame in client.frames) >= 8)
        assert await echoes(client)


class Pinged(Client):
    def on_ws_frame(self, transport, frame) -> None:  # type: ignore[no-untyped-def]
        super().on_ws_frame(transport, frame)
        if frame.msg_type == WSMsgType.PING:
            transport.send_pong(frame.get_payload_as_bytes())


@pytest.mark.parametrize("name", PROXIES)
async def test_without_pings_the_proxy_ends_it(name: str, tmp_path: Path) -> None:
    async with setting(name, tmp_path) as here:
        client = await here.connect()
        await client.until_disconnected()
        assert client.close_code == 0


@pytest.mark.parametrize("name", PROXIES)
async def test_a_reload_keeps_connections(name: str, tmp_path: Path) -> None:
    async with setting(name, tmp_path, *PINGS) as here:
        client = await here.connect()
        await asyncio.to_thread(here.proxy.reload)
        assert await echoes(await here.connect())
        assert await echoes(client)


@pytest.mark.parametrize("name", PROXIES)
async def test_a_server_that_drains_gets_nobody_new(name: str, tmp_path: Path) -> None:
    async with setting(name, tmp_path, *PINGS) as here:
        clients = await here.connect_to_both()
        leaving = here.servers[0]
        pid = worker_of(leaving)
        (other,) = clients.keys() - {pid}
        leaving.signal(signal.SIGTERM)
        await leaving.logged("all workers drain")
        while (await leaving.health())[0] != 503:
            pass
        assert {(await here.connect()).pid for _ in range(8)} == {other}
        told = [client for client in clients[pid] if client.close_code]
        assert {client.close_code for client in told} <= {1012}
        (staying, *_) = [client for client in clients[pid] if client not in told]
        assert await echoes(staying)
        assert all([await echoes(client) for client in clients[other]])


@pytest.mark.parametrize("name", PROXIES)
async def test_a_server_that_is_gone_is_passed_over(name: str, tmp_path: Path) -> None:
    async with setting(name, tmp_path, *PINGS) as here:
        clients = await here.connect_to_both()
        pid = worker_of(here.servers[0])
        (other,) = clients.keys() - {pid}
        await here.servers[0].end_at_once()
        for client in clients[pid]:
            await client.until_disconnected()
        assert {(await here.connect()).pid for _ in range(8)} == {other}


def worker_of(run: Run) -> int:
    """The process of its only worker."""
    (pid,) = [int(pid) for line in run.log for pid in re.findall(r"worker (\d+) listens", line)]
    return pid


def test_the_service_calls_the_command_line_right() -> None:
    text = (FOLDER / "picows.service").read_text("utf-8")
    (command,) = re.findall(r"^ExecStart=\S+ -m picows (.+)$", text, re.M)
    options = build_parser().parse_args(shlex.split(command))
    assert options.fd == [3]
    (seconds,) = re.findall(r"^TimeoutStopSec=(\d+)$", text, re.M)
    assert int(seconds) > options.drain + 10
    ping = dict(options.option)["auto_ping_idle_timeout"]
    for name in ("nginx.conf", "haproxy.cfg"):
        assert ping * 2 < 60
        assert f"auto_ping_idle_timeout={ping}" in (FOLDER / name).read_text("utf-8")


def test_units_are_valid(tmp_path: Path) -> None:
    analyze = program("systemd-analyze")
    units = [str(FOLDER / "picows.socket"), str(FOLDER / "picows.service")]
    done = subprocess.run([analyze, "verify", *units], capture_output=True, text=True)
    complaints = [line for line in done.stderr.splitlines() if "not executable" not in line]
    assert not complaints


SETTINGS = re.findall(r"(?m)^([a-z][\w.-]+) =", (FOLDER / "sysctl.conf").read_text("utf-8"))


@pytest.mark.parametrize("name", SETTINGS)
def test_the_kernel_has_each_setting(name: str) -> None:
    path = Path("/proc/sys", *name.split("."))
    if not path.exists():
        pytest.skip("not on this kernel, or not in this container")
    assert path.read_text()


def test_each_file_has_a_line_in_the_readme() -> None:
    readme = (FOLDER / "README.md").read_text("utf-8")
    named = set(re.findall(r"`([\w.]+)`[,| ]", readme))
    assert {path.name for path in FOLDER.iterdir()} - {"README.md"} <= named
