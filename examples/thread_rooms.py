"""Rooms that span event loops: each thread has a loop and its own connections, and a message for a
room goes to all loops. On a free-threaded CPython (3.13t, 3.14t) the threads run at the same time.

    python examples/thread_rooms.py [PORT [THREADS]]

The path of a client's URL is its room; what it sends goes to all in the room. Ctrl-C ends it.
"""

import asyncio
import contextlib
import os
import signal
import socket
import sys
import threading
from collections import defaultdict

from picows import (
    WSCloseCode,
    WSFrame,
    WSListener,
    WSMsgType,
    WSTransport,
    WSUpgradeRequest,
    ws_broadcast,
    ws_create_server,
)


class Worker(threading.Thread):
    """An event loop, and the members of all rooms whose connections it has."""

    def __init__(self, number: int, port: int, workers: "list[Worker]") -> None:
        super().__init__(name=f"worker {number}")
        self.port = port
        self.workers = workers
        self.rooms: defaultdict[bytes, set[WSTransport]] = defaultdict(set)
        self.is_listening = threading.Event()

    def run(self) -> None:
        asyncio.run(self.serve())

    async def serve(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.told_to_end = asyncio.Event()
        server = await ws_create_server(self.admit, "127.0.0.1", self.port, reuse_port=True)
        self.is_listening.set()
        await self.told_to_end.wait()
        server.close()
        leaving = [transport for members in self.rooms.values() for transport in members]
        for transport in leaving:
            transport.send_close(WSCloseCode.GOING_AWAY)
            transport.disconnect()
        await server.wait_closed()

    def admit(self, request: WSUpgradeRequest) -> "Member":
        return Member(self, request.path)

    def deliver(self, room: bytes, message: bytes) -> None:
        """In this worker's thread: only that touches its rooms and connections."""
        if room in self.rooms:
            ws_broadcast(self.rooms[room], WSMsgType.TEXT, message)

    def publish(self, room: bytes, message: bytes) -> None:
        """To all who are in a room, whichever thread has them."""
        self.deliver(room, message)
        for worker in self.workers:
            if worker is not self:
                with contextlib.suppress(RuntimeError):  # its loop has ended
                    # The one way into a loop from another thread. It keeps the order.
                    worker.loop.call_soon_threadsafe(worker.deliver, room, message)

    def end(self) -> None:
        self.loop.call_soon_threadsafe(self.told_to_end.set)


class Member(WSListener):
    def __init__(self, worker: Worker, room: bytes) -> None:
        self.worker = worker
        self.room = room

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.worker.rooms[self.room].add(transport)
        transport.send(WSMsgType.TEXT, f"you are at {self.worker.name}")

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        members = self.worker.rooms[self.room]
        members.discard(transport)
        if not members:
            del self.worker.rooms[self.room]

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code(), frame.get_close_message())
            transport.disconnect()
        elif frame.msg_type == WSMsgType.TEXT:
            self.worker.publish(self.room, frame.get_payload_as_bytes())

    def pause_writing(self) -> None:
        pass  # the default logs a warning; ws_broadcast leaves out who is slow

    resume_writing = pause_writing


def main(port: int, count: int) -> None:
    workers: list[Worker] = []
    with socket.socket() as reserved:  # bound, not listening: it settles which port it is
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        reserved.bind(("127.0.0.1", port))
        port = reserved.getsockname()[1]
        # Signals are taken by sigwait() below, so no thread is interrupted by one.
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT, signal.SIGTERM])
        workers += [Worker(number, port, workers) for number in range(count)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.is_listening.wait()
    print(f"listening on ws://127.0.0.1:{port}/ with {count} threads", flush=True)
    signal.sigwait([signal.SIGINT, signal.SIGTERM])
    for worker in workers:
        worker.end()
    for worker in workers:
        worker.join()


if __name__ == "__main__":
    main(
        int(sys.argv[1]) if len(sys.argv) > 1 else 9001,
        int(sys.argv[2]) if len(sys.argv) > 2 else os.cpu_count() or 1,
    )
