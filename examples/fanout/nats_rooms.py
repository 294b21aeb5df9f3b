"""Rooms over NATS:

    nats-server &
    python -m picows run nats_rooms:program --workers 2 --option strict=True

NATS_URL says where the server is (nats://127.0.0.1:4222).
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator, Callable

import nats
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import SlowConsumerError
from rooms import Member, open_rooms

from picows import WSUpgradeRequest
from picows.fanout import Fanout


@contextlib.asynccontextmanager
async def program() -> AsyncIterator[Callable[[WSUpgradeRequest], Member]]:
    subscriptions: dict[str, Subscription] = {}

    async def subscribe(subject: str) -> None:
        async def received(message: Msg) -> None:
            fanout.deliver(subject, message.data)

        subscriptions[subject] = await client.subscribe(subject, cb=received)
        await client.flush()  # the server has it

    async def unsubscribe(subject: str) -> None:
        await subscriptions.pop(subject).unsubscribe()

    async def reconnected() -> None:
        fanout.gap()

    async def failed(error: Exception) -> None:
        if isinstance(error, SlowConsumerError):  # nats-py has dropped messages
            fanout.gap(error.subject)
        else:
            print(f"nats: {error!r}", flush=True)

    fanout = Fanout(subscribe, unsubscribe)
    client = await nats.connect(
        os.environ.get("NATS_URL", "nats://127.0.0.1:4222"),
        max_reconnect_attempts=-1,
        reconnected_cb=reconnected,
        error_cb=failed,
    )
    async with open_rooms(fanout, client.publish) as factory:
        yield factory
    await client.close()
