"""`python -m picows run`: real workers, and what happens to their clients.

With it picows.workers.supervisor, picows.workers.slot, picows.workers.channel,
picows.workers.worker, picows.workers.drain and picows.workers.sockets.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import ssl
import sys
from pathlib import Path

import pytest
from support import command, stacks
from support.brokers import is_listening
from support.certificates import make_authority
from support.workers import APP, Client, Run, running

from picows import WSInvalidStatusError, WSListener, ws_connect
from picows.testing import open_upgraded
from picows.testing.wire import CLOSE, TEXT

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="run is for Linux")

UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)


@pytest.mark.parametrize("loop", stacks.LOOPS)
async def test_two_workers_at_one_address(loop: str, tmp_path: Path) -> None:
    async with running(tmp_path, "--loop", loop, "--drain", "0") as run:
        clients = await run.connect_to_all()
        for client in clients.values():
            client.transport.send(TEXT, "hello")
            await client.until_frames(2)
            assert client.frames[1].payload == b"hello"
        run.signal(signal.SIGTERM)
        for client in clients.values():
            await client.until_disconnected()
            assert client.close_code == 1012
        assert await run.ended() == 0
        assert not is_listening(run.port)


async def test_health_checks(tmp_path: Path) -> None:
    async with running(tmp_path) as run:
        assert await run.health() == (200, b"ok\n")
        assert await run.ask(b"GET /health HTTP/1.0\r\n\r\n") == (200, b"ok\n")
        assert await run.ask(b"HEAD /health?x HTTP/1.0\r\n\r\n") == (200, b"")
        assert (await run.ask(b"GET /healthy HTTP/1.1\r\nHost: h\r\n\r\n"))[0] == 400
    async with running(tmp_path, "--health", "") as run:
        assert (await run.health())[0] == 400


async def test_sigterm_drains(tmp_path: Path) -> None:
    """CLOSEs are spread over ten minutes here, so that the state in between can be looked at."""
    async with running(tmp_path, "--drain", "600") as run:
        clients = [await run.connect() for _ in range(8)]
        run.signal(signal.SIGTERM)
        await until_draining(run)
        await asyncio.gather(*(until_one_is_told(clients, pid) for pid in {c.pid for c in clients}))
        assert await run.health() == (503, b"draining\n")
        assert (await run.ask(UPGRADE))[0] == 503
        told = [client for client in clients if client.close_code]
        assert {client.close_code for client in told} == {1012}
        assert len(told) < len(clients)
        (staying, *_) = [client for client in clients if client not in told]
        staying.transport.send(TEXT, "still here")
        await staying.until_frames(2)

        run.signal(signal.SIGTERM)  # once more: nobody is waited for
        assert await run.ended() == 0
        await staying.until_disconnected()


async def test_a_worker_that_has_ended_leaves_newcomers_to_the_others(tmp_path: Path) -> None:
    async with running(tmp_path, "--drain", "600") as run:
        clients = await run.connect_to_all()
        busy, idle = clients.values()
        clients[busy.pid] = await run.connect()
        while clients[busy.pid].pid != busy.pid:  # two, so that one of them stays for minutes
            await leave(clients[busy.pid])
            clients[busy.pid] = await run.connect()
        await leave(idle)
        run.signal(signal.SIGTERM)
        await until_draining(run)
        await until_gone(idle.pid)
        for _ in range(16):
            assert (await run.health())[0] == 503


async def leave(client: Client) -> None:
    client.transport.disconnect()
    await client.until_disconnected()


async def until_draining(run: Run) -> None:
    """Until each worker was told. One without clients ends, and resets who was about to ask it."""
    for _ in range(16):
        with contextlib.suppress(ConnectionError):
            while (await run.health())[0] == 200:
                pass


async def until_gone(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        while True:
            os.kill(pid, 0)
            await asyncio.sleep(0.01)


async def until_one_is_told(clients: list[Client], pid: int) -> None:
    mine = [
        asyncio.create_task(client.until_disconnected()) for client in clients if client.pid == pid
    ]
    await asyncio.wait(mine, return_when=asyncio.FIRST_COMPLETED)
    for task in mine:
        task.cancel()


async def test_a_roll_loses_no_connect(tmp_path: Path) -> None:
    async with running(tmp_path, "--drain", "0.3") as run:
        before = await run.connect_to_all()
        seen: set[int] = set()
        is_over = False

        async def connect_again_and_again() -> None:
            while not is_over:
                client = await run.connect()
                seen.add(client.pid)
                client.transport.send_close(1000)
                await client.until_disconnected()

        connecting = [asyncio.create_task(connect_again_and_again()) for _ in range(8)]
        for turn in (1, 2):
            run.signal(signal.SIGHUP)
            await run.logged("all workers are replaced", turn)
        is_over = True
        await asyncio.gather(*connecting)
        after = await run.connect_to_all()
        assert not before.keys() & after.keys()
        assert len(seen) >= 4
        for client in before.values():
            await client.until_disconnected()
            assert client.close_code == 1012
        assert not any(client.close_code for client in after.values())


async def test_a_roll_brings_new_code(tmp_path: Path) -> None:
    async with running(tmp_path) as run:
        (tmp_path / "app.py").write_text(APP.replace("str(os.getpid())", "'77'"), "utf-8")
        run.signal(signal.SIGHUP)
        await run.logged("all workers are replaced")
        assert (await run.connect()).pid == 77


async def test_a_roll_stops_at_code_that_does_not_start(tmp_path: Path) -> None:
    async with running(tmp_path) as run:
        before = await run.connect_to_all()
        (tmp_path / "app.py").write_text("1 / 0", "utf-8")
        run.signal(signal.SIGHUP)
        await run.logged("slot 0 keeps its worker; the roll ends here")
        assert any("ZeroDivisionError" in line for line in run.log)
        assert (await run.connect_to_all()).keys() == before.keys()
        assert not any(client.close_code for client in before.values())


async def test_a_worker_that_crashes_is_replaced(tmp_path: Path) -> None:
    async with running(tmp_path) as run:
        clients = await run.connect_to_all()
        victim, witness = clients.values()
        victim.transport.send(TEXT, "crash")
        await victim.until_disconnected()
        assert victim.close_code == 0
        await run.logged("ended with status 3")
        await run.logged("listens", 3)
        after = await run.connect_to_all()
        assert witness.pid in after and victim.pid not in after
        witness.transport.send(TEXT, "hello")
        await witness.until_frames(2)


async def test_pauses_grow_for_a_worker_that_crashes_at_once(tmp_path: Path) -> None:
    async with running(tmp_path, "--workers", "1") as run:
        client = await run.connect()
        (tmp_path / "app.py").write_text("1 / 0", "utf-8")
        client.transport.send(TEXT, "crash")
        await run.logged("a new worker in 0.5 seconds")
        await run.logged("a new worker in 1 seconds")
        (tmp_path / "app.py").write_text(APP, "utf-8")
        await run.logged("listens", 2)
        assert (await run.connect()).pid != client.pid


async def test_sigterm_to_a_worker_has_it_replaced(tmp_path: Path) -> None:
    async with running(tmp_path, "--drain", "0") as run:
        clients = await run.connect_to_all()
        leaving, staying = clients.values()
        os.kill(leaving.pid, signal.SIGTERM)
        await leaving.until_disconnected()
        assert leaving.close_code == 1012
        after = await run.connect_to_all()
        assert staying.pid in after and leaving.pid not in after
        assert not any("ended with status" in line for line in run.log)


async def test_workers_end_with_their_supervisor(tmp_path: Path) -> None:
    async with running(tmp_path, "--drain", "0") as run:
        clients = await run.connect_to_all()
        run.signal(signal.SIGKILL)
        for client in clients.values():
            await client.until_disconnected()
            assert client.close_code == 1012
        await run.ended()
        while is_listening(run.port):
            pass


CONTEXT = (
    APP
    + """
