"""Arguments that cannot be used: an error that names the argument and says what it must be."""

from __future__ import annotations

import datetime
import math
import socket
import sys
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from support import stacks

from picows import WSListener, ws_connect, ws_create_server
from picows.testing import wire
from picows.testing.recorder import paired

NOWHERE = "ws://127.0.0.1:1/"
WHOLE_NUMBERS = [None, "10", 1.5, [1]]
SECONDS = ["soon", "5", [5], 1j, True, datetime.timedelta(seconds=5)]

OF_BOTH: dict[str, list[Any]] = {
    "max_frame_size": WHOLE_NUMBERS,
    "websocket_handshake_timeout": SECONDS,
    "auto_ping_idle_timeout": [None, *SECONDS],
    "auto_ping_reply_timeout": [None, *SECONDS],
    "logger_name": [5, b"name", ["name"]],
}
OF_CONNECT: dict[str, list[Any]] = OF_BOTH | {
    "max_redirects": WHOLE_NUMBERS,
    "proxy": [5, b"http://127.0.0.1:1", ["http://127.0.0.1:1"]],
    "socket_factory": [5, "socket"],
    "url": [None, 5, NOWHERE.encode(), [NOWHERE]],
    "ws_listener_factory": [None, 5, WSListener()],
}
OF_SERVER: dict[str, list[Any]] = OF_BOTH | {
    "max_pending_handshakes": WHOLE_NUMBERS,
    "ws_listener_factory": [None, 5, WSListener()],
}


def cases(options: dict[str, list[Any]]) -> list[tuple[str, Any]]:
    return [(name, value) for name, values in options.items() for value in values]


@pytest.mark.parametrize(("name", "value"), cases(OF_CONNECT), ids=str)
async def test_of_ws_connect(name: str, value: Any) -> None:
    """max_frame_size=None was "'NoneType' object cannot be interpreted as an integer"."""
    given = {"ws_listener_factory": WSListener, "url": NOWHERE, "enable_auto_ping": True}
    with pytest.raises(TypeError, match=f"^{name} must be .*, not "):
        await ws_connect(**(given | {name: value}))


@pytest.mark.parametrize(("name", "value"), cases(OF_SERVER), ids=str)
async def test_of_ws_create_server(name: str, value: Any) -> None:
    given = {
        "ws_listener_factory": lambda _: None,
        "host": "127.0.0.1",
        "port": 0,
        "enable_auto_ping": True,
    }
    with pytest.raises(TypeError, match=f"^{name} must be .*, not "):
        await ws_create_server(**(given | {name: value}))


NO_TIMES = [math.nan, math.inf, -math.inf, 0, 0.0, -1, 1e10, 1e308, 2**70, 10**400]
TIMES = [1e-9, 5, 0.5, Decimal("0.5"), Fraction(1, 3), 10**9]
TIMEOUTS = ["auto_ping_idle_timeout", "auto_ping_reply_timeout", "websocket_handshake_timeout"]


@pytest.mark.parametrize("value", NO_TIMES, ids=str)
@pytest.mark.parametrize("name", TIMEOUTS)
async def test_a_timeout_is_a_time_that_can_be_waited_for(name: str, value: Any) -> None:
    """NaN was no limit, or the end of the connection."""
    given: Any = {"enable_auto_ping": True, name: value}
    match = f"^{name} must be more than 0 and at most 1000000000 seconds$"
    with pytest.raises(ValueError, match=match):
        await ws_connect(WSListener, NOWHERE, **given)
    with pytest.raises(ValueError, match=match):
        await ws_create_server(lambda _: None, "127.0.0.1", 0, **given)


