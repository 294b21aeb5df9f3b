"""TLS with contexts as users have them: callbacks, subclasses, cancelled handshakes, refusals."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import ssl
import subprocess
import sys
import textwrap
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from support import stacks
from support.certificates import make_authority
from support.proxies import proxy_server

from picows import WSHandshakeError, WSListener, ws_connect, ws_create_server
from picows.client import tls
from picows.testing.peers import SECONDS_MAX, raw_server
from picows.testing.recorder import Recorder, serving

# What makes a context, by the way's name. `server` and `client` are contexts, `seen` what happened.
CONTEXTS = {
    "key log in the environment": "",
    "key log of a context": """
        server.keylog_filename = "keys"
        client.keylog_filename = "keys"
    """,
    "SNI callback": """
        server.sni_callback = lambda ssl_object, name, context: seen.append(name)
    """,
    "message callback of the server": """
        server._msg_callback = lambda *arguments: seen.append(arguments)
    """,
    "message callback of the client": """
        client._msg_callback = lambda *arguments: seen.append(arguments)
    """,
}
# A process of its own: with the transports that were used before, it died.
PROGRAM = """
import asyncio, os, ssl, sys
from support import stacks
from picows import WSMsgType, ws_connect
from picows.testing.recorder import Recorder, serving

class Echo(Recorder):
    def on_ws_frame(self, transport, frame):
        transport.send(frame.msg_type, frame.get_payload_as_bytes())

async def main():
    seen = []
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    stacks._authority().issue_cert("localhost").configure_cert(server)
    client = ssl.create_default_context()
    stacks._authority().configure_trust(client)
{way}
    async with serving(lambda _: Echo(), ssl=server) as port:
        url = f"wss://localhost:{{port}}/"
        transport, listener = await ws_connect(Recorder, url, ssl_context=client)
        transport.send(WSMsgType.TEXT, "hi")
        await listener.until_frames(1)
        transport.disconnect()
        await listener.until_disconnected()
    assert seen or os.path.getsize("keys")

stacks.run(sys.argv[1], main())
"""


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("loop", stacks.LOOPS)
@pytest.mark.parametrize("way", CONTEXTS)
def test_contexts_that_call_python_or_write_keys(
    loop: str, way: str, tmp_path: Path, root: Path
) -> None:
    program = PROGRAM.format(way=textwrap.indent(textwrap.dedent(CONTEXTS[way]), " " * 4))
    environment = dict(os.environ, PYTHONPATH=f"{root}:{root / 'tests'}")
    if way == "key log in the environment":
        environment["SSLKEYLOGFILE"] = "keys"
    command = [sys.executable, "-c", program, loop]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


class Delegating(ssl.SSLContext):
    """A context that checks certificates itself, as truststore's does on other systems."""

    def __new__(cls) -> Delegating:
        return super().__new__(cls, ssl.PROTOCOL_TLS_CLIENT)

    def __init__(self) -> None:
        self.names: list[Any] = []

    def wrap_bio(self, *args: Any, **kwargs: Any) -> ssl.SSLObject:
        self.names.append(kwargs.get("server_hostname"))
        return stacks.client_tls().wrap_bio(*args, **kwargs)


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("loop", stacks.LOOPS)
def test_a_context_with_a_wrap_bio_of_its_own_is_asked(loop: str) -> None:
    async def main() -> None:
        context = Delegating()  # which by itself would trust nobody
        async with serving(lambda _: Recorder(), ssl=stacks.server_tls()) as port:
            url = f"wss://localhost:{port}/"
            transport, _ = await ws_connect(WSListener, url, ssl_context=context)
            transport.disconnect()
            await transport.wait_disconnected()
        assert context.names == ["localhost"]

    stacks.run(loop, main())


def descriptors() -> dict[str, str]:
    found = {}
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):  # that of the folder itself
            found[name] = os.readlink(f"/proc/self/fd/{name}")
    return found


@pytest.mark.usefixtures("engine")
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("loop", stacks.LOOPS)
def test_a_cancelled_tls_handshake_concerns_nobody_else(loop: str) -> None:
    """The next connection got FileNotFoundError, for the descriptor of the cancelled one."""

    async def main() -> None:
        unseen: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, c: unseen.append(c))
        async with (
            raw_server() as silent,
            serving(lambda _: Recorder(), ssl=stacks.server_tls()) as port,
        ):
            await exchanged(port)  # the event loop's own descriptors are there
            before = descriptors()
            for _ in range(10):
                connecting = asyncio.create_task(
                    ws_connect(WSListener, f"wss://127.0.0.1:{silent.port}/")
                )
                peer = await silent.accept()
                assert await peer.reader.readexactly(1) == b"\x16"  # the ClientHello begins
                connecting.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await connecting
                await exchanged(port)
                await peer.reader.read()
                await peer.close()
            await asyncio.sleep(0)
            assert len(descriptors()) <= len(before)
        assert unseen == []

    stacks.run(loop, main())


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("loop", stacks.LOOPS)
def test_a_connect_that_is_cancelled_at_any_step_leaves_no_connection(loop: str) -> None:
    async def main() -> None:
        options = {"ssl": stacks.server_tls()}
        server = await ws_create_server(lambda _: Recorder(), "127.0.0.1", 0, **options)
        url = f"wss://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        steps = 0
        while True:
            connecting = asyncio.create_task(
                ws_connect(WSListener, url, ssl_context=stacks.client_tls())
            )
            for _ in range(steps):
                await asyncio.sleep(0)
            if not connecting.cancel():
                break
            with pytest.raises(asyncio.CancelledError):
                await connecting
            steps += 1
        transport, _ = connecting.result()
        transport.disconnect()
        server.close()
        async with asyncio.timeout(SECONDS_MAX):  # until none of the others is left either
            await server.wait_closed()
        assert steps > 3

    stacks.run(loop, main())


