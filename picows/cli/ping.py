"""Measure how long a server takes to answer PINGs.

Shows percentiles as answers arrive, and a histogram at the end: after --count PINGs, or Ctrl-C.

exit status:
  0    all PINGs were answered, and there was at least one
  1    no connection: unknown host, connection refused, proxy, TLS, timeout
  2    wrong arguments
  3    the server refused the opening handshake
  4    the connection was lost, or a PING was not answered
  5    the server closed with another code than 1000 and 1001
  130  interrupted by Ctrl-C before --count
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import json
import time
from typing import Any

from .. import WSFrame, WSMsgType, WSTransport
from . import arguments as read
from .client import add_client_options, close, connect
from .latency import Latencies, readable
from .loop import run_in_loop
from .messages import MessageListener
from .screen import make_console
from .status import CONNECT_ERRORS, Status, explain_end, explain_failure, print_error

SUMMARY = "measure how long a server takes to answer"
_BAR_WIDTH = 40


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb to its parser."""
    parser.set_defaults(main=main)
    add_client_options(parser)
    parser.add_argument(
        "--count", type=read.whole_number(1), metavar="N", help="how many PINGs (default: no end)"
    )
    parser.add_argument(
        "--interval",
        type=read.positive_number,
        default=1.0,
        metavar="SECONDS",
        help="from an answer to the next PING (default: %(default)g)",
    )
    parser.add_argument(
        "--wait",
        type=read.positive_number,
        default=5.0,
        metavar="SECONDS",
        help="for an answer, which is then counted as missing (default: %(default)g)",
    )
    parser.add_argument("--json", action="store_true", help="JSON at the end, nothing else")


def main(options: argparse.Namespace) -> Status:
    """Ping, show, and return the exit status."""
    report = _JsonReport() if options.json else _Report()
    return run_in_loop(options.loop, _run(options, report))


async def _run(options: argparse.Namespace, report: _Report) -> Status:
    listener = _Listener(options.max_size)
    try:
        transport = await connect(lambda: listener, options)
    except CONNECT_ERRORS as error:
        status, text = explain_failure(error)
        print_error(text)
        return status
    latencies = Latencies()
    missing = 0
    is_lost = False
    report.start(options.url)
    try:
        for number in itertools.count(1):
            seconds = await listener.ping(transport, number, options.wait)
            if seconds is None:
                missing += 1
            else:
                latencies.add(seconds)
            report.line(number, seconds, latencies)
            if number == options.count:
                break
            await listener.pause(options.interval)
    except ConnectionError:
        is_lost = True
    except asyncio.CancelledError:
        if options.count is not None:
            raise
    finally:
        await close(transport)
        report.end(options.url, latencies, missing)
    if is_lost:
        status, text = explain_end(transport)
        print_error(text)
        return status if status is not Status.OK else Status.LOST
    return Status.LOST if missing or not latencies.count else Status.OK


class _Listener(MessageListener):
    """Numbers its PINGs, and knows their answers by the number."""

    def __init__(self, size_max: int) -> None:
        super().__init__(size_max)
        self._number = b""
        self._answer: asyncio.Future[float] | None = None
        self._ended = asyncio.Event()

    async def ping(self, transport: WSTransport, number: int, seconds_max: float) -> float | None:
        """Seconds until the answer; None if none came. ConnectionError without a connection."""
        self._number = b"%d" % number
        self._answer = asyncio.get_running_loop().create_future()
        start = time.perf_counter()
        transport.send_ping(self._number)
        if self._ended.is_set():
            raise ConnectionError
        await asyncio.wait([self._answer], timeout=seconds_max)
        answer, self._answer = self._answer, None
        return answer.result() - start if answer.done() else None

    async def pause(self, seconds: float) -> None:
        """Wait. ConnectionError if the connection ends meanwhile."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._ended.wait()
        if self._ended.is_set():
            raise ConnectionError

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        now = time.perf_counter()
        super().on_ws_frame(transport, frame)
        if frame.msg_type != WSMsgType.PONG or self._answer is None or self._answer.done():
            return
        if frame.get_payload_as_bytes() == self._number:
            self._answer.set_result(now)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self._ended.set()
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionError())


class _Report:
    """Lines as they come, then the histogram. Raises MissingRichError."""

    def __init__(self) -> None:
        self._console = make_console()

    def start(self, url: str) -> None:
        """Say what the columns are."""
        columns = ("number", "time", "p50", "p90", "p99", "max")
        self._print(f"PING {url}", "bold")
        self._print(" ".join(f"{column:>9}" for column in columns), "dim")

    def line(self, number: int, seconds: float | None, latencies: Latencies) -> None:
        """One PING, and the percentiles up to now."""
        cells = [str(number), "missing" if seconds is None else readable(seconds)]
        if latencies.count:
            cells += [readable(latencies.percentile(percent)) for percent in (50, 90, 99)]
            cells += [readable(latencies.longest)]
        self._print(" ".join(f"{cell:>9}" for cell in cells), "red" if seconds is None else "")

    def end(self, url: str, latencies: Latencies, missing: int) -> None:
        """All of them."""
        self._print(f"\n{latencies.count} answered, {missing} missing", "bold")
        if not latencies.count:
            return
        summary = latencies.summary().items()
        self._print("  ".join(f"{name} {readable(seconds)}" for name, seconds in summary), "")
        rows = list(latencies.histogram())
        most = max(count for _, _, count in rows)
        block, trace = "█▏" if self._console.encoding.startswith("utf") else "#|"
        for start, end, count in rows:
            bar = block * round(count / most * _BAR_WIDTH) or (trace if count else "")
            self._print(f"{readable(start):>9} - {readable(end):>9} {count:>7} {bar}", "")

    def _print(self, text: str, style: str) -> None:
        self._console.print(text, style=style, markup=False, emoji=False, soft_wrap=True)


class _JsonReport(_Report):
    """One JSON object at the end; seconds throughout."""

    def __init__(self) -> None:
        pass

    def start(self, url: str) -> None:
        """Nothing yet."""

    def line(self, number: int, seconds: float | None, latencies: Latencies) -> None:
        """Nothing yet."""

    def end(self, url: str, latencies: Latencies, missing: int) -> None:
        """All of them."""
        result: dict[str, Any] = {"url": url, "answered": latencies.count, "missing": missing}
        print(json.dumps(result | {"seconds": latencies.summary()}), flush=True)
