"""Nothing is sent to a file descriptor that is not, or not any more, the connection's."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from typing import Any

import pytest
from support import scripts, stacks
from support.stacks import Stack

from picows import WSMsgType, WSTransport
from picows.testing.recorder import Recorder, paired, serving
from picows.testing.wire import TEXT, Frame

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="counts on numbers of files")
LOOPS = pytest.mark.parametrize("loop", stacks.LOOPS)


def take(number: int) -> tuple[socket.socket, socket.socket]:
    """A pair of sockets of which the first has that number."""
    near, far = socket.socketpair()
    if near.fileno() != number:
        os.dup2(near.fileno(), number)
        near.close()
        near = socket.socket(fileno=number)
    far.setblocking(False)
    return near, far


def send_all(transport: WSTransport) -> None:
    """Everything that sends."""
    transport.send(WSMsgType.TEXT, "private")
    transport.send(WSMsgType.BINARY, bytes(100_000))
    transport.send_reuse_external_bytearray(WSMsgType.TEXT, bytearray(30), 14)
    transport.send_ping(b"private")
    transport.send_close()


def close(sock: socket.socket) -> None:
    sock.close()


def leave_with(sock: socket.socket) -> None:
    with sock:
        pass


def detach(sock: socket.socket) -> None:
    os.close(sock.detach())


@pytest.mark.parametrize("end", [close, leave_with, detach])
@pytest.mark.parametrize("stack", stacks.STACKS, ids=str)
def test_the_owner_of_a_socket_ends_it(stack: Stack, end: Any) -> None:
    """Frames went to whoever got the number of the descriptor next."""
    made: list[socket.socket] = []

    def make(url: Any) -> socket.socket:
        made.append(socket.create_connection(("127.0.0.1", url.port)))
        return made[-1]

    async def main() -> None:
        recorders: list[Recorder] = []

        def factory(request: Any) -> Recorder:
            recorders.append(Recorder())
            return recorders[0]

        from picows import ws_connect

        async with serving(factory, **stack.server_options) as port:
            transport, listener = await ws_connect(
                Recorder, stack.url(port), socket_factory=make, **stack.client_options
            )
            assert made[0].getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            number = made[0].fileno()
            end(made[0])
            near, far = take(number)
            with near, far:
                transport.send(WSMsgType.TEXT, "private")
                assert await recorders[0].until_frames(1) == [Frame(TEXT, b"private")]
                recorders[0].transport.send(WSMsgType.TEXT, "answer")
                assert await listener.until_frames(1) == [Frame(TEXT, b"answer")]
                send_all(transport)
                transport.disconnect()
                await transport.wait_disconnected()
                with pytest.raises(BlockingIOError):
                    far.recv(1)
                near.send(b"still open")
                assert far.recv(20) == b"still open"

    stacks.run(stack.loop, main())
    assert made[0].fileno() == -1


@pytest.mark.parametrize("tls", [False, True], ids=["tcp", "tls"])
@pytest.mark.parametrize("end", [close, leave_with])
@LOOPS
def test_the_owner_of_a_listening_socket_ends_it(loop: str, end: Any, tls: bool) -> None:
    """Server.close() raised ValueError (descriptor -1), and wait_closed() never ended."""
    stack = Stack(loop, None, tls)

    async def main() -> None:
        from picows import ws_connect, ws_create_server

        listening = socket.create_server(("127.0.0.1", 0))
        port = listening.getsockname()[1]
        server = await ws_create_server(
            lambda request: Recorder(), sock=listening, **stack.server_options
        )
        end(listening)
        transport, _ = await ws_connect(Recorder, stack.url(port), **stack.client_options)
        transport.disconnect()
        server.close()
        async with asyncio.timeout(5):
            await server.wait_closed()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port))

    stacks.run(loop, main())


async def test_nothing_but_a_fork_takes_the_hub_away() -> None:
    """Hub.after_fork() closed the set of sockets: the connections of the loop went silent."""
    import gc

    from picows._native import Hub

    async with paired("server") as pair:
        for hub in [each for each in gc.get_objects() if type(each) is Hub]:
            hub.after_fork()
        pair.peer.send(Frame(TEXT, b"still there"))
        assert await pair.listener.until_frames(1) == [Frame(TEXT, b"still there")]


CLOSED_LOOP = """
import asyncio, sys
from support import stacks
from test_sockets import send_all, take
from picows import ws_connect
from picows.testing.recorder import Recorder, serving

