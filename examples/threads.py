"""A server with several event loops, each in a thread of its own, all at one port: the kernel deals
the connections out (SO_REUSEPORT, on Linux). On a free-threaded CPython they run at the same time;
with a GIL they take turns, and processes started in the same way do not.

    python examples/threads.py [PORT [THREADS]]

It answers each message with the name of its thread. Ctrl-C ends it.
"""

import asyncio
import os
import signal
import socket
import sys
import threading

from picows import (
    WSCloseCode,
    WSFrame,
    WSListener,
    WSMsgType,
    WSTransport,
    WSUpgradeRequest,
    ws_create_server,
)


class Teller(WSListener):
    def __init__(self, transports: set[WSTransport]) -> None:
        self.transports = transports

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.transports.add(transport)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self.transports.discard(transport)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        # A connection belongs to the thread of its loop: callbacks and sends happen there.
        if frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code(), frame.get_close_message())
            transport.disconnect()
        elif frame.msg_type == WSMsgType.TEXT:
            transport.send(WSMsgType.TEXT, threading.current_thread().name)


class Worker(threading.Thread):
    def __init__(self, name: str, port: int) -> None:
        super().__init__(name=name)
        self.port = port
        self.is_listening = threading.Event()

    def run(self) -> None:
        asyncio.run(self.serve())

    async def serve(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.told_to_end = asyncio.Event()
        transports: set[WSTransport] = set()

        def make_listener(request: WSUpgradeRequest) -> Teller:
            return Teller(transports)

        server = await ws_create_server(make_listener, "127.0.0.1", self.port, reuse_port=True)
        self.is_listening.set()
        await self.told_to_end.wait()
        server.close()
        leaving = list(transports)
        for transport in leaving:
            transport.send_close(WSCloseCode.GOING_AWAY)
            transport.disconnect()
        for transport in leaving:
            await transport.wait_disconnected()

    def end(self) -> None:
        # The one way into the loop from another thread.
        self.loop.call_soon_threadsafe(self.told_to_end.set)


def main(port: int, count: int) -> None:
    with socket.socket() as reserved:  # bound, not listening: it settles which port it is
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        reserved.bind(("127.0.0.1", port))
        port = reserved.getsockname()[1]
        # Signals are taken by sigwait() below, so no thread is interrupted by one.
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT, signal.SIGTERM])
        workers = [Worker(f"worker {number}", port) for number in range(count)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.is_listening.wait()
    print(f"listening on ws://127.0.0.1:{port}/ with {count} threads", flush=True)
    signal.sigwait([signal.SIGINT, signal.SIGTERM])
    for worker in workers:
        worker.end()
        worker.join()


main(
    int(sys.argv[1]) if len(sys.argv) > 1 else 9001,
    int(sys.argv[2]) if len(sys.argv) > 2 else os.cpu_count() or 1,
)
