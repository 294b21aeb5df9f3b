"""Serve a program of yours from several processes at one address (on Linux).

MODULE:FUNCTION is what ws_create_server calls with each request: a listener factory. Or it takes no
argument and returns an async context manager, as contextlib.asynccontextmanager makes them, which
gives a listener factory: it is entered in each worker before that listens, and left when the
worker's last connection has ended.

signals to the supervisor:
  HUP        replace the workers, one after the other: a new process listens before the old one
             stops. Clients of the old one get CLOSE 1012, spread over --drain seconds
  TERM, INT  answer newcomers and health checks with 503, drain likewise, end; the second one ends
             at once
TERM to a worker has that one replaced. A worker that crashes is replaced, after a pause that grows.

exit status:
  0    ended by SIGTERM or Ctrl-C
  1    cannot listen there, or a worker did not come up
  2    wrong arguments
"""

from __future__ import annotations

import argparse
import ast
import asyncio
import logging
import os
import socket
import sys
from pathlib import Path
from typing import Any

from ..workers import sockets as bound
from ..workers.supervisor import supervise
from ..workers.worker import LOG_FORMAT, Job
from . import arguments as read
from .loop import add_loop_option
from .status import Status

SUMMARY = "serve a listener factory from several processes"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb to its parser."""
    parser.set_defaults(main=main)
    parser.add_argument("target", type=_target, metavar="MODULE:FUNCTION", help="what to serve")
    parser.add_argument(
        "--workers",
        type=read.whole_number(1),
        default=os.cpu_count() or 1,
        metavar="N",
        help="processes (default: one for each CPU)",
    )
    where = parser.add_argument_group("where to listen")
    where.add_argument("--host", default="127.0.0.1", help="(default: %(default)s)")
    where.add_argument(
        "--port", type=read.whole_number(0, 65535), default=8765, help="(default: %(default)s)"
    )
    where.add_argument("--path", type=Path, metavar="SOCKET", help="a unix socket instead")
    where.add_argument(
        "--fd",
        type=read.whole_number(3),
        action="append",
        metavar="N",
        help="descriptor of a bound socket: systemd's first one is 3; can be repeated",
    )
    where.add_argument(
        "--cert", type=Path, metavar="FILE", help="TLS with this certificate, in PEM"
    )
    where.add_argument("--key", type=Path, metavar="FILE", help="its key, if not in the same file")
    parser.add_argument(
        "--drain",
        type=read.seconds,
        default=30.0,
        metavar="SECONDS",
        help="over which the CLOSEs of a worker that ends are spread (default: %(default)g)",
    )
    parser.add_argument(
        "--health",
        default="/health",
        metavar="PATH",
        help="answered with 200, or 503 while all drain; '' for none (default: %(default)s)",
    )
    parser.add_argument(
        "--option",
        type=_option,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="an argument of ws_create_server, as in enable_auto_ping=True; can be repeated",
    )
    add_loop_option(parser)


def main(options: argparse.Namespace) -> Status:
    """Supervise until told to end, and return the exit status."""
    if sys.platform != "linux":
        print("run needs Linux, whose kernel deals connections out to processes", file=sys.stderr)
        return Status.FAILURE
    if options.key is not None and options.cert is None:
        print("--key is for the certificate that --cert names", file=sys.stderr)
        return Status.WRONG_ARGUMENTS
    logging.basicConfig(level=logging.INFO, format=LOG_FORMAT)
    job = Job(
        target=options.target,
        loop=options.loop,
        drain_seconds=options.drain,
        health=options.health,
        cert=_text(options.cert),
        key=_text(options.key),
        options=dict(options.option),
    )
    try:
        sockets = _sockets(options)
    except (OSError, ValueError) as error:
        print(f"cannot listen: {error}", file=sys.stderr)
        return Status.FAILURE
    place = _describe(sockets[0], "wss" if options.cert else "ws")
    listening = f"{options.workers} workers at {place}"
    is_good = asyncio.run(supervise(sockets, options.workers, job, listening))
    if options.path is not None:
        options.path.unlink(missing_ok=True)
    return Status.OK if is_good else Status.FAILURE


def _sockets(options: argparse.Namespace) -> list[socket.socket]:
    if options.fd is not None:
        return bound.take_over(options.fd)
    if options.path is not None:
        return [bound.bind_unix(str(options.path))]
    return bound.bind_slots(options.host, options.port, options.workers)


def _describe(sock: socket.socket, scheme: str) -> str:
    """Where it is bound, for people: as a URL."""
    name = sock.getsockname()
    if not isinstance(name, tuple):
        return f"{scheme}://localhost/ at {name}"
    host = f"[{name[0]}]" if ":" in name[0] else name[0]
    return f"{scheme}://{host}:{name[1]}/"


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)


def _target(text: str) -> str:
    module, colon, name = text.partition(":")
    if not (module and colon and name):
        raise argparse.ArgumentTypeError(f"{text!r} must be MODULE:FUNCTION, as in app:listener")
    return text


def _option(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not (name.isidentifier() and equals):
        raise argparse.ArgumentTypeError(f"{text!r} must be NAME=VALUE, as in strict=True")
    try:
        return name, ast.literal_eval(value)
    except (ValueError, SyntaxError):
        raise argparse.ArgumentTypeError(
            f"{value!r} must be a number, True, False, None or a text in quotes"
        ) from None
