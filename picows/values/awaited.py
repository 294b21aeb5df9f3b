"""A server's listener factory that takes its time: what it returned is awaited."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import Any


def await_choice(
    returned: object,
    loop: asyncio.AbstractEventLoop,
    decided: Callable[[asyncio.Future[Any]], object],
) -> asyncio.Future[Any] | None:
    """Have a function called when an awaitable is done, unless it is at once; None for what is no
    awaitable.
    """
    if not inspect.isawaitable(returned):
        return None
    future = asyncio.ensure_future(returned, loop=loop)
    if not future.done():
        future.add_done_callback(decided)
    return future
