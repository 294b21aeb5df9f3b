"""A program under measurement, or the other end of one: started, pinned, spoken to, ended."""

from __future__ import annotations

import json
import os
import select
import subprocess
import tempfile
import time
from types import TracebackType


class FailedError(Exception):
    """A program of ours ended, fell silent or came to nothing; the text says which."""


class Process:
    """Speaks the line protocol of drivers/common.py. `port` is what a server says when ready."""

    def __init__(
        self,
        command: list[str],
        core: int | None = None,
        environment: dict[str, str] | None = None,
        ready_seconds_max: float = 60,
    ) -> None:
        self.command = command
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 (closed with the process)
        self._read = b""

        def pin() -> None:
            if core is not None:
                os.sched_setaffinity(0, {core})

        # Not from a checkout: its folders must not hide what an interpreter has installed.
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            bufsize=0,
            cwd="/",
            env=environment,
            preexec_fn=pin,
        )
        try:
            words = self._line(ready_seconds_max).split()
            if words[:1] != ["ready"]:
                raise self._failed(f"said {words} instead of `ready`")
        except BaseException:
            self.__exit__(None, None, None)
            raise
        self.port = int(words[1]) if len(words) > 1 else 0

    def tell(self, line: str) -> None:
        assert self._process.stdin
        try:
            self._process.stdin.write(line.encode() + b"\n")
        except BrokenPipeError:
            raise self._failed("has ended") from None

    def answer(self, seconds_max: float = 60) -> dict[str, float]:
        answer: dict[str, float] = json.loads(self._line(seconds_max))
        return answer

    def ask(self, line: str, seconds_max: float = 60) -> dict[str, float]:
        self.tell(line)
        return self.answer(seconds_max)

    def resident_bytes(self, peak: bool = False) -> int:
        """Of memory that is in use now, or the most that ever was."""
        with open(f"/proc/{self._process.pid}/status") as status:
            name = "VmHWM:" if peak else "VmRSS:"
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith(name))

    def _line(self, seconds_max: float) -> str:
        stdout = self._process.stdout
        assert stdout
        end = time.monotonic() + seconds_max
        while b"\n" not in self._read:
            readable = select.select([stdout], [], [], max(0, end - time.monotonic()))[0]
            if not readable:
                raise self._failed(f"said nothing for {seconds_max:.0f} s")
            if not (chunk := os.read(stdout.fileno(), 65536)):
                raise self._failed("has ended")
            self._read += chunk
        line, self._read = self._read.split(b"\n", 1)
        return line.decode()

    def _failed(self, what: str) -> FailedError:
        self._stderr.seek(0)
        said = self._stderr.read().decode(errors="replace").strip()[-2000:]
        return FailedError(f"{' '.join(self.command)} {what}. {said}")

    def __enter__(self) -> Process:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        """The end of stdin asks it to end. Under valgrind that takes a while."""
        process = self._process
        assert process.stdin and process.stdout
        process.stdin.close()
        try:
            process.wait(60 if kind is None else 1)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()
        self._stderr.close()
