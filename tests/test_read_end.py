"""on_ws_read_end: after all frames of a read."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from picows.testing import wire
from picows.testing.recorder import Recorder, paired
from picows.testing.wire import TEXT, Frame

ROLES = ["client", "server"]


class Batches(Recorder):
    """Keeps what each read brought, and answers it with one frame."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[list[bytes]] = []

    def on_ws_read_end(self, transport: Any) -> None:
        taken = sum(map(len, self.batches))
        batch = [frame.payload for frame in self.frames[taken:]]
        if batch:
            self.batches.append(batch)
            transport.send(TEXT, b",".join(batch))
            self._note("read end")


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("coalesce_sends", [False, True])
@pytest.mark.parametrize("use_aiofastnet", [None, False], ids=["own", "loop"])
async def test_it_is_called_once_a_read(
    role: str, coalesce_sends: bool, use_aiofastnet: bool | None
) -> None:
    options: Any = {"coalesce_sends": coalesce_sends, "use_aiofastnet": use_aiofastnet}
    async with paired(role, Batches, **options) as pair:
        pair.peer.send(*[Frame(TEXT, b"%d" % i) for i in range(5)])
        await pair.peer.expect(Frame(TEXT, b"0,1,2,3,4"))
        whole = wire.encode(Frame(TEXT, b"cut"), pair.peer.key)
        pair.peer.send_bytes(whole[:4])
        await asyncio.sleep(0.01)
        pair.peer.send_bytes(whole[4:])
        await pair.peer.expect(Frame(TEXT, b"cut"))
        assert pair.listener.batches == [[b"0", b"1", b"2", b"3", b"4"], [b"cut"]]


async def test_it_is_called_also_where_the_peer_broke_the_protocol_in_that_read() -> None:
    async with paired("server", Batches) as pair:
        good, bad = Frame(TEXT, b"good"), Frame(0xB, b"bad")
        pair.peer.send(good, bad)
        await pair.listener.until_disconnected()
        assert pair.listener.batches == [[b"good"]]


class Raising(Recorder):
    def on_ws_read_end(self, transport: Any) -> None:
        raise ValueError("at the end")


@pytest.mark.parametrize("ends", [True, False])
async def test_an_exception_is_like_one_of_on_ws_frame(
    ends: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async with paired("server", Raising, disconnect_on_exception=ends) as pair:
        pair.peer.send(Frame(TEXT, b"x"))
        if ends:
            assert await pair.peer.read_rest() == [wire.close(1011)]
        else:
            await pair.listener.until_frames(1)
            pair.transport.send(TEXT, b"goes on")
            await pair.peer.expect(Frame(TEXT, b"goes on"))
    errors = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert errors
    assert all("on_ws_read_end raised" in record.message for record in errors)


async def test_an_attribute_of_the_listener_counts_when_it_is_connected() -> None:
    ends: list[object] = []

    class Marked(Recorder):
        def __init__(self) -> None:
            super().__init__()
            self.on_ws_read_end = ends.append  # type: ignore[method-assign]

    async with paired("client", Marked) as pair:
        ends.clear()  # the read with the answer to the opening handshake
        pair.peer.send(Frame(TEXT, b"x"))
        await pair.listener.until_frames(1)
        await asyncio.sleep(0)
        assert ends == [pair.transport]


async def test_the_default_does_nothing() -> None:
    async with paired("client") as pair:
        assert pair.listener.on_ws_read_end(pair.transport) is None
        with pytest.raises(TypeError, match="takes 1 arguments"):
            pair.listener.on_ws_read_end()
