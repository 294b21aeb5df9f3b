"""Messages of a broker to the connections of this process that want them.

Between processes and machines a broker carries messages (NATS, Redis, Kafka). `Fanout` subscribes
to a subject when the first connection joins it, hands what is published there to all that have
joined, and unsubscribes when the last one is gone. docs/fanout.md has adapters, and says what is
promised.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Literal

from ._native import WSCloseCode, WSMsgType, WSTransport, ws_broadcast
from .values.broadcast import WSBroadcastResult, everything_sent

if TYPE_CHECKING:
    from typing_extensions import Buffer

__all__ = ["Fanout"]

_logger = logging.getLogger("picows.fanout")


class _Topic:
    """A subject that somebody has joined, or that is being unsubscribed."""

    __slots__ = ("is_subscribed", "members", "task", "waiters")

    def __init__(self) -> None:
        #: How often each connection has joined.
        self.members: dict[WSTransport, int] = {}
        self.is_subscribed = False
        #: Brings the subscription in line with the members; None if it is.
        self.task: asyncio.Task[None] | None = None
        #: Who waits for the subscription.
        self.waiters: list[asyncio.Future[None]] = []


class Fanout:
    """Subscriptions of one process, and the connections that they are for. It belongs to one event
    loop, as the connections do.

    Args:
        subscribe: called with a subject; may return an awaitable. What is published afterwards
            must come to `deliver`.
        unsubscribe: the same for the end of a subscription. For one subject they are called in
            turn, each when the other is done.
        msg_type: of the frames that are sent: TEXT or BINARY.
        max_queued: how many bytes may wait for a client that reads slowly, as for `ws_broadcast`.
        when_full: what happens to a client that is slower, as for `ws_broadcast`: `"skip"` leaves
            the message out, `"disconnect"` ends the connection.
        on_gap: called with a subject and its connections when messages may be missing, so that the
            program can bring them up to date. None ends them with CLOSE(SERVICE_RESTART): they
            connect again and start anew.

    Raises:
        TypeError: an argument has the wrong type.
        ValueError: an argument has an unusable value.
    """

    def __init__(
        self,
        subscribe: Callable[[str], Awaitable[object] | object],
        unsubscribe: Callable[[str], Awaitable[object] | object],
        *,
        msg_type: WSMsgType | int = WSMsgType.TEXT,
        max_queued: int = 1024 * 1024,
        when_full: Literal["skip", "disconnect"] = "skip",
        on_gap: Callable[[str, tuple[WSTransport, ...]], object] | None = None,
    ) -> None:
        self._subscribe = subscribe
        self._unsubscribe = unsubscribe
        self._msg_type = msg_type
        self._max_queued = max_queued
        self._when_full: Literal["skip", "disconnect"] = when_full
        self._on_gap = on_gap or _disconnect
        self._topics: dict[str, _Topic] = {}
        self._subjects: dict[WSTransport, set[str]] = {}
        # Fails now, not at the first message.
        ws_broadcast((), msg_type, b"", max_queued=max_queued, when_full=when_full)

    def join(self, transport: WSTransport, subject: str) -> asyncio.Future[None]:
        """Have a connection get what is delivered for a subject, until it is disconnected.

        A connection may join a subject several times; it gets each message once, and has to leave
        as often.

        Returns:
            A future that is done when the subscription stands: what is published from then on
            comes. It need not be awaited. If `subscribe` raises, the future has the exception, and
            those who waited for the subscription are no members.
        """
        loop = asyncio.get_running_loop()
        joined = loop.create_future()
        if transport.is_disconnected:
            joined.set_result(None)
            return joined
        topic = self._topics.setdefault(subject, _Topic())
        topic.members[transport] = topic.members.get(transport, 0) + 1
        if transport not in self._subjects:
            self._subjects[transport] = set()
            _call_when_disconnected(transport, self._forget, loop)
        self._subjects[transport].add(subject)
        topic.waiters.append(joined)
        self._settle(subject, topic)
        return joined

    def leave(self, transport: WSTransport, subject: str) -> None:
        """Undo a `join`. Nothing happens if the connection is no member."""
        topic = self._topics.get(subject)
        count = topic.members.get(transport, 0) if topic else 0
        if topic and count > 1:
            topic.members[transport] = count - 1
        elif topic and count:
            self._remove(transport, subject, topic)

    def deliver(self, subject: str, data: str | Buffer) -> WSBroadcastResult:
        """Send a message to all that have joined a subject: one `ws_broadcast`.

        Args:
            subject: as it was joined.
            data: str, or a bytes-like object.

        Returns:
            Who has bytes waiting, and who was too slow. Empty if nobody has joined.

        Raises:
            TypeError: data is neither.
            ValueError: a str that has no UTF-8.
        """
        topic = self._topics.get(subject)
        if topic is None:
            return everything_sent
        return ws_broadcast(
            topic.members,
            self._msg_type,
            data,
            max_queued=self._max_queued,
            when_full=self._when_full,
        )

    def gap(self, subject: str | None = None) -> None:
        """Say that messages may be missing: the broker was away, or dropped some.

        Args:
            subject: where; None for all subjects.
        """
        for each in list(self._topics) if subject is None else [subject]:
            topic = self._topics.get(each)
            if topic is not None and topic.members:
                try:
                    self._on_gap(each, tuple(topic.members))
                except Exception:
                    _logger.exception("on_gap raised for subject %r", each)

    def _forget(self, transport: WSTransport) -> None:
        for subject in list(self._subjects.get(transport, ())):
            self._remove(transport, subject, self._topics[subject])
        self._subjects.pop(transport, None)

    def _remove(self, transport: WSTransport, subject: str, topic: _Topic) -> None:
        del topic.members[transport]
        self._subjects[transport].discard(subject)
        self._settle(subject, topic)

    def _settle(self, subject: str, topic: _Topic) -> None:
        if topic.task is not None:
            return  # it looks again
        if topic.is_subscribed and topic.members:
            _resolve(topic.waiters)
        else:
            topic.task = asyncio.get_running_loop().create_task(self._work(subject, topic))

    async def _work(self, subject: str, topic: _Topic) -> None:
        """Subscribe or unsubscribe, until the subscription is what the members need."""
        while topic.is_subscribed != bool(topic.members):
            if topic.is_subscribed:
                topic.is_subscribed = False
                await self._end(subject)
            else:
                try:
                    await _done(self._subscribe(subject))
                except Exception as error:
                    self._fail(subject, topic, error)
                else:
                    topic.is_subscribed = True
        _resolve(topic.waiters)
        topic.task = None
        if not topic.members:
            del self._topics[subject]

    async def _end(self, subject: str) -> None:
        try:
            await _done(self._unsubscribe(subject))
        except Exception:
            _logger.exception("unsubscribe raised for subject %r", subject)

    def _fail(self, subject: str, topic: _Topic, error: Exception) -> None:
        for transport in topic.members:
            self._subjects[transport].discard(subject)
        topic.members.clear()
        _resolve(topic.waiters, error)


def _resolve(waiters: list[asyncio.Future[None]], error: Exception | None = None) -> None:
    for waiter in waiters:
        if waiter.done():  # cancelled by who waited
            continue
        if error is None:
            waiter.set_result(None)
        else:
            waiter.set_exception(error)
    waiters.clear()


async def _done(result: Awaitable[object] | object) -> None:
    if inspect.isawaitable(result):
        await result


def _call_when_disconnected(
    transport: WSTransport,
    callback: Callable[[WSTransport], None],
    loop: asyncio.AbstractEventLoop,
) -> None:
    """A future among those that the connection resolves at its end: less than a task would cost."""
    ended: asyncio.Future[Any] = loop.create_future()
    ended.add_done_callback(lambda _: callback(transport))
    waiters = transport._waiters
    if waiters is None:
        ended.set_result(None)
    else:
        waiters.append(ended)


def _disconnect(subject: str, transports: tuple[WSTransport, ...]) -> None:
    """What happens at a gap if the program does not say."""
    for transport in transports:
        transport.send_close(WSCloseCode.SERVICE_RESTART, "messages may be missing")
        transport.disconnect()
