"""Why a connection ended, in one place."""

from __future__ import annotations

import time
from typing import Any

import pytest

from picows import WSCloseCode, WSDisconnectCause, WSDisconnectInfo, WSProtocolError
from picows.testing import wire
from picows.testing.recorder import Recorder, paired
from picows.testing.wire import TEXT, Frame

ROLES = ["client", "server"]
Cause = WSDisconnectCause


async def info_of(pair: Any) -> WSDisconnectInfo:
    await pair.listener.until_disconnected()
    info = pair.transport.disconnect_info
    assert info is not None
    return info


@pytest.mark.parametrize("role", ROLES)
async def test_the_peer_closes(role: str) -> None:
    async with paired(role) as pair:
        assert pair.transport.disconnect_info is None
        pair.peer.send(wire.close(4000, "enough"))
        await pair.listener.until_frames(1)
        pair.transport.send_close(WSCloseCode.OK)
        pair.transport.disconnect()
        assert (await info_of(pair)).cause is Cause.PEER_CLOSE


@pytest.mark.parametrize("role", ROLES)
async def test_we_close(role: str) -> None:
    async with paired(role) as pair:
        pair.transport.send_close(WSCloseCode.OK)
        await pair.peer.read_frame()
        pair.peer.send(wire.close(1000))
        await pair.listener.until_frames(1)
        await pair.peer.close()
        assert (await info_of(pair)).cause is Cause.OWN_CLOSE


@pytest.mark.parametrize("graceful", [True, False])
async def test_we_disconnect_without_a_close(graceful: bool) -> None:
    async with paired("client") as pair:
        pair.transport.disconnect(graceful)
        info = await info_of(pair)
        assert info.cause is Cause.OWN_DISCONNECT
        assert info.exception is None


@pytest.mark.parametrize("role", ROLES)
async def test_the_peer_ends_without_a_close(role: str) -> None:
    async with paired(role) as pair:
        await pair.peer.close()
        info = await info_of(pair)
        assert info.cause is Cause.EOF
        assert info.exception is None


@pytest.mark.parametrize("role", ROLES)
async def test_a_reset(role: str) -> None:
    async with paired(role, use_aiofastnet=False) as pair:
        pair.peer.reset()
        info = await info_of(pair)
        assert info.cause is Cause.RESET
        assert isinstance(info.exception, ConnectionResetError)


@pytest.mark.parametrize("role", ROLES)
async def test_the_peer_breaks_the_protocol(role: str) -> None:
    async with paired(role) as pair:
        pair.peer.send(Frame(3))
        info = await info_of(pair)
        assert info.cause is Cause.PROTOCOL_ERROR
        assert isinstance(info.exception, WSProtocolError)
        assert info.exception.code == WSCloseCode.PROTOCOL_ERROR


class Raiser(Recorder):
    def on_ws_frame(self, transport: Any, frame: Any) -> None:
        raise KeyError("mine")


@pytest.mark.parametrize("role", ROLES)
async def test_a_listener_raises(role: str) -> None:
    async with paired(role, Raiser) as pair:
        pair.peer.send(Frame(TEXT, b"go"))
        info = await info_of(pair)
        assert info.cause is Cause.LISTENER_ERROR
        assert isinstance(info.exception, KeyError)


@pytest.mark.parametrize("role", ROLES)
async def test_when_the_last_bytes_came_and_went(role: str) -> None:
    async with paired(role) as pair:
        start = time.monotonic()
        pair.transport.send(TEXT, b"a")
        sent = time.monotonic()
        await pair.peer.read_frame()
        between = time.monotonic()
        pair.peer.send(Frame(TEXT, b"b"))
        await pair.listener.until_frames(1)
        received = time.monotonic()
        await pair.peer.close()
        info = await info_of(pair)
        assert info.sent_at is not None
        assert info.received_at is not None
        assert start <= info.sent_at <= sent
        assert between <= info.received_at <= received


async def test_it_is_there_in_on_ws_disconnected() -> None:
    seen = []

    class Asker(Recorder):
        def on_ws_disconnected(self, transport: Any) -> None:
            seen.append(transport.disconnect_info)
            super().on_ws_disconnected(transport)

    async with paired("client", Asker) as pair:
        await pair.peer.close()
        info = await info_of(pair)
        assert seen == [info]