async def connected(use_aiofastnet):
    recorders = []
    def factory(request):
        recorders.append(Recorder())
        return recorders[0]
    async def serve():
        async with serving(factory, use_aiofastnet=use_aiofastnet) as port:
            ports.set_result(port)
            await asyncio.sleep(60)
    ports = asyncio.get_running_loop().create_future()
    tasks.append(asyncio.ensure_future(serve()))
    url = f"ws://127.0.0.1:{await ports}/"
    transport, _ = await ws_connect(Recorder, url, use_aiofastnet=use_aiofastnet)
    return transport, recorders[0].transport

tasks = []
use_aiofastnet = stacks.TRANSPORTS[sys.argv[2]]
loop = stacks.LOOPS[sys.argv[1]]()
transports = loop.run_until_complete(connected(use_aiofastnet))
numbers = [each.underlying_transport.get_extra_info("socket").fileno() for each in transports]
loop.close()
for transport, number in zip(transports, numbers):
    try:
        import os
        os.fstat(number)
    except OSError:
        near, far = take(number)
    else:
        continue  # it is the connection's still
    try:
        send_all(transport)
    except RuntimeError:
        pass
    try:
        received = far.recv(1)
    except BlockingIOError:
        continue
    raise AssertionError(received)
os._exit(0)  # tasks and transports of a loop that is closed have much to say
"""


@pytest.mark.parametrize("transports", stacks.TRANSPORTS)
@LOOPS
def test_sending_after_the_loop_was_closed(loop: str, transports: str) -> None:
    """uvloop closes the sockets of its transports then, and says nothing."""
    scripts.run(CLOSED_LOOP, loop, transports)


@pytest.mark.parametrize("transports", stacks.TRANSPORTS)
@pytest.mark.parametrize("role", ["client", "server"])
async def test_a_child_of_a_fork_sends_nothing(role: str, transports: str) -> None:
    """What both send would stand in the middle of each other's frames."""
    async with paired(role, use_aiofastnet=stacks.TRANSPORTS[transports]) as pair:
        child = os.fork()
        if child == 0:
            try:
                send_all(pair.transport)
                if transports == "own":
                    underlying = pair.transport.underlying_transport
                    underlying.write(b"private")
                    underlying.writelines([b"private"])
                    underlying.write_eof()
                    pair.transport.disconnect(graceful=False)
            finally:
                os._exit(0)
        assert (await asyncio.to_thread(os.waitpid, child, 0))[1] == 0
        pair.transport.send(WSMsgType.TEXT, b"from the parent")
        assert await pair.peer.read_frame() == Frame(TEXT, b"from the parent")
        pair.peer.send(Frame(TEXT, b"to the parent"))
        assert await pair.listener.until_frames(1) == [Frame(TEXT, b"to the parent")]


@pytest.mark.parametrize("graceful", [True, False])
@pytest.mark.parametrize("stack", stacks.STACKS, ids=str)
def test_a_child_of_a_fork_ends_nothing(stack: Stack, graceful: bool) -> None:
    """TLS sent its close_notify, and a loop's transport left the set of sockets that both watch."""

    async def main() -> None:
        recorders: list[Recorder] = []

        def factory(request: Any) -> Recorder:
            recorders.append(Recorder())
            return recorders[0]

        from picows import ws_connect

        async with serving(factory, **stack.server_options) as port:
            transport, _ = await ws_connect(Recorder, stack.url(port), **stack.client_options)
            await transport.measure_roundtrip_time(1)
            child = os.fork()
            if child == 0:
                try:
                    for each in (transport, recorders[0].transport):
                        each.disconnect(graceful)
                finally:
                    os._exit(0)
            assert (await asyncio.to_thread(os.waitpid, child, 0))[1] == 0
            async with asyncio.timeout(5):
                assert len(await transport.measure_roundtrip_time(1)) == 1
            transport.disconnect()
            await transport.wait_disconnected()

    stacks.run(stack.loop, main())
