"""The supervisor: a slot for each worker, and what signals mean."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
from collections.abc import Sequence

from .slot import Slot
from .worker import Job

logger = logging.getLogger("picows.run")


async def supervise(sockets: Sequence[socket.socket], count: int, job: Job, listening: str) -> bool:
    """Run the workers until SIGTERM or SIGINT.

    SIGHUP replaces one worker after the other. A second SIGTERM or SIGINT waits for nobody.

    Args:
        sockets: bound stream sockets; the slots take them in turn.
        count: how many slots.
        job: what each worker does.
        listening: printed to stdout when all workers listen.

    Returns:
        Whether they came up.
    """
    slots = [Slot(number, sockets[number % len(sockets)], job) for number in range(count)]
    signals = _Signals(slots)
    starting = asyncio.gather(*(slot.start() for slot in slots))
    await asyncio.wait((starting, signals.ending), return_when=asyncio.FIRST_COMPLETED)
    if not starting.done() or not all(starting.result()):
        starting.cancel()
        for slot in slots:
            slot.kill()
        await asyncio.gather(*(slot.drain() for slot in slots))
        return signals.ending.done()
    print(listening, flush=True)
    keeping = [asyncio.create_task(slot.keep()) for slot in slots]
    rolling = asyncio.create_task(signals.roll())
    await asyncio.wait((signals.ending, *keeping), return_when=asyncio.FIRST_COMPLETED)
    for task in (*keeping, rolling):
        task.cancel()
    results = await asyncio.gather(*keeping, rolling, return_exceptions=True)
    for sock in sockets:
        sock.close()  # else the kernel would go on dealing out to a worker that has ended
    await asyncio.gather(*(slot.drain() for slot in slots))
    for result in results:
        if isinstance(result, Exception):  # a fault of ours: all has ended in order
            raise result
    return True


class _Signals:
    """What signals ask for."""

    def __init__(self, slots: Sequence[Slot]) -> None:
        self._slots = slots
        self._is_roll_wanted = asyncio.Event()
        loop = asyncio.get_running_loop()
        self.ending: asyncio.Future[None] = loop.create_future()
        loop.add_signal_handler(signal.SIGHUP, self._is_roll_wanted.set)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._end)

    def _end(self) -> None:
        if not self.ending.done():
            logger.info("all workers drain")
            self.ending.set_result(None)
            return
        for slot in self._slots:
            slot.kill()

    async def roll(self) -> None:
        """Replace one worker after the other at each SIGHUP. Those after one that fails stay."""
        while True:
            await self._is_roll_wanted.wait()
            self._is_roll_wanted.clear()
            for slot in self._slots:
                if not await slot.replace():
                    logger.error("slot %d keeps its worker; the roll ends here", slot.number)
                    break
            else:
                logger.info("all workers are replaced")
