"""Drives this picows and the one of PyPI: the same source for both."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections import deque
from itertools import repeat
from typing import Any

from common import SECONDS_MAX, SIZE_MAX, Options, Run, Server, begin, drive, handshakes

import picows
from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect, ws_create_server

BINARY = WSMsgType.BINARY


class Quiet(WSListener):
    """The default logs a warning whenever a peer is slower than we are."""

    def pause_writing(self) -> None:
        pass

    resume_writing = pause_writing


class Echo(Quiet):
    run: Run
    message: bytes

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        run = self.run
        run.count += 1
        if run.count == run.limit:
            run.finish()
        elif not run.over:
            transport.send(BINARY, self.message)


class TimedEcho(Echo):
    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        self.run.times.append(time.perf_counter_ns())
        Echo.on_ws_frame(self, transport, frame)


class Sink(Quiet):
    run: Run

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        run = self.run
        run.count += 1
        if run.count == run.limit:
            run.finish()


class KeepOne(Quiet):
    def __init__(self) -> None:
        self.frame: asyncio.Future[WSFrame] = asyncio.get_running_loop().create_future()

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        self.frame.set_result(frame)


class Burst(Quiet):
    run: Run
    burst: int

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        run = self.run
        run.count += 1
        if run.count % self.burst == 0:
            transport.send(BINARY, b"")


CLIENTS: dict[str, type[Any]] = {"echo": Echo, "sink": Sink, "burst": Burst, "callback": KeepOne}


async def client(options: Options) -> dict[str, float]:
    settings: dict[str, Any] = {
        "ssl_context": options.client_tls,
        "max_frame_size": SIZE_MAX,
        "websocket_handshake_timeout": SECONDS_MAX,
    }

    async def one() -> None:
        transport, _ = await ws_connect(Quiet, options.url, **settings)
        transport.disconnect(False)
        await transport.wait_disconnected()

    if options.work == "handshake":
        return await handshakes(one, options)
    listener_class = TimedEcho if options.timed else CLIENTS[options.work]
    transport, listener = await ws_connect(listener_class, options.url, **settings)
    message = bytes(options.size)
    listener.message, listener.burst = message, options.burst
    if options.work == "callback":
        return await callbacks(transport, listener)
    run = listener.run = begin()
    if options.work == "echo":
        transport.send(BINARY, message)
    else:
        transport.send(BINARY, str(max(run.limit, 0)))
    return await run.result()


async def callbacks(transport: WSTransport, listener: KeepOne) -> dict[str, float]:
    """What Sink's callback alone costs: called from C as often as there would have been frames."""
    transport.send(BINARY, "1")
    frame = await listener.frame
    sink = Sink()
    run = sink.run = begin()
    calls = map(sink.on_ws_frame, repeat(transport, run.limit), repeat(frame))
    deque(calls, maxlen=0)
    return await run.result()


async def server(options: Options, control: Server) -> None:
    message = bytes(options.size)

    class EchoServer(Quiet):
        def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
            transport.send(frame.msg_type, frame.get_payload_as_bytes())

    class SinkServer(Quiet):
        def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
            control.count += 1

    class Stream(WSListener):
        """Sends as long as nothing waits in the transport."""

        paused = False
        left = 0

        def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
            self.transport, self.left = transport, options.burst
            self.pump()

        def pump(self) -> None:
            while self.left and not self.paused:
                self.left -= 1
                self.transport.send(BINARY, message)

        def pause_writing(self) -> None:
            self.paused = True

        def resume_writing(self) -> None:
            self.paused = False
            self.pump()

    members: list[WSTransport] = []
    ws_broadcast: Any = getattr(picows, "ws_broadcast", None)

    class Member(Quiet):
        def on_ws_connected(self, transport: WSTransport) -> None:
            members.append(transport)

        def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
            if control.broadcast:
                send_round()

    def send_round() -> None:
        if broadcast := control.next_round(len(members)):
            with broadcast.call():
                if ws_broadcast:
                    ws_broadcast(members, BINARY, message)
                else:
                    for transport in members:
                        transport.send(BINARY, message)

    control.round = send_round
    listener = {
        "echo": EchoServer,
        "sink": SinkServer,
        "stream": Stream,
        "broadcast": Member,
        "idle": Quiet,
    }[options.work]
    settings: dict[str, Any] = {}
    if options.coalesce and "coalesce_sends" in inspect.signature(ws_create_server).parameters:
        settings["coalesce_sends"] = True
    listening = await ws_create_server(
        lambda request: listener(),
        "127.0.0.1",
        0,
        ssl=options.server_tls,
        max_frame_size=SIZE_MAX,
        websocket_handshake_timeout=SECONDS_MAX,
        backlog=4096,
        **settings,
    )
    control.ready(listening.sockets[0].getsockname()[1])
    await control.ended


if __name__ == "__main__":
    drive(client, server)
