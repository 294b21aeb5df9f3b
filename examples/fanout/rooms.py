"""A chat of rooms that span processes, whatever carries the messages between them.

The path of a client's URL is its room. What it sends goes to all in the room, in all processes.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

from picows import WSFrame, WSListener, WSMsgType, WSTransport, WSUpgradeRequest
from picows.fanout import Fanout

Publish = Callable[[str, bytes], Awaitable[object]]


class Member(WSListener):
    """One client."""

    def __init__(self, room: str, fanout: Fanout, outbox: asyncio.Queue[tuple[str, bytes]]) -> None:
        self.room = room
        self.fanout = fanout
        self.outbox = outbox

    def on_ws_connected(self, transport: WSTransport) -> None:
        # When the subscription stands, say so: what is published from now on comes.
        joined = self.fanout.join(transport, self.room)
        joined.add_done_callback(lambda joined: self.tell(transport, joined))

    def tell(self, transport: WSTransport, joined: asyncio.Future[None]) -> None:
        if joined.exception() is None:
            transport.send(WSMsgType.TEXT, f"you are in {self.room}")
        else:
            transport.send_close(1013, "the broker cannot be reached")
            transport.disconnect()

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.CLOSE:
            if not transport.is_close_frame_sent:
                transport.send_close(frame.get_close_code())
            transport.disconnect()
        elif frame.msg_type == WSMsgType.TEXT:
            # A full queue raises, which ends the connection of who sent too much.
            self.outbox.put_nowait((self.room, frame.get_payload_as_bytes()))

    def pause_writing(self) -> None:
        pass  # the default logs a warning; here the policy of Fanout is the limit

    resume_writing = pause_writing


@contextlib.asynccontextmanager
async def open_rooms(
    fanout: Fanout, publish: Publish
) -> AsyncIterator[Callable[[WSUpgradeRequest], Member]]:
    """A listener factory. One task publishes, so that messages keep their order."""
    outbox: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue(10_000)

    async def publish_all() -> None:
        while True:
            subject, data = await outbox.get()
            try:
                await publish(subject, data)
            except Exception as error:
                print(f"a message to {subject} is lost: {error!r}", flush=True)

    publishing = asyncio.create_task(publish_all())
    yield lambda request: Member(request.path.decode().strip("/") or "lobby", fanout, outbox)
    publishing.cancel()
