"""Messages in an `async for`, through a queue that stops the peer while it is long.

    python examples/async_iteration.py

It prints:

    5000 prices, 12497500 in all
"""

import asyncio

import picows
from picows import WSConnection


async def send_prices(ws: WSConnection[str | bytes]) -> None:
    for price in range(5000):
        if not ws.send(str(price)):  # the client reads slower than this sends
            await ws.drain()


async def main() -> None:
    async with picows.serve(send_prices, "127.0.0.1", 0) as server:
        url = f"ws://127.0.0.1:{server.port}/"
        prices = []
        # With more than 100 prices in the queue nothing is read until there are fewer.
        async with picows.connect(url, max_queue=100, decode=int) as ws:
            async for price in ws:
                prices.append(price)
                await asyncio.sleep(0)  # whatever takes its time
    print(f"{len(prices)} prices, {sum(prices)} in all")


asyncio.run(main())