@pytest.mark.parametrize("value", TIMES, ids=str)
@pytest.mark.parametrize("loop", stacks.LOOPS)
def test_any_number_that_is_a_time_is_one(loop: str, value: Any) -> None:
    async def main() -> None:
        given = {"auto_ping_idle_timeout": value, "auto_ping_reply_timeout": value}
        options: Any = {"enable_auto_ping": True, **given}
        async with paired("client", websocket_handshake_timeout=max(5, value), **options) as pair:
            pair.transport.send(wire.TEXT, b"hello")
            while (await pair.peer.read_frame()).opcode == wire.PING:
                pair.peer.send(wire.Frame(wire.PONG))

    stacks.run(loop, main())


async def test_timeouts_of_auto_ping_that_is_off_are_any_numbers() -> None:
    for value in (0, -1, 1e308):
        given: Any = {"auto_ping_idle_timeout": value, "auto_ping_reply_timeout": 2 * value}
        async with paired("client", **given) as pair:
            pair.transport.send(wire.TEXT, b"hello")
            assert await pair.peer.read_frame() == wire.Frame(wire.TEXT, b"hello")
    for name in TIMEOUTS:
        with pytest.raises(ValueError, match=f"^{name} must be "):
            await ws_connect(WSListener, NOWHERE, **{name: math.nan})


async def test_a_number_is_one_that_can_be_held() -> None:
    with pytest.raises(OverflowError, match="max_frame_size must be at most"):
        await ws_connect(WSListener, NOWHERE, max_frame_size=sys.maxsize + 1)
    for value in (-1, -(2**70)):
        with pytest.raises(ValueError, match="max_frame_size"):
            await ws_connect(WSListener, NOWHERE, max_frame_size=value)
        with pytest.raises(ValueError, match="max_pending_handshakes"):
            await ws_create_server(lambda _: None, "127.0.0.1", 0, max_pending_handshakes=value)


PORTS_TOO_LARGE = [99999, -1, 65536, 2**70, "99999", b"65536", "-1"]


@pytest.mark.parametrize("loop", stacks.LOOPS)
@pytest.mark.parametrize("use_aiofastnet", stacks.TRANSPORTS.values())
@pytest.mark.parametrize("host", ["127.0.0.1", None, "localhost", ["127.0.0.1", "::1"]], ids=str)
def test_a_port_that_there_is_not(loop: str, use_aiofastnet: bool | None, host: Any) -> None:
    """The resolver took the lower 16 bits: port=99999 listened at 34463."""

    async def main() -> None:
        options: dict[str, Any] = {"use_aiofastnet": use_aiofastnet}
        for port in PORTS_TOO_LARGE:
            with pytest.raises(OverflowError, match="port must be 0 to 65535"):
                await ws_create_server(lambda _: None, host, port, **options)
        for port in (80.5, [80], object()):
            with pytest.raises(TypeError, match=r"^port must be .*, not "):
                await ws_create_server(lambda _: None, host, port, **options)

    stacks.run(loop, main())


@pytest.mark.parametrize("use_aiofastnet", stacks.TRANSPORTS.values())
async def test_ports_that_can_be_listened_at(use_aiofastnet: bool | None) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        number = free.getsockname()[1]
    for port in (number, str(number), str(number).encode(), 0, "0", ""):
        server = await ws_create_server(
            lambda _: None, "127.0.0.1", port, use_aiofastnet=use_aiofastnet
        )
        if port not in (0, "0", ""):
            assert server.sockets[0].getsockname()[1] == number
        server.close()
        await server.wait_closed()


async def test_the_name_of_a_service_is_looked_up() -> None:
    with pytest.raises(socket.gaierror):
        await ws_create_server(lambda _: None, "127.0.0.1", "no-such-service")


@pytest.mark.skipif(sys.platform != "linux", reason="other systems connect from elsewhere")
@pytest.mark.parametrize("use_aiofastnet", stacks.TRANSPORTS.values())
async def test_a_port_to_connect_from(use_aiofastnet: bool | None) -> None:
    """With `local_addr` too, the lower 16 bits were taken on uvloop."""
    with pytest.raises(OverflowError, match="port must be 0"):
        await ws_connect(
            WSListener, NOWHERE, local_addr=("127.0.0.1", 99999), use_aiofastnet=use_aiofastnet
        )
