"""A worker: a process with one event loop, and a listening socket that it inherited.

The supervisor runs it as `python -m picows.workers.worker`.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import logging
import signal
import socket
import ssl
import sys
from collections.abc import Awaitable
from http import HTTPStatus
from typing import Any

from .._native import WSListener
from ..loop.run import run_in_loop
from ..server.listening import TcpServer
from ..server.serve import WSServerListenerFactory, ws_create_server
from ..values.handshake import WSUpgradeRequest, WSUpgradeResponse, WSUpgradeResponseWithListener
from .channel import Channel, Word
from .drain import drain
from .target import enter, load

LOG_FORMAT = "%(asctime)s %(process)d %(levelname)s %(name)s: %(message)s"
_Answer = WSListener | WSUpgradeResponseWithListener | None


@dataclasses.dataclass(frozen=True)
class Job:
    """What a worker is to do; the supervisor passes it as JSON."""

    target: str
    """`module:name`"""
    loop: str
    """`asyncio` or `uvloop`"""
    drain_seconds: float
    health: str
    """Path that is answered with 200, or with 503 while all drain. Empty for none."""
    cert: str | None
    key: str | None
    options: dict[str, Any]
    """For `ws_create_server`."""


class _Gate:
    """The listener factory that the server calls: health checks, then the user's."""

    def __init__(self, factory: WSServerListenerFactory, health: str) -> None:
        self._factory = factory
        self._health = health.encode()
        self.is_shut = False

    def __call__(self, request: WSUpgradeRequest) -> _Answer | Awaitable[_Answer]:
        if self.is_shut:
            return _plain(HTTPStatus.SERVICE_UNAVAILABLE, b"draining\n")
        if self._health and request.path.partition(b"?")[0] == self._health:
            return _plain(HTTPStatus.OK, b"ok\n")
        return self._factory(request)


def _plain(status: HTTPStatus, body: bytes) -> WSUpgradeResponseWithListener:
    response = WSUpgradeResponse(status=status, body=body)
    response.headers["Content-Type"] = "text/plain; charset=utf-8"
    return WSUpgradeResponseWithListener(response, None)


async def work(job: Job, sock: socket.socket, channel_socket: socket.socket) -> None:
    """Listen, serve until the supervisor says how it ends, drain."""
    channel = await Channel.over(channel_socket)
    with contextlib.closing(channel):
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, channel.say, Word.LEAVING)
        function = load(job.target)
        # Now, so that the module could say what it wants of logging.
        logging.basicConfig(format=LOG_FORMAT)
        async with contextlib.AsyncExitStack() as stack:
            gate = _Gate(await enter(function, stack), job.health)
            server = await _listen(job, gate, sock)
            channel.say(Word.READY)
            if await _order(channel) is Word.DRAIN:
                gate.is_shut = True
            else:
                server.close()
                channel.say(Word.RETIRED)
                sock.close()  # else it would outlive the supervisor, and nobody would accept
            await drain(server, job.drain_seconds)


async def _listen(job: Job, gate: _Gate, sock: socket.socket) -> TcpServer:
    context = None
    if job.cert is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(job.cert, job.key)
    options = {"backlog": socket.SOMAXCONN, **job.options}
    server = await ws_create_server(gate, sock=sock, ssl=context, **options)
    if not isinstance(server, TcpServer):
        server.close()
        raise ValueError("use_aiofastnet must be left out: a worker drains picows's own server")
    return server


async def _order(channel: Channel) -> Word:
    """How to end. A supervisor that has vanished makes room for a new one: RETIRE."""
    async for word in channel.words():
        return word
    return Word.RETIRE


def main(arguments: list[str]) -> None:
    """Work as the supervisor says: descriptors of the sockets, and the job."""
    listening, channel = (socket.socket(fileno=int(text)) for text in arguments[:2])
    job = Job(**json.loads(arguments[2]))
    run_in_loop(job.loop, work(job, listening, channel))


if __name__ == "__main__":
    main(sys.argv[1:])
