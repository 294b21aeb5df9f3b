"""The command line as a process: what a user or a script meets."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator

COMMAND = [sys.executable, "-m", "picows"]
SECONDS_MAX = 60


def run(
    *arguments: str, given: str | bytes = b"", **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a verb to its end; `given` is its input."""
    done = subprocess.run(
        [*COMMAND, *arguments],
        input=given.encode() if isinstance(given, str) else given,
        capture_output=True,
        timeout=SECONDS_MAX,
        env=os.environ | environment,
    )
    return subprocess.CompletedProcess(
        done.args, done.returncode, done.stdout.decode(), done.stderr.decode()
    )


@contextlib.contextmanager
def started(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A verb that runs until it is told to end."""
    with subprocess.Popen(
        [*COMMAND, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        bufsize=1,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@contextlib.asynccontextmanager
async def serving(*arguments: str) -> AsyncIterator[str]:
    """`serve` on a free port; gives its URL. It has to end well."""
    with started("serve", "--port", "0", "--quiet", *arguments) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert " server on " in line, process.communicate()
        yield line.rpartition(" on ")[2].strip()
        process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(process.wait, SECONDS_MAX) == 0
