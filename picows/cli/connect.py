"""Send what is typed or piped in, show what is received.

On a terminal each line is a message; /help lists the commands; Ctrl-D closes.
In a pipe each line of the input is a message, each message received is a line of the output.
When the input has ended and nothing was received for --linger seconds, the connection is closed.

exit status:
  0    closed, by either side, with 1000, 1001 or no code
  1    no connection: unknown host, connection refused, proxy, TLS, timeout
  2    wrong arguments, or a line of input that is not in the form that --binary says
  3    the server refused the opening handshake
  4    the connection was lost, or ended before --count messages were received
  5    closed with another code
  130  interrupted by Ctrl-C
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import math
import sys
from collections.abc import Coroutine
from typing import Any, Protocol

from .. import WSCloseCode, WSFrame, WSMsgType, WSTransport
from . import arguments as read
from .client import add_client_options, add_compress_option, close, connect, is_compressed
from .lines import Input, read_lines, read_pieces
from .loop import run_in_loop
from .messages import MessageListener
from .notation import Notation, NotationError
from .pipe import JsonOutput, PipeOutput
from .status import CONNECT_ERRORS, Status, explain_end, explain_failure
from .terminal import Terminal

SUMMARY = "send what is typed or piped in, show what is received"
HELP = "/ping [TEXT], /binary HEX, /close [CODE [REASON]], //TEXT sends /TEXT, Ctrl-D closes"
_LINGER_SECONDS = 1.0


class Output(Protocol):
    """Where it is shown: a pipe, JSON, a terminal."""

    def message(self, msg_type: WSMsgType, payload: bytes) -> None:
        """A message was received. OSError if nobody reads the output any more."""

    def event(self, name: str, text: str, payload: bytes | None = None) -> None:
        """Something happened that is no message."""

    def error(self, text: str) -> None:
        """What went wrong."""

    def close(self, text: str, is_error: bool) -> None:
        """The connection has ended."""


class _Listener(MessageListener):
    """Shows what it receives. `done` is set after `count` messages, when output failed, and
    at the end of the connection."""

    def __init__(self, output: Output, options: argparse.Namespace) -> None:
        super().__init__(options.max_size)
        self.heard = asyncio.Event()
        self.done = asyncio.Event()
        self.received = 0
        self.failure: OSError | None = None
        self._output = output
        self._url = options.url
        self._count = options.count

    def on_ws_connected(self, transport: WSTransport) -> None:
        protocol = transport.response.headers.get("Sec-WebSocket-Protocol")
        more = f" (subprotocol {protocol})" if protocol else ""
        if is_compressed(transport):
            more += " (compressed)"
        self._output.event("connected", f"{self._url}{more}")

    def on_message(self, transport: WSTransport, msg_type: WSMsgType, payload: bytes) -> None:
        if self.done.is_set():
            return
        try:
            self._output.message(msg_type, payload)
        except OSError as error:
            self.failure = error
            self.done.set()
            return
        self.received += 1
        self.heard.set()
        if self.received == self._count:
            self.done.set()

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        super().on_ws_frame(transport, frame)
        if frame.msg_type in (WSMsgType.PING, WSMsgType.PONG):
            payload = frame.get_payload_as_bytes()
            text = payload.decode(errors="backslashreplace")
            self._output.event(frame.msg_type.name.lower(), text, payload)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self.done.set()


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb to its parser."""
    parser.set_defaults(main=main)
    add_client_options(parser)
    add_compress_option(parser)
    parser.add_argument(
        "--binary",
        choices=["hex", "base64", "raw"],
        help="send BINARY messages: lines of hex or base64, or the input as it is, in pieces of "
        "up to 64 KiB; BINARY messages received are shown likewise (default: TEXT, and hex)",
    )
    parser.add_argument("--json", action="store_true", help="show all that happens as JSON lines")
    parser.add_argument("-v", "--verbose", action="store_true", help="in a pipe: report on stderr")
    parser.add_argument(
        "--count", type=read.whole_number(1), metavar="N", help="close after N messages received"
    )
    parser.add_argument(
        "--linger",
        type=_linger,
        metavar="SECONDS",
        help="of silence after the end of the input, or inf (default: 1, with --count inf)",
    )


