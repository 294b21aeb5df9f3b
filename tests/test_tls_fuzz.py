"""Whatever a stranger sends instead of a TLS handshake, the exception is the one of ssl."""

from __future__ import annotations

import asyncio
import logging
import random
import ssl
import struct
from collections.abc import Iterator
from typing import Any

import pytest
from support import stacks
from support.tls_servers import client_context, ended, listening, server_context

from picows import WSListener, ws_connect
from picows.testing.peers import SECONDS_MAX, open_raw, raw_server

both_loops = pytest.mark.parametrize("loop", stacks.LOOPS)
COUNT = 60


def hellos() -> tuple[bytes, bytes]:
    """What a client and a server say first."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context().wrap_bio(to_client, to_server, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    said = to_server.read()
    answering, answer = ssl.MemoryBIO(), ssl.MemoryBIO()
    answering.write(said)
    server = server_context().wrap_bio(answering, answer, server_side=True)
    with pytest.raises(ssl.SSLWantReadError):
        server.do_handshake()
    return said, answer.read()


def samples(seed: str, genuine: bytes) -> Iterator[bytes]:
    """Records of any type and version around random bytes, and a real record with changes."""
    rng = random.Random(seed)
    for number in range(COUNT):
        if number % 2:
            data = bytearray(genuine)
            for _ in range(rng.choice((1, 1, 2, 8))):
                data[rng.randrange(min(len(data), 300))] = rng.randrange(256)
            yield bytes(data)
            continue
        kind = rng.choice((20, 21, 22, 22, 22, 23, 24, rng.randrange(256)))
        version = rng.choice((0x0301, 0x0303, 0x0303, 0x0304, 0x0200, rng.randrange(65536)))
        body = rng.randbytes(rng.choice((0, 1, 2, 4, 50, 500)))
        size = rng.choice((len(body), len(body), len(body), rng.randrange(65536)))
        yield struct.pack(">BHH", kind, version, size) + body


def refusal(context: ssl.SSLContext, data: bytes, **options: Any) -> ssl.SSLError | None:
    """What ssl raises for these bytes; None if it waits for more."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    ssl_object = context.wrap_bio(incoming, outgoing, **options)
    for piece in (b"", data):
        incoming.write(piece)
        try:
            ssl_object.do_handshake()
        except ssl.SSLWantReadError:
            continue
        except ssl.SSLError as error:
            return error
    return None


@both_loops
def test_answers_to_a_client(loop: str, own_engine: str) -> None:
    """Changed and made up ones. Where ssl would wait for more, the end is told."""
    context = client_context()
    names = {"server_hostname": "localhost"}

    async def main() -> None:
        refused = 0
        async with raw_server() as server:
            url = f"wss://localhost:{server.port}/"
            for data in samples(loop, hellos()[1]):
                expected = refusal(context, data, **names)
                connecting = asyncio.ensure_future(ws_connect(WSListener, url, ssl_context=context))
                peer = await server.accept()
                await peer.reader.read(1)
                peer.send_bytes(data)
                if expected is None:
                    peer.writer.close()
                with pytest.raises((ConnectionError, ssl.SSLError)) as caught:
                    await connecting
                refused += expected is not None
                if expected is None:
                    assert type(caught.value) in (ConnectionResetError, ssl.SSLError), data
                else:
                    assert (type(caught.value), caught.value.args) == (
                        type(expected),
                        expected.args,
                    ), data
                peer.writer.close()
        assert refused > COUNT / 3

    stacks.run(loop, main())


@both_loops
def test_requests_to_a_server(loop: str, own_engine: str, caplog: pytest.LogCaptureFixture) -> None:
    context = server_context()
    caplog.set_level(logging.INFO)

    async def main() -> None:
        refused = 0
        server, port = await listening(ssl=context)
        for data in samples(loop, hellos()[0]):
            expected = refusal(context, data, server_side=True)
            caplog.clear()
            peer = await open_raw(port)
            peer.send_bytes(data)
            if expected is None:
                await peer.close()
            async with asyncio.timeout(SECONDS_MAX):
                while not caplog.records:  # noqa: ASYNC110 - logging knows no events
                    await asyncio.sleep(0)
            shown = caplog.records[0].getMessage().partition("): ")[2]
            if expected is None:
                assert shown.startswith("ConnectionResetError("), data
            else:
                assert shown == repr(expected), data
                refused += 1
            await peer.close()
        assert refused > COUNT / 3
        await ended(server)

    stacks.run(loop, main())
