"""Frames leave whole and in order, whichever way each of them goes: socket, queue, or both."""

from __future__ import annotations

import asyncio
import hashlib
import random
from typing import Any

import pytest
from support import stacks
from support.stacks import Stack

from picows import WSTransport, ws_connect
from picows.testing.peers import RawServer, open_upgraded, raw_server
from picows.testing.recorder import Recorder, serving
from picows.testing.wire import BINARY, Frame

PATTERN = random.Random(6455).randbytes(1 << 20)


def message(number: int, size: int) -> bytes:
    start = number * 131 % (len(PATTERN) - size)
    return number.to_bytes(4, "big") + PATTERN[start : start + size]


async def send_while_read(transport: WSTransport, peer: Any, seed: int) -> None:
    """Frames of all sizes, by all methods, to a peer that at times reads and at times does not."""
    rng = random.Random(seed)
    sizes = [0, 1, 100, 121, 122, 4000, 5000, 65_000, 66_000, 300_000]
    expected: list[bytes] = []

    async def read_some(count: int) -> None:
        for _ in range(min(count, len(expected))):
            frame = await peer.read_frame()
            assert frame == Frame(BINARY, expected.pop(0))

    for number in range(400):
        data = message(number, rng.choice(sizes))
        if rng.random() < 0.3:
            buffer = bytearray(rng.randrange(14, 40))
            offset = len(buffer)
            transport.send_reuse_external_bytearray(BINARY, buffer + data, offset)
        elif rng.random() < 0.5:
            transport.send(BINARY, memoryview(bytearray(data)))
        else:
            transport.send(BINARY, data)
        expected.append(data)
        if rng.random() < 0.1:
            await read_some(rng.randrange(40))
        elif rng.random() < 0.2:
            await asyncio.sleep(0)
    transport.send_close(1000)
    transport.disconnect()
    await read_some(len(expected))
    assert [frame.opcode for frame in await peer.read_rest()] == [8]


class Quiet(Recorder):
    """Without the default's warnings."""

    def pause_writing(self) -> None:
        pass

    def resume_writing(self) -> None:
        pass


async def connect_to(server: RawServer, stack: Stack) -> tuple[WSTransport, Any]:
    connecting = asyncio.create_task(
        ws_connect(Quiet, stack.url(server.port), **stack.client_options)
    )
    peer = await server.accept_upgraded()
    transport, _ = await connecting
    return transport, peer


@pytest.mark.parametrize("stack", stacks.STACKS, ids=str)
@pytest.mark.parametrize("seed", [1, 2])
def test_a_server_sends_in_order(stack: Stack, seed: int) -> None:
    async def main() -> None:
        listener = Quiet()
        async with serving(lambda _: listener, **stack.server_options) as port:
            ssl_context = stacks.client_tls() if stack.tls else None
            peer = await open_upgraded(port, ssl_context=ssl_context)
            await send_while_read(listener.transport, peer, seed)
            await peer.close()

    stacks.run(stack.loop, main())


@pytest.mark.parametrize("stack", stacks.STACKS, ids=str)
@pytest.mark.parametrize("seed", [3])
def test_a_client_sends_in_order(stack: Stack, seed: int) -> None:
    async def main() -> None:
        async with raw_server(stacks.server_tls() if stack.tls else None) as server:
            transport, peer = await connect_to(server, stack)
            await send_while_read(transport, peer, seed)

    stacks.run(stack.loop, main())


@pytest.mark.parametrize("stack", stacks.STACKS, ids=str)
def test_what_was_sent_is_the_callers_to_change(stack: Stack) -> None:
    """Also while it waits in a queue: a send is a copy, in time, of what was given."""

    async def main() -> None:
        async with raw_server(stacks.server_tls() if stack.tls else None) as server:
            transport, peer = await connect_to(server, stack)
            digests = []
            buffer = bytearray(1 << 20)
            for number in range(20):
                buffer[:] = hashlib.sha256(bytes([number])).digest() * (len(buffer) // 32)
                digests.append(hashlib.sha256(buffer).digest())
                transport.send(BINARY, buffer)
            buffer[:] = bytes(len(buffer))
            for digest in digests:
                frame = await peer.read_frame()
                assert hashlib.sha256(frame.payload).digest() == digest
            transport.disconnect()

    stacks.run(stack.loop, main())
