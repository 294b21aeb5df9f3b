"""recv() that is cancelled at any moment loses no message and leaves nothing behind.

python examples/proofs/cancel_storm.py [HOW_OFTEN [uvloop]]
"""

import asyncio
import gc
import random
import sys

import picows
from picows import WSConnection

HOW_OFTEN = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
CONNECTIONS = 16
SECONDS = [0, 0, 1e-5, 1e-4, 1e-3]


async def numbers(ws: WSConnection[str | bytes]) -> None:
    """Sends the next number whenever it is asked for one, sooner or later."""
    number = 0
    async for _ in ws:
        for _ in range(random.randrange(3)):
            await asyncio.sleep(0)
        ws.send(str(number))
        number += 1


class Storm:
    """Waits for numbers with random time-outs."""

    def __init__(self, ws: WSConnection[str | bytes]) -> None:
        self.ws = ws
        self.received = 0
        self.given_up = 0

    async def rage(self, waits: int) -> None:
        self.ws.send(b"")
        for _ in range(waits):
            try:
                message = await asyncio.wait_for(self.ws.recv(), random.choice(SECONDS))
            except TimeoutError:
                self.given_up += 1
            else:
                self.check(message)
                self.ws.send(b"")
        self.check(await self.ws.recv())

    def check(self, message: str | bytes) -> None:
        assert message == str(self.received), f"{message!r} came instead of {self.received}"
        self.received += 1


async def main() -> None:
    async with picows.serve(numbers, "127.0.0.1", 0) as server:
        url = f"ws://127.0.0.1:{server.port}/"
        storms = [Storm(await picows.connect(url)) for _ in range(CONNECTIONS)]
        blocks = []
        for _ in range(2):
            await asyncio.gather(*(storm.rage(HOW_OFTEN // 2 // CONNECTIONS) for storm in storms))
            gc.collect()
            blocks.append(sys.getallocatedblocks())
        for storm in storms:
            await storm.ws.close()
    given_up = sum(storm.given_up for storm in storms)
    received = sum(storm.received for storm in storms)
    print(f"{HOW_OFTEN} waits, {given_up} of them given up; {received} messages, all in order")
    print(f"{blocks[1] - blocks[0]} blocks of memory more after the second half")
    assert given_up > 0
    assert blocks[1] - blocks[0] < 500


if "uvloop" in sys.argv:
    import uvloop

    uvloop.run(main())
else:
    asyncio.run(main())
