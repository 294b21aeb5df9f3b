"""`python -m picows demo`: a server and a client on loopback, over TCP and over TLS.

The client sends one message, waits for its echo, compares the two and sends the next.
"""

from __future__ import annotations

import argparse
import asyncio
import platform
import random
import ssl
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Final

from .. import (
    WSCloseCode,
    WSError,
    WSFrame,
    WSListener,
    WSMsgType,
    WSTransport,
    __version__,
    ws_connect,
    ws_create_server,
)
from .arguments import positive_number, whole_number
from .loop import add_loop_option, run_in_loop

SUMMARY: Final = "exchange messages with an echo server on loopback and show how long that takes"
SIZES: Final = (32, 256, 8 * 1024, 100 * 1024, 1024 * 1024)
"""Bytes of payload, one line of the table each."""
SECONDS_DEFAULT: Final = 0.3
STALL_SECONDS: Final = 10.0
"""An echo over loopback that takes this long is not coming."""
_ADDRESS: Final = "127.0.0.1"
_MESSAGES_MIN: Final = 2  # statistics.quantiles() wants two


class DemoError(Exception):
    """The demo found something wrong: an echo that differs, is missing, or came to nobody."""


@dataclass(frozen=True, slots=True)
class Limit:
    """When to go on to the next size: after `messages` or, if that is None, after `seconds`."""

    seconds: float = SECONDS_DEFAULT
    messages: int | None = None

    def is_reached(self, messages: int, seconds: float) -> bool:
        """Tell whether `messages` exchanged in `seconds` are enough."""
        if self.messages is not None:
            return messages >= self.messages
        return seconds >= self.seconds and messages >= _MESSAGES_MIN


@dataclass(frozen=True, slots=True)
class Measurement:
    """What one line of the table is made from."""

    round_trips: list[float]
    """Seconds from sending a message to having its echo."""
    elapsed: float
    """Seconds from the first message to the last echo, with the comparisons in between."""

    def percentiles(self) -> tuple[float, float]:
        """Return median and 99th percentile of the round trips, in microseconds."""
        cuts = statistics.quantiles(self.round_trips, n=100, method="inclusive")
        return cuts[49] * 1e6, cuts[98] * 1e6

    def rate(self) -> float:
        """Return messages exchanged a second."""
        return len(self.round_trips) / self.elapsed


