"""Servers of others that the tests run, as Debian packages them: brokers and load balancers."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

SECONDS_MAX = 30
#: Where Debian has them, if not in PATH.
_FOLDERS = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])


def program(name: str) -> str:
    """The path of a program; the test is skipped if there is none."""
    path = shutil.which(name, path=_FOLDERS)
    if path is None:
        pytest.skip(f"{name} is not installed: apt-get install {name}")
    return path


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port: int = sock.getsockname()[1]
        return port


class Server:
    """A server at a port of its own, which may be killed and started again."""

    def __init__(self, folder: Path, arguments: Callable[[int], list[str]]) -> None:
        self.port = free_port()
        self._folder = folder
        self._arguments = arguments(self.port)
        self._process: subprocess.Popen[bytes] | None = None
        self._older: list[subprocess.Popen[bytes]] = []

    def start(self, *more: str) -> None:
        """Start it, and wait until it listens."""
        with open(self._folder / "server.log", "ab") as log:
            self._process = subprocess.Popen(
                [*self._arguments, *more], cwd=self._folder, stdout=log, stderr=log
            )
        until = time.monotonic() + SECONDS_MAX
        while not is_listening(self.port):
            text = (self._folder / "server.log").read_text()
            assert self._process.poll() is None and time.monotonic() < until, text
            time.sleep(0.01)

    def signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def replace(self, option: str) -> None:
        """Start another one, which is told the process of this one."""
        assert self._process is not None
        self._older.append(self._process)
        self.start(option, str(self._process.pid))

    def kill(self) -> None:
        """End it without a word to anybody."""
        self._end(subprocess.Popen.kill)

    def stop(self) -> None:
        """End it in order: nginx ends its workers, which it cannot when it is killed."""
        self._end(subprocess.Popen.terminate)

    def _end(self, how: Callable[[subprocess.Popen[bytes]], None]) -> None:
        for process in (*self._older, self._process):
            if process is not None:
                how(process)
                process.wait(SECONDS_MAX)
        self._older.clear()
        self._process = None

    def __enter__(self) -> Server:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()


def is_listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def nats(folder: Path) -> Server:
    path = program("nats-server")
    return Server(folder, lambda port: [path, "-a", "127.0.0.1", "-p", str(port)])


def redis(folder: Path) -> Server:
    path = program("redis-server")
    return Server(folder, lambda port: [path, "--port", str(port), "--save", ""])
