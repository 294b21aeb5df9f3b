"""The options of the verbs that connect, and the connection made from them."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .. import WSCloseCode, WSError, WSListener, WSTransport, ws_connect
from ..client.proxy import parse_proxy
from ..values.url import parse_url
from . import arguments as read
from .loop import add_loop_option

SIZE_MAX_DEFAULT = 64 << 20
_CLOSE_SECONDS = 3.0
"""How long a server may take to answer our CLOSE."""


def add_client_options(parser: argparse.ArgumentParser) -> None:
    """Add the URL, and how to get there."""
    parser.add_argument("url", type=_url, metavar="URL", help="ws:// or wss://")
    way = parser.add_argument_group("the way to the server")
    way.add_argument(
        "-H",
        "--header",
        action="append",
        type=_headers,
        default=[],
        metavar="'NAME: VALUE'",
        help="header of the request, or @FILE with one on each line; can be repeated",
    )
    way.add_argument(
        "--subprotocol", action="append", default=[], help="offer it to the server; can be repeated"
    )
    way.add_argument("--proxy", type=_proxy, metavar="URL", help="http, https or socks...")
    way.add_argument(
        "--path", type=Path, metavar="SOCKET", help="unix socket to connect to, whatever URL says"
    )
    way.add_argument(
        "--timeout",
        type=read.positive_number,
        default=10.0,
        metavar="SECONDS",
        help="for the opening handshake (default: %(default)g)",
    )
    way.add_argument(
        "--max-size",
        type=read.size,
        default=SIZE_MAX_DEFAULT,
        metavar="BYTES",
        help="longest message to receive, as in 8k or 1M (default: 64M)",
    )
    tls = parser.add_argument_group("TLS, for wss://")
    tls.add_argument("--ca", type=Path, metavar="FILE", help="trust these certificates, no others")
    tls.add_argument(
        "--insecure", action="store_true", help="trust any certificate: for tests, nothing else"
    )
    tls.add_argument("--cert", type=Path, metavar="FILE", help="our own certificate, in PEM")
    tls.add_argument("--key", type=Path, metavar="FILE", help="its key, if not in the same file")
    tls.add_argument(
        "--server-name", metavar="NAME", help="name in the server's certificate, if not the URL's"
    )
    add_loop_option(parser)


def add_compress_option(parser: argparse.ArgumentParser) -> None:
    """Add --compress, for the verbs that send messages."""
    parser.add_argument(
        "--compress",
        action="store_true",
        help="agree on permessage-deflate (RFC 7692) if the peer does",
    )


def is_compressed(transport: WSTransport) -> bool:
    """Whether both sides have agreed on compression."""
    return "permessage-deflate" in transport.response.headers.get("Sec-WebSocket-Extensions", "")


async def connect(
    factory: Callable[[], WSListener], options: argparse.Namespace, **more: Any
) -> WSTransport:
    """Connect as the command line says. Raises what ws_connect raises."""
    if options.path is not None:
        more["path"] = str(options.path)
    if options.server_name is not None:
        more["server_hostname"] = options.server_name
    headers = [pair for pairs in options.header for pair in pairs]
    if options.subprotocol:
        headers.append(("Sec-WebSocket-Protocol", ", ".join(options.subprotocol)))
    transport, _ = await ws_connect(
        factory,
        options.url,
        ssl_context=client_tls(options) if options.url.startswith("wss:") else None,
        extra_headers=headers,
        proxy=options.proxy,
        websocket_handshake_timeout=options.timeout,
        max_frame_size=options.max_size,
        strict=True,
        **more,
    )
    return transport


async def close(transport: WSTransport) -> None:
    """Say CLOSE, and wait for the server to answer it (RFC 6455, 7.1.1)."""
    transport.send_close(WSCloseCode.OK)
    try:
        async with asyncio.timeout(_CLOSE_SECONDS):
            await _disconnected(transport)
    except TimeoutError:
        transport.disconnect(graceful=False)
        await _disconnected(transport)


async def _disconnected(transport: WSTransport) -> None:
    """Wait for the end, whatever it is: `explain_end` tells."""
    with contextlib.suppress(Exception):
        await transport.wait_disconnected()


def client_tls(options: argparse.Namespace) -> ssl.SSLContext:
    """The TLS context that the options describe. OSError or ssl.SSLError if a file is no good."""
    context = ssl.create_default_context(cafile=options.ca)
    if options.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if options.cert is not None:
        context.load_cert_chain(options.cert, options.key)
    return context


def _url(text: str) -> str:
    try:
        parse_url(text)
    except WSError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


def _proxy(text: str) -> str:
    try:
        parse_proxy(text, None)
    except (WSError, ValueError) as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


def _headers(text: str) -> list[tuple[str, str]]:
    lines = [text]
    if text.startswith("@"):
        try:
            lines = [line for line in Path(text[1:]).read_text().splitlines() if line.strip()]
        except (OSError, UnicodeDecodeError) as error:
            raise argparse.ArgumentTypeError(f"cannot read {text[1:]}: {error}") from None
    pairs = []
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name.strip():
            raise argparse.ArgumentTypeError(f"{line!r} is not NAME: VALUE")
        pairs.append((name.strip(), value.strip()))
    return pairs
