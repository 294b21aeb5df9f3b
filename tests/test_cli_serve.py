"""`python -m picows serve`, as a process, and the messages it assembles (picows.cli.messages)."""

from __future__ import annotations

import asyncio
import os
import signal
import ssl
import stat
from pathlib import Path

import pytest
from support import command, stacks

from picows import WSTransport, ws_connect
from picows.testing.recorder import Recorder
from picows.testing.wire import BINARY, CLOSE, TEXT, Frame, close

PORT_0 = ["serve", "--port", "0"]


async def connected(url: str, **options: object) -> tuple[WSTransport, Recorder]:
    transport, listener = await ws_connect(Recorder, url, **options)  # type: ignore[arg-type]
    assert isinstance(listener, Recorder)
    return transport, listener


async def leave(transport: WSTransport, listener: Recorder) -> int:
    """Answer the server's CLOSE; gives its code."""
    await listener.until(lambda: listener.frames[-1].opcode == CLOSE)
    code = int.from_bytes(listener.frames[-1].payload[:2], "big")
    transport.send_close(code)
    transport.disconnect()
    return code


@pytest.mark.parametrize("loop", list(stacks.LOOPS))
async def test_echo(loop: str) -> None:
    async with command.serving("--loop", loop) as url:
        transport, listener = await connected(url)
        transport.send(TEXT, "hi")
        transport.send(TEXT, "frag", fin=False)
        transport.send(0, "ment")
        transport.send(BINARY, bytes(300_000))
        assert await listener.until_frames(3) == [
            Frame(TEXT, b"hi"),
            Frame(TEXT, b"fragment"),
            Frame(BINARY, bytes(300_000)),
        ]
        transport.send_close(1000)
        await transport.wait_disconnected()
        assert listener.frames[-1] == close(1000)


@pytest.mark.parametrize("mode", ["echo", "broadcast"])
async def test_compressed_for_those_that_compress(mode: str) -> None:
    async with command.serving(mode, "--compress") as url:
        for wants in (True, False):
            transport, listener = await connected(url, permessage_deflate=wants)
            assert ("Sec-WebSocket-Extensions" in transport.response.headers) == wants
            transport.send(TEXT, "hello " * 1000)
            assert (await listener.until_frames(1))[0] == Frame(TEXT, b"hello " * 1000)
            transport.send_close(1000)
            await transport.wait_disconnected()
        line = "hello " * 20
        done = await asyncio.to_thread(
            command.run, "connect", "--compress", "-v", "--count", "1", url, given=f"{line}\n"
        )
        assert done.stdout == f"{line}\n"
        assert f"connected: {url} (compressed)" in done.stderr


async def test_broadcast_reaches_all_and_the_end_is_said_to_all() -> None:
    async with command.serving("broadcast") as url:
        clients = [await connected(url) for _ in range(3)]
        clients[0][0].send(TEXT, "to all")
        clients[0][0].send(BINARY, b"twice")
        for _, listener in clients:
            expected = [Frame(TEXT, b"to all"), Frame(BINARY, b"twice")]
            assert await listener.until_frames(2) == expected
        leaving, _ = clients.pop()
        leaving.disconnect()
        ends = [asyncio.create_task(leave(*client)) for client in clients]
    assert [await end for end in ends] == [1001, 1001]


@pytest.mark.parametrize("mode", ["echo", "broadcast"])
async def test_a_client_that_does_not_read_is_not_waited_for(mode: str) -> None:
    async with command.serving(mode) as url:
        slow, slow_listener = await connected(url, use_aiofastnet=False)
        slow.underlying_transport.pause_reading()
        chunk = bytes(1 << 20)
        for _ in range(16 if mode == "echo" else 40):
            slow.send(BINARY, chunk)
        transport, listener = await connected(url)
        transport.send(TEXT, "still there?")
        await listener.until(lambda: Frame(TEXT, b"still there?") in listener.frames)
        if mode == "echo":  # nothing is lost
            slow.underlying_transport.resume_reading()
            assert await slow_listener.until_frames(16) == [Frame(BINARY, chunk)] * 16
        transport.disconnect()
        slow.disconnect(graceful=False)


async def test_tls_with_a_certificate_of_the_users(tmp_path: Path) -> None:
    certificate = tmp_path / "server.pem"
    issued = stacks._authority().issue_cert("localhost", "127.0.0.1")
    issued.private_key_pem.write_to_path(certificate)
    issued.cert_chain_pems[0].write_to_path(certificate, append=True)
    async with command.serving("--cert", str(certificate)) as url:
        assert url.startswith("wss://127.0.0.1:")
        transport, listener = await connected(url, ssl_context=stacks.client_tls())
        transport.send(TEXT, "hi")
        assert await listener.until_frames(1) == [Frame(TEXT, b"hi")]
        transport.disconnect()


async def test_tls_with_a_certificate_made_for_the_run() -> None:
    async with command.serving("--tls") as url:
        with pytest.raises(ssl.SSLCertVerificationError):
            await connected(url)
        trusting = ssl.create_default_context()
        trusting.check_hostname = False
        trusting.verify_mode = ssl.CERT_NONE
        transport, _ = await connected(url, ssl_context=trusting)
        transport.disconnect()


async def test_unix_socket(socket_path: str) -> None:
    async with command.serving("--path", socket_path):
        assert stat.S_ISSOCK(os.stat(socket_path).st_mode)
        transport, _ = await connected("ws://localhost/", path=socket_path)
        transport.disconnect()


async def test_who_comes_and_goes_is_told_and_ctrl_c_ends_it_well() -> None:
    with command.started(*PORT_0) as process:
        assert process.stdout is not None and process.stderr is not None
        url = process.stdout.readline().rpartition(" on ")[2].strip()
        transport, _ = await connected(f"{url}feed?x=%1b")
        assert process.stderr.readline().endswith(" /feed?x=%1b connected, 1 in all\n")
        transport.disconnect()
        await transport.wait_disconnected()
        assert process.stderr.readline().endswith(" gone, 0 left\n")
        process.send_signal(signal.SIGINT)
        status = await asyncio.to_thread(process.wait, command.SECONDS_MAX)
        assert (status, process.stderr.read()) == (0, "")


async def test_too_long_a_message_is_refused() -> None:
    async with command.serving("--max-size", "1k") as url:
        transport, listener = await connected(url)
        transport.send(BINARY, bytes(600), fin=False)
        transport.send(0, bytes(600))
        (last,) = await listener.until_frames(1)
        assert last.payload[:2] == (1009).to_bytes(2, "big")
        transport.disconnect()


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["--host", "192.0.2.1"], 1, "cannot listen: "),
        (["--cert", "/nonexistent"], 1, "cannot listen: "),
        (["--key", "/nonexistent"], 2, "--cert"),
        (["--port", "65536"], 2, "from 0 to 65535"),
        (["chat"], 2, "invalid choice"),
    ],
)
def test_what_cannot_be_served(arguments: list[str], status: int, message: str) -> None:
    done = command.run(*PORT_0, *arguments)
    assert done.returncode == status
    assert message in done.stderr
    assert "Traceback" not in done.stderr