def main(options: argparse.Namespace) -> Status:
    """Connect, and return the exit status."""
    notation = Notation(options.binary or "text")
    if options.json:
        return run_in_loop(options.loop, _run(options, JsonOutput(notation, True), notation))
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        output = PipeOutput(notation, options.verbose)
        return run_in_loop(options.loop, _run(options, output, notation))
    if notation is Notation.RAW:
        print("--binary raw is for pipes: a terminal has lines", file=sys.stderr)
        return Status.WRONG_ARGUMENTS
    terminal = Terminal()
    with terminal.kept():
        return run_in_loop(options.loop, _run(options, terminal, notation))


async def _run(options: argparse.Namespace, output: Output, notation: Notation) -> Status:
    listener = _Listener(output, options)
    try:
        transport = await connect(
            lambda: listener,
            options,
            enable_auto_pong=False,
            permessage_deflate=options.compress,
        )
    except CONNECT_ERRORS as error:
        status, text = explain_failure(error)
        output.error(text)
        return status
    wrong_input = None
    try:
        await _until_done(listener, _send_all(output, transport, listener, notation))
        await _until_done(listener, _linger_on(listener, options))
    except NotationError as error:
        wrong_input = str(error)
    finally:
        await close(transport)
    if listener.failure is not None:
        raise listener.failure
    status, text = explain_end(transport)
    output.close(text, status is not Status.OK)
    if wrong_input is not None:
        output.error(wrong_input)
        return Status.WRONG_ARGUMENTS
    if status is Status.OK and options.count and listener.received < options.count:
        output.error(f"{listener.received} of {options.count} messages were received")
        return Status.LOST
    return status


async def _until_done(listener: _Listener, work: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine to its end, or until there is nothing more to do on the connection."""
    task, done = asyncio.ensure_future(work), asyncio.ensure_future(listener.done.wait())
    try:
        await asyncio.wait([task, done], return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            task.result()
    finally:
        task.cancel()
        done.cancel()


async def _send_all(
    output: Output, transport: WSTransport, listener: _Listener, notation: Notation
) -> None:
    """Send the whole of standard input."""
    if isinstance(output, Terminal):
        source = Input(output.lines)
    else:
        source = Input(read_pieces if notation is Notation.RAW else read_lines)
    number = 0
    while (piece := await source.next()) is not None:
        number += 1
        await listener.can_send.wait()
        if isinstance(output, Terminal):
            _send_typed(output, transport, notation, piece)
        else:
            try:
                payload = notation.read(piece)
            except NotationError as error:
                raise NotationError(f"line {number} of the input: {error}") from None
            transport.send(notation.msg_type, payload)


def _send_typed(output: Output, transport: WSTransport, notation: Notation, line: bytes) -> None:
    """Do what a typed line says; a mistake in it is told, and is no end."""
    try:
        if not line.startswith(b"/"):
            transport.send(notation.msg_type, notation.read(line))
            return
        verb, _, rest = line.partition(b" ")
        if verb.startswith(b"//"):
            transport.send(notation.msg_type, notation.read(line[1:]))
        elif verb == b"/ping":
            transport.send_ping(rest)
        elif verb == b"/binary":
            transport.send(WSMsgType.BINARY, Notation.HEX.read(rest))
        elif verb == b"/close":
            code, _, reason = rest.decode().partition(" ")
            transport.send_close(int(code or WSCloseCode.OK), reason or None)
        else:
            output.event("help", HELP)
    except ValueError as error:
        output.error(str(error))


async def _linger_on(listener: _Listener, options: argparse.Namespace) -> None:
    """Wait for the answers to what was sent last."""
    seconds = options.linger
    if seconds is None:
        seconds = math.inf if options.count else _LINGER_SECONDS
    with contextlib.suppress(TimeoutError):
        while True:
            listener.heard.clear()
            async with asyncio.timeout(None if math.isinf(seconds) else seconds):
                await listener.heard.wait()


def _linger(text: str) -> float:
    return math.inf if text == "inf" else read.positive_number(text)
