"""Whose transports an event loop's connections run on."""

from __future__ import annotations

import asyncio
import sys

from picows.loop.choose import has_own_transport


async def test_ours_on_the_event_loops_that_are_known() -> None:
    class Derived(asyncio.SelectorEventLoop):
        pass

    loop = Derived()
    try:
        assert not has_own_transport(loop)
        assert has_own_transport(asyncio.get_running_loop()) == (sys.platform == "linux")
    finally:
        loop.close()
