"""What `module:name` stands for (picows.workers.target)."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from picows import WSListener, WSUpgradeRequest
from picows.workers import target


def listener(request: WSUpgradeRequest) -> WSListener:
    return WSListener()


class Listener(WSListener):
    """A class whose instances take the request."""

    def __init__(self, request: WSUpgradeRequest) -> None:
        self.request = request


class Rooms:
    def enter(self, request: WSUpgradeRequest) -> WSListener:
        return WSListener()


rooms = Rooms()
events: list[str] = []


@contextlib.asynccontextmanager
async def program() -> AsyncIterator[Callable[..., Any]]:
    events.append("began")
    yield listener
    events.append("ended")


@contextlib.asynccontextmanager
async def empty() -> AsyncIterator[None]:
    yield


def test_a_name_in_a_module() -> None:
    assert target.load(f"{__name__}:listener") is listener
    assert target.load(f"{__name__}:rooms.enter") == rooms.enter
    with pytest.raises(ImportError, match="has nothing that is named 'nothing'"):
        target.load(f"{__name__}:nothing")
    with pytest.raises(TypeError, match=r"test_workers_target:events must be a function, not \["):
        target.load(f"{__name__}:events")
    with pytest.raises(ImportError, match="nowhere"):
        target.load("nowhere:listener")


@pytest.mark.parametrize(
    "factory", [listener, Listener, rooms.enter, functools.partial(Listener), dict.fromkeys]
)
async def test_what_takes_a_request_is_the_factory(factory: Callable[..., Any]) -> None:
    async with contextlib.AsyncExitStack() as stack:
        assert await target.enter(factory, stack) is factory


async def test_what_takes_nothing_gives_a_factory() -> None:
    async with contextlib.AsyncExitStack() as stack:
        assert await target.enter(program, stack) is listener
        assert events == ["began"]
    assert events == ["began", "ended"]


async def test_what_takes_nothing_and_gives_none() -> None:
    async with contextlib.AsyncExitStack() as stack:
        with pytest.raises(TypeError, match="return an async context manager, not 5"):
            await target.enter(lambda: 5, stack)
        with pytest.raises(TypeError, match="must give a listener factory, not None"):
            await target.enter(empty, stack)
