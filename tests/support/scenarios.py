"""What programs do with a connection; `test_websockets_pairings.py` runs each."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from .pairings import Scenario, Side, connected

SCENARIOS: dict[str, Scenario] = {}

_Program = Callable[[Side], Awaitable[Any]]


def scenario(
    handler: _Program,
    *,
    serve: dict[str, Any] | None = None,
    connect: dict[str, Any] | None = None,
    compares_frames: bool = True,
) -> Callable[[_Program], _Program]:
    """The decorated program is a client's, connected."""

    def add(program: _Program) -> _Program:
        SCENARIOS[program.__name__] = Scenario(
            connected(program), handler, serve or {}, connect or {}, compares_frames
        )
        return program

    return add


async def echo(side: Side) -> None:
    async for message in side.ws:
        await side.ws.send(message)


async def until_closed(side: Side) -> None:
    """Takes what comes, and notes it."""
    while await side.see(side.ws.recv()) is not None:
        pass
    await side.end()


async def silent(side: Side) -> None:
    await side.ws.wait_closed()
    await side.end()


def sends(*messages: Any) -> _Program:
    async def handler(side: Side) -> None:
        for message in messages:
            await side.ws.send(message)
        await side.ws.wait_closed()
        await side.end()

    return handler


async def items(*values: Any) -> AsyncIterator[Any]:
    for value in values:
        yield value


@scenario(echo)
async def messages_of_all_kinds(side: Side) -> None:
    for message in ("", "text", "ä\U0001f600", b"", b"\x00\xff", bytearray(b"a"), memoryview(b"b")):
        await side.ws.send(message)
        await side.see(side.ws.recv())
    for size in (125, 126, 65535, 65536, 1 << 20):
        await side.ws.send("x" * size)
        side.note(len(await side.ws.recv()))


@scenario(echo)
async def the_kind_can_be_chosen(side: Side) -> None:
    await side.ws.send(b"bytes as text", text=True)
    await side.see(side.ws.recv())
    await side.ws.send("text as bytes", text=False)
    await side.see(side.ws.recv())
    await side.ws.send("text")
    await side.see(side.ws.recv(decode=False))
    await side.ws.send(b"bytes")
    await side.see(side.ws.recv(decode=True))


@scenario(until_closed)
async def fragments(side: Side) -> None:
    await side.ws.send(["a", "b"])
    await side.ws.send([b"a", b"", bytearray(b"c")])
    await side.ws.send(items("x", "y"))
    await side.ws.send(("z",))
    await side.ws.send([])
    await side.ws.send(items())
    await side.ws.send([b"text"], text=True)


async def streams(side: Side) -> None:
    while await side.see(all_of(side.ws.recv_streaming())):
        pass


@scenario(streams)
async def fragments_one_by_one(side: Side) -> None:
    await side.ws.send("whole")
    await side.ws.send(["a", "b"])
    await side.ws.send([b"\xc3", b"\xa4"], text=True)  # a character in two fragments
    await side.ws.send([b"\xf0\x9f", b"", b"\x98", b"\x80"], text=True)
    await side.ws.send(items(b"x", b"y"))


@scenario(echo)
async def what_cannot_be_sent(side: Side) -> None:
    for message in (1, None, {"a": "b"}, {}):
        await side.see(side.ws.send(message))
    await side.ws.send("still open")
    await side.see(side.ws.recv())


def _fails_in_fragments(name: str, message: Callable[[], Any]) -> None:
    async def program(side: Side) -> None:
        await side.see(side.ws.send(message()))
        side.note(side.ws.state.name)

    program.__name__ = f"fragments_fail_{name}"
    scenario(until_closed)(program)


def _raises() -> Any:
    yield "a"
    raise ZeroDivisionError


_fails_in_fragments("first", lambda: [1])
_fails_in_fragments("mixed", lambda: ["a", b"b"])
_fails_in_fragments("mixed_async", lambda: items(b"a", "b"))
_fails_in_fragments("wrong", lambda: ["a", 1])
_fails_in_fragments("raising", _raises)


def _closes(name: str, *arguments: Any) -> None:
    async def program(side: Side) -> None:
        await side.see(side.ws.close(*arguments))
        await side.see(side.ws.close(1001))

    program.__name__ = f"client_closes_{name}"
    scenario(until_closed)(program)

    async def handler(side: Side) -> None:
        await side.see(side.ws.close(*arguments))
        await side.end()

    async def client(side: Side) -> None:
        await side.see(side.ws.recv())

    client.__name__ = f"server_closes_{name}"
    scenario(handler)(client)


