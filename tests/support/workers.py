"""`python -m picows run` as a process, with programs that it serves."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from picows import WSMsgType, ws_connect
from picows.testing import Recorder

SECONDS_MAX = 60
ROOT = str(Path(__file__).resolve().parents[2])
#: Tells each client the worker's process, echoes, and answers a CLOSE.
APP = """
import os
from picows import WSListener, WSMsgType

class Teller(WSListener):
    def on_ws_connected(self, transport):
        transport.send(WSMsgType.TEXT, str(os.getpid()))

    def on_ws_frame(self, transport, frame):
        if frame.msg_type == WSMsgType.CLOSE:
            if not transport.is_close_frame_sent:
                transport.send_close(frame.get_close_code())
            transport.disconnect()
        elif frame.get_payload_as_bytes() == b"crash":
            os._exit(3)
        else:
            transport.send(frame.msg_type, frame.get_payload_as_bytes())

def teller(request):
    return Teller()
"""


class Client(Recorder):
    """Answers the worker's CLOSE, as clients should."""

    def on_ws_frame(self, transport, frame) -> None:  # type: ignore[no-untyped-def]
        super().on_ws_frame(transport, frame)
        if frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code())

    @property
    def pid(self) -> int:
        """Of the worker that it is connected to."""
        return int(self.frames[0].payload)

    @property
    def close_code(self) -> int:
        """What the worker ended it with; 0 if it did not say."""
        handshake = self.transport.close_handshake
        return int(handshake.recv.code) if handshake is not None and handshake.recv else 0


class Run:
    """The supervisor's process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.place = ""
        self.log: list[str] = []
        self._changed = asyncio.Event()

    @property
    def port(self) -> int:
        return int(self.place.rstrip("/").rpartition(":")[2])

    async def read_log(self) -> None:
        assert self.process.stderr is not None
        while line := await self.process.stderr.readline():
            self.log.append(line.decode().rstrip())
            self._changed.set()

    async def logged(self, text: str, count: int = 1) -> None:
        """Wait until so many lines of the log have this text in them."""
        while sum(text in line for line in self.log) < count:
            self._changed.clear()
            await self._changed.wait()

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    async def end_at_once(self) -> None:
        """Wait for no client."""
        self.signal(signal.SIGTERM)
        await self.logged("all workers drain")
        self.signal(signal.SIGTERM)
        await self.ended()

    def kill(self) -> None:
        """The supervisor, and workers that would drain for long."""
        self.process.kill()
        for pid in re.findall(r"worker (\d+) listens", "\n".join(self.log)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)

    async def ended(self) -> int:
        return await self.process.wait()

    async def connect(self, **options: object) -> Client:
        """A client that has heard of its worker."""
        place = self.place.partition(" at ")[0]
        _, client = await ws_connect(Client, place, **options)  # type: ignore[arg-type]
        assert isinstance(client, Client)
        await client.until_frames(1)
        return client

    async def connect_to_all(self, count: int = 2) -> dict[int, Client]:
        """A client at each worker, by process. The kernel deals them out at random."""
        clients: dict[int, Client] = {}
        while len(clients) < count:
            client = await self.connect()
            kept = clients.setdefault(client.pid, client)
            if kept is not client:
                client.transport.disconnect()
                await client.until_disconnected()
        return clients

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        """Status and body of the answer to a request without an upgrade."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(request)
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        writer.close()
        return int(head.split()[1]), body

    async def health(self) -> tuple[int, bytes]:
        return await self.ask(b"GET /health HTTP/1.1\r\nHost: h\r\n\r\n")


@contextlib.asynccontextmanager
async def running(
    folder: Path,
    *arguments: str,
    app: str = APP,
    target: str = "app:teller",
    fds: tuple[int, ...] = (),
    seconds_max: float = SECONDS_MAX,
) -> AsyncIterator[Run]:
    """Serve `app`, which becomes a module in the folder, with two workers at a free port."""
    if app:
        (folder / "app.py").write_text(app, "utf-8")
    paths = os.pathsep.join([ROOT, os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-m", "picows", "run", target, "--port", "0", "--workers", "2"]
    process = await asyncio.create_subprocess_exec(
        *command,
        *arguments,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        pass_fds=fds,
    )
    run = Run(process)
    reading = asyncio.create_task(run.read_log())
    assert process.stdout is not None
    try:
        async with asyncio.timeout(seconds_max):
            run.place = (await process.stdout.readline()).decode().partition(" at ")[2].strip()
            yield run
            if process.returncode is None:
                await run.end_at_once()
    except BaseException:
        print(*run.log, sep="\n")
        raise
    finally:
        if process.returncode is None:
            run.kill()
        await process.wait()
        await asyncio.gather(reading, process.stdout.read())  # workers have them open, too