async def exchanged(port: int) -> None:
    """An innocent connection."""
    options = {"ssl_context": stacks.client_tls()}
    transport, listener = await ws_connect(Recorder, f"wss://localhost:{port}/", **options)
    transport.disconnect()
    await listener.until_disconnected()


def refuse(listening: socket.socket) -> None:
    """Do a TLS handshake with a client whose certificate is refused, and wait until it leaves."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    stacks._authority().issue_cert("localhost").configure_cert(context)
    stacks._authority().configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    accepted, _ = listening.accept()
    accepted.settimeout(SECONDS_MAX)
    with context.wrap_socket(accepted, True, do_handshake_on_connect=False) as wrapped:
        with pytest.raises(ssl.SSLError):
            wrapped.do_handshake()
        with socket.socket(fileno=wrapped.detach()) as plain:
            plain.settimeout(SECONDS_MAX)
            while plain.recv(4096):  # so that no reset overtakes the alert
                pass


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("loop", stacks.LOOPS)
@pytest.mark.parametrize(
    ("has_certificate", "reason"),
    [(False, "ALERT_CERTIFICATE_REQUIRED"), (True, "ALERT_UNKNOWN_CA")],
)
def test_a_refused_client_certificate_says_why(
    loop: str, has_certificate: bool, reason: str
) -> None:
    """In TLS 1.3 the client's handshake is over by then. The cause was SSLError(), without text."""

    async def main() -> None:
        context = ssl.create_default_context()
        stacks._authority().configure_trust(context)
        if has_certificate:
            make_authority().issue_cert("client.example").configure_cert(context)
        with socket.create_server(("127.0.0.1", 0)) as listening:
            refusing = asyncio.create_task(asyncio.to_thread(refuse, listening))
            url = f"wss://localhost:{listening.getsockname()[1]}/"
            with pytest.raises(WSHandshakeError) as caught:
                await ws_connect(WSListener, url, ssl_context=context)
            await refusing
        assert isinstance(caught.value.__cause__, ssl.SSLError)
        assert reason in str(caught.value.__cause__)

    stacks.run(loop, main())


# Without a context


@pytest.fixture
def authorities(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of the authorities that this machine trusts: the tests' own."""
    path = tmp_path / "authorities.pem"
    stacks._authority().cert_pem.write_to_path(path)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    return path


async def context_used(port: int, host: str = "localhost", **options: Any) -> ssl.SSLContext:
    """The context of a connection for which none was given."""
    transport, _ = await ws_connect(WSListener, f"wss://{host}:{port}/", **options)
    context = transport.underlying_transport.get_extra_info("sslcontext")
    assert isinstance(context, ssl.SSLContext)
    transport.disconnect()
    await transport.wait_disconnected()
    return context


async def test_connections_share_one_context(authorities: Path) -> None:
    """To make one took 32 ms and 832 KiB for each connection."""
    async with (
        serving(lambda _: Recorder(), ssl=stacks.server_tls()) as port,
        proxy_server("https") as proxy,
    ):
        first = await context_used(port)
        assert first.check_hostname and first.verify_mode is ssl.CERT_REQUIRED
        assert await context_used(port) is first
        assert await context_used(port, proxy=proxy.url()) is first
        assert proxy.targets


async def test_a_new_context_where_other_certificates_are_trusted(authorities: Path) -> None:
    async with serving(lambda _: Recorder(), ssl=stacks.server_tls()) as port:
        await context_used(port)
        renewed = authorities.with_name("renewed.pem")
        make_authority().cert_pem.write_to_path(renewed)
        renewed.replace(authorities)
        with pytest.raises(ssl.SSLCertVerificationError):
            await context_used(port)
        stacks._authority().cert_pem.write_to_path(authorities, append=True)
        await context_used(port)


async def test_a_new_context_for_another_environment(
    authorities: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(lambda _: Recorder(), ssl=stacks.server_tls()) as port:
        first = await context_used(port)
        monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
        second = await context_used(port)
        assert second is not first
        monkeypatch.delenv("SSL_CERT_FILE")
        with pytest.raises(ssl.SSLCertVerificationError):
            await context_used(port)
        monkeypatch.setenv("SSL_CERT_FILE", str(authorities))
        assert await context_used(port) is not second


async def test_a_key_log_that_comes_and_goes(
    authorities: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = tmp_path / "keys"
    async with serving(lambda _: Recorder(), ssl=stacks.server_tls()) as port:
        await context_used(port)
        monkeypatch.setenv("SSLKEYLOGFILE", str(keys))
        await context_used(port)
        size = keys.stat().st_size
        assert size
        monkeypatch.delenv("SSLKEYLOGFILE")
        await context_used(port)
        assert keys.stat().st_size == size


async def test_an_empty_server_hostname_is_not_checked(authorities: Path) -> None:
    """As in asyncio, where it says so for a context that nobody gave."""
    other_name = stacks.server_tls("other.example")
    async with serving(lambda _: Recorder(), ssl=other_name) as port:
        with pytest.raises(ssl.SSLCertVerificationError):
            await context_used(port)
        await context_used(port, server_hostname="")
        with pytest.raises(ssl.SSLCertVerificationError):
            await context_used(port)


def test_threads_may_ask_at_the_same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tls, "_shared", None)
    start = threading.Barrier(4)

    def ask() -> ssl.SSLContext:
        start.wait()
        return tls.default_context()

    with ThreadPoolExecutor(4) as pool:
        asked = [task.result() for task in [pool.submit(ask) for _ in range(4)]]
    assert all(context.verify_mode is ssl.CERT_REQUIRED for context in asked)
    assert tls.default_context() in asked
