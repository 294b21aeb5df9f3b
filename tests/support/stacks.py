"""What a connection can run on: event loops, transports, TLS."""

from __future__ import annotations

import asyncio
import functools
import ssl
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from .certificates import make_authority

_authority = functools.cache(make_authority)


@functools.cache
def server_tls(*names: str) -> ssl.SSLContext:
    """The certificate is for localhost and 127.0.0.1, or for other names; made once in a run."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _authority().issue_cert(*(names or ("localhost", "127.0.0.1"))).configure_cert(context)
    return context


@functools.cache
def client_tls() -> ssl.SSLContext:
    context = ssl.create_default_context()
    _authority().configure_trust(context)
    return context


def _loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    factories: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
        "asyncio": asyncio.SelectorEventLoop
    }
    if find_spec("uvloop"):
        import uvloop

        factories["uvloop"] = uvloop.new_event_loop
    return factories


LOOPS = _loop_factories()


def run(loop_name: str, main: Coroutine[Any, Any, Any], seconds_max: float = 60) -> Any:
    """Run a coroutine in a new event loop of that kind."""

    async def bounded() -> Any:
        async with asyncio.timeout(seconds_max):
            return await main

    with asyncio.Runner(loop_factory=LOOPS[loop_name]) as runner:
        return runner.run(bounded())


TRANSPORTS: dict[str, bool | None] = {"own": None, "loop": False}
"""Whose transports carry connections, by the value of use_aiofastnet."""
if find_spec("aiofastnet"):
    TRANSPORTS["aiofastnet"] = True


@dataclass(frozen=True)
class Stack:
    """One way to run a connection."""

    loop: str
    use_aiofastnet: bool | None
    tls: bool

    def __str__(self) -> str:
        return f"{self.loop}-{self.transport}-{'tls' if self.tls else 'tcp'}"

    @property
    def transport(self) -> str:
        return next(name for name, value in TRANSPORTS.items() if value is self.use_aiofastnet)

    @property
    def server_options(self) -> dict[str, Any]:
        ssl_context = server_tls() if self.tls else None
        return {"use_aiofastnet": self.use_aiofastnet, "ssl": ssl_context}

    @property
    def client_options(self) -> dict[str, Any]:
        ssl_context = client_tls() if self.tls else None
        return {"use_aiofastnet": self.use_aiofastnet, "ssl_context": ssl_context}

    def url(self, port: int) -> str:
        return f"{'wss' if self.tls else 'ws'}://127.0.0.1:{port}/"


STACKS = [
    Stack(loop, use_aiofastnet, tls)
    for loop in LOOPS
    for use_aiofastnet in TRANSPORTS.values()
    for tls in (False, True)
]
