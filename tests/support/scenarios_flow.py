"""What programs see of cancellation, of locks and of queues; see `scenarios.py`."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from .pairings import Scenario, Side
from .scenarios import SCENARIOS, all_of, echo, scenario, until_closed


async def sends_when_told(side: Side) -> None:
    """Says "text": a message; "+": a fragment; "": the end of a message in fragments."""
    queue: asyncio.Queue[str] = asyncio.Queue()

    async def fragments() -> AsyncIterator[str]:
        while fragment := await queue.get():
            yield fragment

    sending: asyncio.Task[None] | None = None
    async for message in side.ws:
        if message.startswith("+") or not message:
            if sending is None:
                sending = asyncio.create_task(side.ws.send(fragments()))
            queue.put_nowait(message)
            if not message:
                await sending
                sending = None
        else:
            await side.ws.send(message)
    await side.end()


@scenario(sends_when_told)
async def cancelled_recv_loses_nothing(side: Side) -> None:
    for seconds in (0, 0.01):
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(side.ws.recv(), seconds)
    await side.ws.send("a")
    await side.see(side.ws.recv())
    await side.ws.send("+b")
    await (await side.ws.ping())
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(side.ws.recv(), 0.01)
    await side.ws.send("+c")
    await side.ws.send("")
    await side.see(side.ws.recv())
    await side.ws.send("d")
    await side.see(all_of(side.ws.recv_streaming()))


@scenario(sends_when_told)
async def cancelled_streaming_breaks(side: Side) -> None:
    await side.ws.send("+b")
    stream = side.ws.recv_streaming()
    side.note(await anext(stream))
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(anext(stream), 0.01)
    await side.ws.send("")
    await side.see(side.ws.recv())


@scenario(sends_when_told, compares_frames=False)
async def a_message_cut_off(side: Side) -> None:
    await side.ws.send("whole")
    await side.ws.send("+part")
    await (await side.ws.ping())
    side.ws.transport.abort()
    await side.see(side.ws.recv())
    await side.see(side.ws.recv())


@scenario(until_closed)
async def close_during_fragments(side: Side) -> None:
    never = asyncio.Event()

    async def fragments() -> AsyncIterator[str]:
        yield "a"
        await never.wait()

    sending = asyncio.create_task(side.ws.send(fragments()))
    await (await side.ws.ping())
    await side.see(side.ws.close())
    never.set()
    await side.see(sending)


@scenario(until_closed)
async def sends_wait_for_fragments(side: Side) -> None:
    go_on = asyncio.Event()

    async def fragments(*texts: str) -> AsyncIterator[str]:
        for text in texts:
            yield text
            await go_on.wait()

    tasks = [asyncio.create_task(side.ws.send(fragments("a", "b")))]
    await (await side.ws.ping())
    tasks.append(asyncio.create_task(side.ws.send("c")))
    tasks.append(asyncio.create_task(side.ws.send(fragments("d", "e"))))
    tasks.append(asyncio.create_task(side.ws.send("f")))
    await asyncio.sleep(0)
    cancelled = asyncio.create_task(side.ws.send("never"))
    await asyncio.sleep(0)
    cancelled.cancel()
    side.package.broadcast([side.ws], "left out")
    go_on.set()
    await asyncio.gather(*tasks)
    side.package.broadcast([side.ws], "not left out")
    await (await side.ws.ping())


@scenario(until_closed)
async def two_close(side: Side) -> None:
    await asyncio.gather(*(side.see(side.ws.close(code)) for code in (1000, 1001)))


@scenario(until_closed, connect={"max_size": 5})
async def nothing_to_do(side: Side) -> None:
    side.note([side.ws.subprotocol, side.ws.close_code, side.ws.close_reason, side.ws.state.name])
    side.note([side.ws.request.path, side.ws.response.status_code])
    side.note([side.ws.max_queue_high, side.ws.max_queue_low])


for _limit in (None, 4, (4, 2), (None, 3), (5, None), 0, (None, None)):

    def _with_queue(limit: Any) -> None:
        async def client(side: Side) -> None:
            options = side.connect_options | {"max_queue": limit}  # type: ignore[attr-defined]
            async with side.package.connect(side.url, **options) as ws:
                side.note([ws.max_queue_high, ws.max_queue_low])
                for number in range(30):
                    await ws.send(str(number))
                side.note([await ws.recv() for _ in range(30)])

        SCENARIOS[f"queue_of_{limit}"] = Scenario(client, echo)

    _with_queue(_limit)