import contextlib

@contextlib.asynccontextmanager
async def program():
    with open(f"{os.getpid()}.began", "w"):
        pass
    yield teller
    with open(f"{os.getpid()}.ended", "w"):
        pass
"""
)


def pids_in(folder: Path, what: str) -> set[int]:
    return {int(path.stem) for path in folder.glob(f"*.{what}")}


async def test_a_context_lasts_as_long_as_the_worker(tmp_path: Path) -> None:
    async with running(tmp_path, "--drain", "0", app=CONTEXT, target="app:program") as run:
        clients = await run.connect_to_all()
        assert pids_in(tmp_path, "began") == clients.keys()
        assert not pids_in(tmp_path, "ended")
        run.signal(signal.SIGTERM)
        assert await run.ended() == 0
        assert pids_in(tmp_path, "ended") == clients.keys()


@pytest.mark.parametrize(
    ("arguments", "target", "message"),
    [
        ([], "nowhere:teller", "No module named 'nowhere'"),
        (["--option", "stricter=True"], "app:teller", "'stricter'"),
        (["--option", "use_aiofastnet=False"], "app:teller", "use_aiofastnet must be left out"),
        (["--cert", "missing.pem"], "app:teller", "No such file"),
    ],
)
async def test_what_does_not_come_up_ends_the_run(
    arguments: list[str], target: str, message: str, tmp_path: Path
) -> None:
    async with running(tmp_path, *arguments, app=CONTEXT, target=target) as run:
        assert await run.ended() == 1
        await run.logged("slot 0: worker")
    assert any(message in line for line in run.log)
    assert not run.place


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["app"], "'app' must be MODULE:FUNCTION, as in app:listener"),
        (["app:x", "--option", "strict"], "'strict' must be NAME=VALUE, as in strict=True"),
        (
            ["app:x", "--option", "strict=yes"],
            "'yes' must be a number, True, False, None or a text",
        ),
        (["app:x", "--drain", "-1"], "is not a positive number"),
        (["app:x", "--key", "k"], "--key is for the certificate that --cert names"),
    ],
)
def test_wrong_arguments(arguments: list[str], message: str) -> None:
    done = command.run("run", *arguments)
    assert done.returncode == 2
    assert message in done.stderr


def test_a_place_that_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = command.run("run", "app:x", "--port", str(taken.getsockname()[1]))
    assert done.returncode == 1
    assert done.stderr.startswith("cannot listen: ")


async def test_a_unix_socket(tmp_path: Path, socket_path: str) -> None:
    with socket.socket(socket.AF_UNIX) as abandoned:
        abandoned.bind(socket_path)
    async with running(tmp_path, "--path", socket_path, "--drain", "0") as run:
        assert run.place == f"ws://localhost/ at {socket_path}"
        client = await run.connect(path=socket_path)
        client.transport.send(TEXT, "hello")
        await client.until_frames(2)
        done = await asyncio.to_thread(command.run, "run", "app:x", "--path", socket_path)
        assert "cannot listen: [Errno 98]" in done.stderr
        run.signal(signal.SIGHUP)
        await run.logged("all workers are replaced")
        await run.connect(path=socket_path)
        run.signal(signal.SIGTERM)
        assert await run.ended() == 0
        with pytest.raises(FileNotFoundError), socket.socket(socket.AF_UNIX) as probe:
            probe.connect(socket_path)


async def test_sockets_that_are_passed(tmp_path: Path) -> None:
    """As systemd passes them."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        number = str(sock.fileno())
        async with running(tmp_path, "--fd", number, fds=(sock.fileno(),)) as run:
            assert run.port == sock.getsockname()[1]
            await run.connect_to_all()
    done = command.run("run", "app:x", "--fd", "99")
    assert (done.returncode, "cannot listen" in done.stderr) == (1, True)


