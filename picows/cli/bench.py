"""Measure an echo server: rate and latency over many connections.

Each connection sends a message, and the next when its echo has come (--window allows for more at
once). With --rate, messages are due at fixed times instead, whether the server keeps up or not, and
their latency counts from when they were due: a server that stalls cannot hide it. Every echo is
compared with what was sent.

exit status:
  0    all echoes were right
  1    no connection: unknown host, connection refused, proxy, TLS, timeout
  2    wrong arguments
  3    the server refused the opening handshake
  4    a connection was lost, or an echo was wrong or missing
  130  interrupted by Ctrl-C
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING, Any

from . import arguments as read
from .client import add_client_options, add_compress_option
from .latency import readable
from .load import LoadError, Totals, measure
from .loop import run_in_loop
from .screen import make_console
from .status import Status, print_error

if TYPE_CHECKING:
    from rich.console import Console

SUMMARY = "measure rate and latency of an echo server"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb to its parser."""
    parser.set_defaults(main=main)
    add_client_options(parser)
    add_compress_option(parser)
    parser.add_argument(
        "--connections", type=read.whole_number(1), default=1, metavar="N", help="(default: 1)"
    )
    parser.add_argument(
        "--size", type=read.size, default=256, metavar="BYTES", help="of a message (default: 256)"
    )
    pace = parser.add_mutually_exclusive_group()
    pace.add_argument(
        "--rate",
        type=read.positive_number,
        metavar="N",
        help="messages a second, over all connections (default: as fast as echoes come)",
    )
    pace.add_argument(
        "--window",
        type=read.whole_number(1),
        default=1,
        metavar="N",
        help="messages under way on a connection without --rate (default: 1)",
    )
    for name, seconds, help_text in (
        ("--duration", 5.0, "how long to measure"),
        ("--warmup", 0.5, "how long to send before that"),
    ):
        parser.add_argument(
            name,
            type=read.positive_number,
            default=seconds,
            metavar="SECONDS",
            help=f"{help_text} (default: %(default)g)",
        )
    parser.add_argument("--json", action="store_true", help="JSON at the end, nothing else")


def main(options: argparse.Namespace) -> Status:
    """Measure, show, and return the exit status."""
    try:
        if options.json:
            totals = run_in_loop(options.loop, measure(options, _show_nothing))
        else:
            totals = _measure_with_progress(make_console(stderr=True), options)
        result = _result(options, totals)
    except LoadError as error:
        print_error(str(error))
        return error.status
    if options.json:
        print(json.dumps(result))
    else:
        _print_table(make_console(), result)
    return Status.OK


def _show_nothing(what: str, share: float, totals: Totals) -> None:
    pass


def _measure_with_progress(console: Console, options: argparse.Namespace) -> Totals:
    """A bar while it runs, which is gone at the end; nothing if stderr is no terminal."""
    from rich.progress import BarColumn, Progress, TextColumn

    columns = (TextColumn("{task.description:<10}"), BarColumn(), TextColumn("{task.fields[now]}"))
    with Progress(
        *columns, console=console, transient=True, disable=not sys.stderr.isatty()
    ) as bar:
        task = bar.add_task("connecting", total=1.0, now="")

        def show(what: str, share: float, totals: Totals) -> None:
            now, count = "", totals.latencies.count
            if count and share:
                rate = count / (share * options.duration)
                p99 = readable(totals.latencies.percentile(99))
                now = f"{rate:,.0f} messages/s, p99 {p99}"
            bar.update(task, description=what, completed=share, now=now)

        return run_in_loop(options.loop, measure(options, show))


def _result(options: argparse.Namespace, totals: Totals) -> dict[str, Any]:
    count = totals.latencies.count
    if not count:
        raise LoadError(Status.LOST, "no echo came of what was sent while it was measured")
    return {
        "url": options.url,
        "loop": options.loop,
        "connections": options.connections,
        "size": options.size,
        "compressed": totals.is_compressed,
        "rate": options.rate,
        "window": None if options.rate else options.window,
        "duration": options.duration,
        "messages": count,
        "messages_per_second": count / options.duration,
        "megabytes_per_second": count * options.size / options.duration / 1e6,
        "seconds": totals.latencies.summary(),
    }


def _print_table(console: Console, result: dict[str, Any]) -> None:
    from rich.table import Table

    table = Table("", "", box=None, show_header=False)
    pace = f"{result['rate']:g} messages/s" if result["rate"] else f"window {result['window']}"
    compressed = ", compressed" if result["compressed"] else ""
    rows = {
        "server": result["url"],
        "load": f"{result['connections']} connections, {result['size']} bytes{compressed}, {pace}",
        "messages": f"{result['messages']:,} in {result['duration']:g} s",
        "rate": f"{result['messages_per_second']:,.0f} messages/s, "
        f"{result['megabytes_per_second']:,.1f} MB/s each way",
    }
    for name, value in rows.items():
        table.add_row(name, value)
    for name, seconds in result["seconds"].items():
        table.add_row(f"latency {name}", readable(seconds))
    console.print(table, markup=False)
