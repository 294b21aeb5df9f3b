"""What `module:name` on the command line stands for."""

from __future__ import annotations

import contextlib
import importlib
import inspect
import operator
from collections.abc import Callable
from typing import Any, cast

from ..server.serve import WSServerListenerFactory


def load(target: str) -> Callable[..., Any]:
    """Import the module and find the function in it.

    Raises:
        ImportError: there is no such module, or no such name in it.
        TypeError: what has this name cannot be called.
    """
    module_name, _, name = target.partition(":")
    module = importlib.import_module(module_name)
    try:
        found = operator.attrgetter(name)(module)
    except AttributeError:
        raise ImportError(f"module {module_name!r} has nothing that is named {name!r}") from None
    if not callable(found):
        raise TypeError(f"{target} must be a function, not {found!r}")
    return cast(Callable[..., Any], found)


async def enter(
    function: Callable[..., Any], stack: contextlib.AsyncExitStack
) -> WSServerListenerFactory:
    """The listener factory: the function itself, or what its context manager gives.

    A function that takes no argument returns an async context manager, which is left when the
    stack ends.

    Raises:
        TypeError: it takes no argument, and returns something else.
    """
    if _takes_a_request(function):
        return function
    manager = function()
    if not isinstance(manager, contextlib.AbstractAsyncContextManager):
        raise TypeError(
            f"{function!r} must take a request or return an async context manager, not {manager!r}"
        )
    factory = await stack.enter_async_context(manager)
    if not callable(factory):
        raise TypeError(
            f"the context of {function!r} must give a listener factory, not {factory!r}"
        )
    return cast(WSServerListenerFactory, factory)


def _takes_a_request(function: Callable[..., Any]) -> bool:
    try:
        inspect.signature(function).bind(None)
    except TypeError:
        return False
    except ValueError:  # compiled, and does not tell
        return True
    return True
