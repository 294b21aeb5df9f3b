"""Fixtures of picows for pytest, which finds them where picows is installed: docs/testing.md.

A module of its own, because pytest imports its plugins in every run: `import picows` waits until a
test asks for one of these.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from picows.testing import MemoryNetwork, RawServer


def fixture(function: Callable[[], AsyncIterator[Any]]) -> Any:
    """A fixture that pytest-asyncio runs; without it, one that skips the test and says so."""
    try:
        import pytest_asyncio
    except ImportError:

        def missing() -> None:
            pytest.skip("the fixtures of picows need pytest-asyncio: pip install pytest-asyncio")

        return pytest.fixture(name=function.__name__)(missing)
    return pytest_asyncio.fixture(function)


@fixture
async def picows_network() -> AsyncIterator[MemoryNetwork]:
    """A MemoryNetwork in place of the event loop's, for the length of a test."""
    from picows.testing import MemoryNetwork

    async with MemoryNetwork() as network:
        yield network


@fixture
async def picows_pair() -> AsyncIterator[Any]:
    """What memory_pair() gives, with a Recorder at both ends."""
    from picows.testing import memory_pair

    async with memory_pair() as pair:
        yield pair


@fixture
async def picows_raw_server() -> AsyncIterator[RawServer]:
    """What raw_server() gives; in memory if the test asks for picows_network before."""
    from picows.testing import raw_server

    async with raw_server() as server:
        yield server
