"""Arguments that ws_connect and ws_create_server share."""

from __future__ import annotations

import asyncio
import dataclasses
import inspect
import logging
import math
import sys
import types
from collections.abc import Callable
from typing import Any, cast

import pytest
from support.options import GIVEN, made

from picows import WSListener, ws_connect, ws_create_server
from picows._native import Endpoint
from picows.loop import options
from picows.loop.options import Options
from picows.loop.state import loop_state


def test_logger_of_no_name_is_the_default_one() -> None:
    assert options.resolve_logger(None, "client") is logging.getLogger("picows.client")
    assert options.resolve_logger(None, "server") is logging.getLogger("picows.server")


def test_logger_of_a_name_is_below_picows() -> None:
    assert options.resolve_logger("feed.a", "client") is logging.getLogger("picows.feed.a")


def test_a_logger_like_object_is_used_as_it_is() -> None:
    adapter = logging.LoggerAdapter(logging.getLogger("mine"), {})
    assert options.resolve_logger(adapter, "client") is adapter


async def test_aiofastnet_that_is_not_installed_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(sys.modules, "aiofastnet", raising=False)
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.setattr(sys, "path_importer_cache", {})
    needed = r"pip install 'picows\[aiofastnet\]'"
    with pytest.raises(ValueError, match=needed):
        await ws_connect(WSListener, "ws://127.0.0.1:1/", use_aiofastnet=True)
    with pytest.raises(ValueError, match=needed):
        await ws_create_server(lambda _: WSListener(), "127.0.0.1", 0, use_aiofastnet=True)


def test_auto_ping_that_is_off_is_fine_whatever_its_timeouts() -> None:
    made(enable_auto_ping=False, auto_ping_idle_timeout=1, auto_ping_reply_timeout=2)


@pytest.mark.parametrize(("idle", "reply"), [(0, 0), (-1, -1), (10, 0)])
def test_times_of_auto_ping_are_positive(idle: float, reply: float) -> None:
    made()
    with pytest.raises(ValueError, match=r"auto_ping_.*_timeout must be more than 0"):
        made(auto_ping_idle_timeout=idle, auto_ping_reply_timeout=reply)


def test_an_unknown_auto_ping_strategy_is_refused() -> None:
    with pytest.raises(ValueError, match="3"):
        made(enable_auto_ping=False, auto_ping_strategy=3)


@pytest.mark.parametrize("function", [ws_connect, ws_create_server])
def test_both_functions_have_every_option(function: Callable[..., Any]) -> None:
    parameters = inspect.signature(function).parameters
    assert {field.name for field in dataclasses.fields(Options) if field.init} <= parameters.keys()


async def test_an_endpoint_takes_no_number_that_it_cannot_hold() -> None:
    """Options check it before; whoever hands over something else gets an exception."""
    loop = asyncio.get_running_loop()
    shared = (loop_state(loop), loop, logging.getLogger("picows"), WSListener)
    endless = GIVEN | {"websocket_handshake_timeout": math.inf, "compression": None}
    Endpoint(*shared, cast(Any, types.SimpleNamespace(**endless)))
    for name, value in [
        *(("auto_ping_strategy", value) for value in (0, 3, -1, 2**31 - 1, 2**70, "1")),
        *(("auto_ping_close_code", value) for value in (5, 1006, -1, 2**16 + 1000, "1")),
        *(("max_frame_size", value) for value in (-1, 2**63, -(2**70), "1", None)),
        *(("auto_ping_idle_timeout", value) for value in ("1", 10**400, None)),
    ]:
        with pytest.raises((ValueError, TypeError, OverflowError)):
            Endpoint(*shared, cast(Any, types.SimpleNamespace(**(endless | {name: value}))))
    with pytest.raises(AttributeError):
        Endpoint(*shared, cast(Any, None))


async def test_what_both_have_in_common_reaches_the_endpoint() -> None:
    """Each with a value that the endpoint refuses, by the function that it was given to."""
    wrong: dict[str, Any] = {
        "max_frame_size": -1,
        "auto_ping_strategy": 3,
        "auto_ping_reply_timeout": "soon",
        "auto_ping_idle_timeout": "soon",
    }
    for name, value in wrong.items():
        for call in (
            lambda given: ws_connect(WSListener, "ws://127.0.0.1:1/", **given),
            lambda given: ws_create_server(lambda request: None, "127.0.0.1", 0, **given),
        ):
            with pytest.raises((TypeError, ValueError)):
                await call({name: value})
