"""Running a program on an event loop that is chosen by name."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

_Result = TypeVar("_Result")


def run_in_loop(name: str, main: Coroutine[Any, Any, _Result]) -> _Result:
    """Run a coroutine to its end. Ctrl-C cancels it; KeyboardInterrupt if it lets that happen.

    Args:
        name: `asyncio` or `uvloop`.
        main: what to run.
    """
    factory: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop
    if name == "uvloop":
        import uvloop

        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(main)
