"""ws_connect ends in bounded time whatever it waits for on its way to the upgrade."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from support import stacks

from picows import WSListener, ws_connect
from picows.testing.peers import raw_server
from picows.url import WSParsedURL

SOON = 0.05


@contextlib.contextmanager
def deaf_port() -> Iterator[int]:
    """A port that answers no SYN: it listens, but its queue is full and nobody accepts."""
    with socket.socket() as listener, contextlib.ExitStack() as stack:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


@pytest.mark.parametrize("loop", stacks.LOOPS)
@pytest.mark.parametrize("use_aiofastnet", stacks.TRANSPORTS.values())
@pytest.mark.parametrize("scheme", ["ws", "wss"])
def test_tcp_that_is_not_answered(loop: str, use_aiofastnet: bool | None, scheme: str) -> None:
    async def main() -> None:
        with deaf_port() as port, pytest.raises(asyncio.TimeoutError, match="no connection to"):
            await ws_connect(
                WSListener,
                f"{scheme}://127.0.0.1:{port}/",
                use_aiofastnet=use_aiofastnet,
                websocket_handshake_timeout=SOON,
            )

    stacks.run(loop, main())


@pytest.mark.parametrize("loop", stacks.LOOPS)
@pytest.mark.parametrize("use_aiofastnet", [False, True])
def test_tls_that_is_not_answered(loop: str, use_aiofastnet: bool) -> None:
    async def main() -> None:
        unseen: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, c: unseen.append(c))
        async with raw_server() as server:
            with pytest.raises(asyncio.TimeoutError, match="no connection to wss://127"):
                await ws_connect(
                    WSListener,
                    f"wss://127.0.0.1:{server.port}/secret?path",
                    use_aiofastnet=use_aiofastnet,
                    websocket_handshake_timeout=SOON,
                )
            peer = await server.accept()
            with contextlib.suppress(ConnectionResetError):  # for what was not read
                await peer.read_to_end()
        gc.collect()
        assert unseen == []

    stacks.run(loop, main())


async def test_a_socket_factory_that_does_not_end() -> None:
    entered = asyncio.Event()
    left = asyncio.Event()

    async def factory(url: WSParsedURL) -> socket.socket | None:
        entered.set()
        try:
            await asyncio.Event().wait()
        finally:
            left.set()
        return None

    with pytest.raises(asyncio.TimeoutError):
        await ws_connect(
            WSListener,
            "ws://127.0.0.1:1/",
            socket_factory=factory,
            websocket_handshake_timeout=SOON,
        )
    assert entered.is_set() and left.is_set()


@pytest.mark.parametrize(
    "options",
    [
        {"websocket_handshake_timeout": None},
        {"websocket_handshake_timeout": SOON, "ssl_handshake_timeout": 60},
    ],
)
async def test_who_asks_for_more_time_gets_it(options: dict[str, Any]) -> None:
    async with raw_server() as server:
        connecting = asyncio.create_task(
            ws_connect(WSListener, f"wss://127.0.0.1:{server.port}/", **options)
        )
        done, _ = await asyncio.wait([connecting], timeout=4 * SOON)
        assert not done
        connecting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await connecting


async def test_a_timeout_of_the_kernels_keeps_its_own_words() -> None:
    def factory(url: WSParsedURL) -> socket.socket:
        raise TimeoutError("said by somebody else")

    with pytest.raises(TimeoutError, match="somebody else"):
        await ws_connect(WSListener, "ws://127.0.0.1:1/", socket_factory=factory)
