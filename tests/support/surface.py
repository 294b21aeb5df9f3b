"""Calls everything that the library offers with what nobody should pass.

What there is to call is found by looking: the names of the package and of the compiled module,
then the attributes of the objects that a live client and a live server are made of. An exception is
fine, also a result; the end of the process is not, nor is an error of the interpreter's own
(SystemError). Each call is written down before it is made, so that the last one is known.

    python -m support.surface LOOP SEED CALLS SECONDS LOG
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import inspect
import logging
import os
import random
import socket
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import picows
from picows import WSCloseCode, WSListener, WSMsgType, _native, ws_connect, ws_create_server
from picows.loop.state import loop_state

from . import stacks
from .odd_values import Pool

CALLS_A_WORLD = 60
#: Waits for all clients to leave; closes what the event loop watches, as if this were a child.
LEFT_OUT = {"serve_forever", "after_fork"}
#: Have the interpreter look up names in DNS, or listen where others can connect.
NETWORK = {"host", "url", "proxy", "local_addr", "server_hostname", "path"}
#: What makes sense, by the name of the argument: an odd one may be looked at only if the others are
#: in order. Arguments that are not here are odd always.
SENSE: dict[str, Callable[[], Any]] = {
    "msg_type": lambda: WSMsgType.BINARY,
    "message": lambda: bytes(100),
    "buffer": lambda: bytearray(100),
    "msg_offset": lambda: 14,
    "close_code": lambda: WSCloseCode.OK,
    "close_message": lambda: b"bye",
    "data": lambda: bytes(100),
    "lines": lambda: [bytes(10)] * 3,
    "name": lambda: "peername",
    "default": lambda: None,
    "high": lambda: 2000,
    "low": lambda: 1000,
    "rounds": lambda: 1,
    "graceful": lambda: True,
    "max_queued": lambda: 100,
    "when_full": lambda: "skip",
    "decode": lambda: None,
    "max_queue": lambda: 10,
    "cause": lambda: None,
    "exc": lambda: None,
    "sizehint": lambda: -1,
    "nbytes": lambda: 0,
    **dict.fromkeys(("fin", "rsv1", "rsv2", "rsv3"), lambda: True),
}


class Listener(WSListener):
    """Calls what it is shown to, inside of the callback."""

    def __init__(self, world: World | None = None) -> None:
        self.world = world
        self.frames: list[Any] = []

    def on_ws_connected(self, transport: Any) -> None:
        self.transport = transport

    def on_ws_frame(self, transport: Any, frame: Any) -> None:
        self.frames = [*self.frames[-2:], frame]
        if self.world is not None:
            self.world.inside(frame)


class Mailbox(_native.AsgiListener):
    """A connection whose user takes messages, with what a task that waits for one consists of."""

    def parts(self) -> list[Any]:
        waiting = self.recv()
        waiter = waiting.send(None)
        waiter.add_done_callback(lambda _: None)
        return [self, waiting, waiter, _native.Done()]


class World:
    """A server and a client of ours, and all that they consist of."""

    def __init__(self, fuzz: Fuzz, server: Any, transport: Any, listener: Listener) -> None:
        self.fuzz = fuzz
        self.server = server
        self.listener = listener
        self.transport = transport
        self.accepted: Any = None
        self.parts: list[Any] = []
        self.calls_inside = 0

    def live(self) -> list[Any]:
        """The objects of the library that can be reached from the ends of the connection."""
        roots = [self.server, self.transport, self.accepted, loop_state(self.fuzz.loop)]
        roots += self.parts
        with contextlib.suppress(Exception):
            protocol = self.transport.underlying_transport.get_protocol()
            roots += [protocol, protocol.get_buffer(-1).obj]
        found: dict[int, Any] = {}
        waiting = [*roots, *self.listener.frames, *self.fuzz.hub()]
        while waiting:
            each = waiting.pop()
            if id(each) in found or not classes_of(each):
                continue
            if isinstance(each, socket.socket):
                continue  # libuv ends the process if one is closed that it watches
            found[id(each)] = each
            waiting += gc.get_referents(each)
        return list(found.values())

    def inside(self, frame: Any) -> None:
        if self.calls_inside > 0:
            self.calls_inside -= 1
            self.fuzz.call_something([self.transport, frame, self.accepted])

    def acts(self) -> dict[str, Callable[[], Any]]:
        transport = self.transport
        underlying = transport.underlying_transport
        return {
            "abort": underlying.abort,
            "close": underlying.close,
            "disconnect": transport.disconnect,
            "lost": lambda: underlying.get_protocol().connection_lost(None),
            "send": lambda: transport.send(WSMsgType.TEXT, "odd"),
            "send_close": transport.send_close,
            "receive": lambda: underlying.get_protocol().buffer_updated(0),
        }


class Fuzz:
    def __init__(self, seed: int, log: int) -> None:
        self.rng = random.Random(seed)
        self.log = log
        self.calls = 0
        self.kinds: set[str] = set()
        self.tasks: list[asyncio.Task[Any]] = []
        self.acts: dict[str, Callable[[], Any]] = {}
        self._hub: list[Any] = []
        self._parameters: dict[str, list[inspect.Parameter]] = {}

    def hub(self) -> list[Any]:
        """The event loop's, which nothing that users see leads to."""
        if not self._hub:
            self._hub = [each for each in gc.get_objects() if type(each).__name__ == "Hub"]
        return self._hub

    async def run(self, calls_max: int, seconds_max: float) -> None:
        self.loop = asyncio.get_running_loop()
        self.loop.set_exception_handler(lambda *_: None)
        end = time.monotonic() + seconds_max
        while self.calls < calls_max and time.monotonic() < end:
            with contextlib.suppress(OSError, picows.WSError):
                await self._in_a_world()

    async def _in_a_world(self) -> None:
        rng = self.rng
        accepted: list[Listener] = []

        def factory(request: Any) -> WSListener:
            accepted.append(Listener())
            return accepted[-1]

        own = rng.choice([None, None, None, False])
        options = {"coalesce_sends": rng.random() < 0.5, "use_aiofastnet": own}
        server = await ws_create_server(factory, "127.0.0.1", 0, **options)
        port = server.sockets[0].getsockname()[1]
        self.port = port
        listener = Listener()
        transport, _ = await ws_connect(lambda: listener, f"ws://127.0.0.1:{port}/", **options)
        world = listener.world = World(self, server, transport, listener)
        world.accepted = accepted[0].transport
        if rng.random() < 0.5:  # the server's end is the one that is used most
            world.transport, world.accepted = world.accepted, world.transport
            accepted[0].world, world.listener = world, accepted[0]
        _, mailbox = await ws_connect(Mailbox, f"ws://127.0.0.1:{port}/", **options)
        world.parts = mailbox.parts()
        self.acts = world.acts()
        transport.send(WSMsgType.TEXT, "first")
        accepted[0].transport.send(WSMsgType.BINARY, bytes(300))
        for _ in range(CALLS_A_WORLD // 20):
            world.calls_inside = 3
            await asyncio.sleep(0)
            live = world.live()
            self.kinds.update(*map(classes_of, live))
            for _ in range(20):
                self.call_something(live)
            with contextlib.suppress(Exception):
                world.accepted.send(WSMsgType.TEXT, "more")
            await asyncio.sleep(0)
        await self._end(world)

    async def _end(self, world: World) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        self.tasks.clear()
        self.acts = {}
        world.listener.world = None
        for end in (world.transport, world.accepted, world.parts[0].ws_transport):
            with contextlib.suppress(Exception):
                end.underlying_transport.abort()
        with contextlib.suppress(Exception):
            world.server.close()
        await asyncio.sleep(0)

    def call_something(self, live: list[Any]) -> None:
        pool = Pool(self.rng, self.acts)
        if self.rng.random() < 0.15:
            self._call_function(pool, live)
        elif live:
            kind = self.rng.choice(sorted({type(each) for each in live}, key=repr))
            self._use(pool, self.rng.choice([each for each in live if type(each) is kind]), live)

    def _use(self, pool: Pool, target: Any, live: list[Any]) -> None:
        """One method or attribute of an object."""
        rng = self.rng
        kind = type(target)
        names = [name for name in dir(kind) if name not in LEFT_OUT]
        if rng.random() < 0.9:  # what every object has is tried now and then
            names = [name for name in names if not hasattr(object, name)] or names
        name = rng.choice(names)
        how = rng.choice(["call", "call", "call", "call", "get", "set", "delete", "wrong self"])
        label = f"{kind.__name__}.{name}"
        if how == "set" and not name.startswith("__"):
            described, value = pool.make(live)
            self._do(f"{label} = {described}", lambda: setattr(target, name, value))
        elif how == "delete" and not name.startswith("__"):
            self._do(f"del {label}", lambda: delattr(target, name))
        elif how == "wrong self":
            described, value = pool.make(live)
            self._call(
                pool,
                f"{kind.__name__}.{name}: {described}",
                getattr(kind, name, None),
                live,
                [value],
            )
        else:
            found: list[Any] = []
            self._do(label, lambda: found.append(getattr(target, name)))
            if how == "call" and found:
                self._call(pool, label, found[0], live)

    def _call_function(self, pool: Pool, live: list[Any]) -> None:
        """A function or class of the package or of the compiled module."""
        modules = [picows] * 2 + [_native]
        module = self.rng.choice(modules)
        names = picows.__all__ if module is picows else [n for n in dir(_native) if n[0] != "_"]
        name = self.rng.choice(sorted(names))
        function = getattr(module, name)
        if inspect.iscoroutinefunction(function):
            self._call_coroutine(pool, name, function, live)
        elif callable(function):
            self._call(pool, name, function, live)

    def _call(
        self, pool: Pool, label: str, function: Any, live: list[Any], first: list[Any] | None = None
    ) -> None:
        if not callable(function):
            return
        if label not in self._parameters:
            self._parameters[label] = parameters(function)
        found = self._parameters[label]
        odd = self.rng.choice(found or [None])
        has_sense = self.rng.random() < 0.5
        has_names = self.rng.random() < 0.3
        positional = list(first or ())
        keywords: dict[str, Any] = {}
        described = []
        for each in found:
            if each.default is not each.empty and each is not odd and self.rng.random() < 0.5:
                has_names = True
                continue
            if has_sense and each is not odd and each.name in SENSE:
                text, value = each.name, SENSE[each.name]()
            else:
                text, value = pool.make(live)
            if each.name == "data" and text.startswith("huge"):
                value = b""  # data_received() reads where it stands: no MemoryError comes before
            if each.kind is each.KEYWORD_ONLY or (
                has_names and each.kind is not each.POSITIONAL_ONLY
            ):
                keywords[each.name] = value
            elif each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD):
                positional.append(value)
            else:
                continue
            described.append(f"{each.name}={text}")
        if not found:
            for _ in range(self.rng.randrange(4)):
                text, value = pool.make(live)
                described.append(text)
                positional.append(value)
        self._do(f"{label}({', '.join(described)})", lambda: function(*positional, **keywords))

    def _call_coroutine(self, pool: Pool, name: str, function: Any, live: list[Any]) -> None:
        """ws_connect and ws_create_server: one argument is odd."""
        names = [each for each in inspect.signature(function).parameters if each not in NETWORK]
        odd = self.rng.choice(names)
        described, value = pool.make(live)
        arguments: dict[str, Any] = {"ws_listener_factory": Listener}
        if name == "ws_connect":
            arguments["url"] = f"ws://127.0.0.1:{self.port}/"
        else:
            arguments |= {
                "ws_listener_factory": lambda _: Listener(),
                "host": "127.0.0.1",
                "port": 0,
            }
        arguments[odd] = value
        self._do(f"{name}({odd}={described})", lambda: function(**arguments))

    def _do(self, text: str, act: Callable[[], Any]) -> None:
        self.calls += 1
        os.write(self.log, f"{self.calls} {text}\n".encode("ascii", "backslashreplace"))
        try:
            result = act()
        except SystemError as error:
            raise AssertionError(f"call {self.calls}: {text}: {error!r}") from error
        except (Exception, asyncio.CancelledError):  # the second is what a cancelled wait raises
            return
        if inspect.iscoroutine(result):
            if len(self.tasks) < 5:
                self.tasks.append(asyncio.ensure_future(result))
            else:
                result.close()


def classes_of(target: Any) -> set[str]:
    """The classes of the library that an object is of."""
    classes = type(target).__mro__
    return {kind.__name__ for kind in classes if kind.__module__.startswith("picows")}


def parameters(function: Any) -> list[inspect.Parameter]:
    """What a function takes, as far as it says."""
    try:
        return list(inspect.signature(function).parameters.values())
    except Exception:  # it says nothing, or is an odd value itself
        return []


def main(loop: str, seed: str, calls: str, seconds: str, log: str) -> None:
    logging.getLogger("picows").addHandler(logging.NullHandler())
    logging.getLogger("picows").propagate = False
    warnings.simplefilter("ignore")
    sys.unraisablehook = lambda args: None
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    fuzz = Fuzz(int(seed), descriptor)
    with asyncio.Runner(loop_factory=stacks.LOOPS[loop]) as runner:
        runner.run(fuzz.run(int(calls), float(seconds)))
    fuzz.acts = {}
    gc.collect()
    print(fuzz.calls, *sorted(fuzz.kinds))


if __name__ == "__main__":
    main(*sys.argv[1:])
