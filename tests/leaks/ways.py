"""The ways in which a connection, or the attempt to make one, can end. endings.py runs them."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import opening
from opening import FAILURES, SECONDS_MAX, ended
from places import ACTIONS, BAD_FACTORIES, LARGE, Doing, Place, Quiet, factory
from support import stacks

from picows import WSMsgType, ws_broadcast, ws_connect, ws_create_server
from picows.testing import wire

Round = Callable[[Place, int], Awaitable[None]]
CALLBACKS = (
    "on_ws_connected",
    "on_ws_frame",
    "on_ws_disconnected",
    "pause_writing",
    "resume_writing",
    "send_user_specific_ping",
    "is_user_specific_pong",
)
GO_ON = ("on_ws_disconnected", "pause_writing", "resume_writing")
"""Where an exception does not end a connection: docs/exceptions.md."""


@dataclass(frozen=True)
class Way:
    """`at_once` rounds run at the same time, after a `warm_up` that does not count.

    `dropped` ones make event loops of their own. Where each round has another URL, the warm-up
    fills the caches of URLs, which have 128.
    """

    round: Round | None = None
    at_once: int = 30
    warm_up: int = 60
    dropped: Callable[[Callable[[], asyncio.AbstractEventLoop], int], None] | None = None
    allowed: str = ""
    """A pattern: what may be said of a round, because it is documented."""


# Callbacks


async def in_callback(place: Place, number: int, where: str, is_client: bool, action: str) -> None:
    """An exception, or disconnect(graceful=False), in a callback of one side."""
    options: dict[str, Any] = {}
    listener: Any = Quiet
    path = ""
    name = "ours"
    if is_client:
        listener = partial(Doing, where, ACTIONS[action])
        if "user_specific" in where:
            options = {"enable_auto_ping": True, "auto_ping_idle_timeout": 0.02}
            options["auto_ping_reply_timeout"] = 0.02
    else:
        name = "pinging" if "user_specific" in where else name
        path = f"{action}/{where}"
    with contextlib.suppress(*FAILURES):
        transport, _ = await ws_connect(
            listener, place.url(name, f"/{path}"), **place.options | options
        )
        transport.send(WSMsgType.BINARY, b"hello")
        if where in GO_ON:
            await asyncio.sleep(0.05)
            transport.disconnect()
        await ended(place, transport)


# Connections that were open


async def raw_server_does(place: Place, number: int, what: str) -> None:
    with contextlib.suppress(*FAILURES):
        transport, _ = await ws_connect(Quiet, place.url("raw", f"/{what}"), **place.options)
        for _ in range(40 if what == "deaf" else 1):
            transport.send(WSMsgType.BINARY, LARGE)
        if what == "deaf":
            transport.disconnect(graceful=False)
        await ended(place, transport)


async def raw_client_half_open(place: Place, number: int) -> None:
    """A client of our server that ends its side, reads to the end and only then leaves."""
    reader, writer = await asyncio.open_connection("127.0.0.1", place.ports["ours"])
    writer.write(wire.request() + b"\x82\xfe\x10\x00 a part of a frame")
    writer.write_eof()
    await reader.read()
    writer.close()
    await writer.wait_closed()


async def send_after_end(place: Place, number: int) -> None:
    transport, _ = await ws_connect(Quiet, place.url("ours"), **place.options)
    transport.disconnect(graceful=number % 2 == 0)
    for _ in range(2):
        transport.send(WSMsgType.BINARY, LARGE)
        transport.send(WSMsgType.TEXT, "late")
        transport.send_ping(b"late")
        transport.send_pong(b"late")
        transport.send_reuse_external_bytearray(WSMsgType.BINARY, bytearray(20), 14)
        ws_broadcast([transport], WSMsgType.BINARY, LARGE, max_queued=1 << 30)
        transport.send_close(1000, "late")
        transport.disconnect()
        await ended(place, transport)
    with contextlib.suppress(ConnectionError, RuntimeError):
        await transport.measure_roundtrip_time(1)


async def measuring_is_cancelled(place: Place, number: int) -> None:
    """On a peer that is dead, and on one that answers."""
    path = place.url("raw", "/deaf") if number % 2 else place.url("ours")
    transport, _ = await ws_connect(Quiet, path, **place.options)
    tasks = [asyncio.ensure_future(transport.measure_roundtrip_time(1000)) for _ in range(2)]
    await asyncio.sleep(0.0005 * (number % 5))
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    transport.disconnect(graceful=number % 3 == 0)
    await ended(place, transport)


async def ping_timeout(place: Place, number: int) -> None:
    options = {"enable_auto_ping": True, "auto_ping_idle_timeout": 0.02}
    options["auto_ping_reply_timeout"] = 0.02
    with contextlib.suppress(*FAILURES):
        transport, _ = await ws_connect(Quiet, place.url("raw", "/deaf"), **place.options | options)
        await ended(place, transport)


async def serving_is_cancelled(place: Place, number: int) -> None:
    """serve_forever() with a connection open and one whose handshake has just begun."""
    server = await ws_create_server(
        factory, "127.0.0.1", 0, use_aiofastnet=place.stack.use_aiofastnet
    )
    task = asyncio.ensure_future(server.serve_forever())
    url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    transport, _ = await ws_connect(Quiet, url, **place.options)
    begun = asyncio.ensure_future(ws_connect(Quiet, url, **place.options))
    await asyncio.sleep(0)
    task.cancel()
    transport.disconnect(graceful=number % 2 == 0)
    await ended(place, transport)
    begun.cancel()
    result = (await asyncio.gather(task, begun, return_exceptions=True))[1]
    if isinstance(result, tuple):
        result[0].disconnect(graceful=False)
        await ended(place, result[0])


async def crowded_out(place: Place, number: int) -> None:
    """Three silent clients where two may wait: the oldest has to go."""
    pairs = []
    for _ in range(3):
        pairs.append(await asyncio.open_connection("127.0.0.1", place.ports["crowded"]))
    await asyncio.wait_for(pairs[0][0].read(), SECONDS_MAX)
    for _, writer in pairs:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


# Event loops that nobody closes


async def _connected(stack: stacks.Stack) -> Any:
    server = await ws_create_server(factory, "127.0.0.1", 0, use_aiofastnet=stack.use_aiofastnet)
    url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    options = {"use_aiofastnet": stack.use_aiofastnet}
    transport, _ = await ws_connect(Quiet, url, **options)
    transport.send(WSMsgType.BINARY, b"hello")
    await asyncio.sleep(0)
    return transport, server


def loop_dropped(
    stack: stacks.Stack, factory: Callable[[], asyncio.AbstractEventLoop], number: int
) -> None:
    """With open connections and a server; closed first, or not even that.

    On uvloop always closed: a loop of it that is not stays for ever, with picows or without.
    """
    loop = factory()
    kept = loop.run_until_complete(_connected(stack))
    if number % 2 or stack.loop == "uvloop":
        loop.close()
    del kept, loop
    gc.collect()


def ways(stack: stacks.Stack) -> dict[str, Way]:
    found: dict[str, Way] = {}
    for how in ("tcp", "name", "tls", "redirect", "socket-factory", "http-proxy", "socks5-proxy"):
        found[f"cancelled {how}"] = Way(partial(opening.cancelled, how=how))
    for action in ACTIONS:
        for where in CALLBACKS:
            for side in ("client", "server"):
                found[f"{action} in {where} of {side}"] = Way(
                    partial(in_callback, where=where, is_client=side == "client", action=action),
                    allowed=rf"loop: protocol\.{where}\(\) failed: AskedForError",
                )
    for how in ("raises", "is-wrong"):
        found[f"client factory {how}"] = Way(partial(opening.factory_fails, how=how))
    for how in BAD_FACTORIES:
        found[f"server factory {how}"] = Way(partial(opening.server_factory, how=how))
    found["server factory waits"] = Way(opening.server_factory_waits)
    for name in ("ours", "ours-tls"):
        for action in ("resets", "leaves"):
            early = wire.request(line="GET /later HTTP/1.1") + bytes(100)
            waiting = partial(opening.waiting_client, name=name, sent=early, action=action)
            found[f"raw client {action} {name}, whose factory waits"] = Way(waiting)
    for line in ("HEAD /none HTTP/1.0", "HEAD /later HTTP/1.1"):
        sent = wire.request(line=line)
        plain = partial(opening.raw_client, name="ours", sent=sent, is_reset=False)
        found[line] = Way(plain)
    for what in ("status", "garbage", "accept", "cut", "body", "endless", "reset"):
        found[f"refused {what}"] = Way(partial(opening.answered, path=f"/{what}"))
    found["refused by us"] = Way(opening.refused_by_us)
    for what in ("to-ours", "again", "nowhere"):
        found[f"redirected {what}"] = Way(partial(opening.answered, path=f"/{what}"))
    for scheme, name in opening.PROXIES:
        found[f"{scheme} proxy, {name}"] = Way(partial(opening.proxied, scheme=scheme, name=name))
    found["untrusted certificate"] = Way(opening.untrusted)
    found["server speaks no TLS"] = Way(opening.not_tls)
    for name in ("silent", "silent-not-tls"):
        found[f"handshake timeout, {name}"] = Way(partial(opening.silent, name=name), at_once=200)
    for name in ("hurried", "hurried-tls"):
        waiting = partial(opening.raw_client, name=name, sent=b"", is_reset=False)
        found[f"handshake timeout of {name} server"] = Way(waiting, at_once=200)
    for name, sent in (("ours", wire.request()), ("ours-tls", b"GET / HTTP/1.1\r\n\r\n")):
        found[f"raw client resets {name}"] = Way(
            partial(opening.raw_client, name=name, sent=sent, is_reset=True)
        )
    not_tls_client = partial(
        opening.raw_client, name="ours-tls", sent=b"GET /\r\n\r\n", is_reset=False
    )
    found["client speaks no TLS"] = Way(not_tls_client)
    for what in ("half-open", "cut-frame", "deaf"):
        found[f"peer is {what}"] = Way(partial(raw_server_does, what=what))
    found["client is half open"] = Way(raw_client_half_open)
    found["send after the end"] = Way(send_after_end)
    found["measuring is cancelled"] = Way(measuring_is_cancelled)
    found["ping timeout"] = Way(ping_timeout, at_once=200)
    found["serve_forever is cancelled"] = Way(serving_is_cancelled, warm_up=140)
    found["crowded out"] = Way(crowded_out, at_once=1)
    found["loop dropped"] = Way(
        dropped=partial(loop_dropped, stack), warm_up=140, allowed="ResourceWarning: unclosed "
    )
    return found
