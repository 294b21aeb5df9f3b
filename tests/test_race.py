"""Names with several addresses: happy eyeballs (RFC 8305), and where a connection comes from."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from support import stacks
from support.machine import needs_ipv6
from support.proxies import proxy_server

from picows import WSHandshakeError, WSListener, WSTransport, ws_connect
from picows.client.race import interleaved
from picows.testing.peers import RawServer, raw_server
from picows.testing.recorder import Recorder, serving

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the event loop connects")
LOOPS = pytest.mark.parametrize("loop", stacks.LOOPS)

Address = tuple[str, int]


@contextlib.contextmanager
def full_queue() -> Iterator[socket.socket]:
    """A listening socket that answers no more until somebody accepts what is in its queue."""
    with contextlib.ExitStack() as stack:
        listening = stack.enter_context(socket.socket())
        listening.bind(("127.0.0.2", 0))
        listening.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listening.getsockname())
        yield listening


@contextlib.contextmanager
def black_hole() -> Iterator[Address]:
    """An address from which no answer comes."""
    with full_queue() as listening:
        yield listening.getsockname()


def unused() -> Address:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return sock.getsockname()[0], sock.getsockname()[1]


def resolve(*addresses: Address) -> list[str]:
    """Have names be resolved to these addresses. Returns the names that were asked for."""
    loop = asyncio.get_running_loop()
    asked: list[str] = []

    async def getaddrinfo(host: str, port: Any, **_: Any) -> list[Any]:
        if host == "localhost.example":
            asked.append(host)
            found = addresses
        else:
            found = ((host, port),)
        return [
            (
                socket.AF_INET6 if ":" in host else socket.AF_INET,
                socket.SOCK_STREAM,
                6,
                "",
                (host, port),
            )
            for host, port in found
        ]

    loop.getaddrinfo = getaddrinfo  # type: ignore[assignment]
    return asked


def sockets() -> set[str]:
    """The open ones of this process."""
    found = set()
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):  # that of the folder itself
            found.add(os.readlink(f"/proc/self/fd/{name}"))
    return {name for name in found if name.startswith("socket:")}


async def connect(url: str = "ws://localhost.example/", **options: Any) -> WSTransport:
    transport, _ = await ws_connect(WSListener, url, **options)
    return transport


async def close(transport: WSTransport) -> None:
    transport.disconnect()
    await transport.wait_disconnected()


def is_own(transport: WSTransport) -> bool:
    return type(transport.underlying_transport).__name__ == "TcpTransport"


@LOOPS
def test_a_first_address_that_does_not_answer_costs_a_moment(loop: str) -> None:
    """It was waited for until there was no time left for the others."""

    async def main() -> None:
        with black_hole() as hole:
            async with serving(lambda _: Recorder()) as port:
                resolve(hole, ("127.0.0.1", port))
                before = sockets()
                transport = await connect()
                assert transport.underlying_transport.get_extra_info("peername")[1] == port
                assert is_own(transport)
                assert len(sockets() - before) == 2  # the connection's, both ends
                await close(transport)

    stacks.run(loop, main())


@pytest.mark.parametrize("loop", stacks.LOOPS)
def test_tls_too(loop: str) -> None:
    async def main() -> None:
        with black_hole() as hole:
            async with serving(lambda _: Recorder(), ssl=stacks.server_tls("localhost")) as port:
                resolve(hole, ("127.0.0.1", port))
                transport = await connect(
                    "wss://localhost.example/",
                    ssl_context=stacks.client_tls(),
                    server_hostname="localhost",
                )
                assert transport.is_secure
                await close(transport)

    stacks.run(loop, main())


async def test_the_name_of_a_proxy_too() -> None:
    with black_hole() as hole:
        async with serving(lambda _: Recorder()) as port, proxy_server("http") as proxy:
            resolve(hole, ("127.0.0.1", proxy.port))
            url = f"ws://127.0.0.1:{port}/"
            await close(await connect(url, proxy=f"http://localhost.example:{proxy.port}"))


async def test_one_after_another_when_asked_for() -> None:
    with black_hole() as hole:
        async with serving(lambda _: Recorder()) as port:
            resolve(hole, ("127.0.0.1", port))
            before = sockets()
            with pytest.raises(TimeoutError, match="no connection to"):
                await connect(happy_eyeballs_delay=None, websocket_handshake_timeout=0.5)
            assert sockets() == before


async def test_a_refusal_is_not_waited_for() -> None:
    async with serving(lambda _: Recorder()) as port:
        resolve(unused(), unused(), ("127.0.0.1", port))
        await close(await connect(happy_eyeballs_delay=1000))


async def test_an_address_that_answers_late_still_wins() -> None:
    """The first one is not given up when the second one begins."""

    with full_queue() as late, black_hole() as hole:
        resolve(late.getsockname(), hole)
        connecting = asyncio.create_task(connect(happy_eyeballs_delay=0))
        await asyncio.sleep(0.1)  # both are under way
        server = RawServer()
        server.server = await asyncio.start_server(server._connected, sock=late)
        # Those that fill the queue are accepted as well, but ask for nothing.
        answering = [asyncio.create_task(server.accept_upgraded()) for _ in range(5)]
        await close(await connecting)
        for task in answering:
            task.cancel()
        await asyncio.gather(*answering, return_exceptions=True)
        await server.close()


async def accepted(server: RawServer) -> bool:
    """Whether a connection was made to the server, which was closed without a word then."""
    try:
        async with asyncio.timeout(0.5):
            peer = await server.accept()
    except TimeoutError:
        return False
    assert await peer.read_to_end() == b""
    return True


@LOOPS
def test_a_second_one_that_is_connected_as_well_is_closed(loop: str) -> None:
    async def main() -> None:
        async with raw_server() as first, raw_server() as second:
            resolve(("127.0.0.1", first.port), ("127.0.0.1", second.port))
            before = sockets()
            connecting = asyncio.create_task(connect(happy_eyeballs_delay=0))
            await first.accept_upgraded()
            transport = await connecting
            await accepted(second)
            assert len(sockets() - before) in (2, 3)
            await close(transport)

    stacks.run(loop, main())


async def test_errors_are_told_in_the_order_of_the_addresses() -> None:
    with black_hole() as hole:
        first, last = unused(), unused()
        resolve(first, last)
        with pytest.raises(OSError, match=rf"no address of .*{first[1]}.*; .*{last[1]}"):
            await connect(happy_eyeballs_delay=0)
        before = sockets()
        resolve(hole, last)
        with pytest.raises(TimeoutError, match="no connection to"):
            await connect(happy_eyeballs_delay=0, websocket_handshake_timeout=0.3)
        assert sockets() == before
        resolve(last)
        with pytest.raises(ConnectionRefusedError):
            await connect()


@LOOPS
@pytest.mark.parametrize("steps", range(6))
def test_cancelled_it_leaves_nothing_behind(loop: str, steps: int) -> None:
    async def main() -> None:
        with black_hole() as hole, black_hole() as other:
            resolve(hole, other, unused())
            before = sockets()
            connecting = asyncio.create_task(connect(happy_eyeballs_delay=0))
            for _ in range(steps):
                await asyncio.sleep(0)
            connecting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await connecting
            assert sockets() == before

    stacks.run(loop, main())


@pytest.mark.parametrize(
    ("first_count", "order"),
    [(1, "a6 a4 b6 b4 c6 d6"), (2, "a6 b6 a4 c6 b4 d6"), (9, "a6 b6 c6 d6 a4 b4")],
)
def test_families_take_turns(first_count: int, order: str) -> None:
    kinds = {"6": socket.AF_INET6, "4": socket.AF_INET}
    names = ["a6", "b6", "c6", "a4", "b4", "d6"]
    infos: list[Any] = [(kinds[name[1]], 1, 6, "", (name, 80)) for name in names]
    assert [info[4][0] for info in interleaved(infos, first_count)] == order.split()


@needs_ipv6
async def test_the_other_family_comes_second() -> None:
    """The addresses of one family may all be dead: the first of the other comes before them."""
    with (
        black_hole() as hole,
        socket.create_server(("::1", 0), family=socket.AF_INET6) as listening,
    ):
        six = listening.getsockname()[:2]
        resolve(hole, *[hole] * 100, six)
        for options in ({}, {"interleave": 1}, {"interleave": 2, "happy_eyeballs_delay": 0.01}):
            connecting = asyncio.create_task(connect(**options))
            sock, _ = await asyncio.to_thread(listening.accept)
            sock.close()
            with pytest.raises(WSHandshakeError):
                await connecting


@LOOPS
def test_where_a_connection_comes_from(loop: str) -> None:
    """local_addr was a reason to leave our own transport."""

    async def main() -> None:
        async with serving(lambda _: Recorder()) as port:
            for host in ("127.0.0.1", "localhost.example"):
                resolve(("127.0.0.1", port))
                url = f"ws://{host}:{port}/"
                transport = await connect(url, local_addr=("127.0.0.3", 0))
                assert is_own(transport)
                assert transport.underlying_transport.get_extra_info("sockname")[0] == "127.0.0.3"
                await close(transport)
            with pytest.raises(OSError, match=r"cannot connect from .*192\.0\.2\.1"):
                await connect(url, local_addr=("192.0.2.1", 0))  # TEST-NET-1, RFC 5737
            with pytest.raises(OSError, match="local_addr has no address of the server"):
                await connect(url, local_addr=("::1", 0))

    stacks.run(loop, main())


WRONG: list[tuple[dict[str, Any], type[Exception]]] = [
    ({"happy_eyeballs_delay": "soon"}, TypeError),
    ({"happy_eyeballs_delay": -1}, ValueError),
    ({"happy_eyeballs_delay": float("nan")}, ValueError),
    ({"interleave": 1.5}, TypeError),
    ({"interleave": -1}, ValueError),
    ({"local_addr": "127.0.0.1"}, TypeError),
    ({"local_addr": 5}, TypeError),
]


@pytest.mark.parametrize(("options", "kind"), WRONG, ids=str)
async def test_wrong_arguments(options: dict[str, Any], kind: type[Exception]) -> None:
    [name] = options
    with pytest.raises(kind, match=f"^{name} must be "):
        await connect("ws://127.0.0.1:1/", **options)
