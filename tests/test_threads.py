"""Several event loops in several threads, with and without a GIL: docs/threads.md.

With a GIL these tests show little more than that nothing is bound to a thread by mistake. Their
use is on a free-threaded Python, where the threads run at the same time.
"""

from __future__ import annotations

import asyncio
import gc
import queue
import subprocess
import sys
import sysconfig
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support import stacks

from picows import (
    WSFrame,
    WSListener,
    WSMsgType,
    WSTransport,
    WSUpgradeRequest,
    WSUpgradeResponse,
    ws_connect,
)
from picows.closing import WSCloseHandshake
from picows.testing.recorder import URL, serving

FREE_THREADED = sysconfig.get_config_var("Py_GIL_DISABLED") == 1
THREADS = 4
SIZES = [0, 1, 100, 125, 126, 5000, 65536, 300_000]
ROUNDS = 30


def run_python(code: str, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *options, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


@pytest.mark.skipif(not FREE_THREADED, reason="this Python has a GIL")
def test_the_module_leaves_the_gil_off() -> None:
    """CPython turns it on, with a warning, for a module that does not say that it needs none."""
    done = run_python("import picows, sys; print(sys._is_gil_enabled())", "-W", "error")
    assert done.stdout == "False\n", done.stderr


@pytest.mark.slow
def test_a_build_for_the_other_kind_of_python_is_refused(
    setup_py: Any, root: Path, tmp_path: Path
) -> None:
    """Its objects begin otherwise: it would crash, or worse. What it says is what to do."""
    system, arch = setup_py.host()
    output = tmp_path / setup_py.SYSTEMS[system][2]
    command = setup_py.native_command(system, arch, output, "debug", not FREE_THREADED)
    subprocess.run(command, cwd=root, check=True)
    done = run_python(
        "import importlib.util as util\n"
        f"spec = util.spec_from_file_location('_native', {str(output)!r})\n"
        "util.module_from_spec(spec)\n"
    )
    assert "ImportError: picows._native was built for CPython with" in done.stderr
    assert "reinstall picows" in done.stderr


INTERPRETERS = """
import _interpreters, threading

def work(number):
    one = _interpreters.create("isolated")
    failure = _interpreters.exec(one, '''
import asyncio
from picows import WSListener, WSMsgType, ws_connect, ws_create_server

class Echo(WSListener):
    def on_ws_frame(self, transport, frame):
        transport.send(frame.msg_type, frame.get_payload_as_bytes())

class Client(WSListener):
    def on_ws_connected(self, transport):
        self.answer = asyncio.get_running_loop().create_future()
        transport.send(WSMsgType.TEXT, "x" * 1000)
    def on_ws_frame(self, transport, frame):
        self.answer.set_result(frame.get_payload_as_utf8_text())

async def main():
    options = {"use_aiofastnet": False}
    server = await ws_create_server(lambda request: Echo(), "127.0.0.1", 0, **options)
    port = server.sockets[0].getsockname()[1]
    for _ in range(50):
        transport, client = await ws_connect(Client, f"ws://127.0.0.1:{port}/", **options)
        assert await client.answer == "x" * 1000
        transport.disconnect()
        await transport.wait_disconnected()
    server.close()

asyncio.run(main())
''')
    results.append(failure)
    _interpreters.destroy(one)

results = []
threads = [threading.Thread(target=work, args=(i,)) for i in range(3)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(results)
"""


@pytest.mark.skipif(sys.version_info < (3, 13), reason="no isolated interpreters from Python")
def test_interpreters_with_a_gil_of_their_own_each_load_the_module() -> None:
    done = run_python(INTERPRETERS)
    assert done.stdout == "[None, None, None]\n", done.stdout + done.stderr


def in_threads(*work: Callable[[], object]) -> None:
    """Runs functions at once, in threads, and raises what the first that failed raised."""
    errors: list[BaseException] = []
    start = threading.Barrier(len(work))

    def guarded(function: Callable[[], object]) -> None:
        try:
            start.wait()
            function()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(function,)) for function in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


PAYLOADS = [bytes([size % 251]) * size for size in SIZES]


class Echo(WSListener):
    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        transport.send(frame.msg_type, frame.get_payload_as_memoryview())