_closes("plainly")
_closes("with_a_reason", 1000, "dönè")
_closes("going_away", 1001)
_closes("with_an_error", 1011, "x" * 123)
_closes("with_a_private_code", 4000, "mine")
_closes("with_a_registered_code", 3000)


@scenario(until_closed)
async def close_with_what_is_not_allowed(side: Side) -> None:
    for arguments in ((999,), (1004,), (1005,), (1006,), (1015,), (2999,), (5000,)):
        await side.see(side.ws.close(*arguments))
    await side.see(side.ws.close(1000, "x" * 124))
    await side.see(side.ws.close(1000, "ä" * 62))
    side.note(side.ws.state.name)


@scenario(sends("a", "b"))
async def what_arrived_is_received_after_the_end(side: Side) -> None:
    await asyncio.wait_for(side.ws.recv(), 10)
    await side.ws.ping()
    await (await side.ws.ping())  # so that all has arrived
    await side.ws.close()
    await side.see(side.ws.recv())
    await side.see(side.ws.recv())


@scenario(until_closed)
async def everything_after_the_end(side: Side) -> None:
    await side.ws.close()
    for attempt in (
        side.ws.recv(),
        side.ws.send("x"),
        side.ws.send(["x"]),
        side.ws.ping(),
        side.ws.pong(),
        side.ws.close(),
        side.ws.wait_closed(),
    ):
        await side.see(attempt)
    first, second = [], []
    for errors in (first, second):
        try:
            await side.ws.recv()
        except Exception as error:
            errors.append(error)
    side.note(first[0] is not second[0])
    side.note([message async for message in side.ws])


async def _raise(side: Side) -> None:
    await side.ws.recv()
    raise ZeroDivisionError("of the handler")


@scenario(_raise)
async def the_handler_raises(side: Side) -> None:
    await side.ws.send("x")
    await side.see(side.ws.recv())


@scenario(echo)
async def the_handler_returns(side: Side) -> None:
    await side.ws.send("x")
    side.note([message async for message in _first(side.ws, 1)])


async def _first(ws: Any, count: int) -> AsyncIterator[Any]:
    async for message in ws:
        yield message
        count -= 1
        if not count:
            return


@scenario(until_closed)
async def the_client_raises(side: Side) -> None:
    with contextlib.suppress(ZeroDivisionError):
        async with side.ws:
            raise ZeroDivisionError


async def aborts(side: Side) -> None:
    await side.ws.recv()
    side.ws.transport.abort()
    await side.end()


@scenario(aborts)
async def the_server_is_cut_off(side: Side) -> None:
    await side.ws.send("x")
    waiter = await side.ws.ping()
    await side.see(side.ws.recv())
    await side.see(waiter)


@scenario(until_closed)
async def the_client_is_cut_off(side: Side) -> None:
    await side.ws.send("x")
    await (await side.ws.ping())
    side.ws.transport.abort()
    await side.ws.wait_closed()


@scenario(until_closed)
async def text_that_is_none(side: Side) -> None:
    await side.ws.send(b"abc\xff", text=True)
    await side.see(side.ws.recv())


@scenario(sends(b"abc\xff"))
async def bytes_that_are_no_text(side: Side) -> None:
    await side.see(side.ws.recv(decode=True))


async def takes_bytes(side: Side) -> None:
    await side.see(side.ws.recv(decode=False))
    await until_closed(side)


@scenario(takes_bytes)
async def text_that_is_none_as_bytes(side: Side) -> None:
    await side.ws.send(b"abc\xff", text=True)
    await side.ws.send("x")
    await (await side.ws.ping())


@scenario(echo)
async def pings(side: Side) -> None:
    first, second = await side.ws.ping("a"), await side.ws.ping(b"b")
    await side.see(second)
    side.note(first.done())
    await side.see(first)
    await side.see(await side.ws.ping())
    await side.ws.pong()
    await side.ws.pong("unasked")


@scenario(silent)
async def wrong_pings(side: Side) -> None:
    await side.see(side.ws.ping("x" * 126))
    await side.see(side.ws.ping(1))
    await side.see(side.ws.pong(1))
    await side.see(side.ws.pong("x" * 126))
    await side.ws.ping("a")
    await side.see(side.ws.ping("a"))


@scenario(silent)
async def two_receive(side: Side) -> None:
    first = asyncio.create_task(side.ws.recv())
    await asyncio.sleep(0)
    await side.see(side.ws.recv())
    await side.see(all_of(side.ws.recv_streaming()))
    first.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await first


async def all_of(items: Any) -> list[Any]:
    return [item async for item in items]