class EchoListener(WSListener):
    """The server's side: sends every message back."""

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Send a data frame back; answer CLOSE and disconnect (RFC 6455, 5.5.1)."""
        if frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code(), frame.get_close_message())
            transport.disconnect()
        elif frame.msg_type == WSMsgType.BINARY:
            # The view ends with this callback, and so does its use: send() copies or writes at
            # once.
            transport.send(WSMsgType.BINARY, frame.get_payload_as_memoryview(), frame.fin)


class RoundTripListener(WSListener):
    """The client's side: sends messages one at a time and compares each echo with what was sent."""

    def __init__(self) -> None:
        super().__init__()
        self._transport: WSTransport | None = None
        self._payload = bytearray()
        self._limit = Limit()
        self._round_trips: list[float] = []
        self._started_at = 0.0
        self._sent_at = 0.0
        self._result: asyncio.Future[Measurement] | None = None

    async def measure(self, size: int, limit: Limit) -> Measurement:
        """Exchange messages of `size` bytes (4 or more) until `limit` is reached.

        Raises:
            DemoError: an echo was wrong or did not come, or the connection was lost.
        """
        self._payload = bytearray(random.randbytes(size))
        self._limit = limit
        self._round_trips = []
        self._result = asyncio.get_running_loop().create_future()
        try:
            self._started_at = perf_counter()
            self._send_next()
            echoes = -1
            while not self._result.done():
                if len(self._round_trips) == echoes:
                    raise DemoError(
                        f"no echo of a message of {size} bytes in {STALL_SECONDS:g} seconds"
                    )
                echoes = len(self._round_trips)
                await asyncio.wait([self._result], timeout=STALL_SECONDS)
            return self._result.result()
        finally:
            self._result = None  # nobody waits any more: what comes now is not a failure

    def on_ws_connected(self, transport: WSTransport) -> None:
        """Keep the transport."""
        self._transport = transport

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Take the time, compare the echo, send the next message."""
        now = perf_counter()
        if self._result is None or self._result.done():
            return
        if frame.msg_type != WSMsgType.BINARY or not frame.fin:
            self._fail(f"expected an echo of {len(self._payload)} bytes, received {frame}")
        elif frame.get_payload_as_bytes() != self._payload:
            self._fail(f"an echo of {len(self._payload)} bytes differs from what was sent")
        else:
            self._round_trips.append(now - self._sent_at)
            elapsed = now - self._started_at
            if self._limit.is_reached(len(self._round_trips), elapsed):
                self._result.set_result(Measurement(self._round_trips, elapsed))
            else:
                self._send_next()

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """Give up if an echo is still missing."""
        self._fail("the connection was lost")

    def _send_next(self) -> None:
        if self._transport is None:
            raise DemoError("not connected")
        # Each message differs from the one before, so that an old echo cannot pass for a new one.
        self._payload[:4] = len(self._round_trips).to_bytes(8, "little")[:4]
        self._sent_at = perf_counter()
        self._transport.send(WSMsgType.BINARY, self._payload)

    def _fail(self, reason: str) -> None:
        if self._result is not None and not self._result.done():
            self._result.set_exception(DemoError(reason))


def make_tls_contexts() -> tuple[ssl.SSLContext, ssl.SSLContext] | None:
    """Make a certificate for 127.0.0.1 and return contexts for a server that has it and a client
    that trusts it alone.

    Returns:
        None if there is nothing to make a certificate with: neither the package trustme nor the
        program openssl.
    """
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        import trustme
    except ImportError:
        return (server, client) if _configure_with_openssl(server, client) else None
    authority = trustme.CA()
    authority.issue_cert(_ADDRESS).configure_cert(server)
    authority.configure_trust(client)
    return server, client


def _configure_with_openssl(server: ssl.SSLContext, client: ssl.SSLContext) -> bool:
    with tempfile.TemporaryDirectory(prefix="picows-demo-") as folder:
        certificate, key = Path(folder, "certificate.pem"), Path(folder, "key.pem")
        command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"]
        command += ["-subj", f"/CN={_ADDRESS}", "-addext", f"subjectAltName=IP:{_ADDRESS}"]
        command += ["-keyout", str(key), "-out", str(certificate)]
        try:
            subprocess.run(
                command, check=True, capture_output=True, stdin=subprocess.DEVNULL, timeout=30
            )
        except (OSError, subprocess.SubprocessError):
            return False
        server.load_cert_chain(certificate, key)
        client.load_verify_locations(certificate)
    return True


async def _measure_transport(
    name: str,
    contexts: tuple[ssl.SSLContext, ssl.SSLContext] | None,
    sizes: Sequence[int],
    limit: Limit,
) -> int:
    """Print a line for each size and return the number of echoes. Without `contexts` it is TCP."""
    server_context, client_context = contexts or (None, None)
    echoes = 0
    async with await ws_create_server(
        lambda request: EchoListener(), _ADDRESS, 0, ssl=server_context
    ) as server:
        port = server.sockets[0].getsockname()[1]
        scheme = "wss" if contexts else "ws"
        listener = RoundTripListener()
        transport, _ = await ws_connect(
            lambda: listener, f"{scheme}://{_ADDRESS}:{port}/", ssl_context=client_context
        )
        try:
            for size in sizes:
                measurement = await listener.measure(size, limit)
                p50, p99 = measurement.percentiles()
                _print_line(
                    name,
                    _readable(size),
                    f"{p50:,.1f}",
                    f"{p99:,.1f}",
                    f"{measurement.rate():,.0f}",
                )
                echoes += len(measurement.round_trips)
            if contexts:
                engine = transport.underlying_transport.get_extra_info("picows.tls", "loop")
                print(f"engine of TLS: {engine}, {ssl.OPENSSL_VERSION}")
            # The server answers with CLOSE and then closes the connection (RFC 6455, 7.1.1).
            transport.send_close(WSCloseCode.OK)
            async with asyncio.timeout(STALL_SECONDS):
                await transport.wait_disconnected()
        finally:
            transport.disconnect(graceful=False)
    return echoes


async def run(*, limit: Limit = Limit(), sizes: Sequence[int] = SIZES) -> None:
    """Exchange messages over TCP, then over TLS, and print a table of it.

    Args:
        limit: when to go on to the next size.
        sizes: bytes of payload, each 4 or more.

    Raises:
        DemoError: an echo was wrong or did not come, or a connection was lost.
    """
    loop = type(asyncio.get_running_loop()).__module__.partition(".")[0]
    python = f"{platform.python_implementation()} {platform.python_version()}"
    print(f"picows {__version__}, {python}, {loop}")
    print("One message at a time to an echo server on loopback, every echo compared:\n")
    _print_line("transport", "size", "p50 (us)", "p99 (us)", "messages/s")

    echoes = await _measure_transport("TCP", None, sizes, limit)
    contexts = make_tls_contexts()
    if contexts is None:
        print("TLS       skipped: no way to make a certificate (pip install trustme)")
    else:
        echoes += await _measure_transport("TLS", contexts, sizes, limit)
    print(f"\n{echoes:,} echoes, all of them right")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb to its parser."""
    parser.set_defaults(main=main)
    add_loop_option(parser)
    length = parser.add_mutually_exclusive_group()
    length.add_argument(
        "--seconds",
        type=positive_number,
        default=SECONDS_DEFAULT,
        help="how long to measure each line of the table (default: %(default)s)",
    )
    length.add_argument(
        "--messages",
        type=whole_number(_MESSAGES_MIN),
        help="how many messages to exchange for each line instead",
    )


def main(arguments: argparse.Namespace) -> int:
    """Run the demo and return the exit status: 0, or 1 if an echo was wrong or missing."""
    limit = Limit(arguments.seconds, arguments.messages)
    try:
        run_in_loop(arguments.loop, run(limit=limit))
    except (DemoError, WSError, OSError) as error:
        print(f"demo failed: {error or type(error).__name__}", file=sys.stderr)
        return 1
    return 0


def _print_line(transport: str, size: str, p50: str, p99: str, rate: str) -> None:
    print(f"{transport:9} {size:>8} {p50:>10} {p99:>10} {rate:>11}", flush=True)


def _readable(size: int) -> str:
    for unit, factor in (("MiB", 1024 * 1024), ("KiB", 1024)):
        if size >= factor and size % factor == 0:
            return f"{size // factor} {unit}"
    return f"{size} B"