class Sender(WSListener):
    """Sends what it gets back again; frames go to another thread, which looks at them."""

    def __init__(self, inspected: queue.SimpleQueue[Any]) -> None:
        self.inspected = inspected
        self.rounds = 0
        self.done = asyncio.get_running_loop().create_future()

    def on_ws_connected(self, transport: WSTransport) -> None:
        for payload in PAYLOADS:
            transport.send(WSMsgType.BINARY, payload)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        index, self.rounds = self.rounds % len(PAYLOADS), self.rounds + 1
        payload = PAYLOADS[index]
        assert frame.get_payload_as_bytes() == payload
        if self.rounds % 3 == 0:
            self.inspected.put((frame, payload))
        elif self.rounds % 3 == 1:
            self.inspected.put((frame.get_payload_as_memoryview(), payload))
        if self.rounds <= ROUNDS * len(PAYLOADS):
            transport.send(WSMsgType.BINARY, payload)
        elif not self.done.done():
            self.done.set_result(None)


def test_echo_in_threads_while_others_look_and_collect() -> None:
    """A server and clients a thread. Their frames are read, and die, in one thread; garbage of all
    is collected in another.
    """
    inspected: queue.SimpleQueue[Any] = queue.SimpleQueue()
    over = threading.Event()
    counted = []

    async def exchange() -> None:
        # One class of listeners, one function that makes them: what threads share in real programs.
        async with serving(lambda request: Echo(), use_aiofastnet=False) as port:

            async def one() -> None:
                transport, listener = await ws_connect(
                    lambda: Sender(inspected), URL.format(port), use_aiofastnet=False
                )
                assert isinstance(listener, Sender)
                await listener.done
                transport.disconnect()
                await transport.wait_disconnected()

            await asyncio.gather(one(), one())

    def exchanges() -> None:
        stacks.run("asyncio", exchange())

    def look() -> None:
        while (item := inspected.get()) is not None:
            shown, payload = item
            view = shown if isinstance(shown, memoryview) else memoryview(shown)
            assert view == payload
            counted.append(len(payload))

    def collect() -> None:
        while not over.wait(0.05):
            gc.collect()

    def work() -> None:
        try:
            in_threads(*[exchanges] * THREADS)
        finally:
            over.set()
            inspected.put(None)

    in_threads(work, look, collect)
    assert len(counted) >= THREADS * 2 * ROUNDS * len(PAYLOADS) // 2


ATTRIBUTES = [
    "request",
    "response",
    "close_handshake",
    "disconnect_info",
    "is_disconnected",
    "is_close_frame_sent",
    "underlying_transport",
]


def test_attributes_can_be_read_in_other_threads() -> None:
    """Also while the connection ends: what they are is there, or None, and nothing half made."""
    transports: list[WSTransport] = []
    over = threading.Event()
    seen: set[type] = set()

    class Closer(WSListener):
        def on_ws_connected(self, transport: WSTransport) -> None:
            transports.append(transport)
            transport.send_close(1000, "bye")

    class Server(WSListener):
        def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
            transport.send_close(frame.get_close_code(), frame.get_close_message())
            transport.disconnect()

    async def exchange() -> None:
        def factory(request: WSUpgradeRequest) -> WSListener:
            return Server()

        async with serving(factory, use_aiofastnet=False) as port:
            for _ in range(40):
                transport, _ = await ws_connect(Closer, URL.format(port), use_aiofastnet=False)
                await transport.wait_disconnected()

    def work() -> None:
        try:
            stacks.run("asyncio", exchange())
        finally:
            over.set()

    def read() -> None:
        ended = False
        while not ended:
            # Once more after the end, for a thread that got no turn before it.
            ended = over.is_set()
            for transport in transports[-3:]:
                for name in ATTRIBUTES:
                    seen.add(type(getattr(transport, name)))

    in_threads(work, read, read)
    # None as well, if a thread got its turn before a connection ended.
    assert seen >= {bool, WSUpgradeRequest, WSUpgradeResponse, WSCloseHandshake}
    for transport in transports:
        assert transport.disconnect_info is not None
        assert transport.close_handshake is not None
