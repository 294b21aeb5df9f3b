"""A slot: a listening socket, and the worker that accepts from it."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import logging
import socket
import sys
from typing import Any

from .channel import Channel, Word
from .worker import Job

logger = logging.getLogger("picows.run")

_START_SECONDS_MAX = 60.0
"""How long a worker may take until it listens."""
_END_SECONDS_MAX = 10.0
"""How long a worker may take to end, beyond the time for draining."""
_BACKOFF_SECONDS = 0.5
_BACKOFF_SECONDS_MAX = 30.0
_STEADY_SECONDS = 30.0
"""A worker that lived so long did not crash because of how it starts."""


class Worker:
    """A worker's process, as its supervisor sees it."""

    def __init__(self, process: asyncio.subprocess.Process, channel: Channel) -> None:
        self.process = process
        self._channel = channel
        self.began = asyncio.get_running_loop().time()
        self.is_ready = asyncio.Event()
        self.is_leaving = asyncio.Event()
        self.is_retired = asyncio.Event()
        self.ended = asyncio.ensure_future(process.wait())
        self._listening = asyncio.ensure_future(self._listen())

    async def _listen(self) -> None:
        events = {
            Word.READY: self.is_ready,
            Word.LEAVING: self.is_leaving,
            Word.RETIRED: self.is_retired,
        }
        async for word in self._channel.words():
            events[word].set()

    def say(self, word: Word) -> None:
        self._channel.say(word)

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()

    async def end(self, seconds_max: float) -> None:
        """Wait for its end, and end it if that takes too long."""
        await asyncio.wait((self.ended,), timeout=seconds_max)
        if not self.ended.done():
            logger.error("worker %d does not end: killed", self.process.pid)
            self.kill()
        await self.ended
        await self._listening
        self._channel.close()


class Slot:
    """Keeps one worker running: replaces it when told to, and when it crashes."""

    def __init__(self, number: int, sock: socket.socket, job: Job) -> None:
        self.number = number
        self._sock = sock
        self._job = job
        self._worker: Worker | None = None
        self._retired: set[asyncio.Task[None]] = set()
        self._wanted: asyncio.Future[bool] | None = None
        self._is_wanted = asyncio.Event()

    async def start(self) -> bool:
        """Start the worker; False if it does not come up."""
        self._worker = await self._start()
        return self._worker is not None

    async def keep(self) -> None:
        """Keep a worker running until cancelled."""
        crashes = 0
        while True:
            if self._worker is None:
                crashes += 1
                pause = min(_BACKOFF_SECONDS * 2 ** (crashes - 1), _BACKOFF_SECONDS_MAX)
                logger.info("slot %d: a new worker in %g seconds", self.number, pause)
                await asyncio.sleep(pause)
                await self.start()
                continue
            worker = self._worker
            await _first_of(worker.ended, worker.is_leaving, self._is_wanted)
            if worker.ended.done():
                status = worker.ended.result()
                logger.error("worker %d ended with status %d", worker.process.pid, status)
                await worker.end(0)
                self._worker = None
                if asyncio.get_running_loop().time() - worker.began > _STEADY_SECONDS:
                    crashes = 0
            else:
                worker.is_leaving.clear()
                await self._put_successor(worker)

    async def replace(self) -> bool:
        """Start a successor, then have the worker drain. False if no successor comes up."""
        self._wanted = asyncio.get_running_loop().create_future()
        self._is_wanted.set()
        return await self._wanted

    async def _put_successor(self, worker: Worker) -> None:
        self._is_wanted.clear()
        successor = await self._start()
        if successor is not None:
            self._worker = successor
            worker.say(Word.RETIRE)
            self._retire(worker, self._job.drain_seconds + _END_SECONDS_MAX)
            await _first_of(worker.ended, worker.is_retired)
        if self._wanted is not None:
            self._wanted.set_result(successor is not None)
            self._wanted = None

    async def drain(self) -> None:
        """Have the worker drain and end; wait for those that were replaced, too."""
        ends: list[asyncio.Future[None]] = list(self._retired)
        if self._worker is not None:
            self._worker.say(Word.DRAIN)
            seconds = self._job.drain_seconds + _END_SECONDS_MAX
            ends.append(asyncio.ensure_future(self._worker.end(seconds)))
        await asyncio.gather(*ends)

    def kill(self) -> None:
        if self._worker is not None:
            self._worker.kill()

    def _retire(self, worker: Worker, seconds_max: float) -> None:
        task = asyncio.create_task(worker.end(seconds_max))
        self._retired.add(task)
        task.add_done_callback(self._retired.discard)

    async def _start(self) -> Worker | None:
        """A worker that listens; None if it does not come up."""
        try:
            worker = await self._spawn()
        except OSError as error:
            logger.error("slot %d: no process can be started: %s", self.number, error)
            return None
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_START_SECONDS_MAX):
                    await _first_of(worker.ended, worker.is_ready)
        except BaseException:
            worker.kill()
            self._retire(worker, 0)
            raise
        if worker.is_ready.is_set():
            logger.info("slot %d: worker %d listens", self.number, worker.process.pid)
            return worker
        logger.error("slot %d: worker %d does not come up", self.number, worker.process.pid)
        await worker.end(0)
        return None

    async def _spawn(self) -> Worker:
        ours, theirs = socket.socketpair()
        with theirs:
            descriptors = (self._sock.fileno(), theirs.fileno())
            channel = await Channel.over(ours)
            try:
                process = await asyncio.create_subprocess_exec(
                    sys.executable,
                    "-m",
                    "picows.workers.worker",
                    *map(str, descriptors),
                    json.dumps(dataclasses.asdict(self._job)),
                    stdin=asyncio.subprocess.DEVNULL,
                    pass_fds=descriptors,
                    process_group=0,  # Ctrl-C is for the supervisor
                )
            except BaseException:
                channel.close()
                raise
        return Worker(process, channel)


async def _first_of(ended: asyncio.Future[Any], *events: asyncio.Event) -> None:
    """Wait for the end of a process, or for an event."""
    waiting: list[asyncio.Future[Any]] = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait((ended, *waiting), return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()
