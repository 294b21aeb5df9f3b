"""Rooms over Redis or Valkey:

    redis-server &
    python -m picows run redis_rooms:program --workers 2 --option strict=True

REDIS_URL says where the server is (redis://127.0.0.1:6379).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable

import redis.asyncio as redis
from rooms import Member, open_rooms

from picows import WSUpgradeRequest
from picows.fanout import Fanout


@contextlib.asynccontextmanager
async def program() -> AsyncIterator[Callable[[WSUpgradeRequest], Member]]:
    confirmed: dict[str, asyncio.Event] = {}

    async def subscribe(subject: str) -> None:
        confirmed[subject] = asyncio.Event()
        await pubsub.subscribe(subject)
        await confirmed[subject].wait()

    async def unsubscribe(subject: str) -> None:
        del confirmed[subject]
        await pubsub.unsubscribe(subject)

    async def receive() -> None:
        while True:
            try:
                message = await pubsub.get_message(timeout=10)
            except redis.RedisError as error:  # it tries again, and subscribes again
                print(f"redis: {error!r}", flush=True)
                await asyncio.sleep(1)
                continue
            if message is None:
                continue
            subject = message["channel"].decode()
            if message["type"] == "message":
                fanout.deliver(subject, message["data"])
            elif message["type"] == "subscribe" and subject in confirmed:
                if confirmed[subject].is_set():  # for the second time: the connection was lost
                    fanout.gap(subject)
                confirmed[subject].set()

    fanout = Fanout(subscribe, unsubscribe)
    url = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")
    client = redis.from_url(url, health_check_interval=10)
    pubsub = client.pubsub()
    await pubsub.connect()
    receiving = asyncio.create_task(receive())
    async with open_rooms(fanout, client.publish) as factory:
        yield factory
    receiving.cancel()
    await pubsub.aclose()
    await client.aclose()
