"""Listen, and send back what is received: to its sender (echo) or to all (broadcast).

The first line of the output says where it listens, with the port that --port 0 chose.
The server does not wait for a client that does not read: echo stops reading from it, broadcast
skips messages that would queue more than 32 MiB. Ctrl-C and SIGTERM close all connections (1001).

exit status:
  0    ended by Ctrl-C or SIGTERM
  1    cannot listen there
  2    wrong arguments
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import ssl
import sys
from pathlib import Path
from typing import Any

from .. import (
    WSCloseCode,
    WSMsgType,
    WSTransport,
    WSUpgradeRequest,
    ws_broadcast,
    ws_create_server,
)
from . import arguments as read
from .client import SIZE_MAX_DEFAULT, add_compress_option
from .demo import make_tls_contexts
from .loop import add_loop_option, run_in_loop
from .messages import MessageListener
from .screen import harmless
from .status import Status

SUMMARY = "an echo or broadcast server"
_QUEUED_MAX = 32 << 20
"""Bytes that may wait for a client of broadcast; what comes then is left out for it."""
_CLOSE_SECONDS = 3.0
"""How long clients may take to answer our CLOSE when the server ends."""


class _Listener(MessageListener):
    """One client. `others` are the transports of all clients, by listener."""

    def __init__(
        self,
        request: WSUpgradeRequest,
        options: argparse.Namespace,
        others: dict[_Listener, WSTransport],
    ) -> None:
        super().__init__(options.max_size)
        self._path = request.path.decode("latin-1")
        self._options = options
        self._others = others
        self._peer = ""

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._others[self] = transport
        address = transport.underlying_transport.get_extra_info("peername")
        self._peer = f"{address[0]}:{address[1]}" if isinstance(address, tuple) else "a client"
        self._log(f"{self._path} connected, {len(self._others)} in all")

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        # It is not there if on_ws_connected did not come to it.
        self._others.pop(self, None)
        self._log(f"gone, {len(self._others)} left")

    def on_message(self, transport: WSTransport, msg_type: WSMsgType, payload: bytes) -> None:
        if self._options.mode == "echo":
            transport.send(msg_type, payload)
            return
        ws_broadcast(self._others.values(), msg_type, payload, max_queued=_QUEUED_MAX)

    def pause_writing(self) -> None:
        super().pause_writing()
        for listener, transport in self._others.items():
            if listener is self and self._options.mode == "echo":
                transport.underlying_transport.pause_reading()

    def resume_writing(self) -> None:
        super().resume_writing()
        transport = self._others.get(self)
        if transport is not None and self._options.mode == "echo":
            transport.underlying_transport.resume_reading()

    def _log(self, text: str) -> None:
        if not self._options.quiet:
            print(harmless(f"{self._peer} {text}"), file=sys.stderr, flush=True)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb to its parser."""
    parser.set_defaults(main=main)
    parser.add_argument(
        "mode", nargs="?", choices=["echo", "broadcast"], default="echo", help="(default: echo)"
    )
    parser.add_argument("--host", default="127.0.0.1", help="(default: %(default)s)")
    parser.add_argument(
        "--port", type=read.whole_number(0, 65535), default=8765, help="(default: %(default)s)"
    )
    parser.add_argument(
        "--path", type=Path, metavar="SOCKET", help="unix socket to listen at instead"
    )
    parser.add_argument(
        "--tls",
        action="store_true",
        help="with a certificate made for this run, unless --cert is given",
    )
    parser.add_argument(
        "--cert", type=Path, metavar="FILE", help="TLS with this certificate, in PEM"
    )
    parser.add_argument("--key", type=Path, metavar="FILE", help="its key, if not in the same file")
    parser.add_argument(
        "--max-size",
        type=read.size,
        default=SIZE_MAX_DEFAULT,
        metavar="BYTES",
        help="longest message to receive, as in 8k or 1M (default: 64M)",
    )
    parser.add_argument(
        "--ping",
        type=read.positive_number,
        metavar="SECONDS",
        help="disconnect clients that do not answer",
    )
    add_compress_option(parser)
    parser.add_argument("-q", "--quiet", action="store_true", help="do not show who comes and goes")
    add_loop_option(parser)


def main(options: argparse.Namespace) -> Status:
    """Serve until told to end, and return the exit status."""
    if options.key is not None and options.cert is None:
        print("--key is for the certificate that --cert names", file=sys.stderr)
        return Status.WRONG_ARGUMENTS
    try:
        run_in_loop(options.loop, _serve(options))
    except OSError as error:  # ssl.SSLError is one
        print(f"cannot listen: {error}", file=sys.stderr)
        return Status.FAILURE
    return Status.OK


async def _serve(options: argparse.Namespace) -> None:
    tls = _server_tls(options)
    clients: dict[_Listener, WSTransport] = {}
    where: dict[str, Any] = {"host": options.host, "port": options.port}
    if options.path is not None:
        where = {"path": str(options.path)}
    if options.ping is not None:
        where |= {
            "enable_auto_ping": True,
            "auto_ping_idle_timeout": options.ping,
            "auto_ping_reply_timeout": options.ping,
        }
    server = await ws_create_server(
        lambda request: _Listener(request, options, clients),
        max_frame_size=options.max_size,
        strict=True,
        permessage_deflate=options.compress,
        ssl=tls,
        **where,
    )
    scheme = "wss" if tls else "ws"
    for sock in server.sockets:
        name = sock.getsockname()
        host = name[0] if isinstance(name, tuple) else "localhost"
        place = f":{name[1]}/" if isinstance(name, tuple) else f"/ at {name}"
        host = f"[{host}]" if ":" in host else host
        print(f"{options.mode} server on {scheme}://{host}{place}", flush=True)
    with contextlib.suppress(asyncio.CancelledError):
        await _until_terminated()
    server.close()
    await _say_goodbye(list(clients.values()))
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_CLOSE_SECONDS):
            await server.wait_closed()


def _server_tls(options: argparse.Namespace) -> ssl.SSLContext | None:
    if options.cert is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(options.cert, options.key)
        return context
    if not options.tls:
        return None
    contexts = make_tls_contexts()
    if contexts is None:
        raise OSError("there is nothing to make a certificate with: pip install trustme")
    print("the certificate is made for this run: connect with --insecure", file=sys.stderr)
    return contexts[0]


async def _until_terminated() -> None:
    """Wait for SIGTERM. Ctrl-C is asyncio's, and cancels."""
    terminated = asyncio.Event()
    with contextlib.suppress(NotImplementedError):  # Windows has no such signal
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, terminated.set)
    await terminated.wait()


async def _say_goodbye(transports: list[WSTransport]) -> None:
    """CLOSE to all, and wait for their answers for a while."""
    for transport in transports:
        transport.send_close(WSCloseCode.GOING_AWAY, "the server ends")
    waiting = [asyncio.ensure_future(transport.wait_disconnected()) for transport in transports]
    if waiting:
        await asyncio.wait(waiting, timeout=_CLOSE_SECONDS)
    for transport in transports:
        transport.disconnect(graceful=False)