async def test_tls(tmp_path: Path) -> None:
    authority = make_authority()
    certificate = authority.issue_cert("localhost")
    certificate.private_key_pem.write_to_path(tmp_path / "server.key")
    certificate.cert_chain_pems[0].write_to_path(tmp_path / "server.pem")
    context = ssl.create_default_context()
    authority.configure_trust(context)
    tls = ("--cert", "server.pem", "--key", "server.key", "--drain", "0")
    async with running(tmp_path, *tls) as run:
        assert run.place == f"wss://127.0.0.1:{run.port}/"
        run.place = run.place.replace("127.0.0.1", "localhost")
        client = await run.connect(ssl_context=context)
        run.signal(signal.SIGTERM)
        await client.until_disconnected()
        assert client.close_code == 1012
        assert await run.ended() == 0


async def test_who_does_not_answer_a_close_is_disconnected(tmp_path: Path) -> None:
    async with running(tmp_path, "--drain", "0") as run:
        peer = await open_upgraded(run.port)
        assert (await peer.read_frame()).opcode == TEXT
        run.signal(signal.SIGTERM)
        frame = await peer.read_frame()
        assert (frame.opcode, frame.payload) == (CLOSE, b"\x03\xf4the server restarts")
        assert await run.ended() == 0
        await peer.close()


async def test_a_handshake_under_way_is_finished_by_the_worker_that_retires(tmp_path: Path) -> None:
    async with running(tmp_path, "--drain", "0", "--workers", "1") as run:
        reader, writer = await asyncio.open_connection("127.0.0.1", run.port)
        half = len(UPGRADE) // 2
        writer.write(UPGRADE[:half])
        await run.connect()  # so that it was accepted
        run.signal(signal.SIGHUP)
        await run.logged("all workers are replaced")
        writer.write(UPGRADE[half:])
        assert (await reader.readline()).startswith(b"HTTP/1.1 101")
        assert b"\x03\xf4the server restarts" in await reader.read()
        writer.close()


async def test_option_is_an_argument_of_ws_create_server(tmp_path: Path) -> None:
    async with running(tmp_path, "--option", "max_frame_size=10") as run:
        client = await run.connect()
        client.transport.send(TEXT, "x" * 11)
        await client.until_disconnected()
        assert client.close_code == 1009


async def test_newcomers_are_refused_with_503_while_all_drain(tmp_path: Path) -> None:
    async with running(tmp_path, "--drain", "600", "--workers", "1") as run:
        clients = [await run.connect() for _ in range(2)]
        run.signal(signal.SIGTERM)
        await until_one_is_told(clients, clients[0].pid)
        with pytest.raises(WSInvalidStatusError, match="503"):
            await ws_connect(WSListener, run.place)
