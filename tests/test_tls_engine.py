"""TLS on our own transport, with either engine: what is agreed upon, refused, and told."""

from __future__ import annotations

import asyncio
import datetime
import logging
import ssl
import threading
from typing import Any

import pytest
from support import stacks
from support.tls_engines import engine_of
from support.tls_servers import (
    Echo,
    client_context,
    ended,
    listening,
    refused_by_ssl,
    server_context,
)

from picows import WSHandshakeError, WSListener, WSMsgType, ws_connect
from picows.testing.peers import SECONDS_MAX
from picows.testing.recorder import Recorder, serving

both_loops = pytest.mark.parametrize("loop", stacks.LOOPS)


@both_loops
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_messages_of_all_sizes_come_back(
    loop: str, version: ssl.TLSVersion, own_engine: str
) -> None:
    sizes = [0, 1, 125, 126, 16383, 16384, 16385, 40_000, 300_000, 2_000_000]

    async def main() -> None:
        server, client = server_context(), client_context()
        client.minimum_version = client.maximum_version = version
        echoes: list[Echo] = []

        def factory(_: Any) -> Echo:
            echoes.append(Echo())
            return echoes[0]

        async with serving(factory, ssl=server) as port:
            url = f"wss://localhost:{port}/"
            transport, listener = await ws_connect(Recorder, url, ssl_context=client)
            payloads = [bytes([n]) * size for n, size in enumerate(sizes)]
            for payload in payloads:
                transport.send(WSMsgType.BINARY, payload)
            frames = await listener.until_frames(len(sizes))
            assert [frame.payload for frame in frames] == payloads
            for ours in (transport, echoes[0].transport):
                info = ours.underlying_transport.get_extra_info
                assert (ours.is_secure, engine_of(ours)) == (1, own_engine)
                assert info("ssl_object").version() == version.name.replace("v1_", "v1.")
                assert info("cipher") == info("ssl_object").cipher()
                assert info("compression") is None
            info = transport.underlying_transport.get_extra_info
            assert info("sslcontext") is client
            assert info("peercert")["subjectAltName"] == (("DNS", "localhost"),)
            transport.disconnect()
            await listener.until_disconnected()
            await echoes[0].until_disconnected()

    stacks.run(loop, main())


# Certificates


YESTERDAY = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)


@both_loops
@pytest.mark.parametrize(
    ("names", "options", "trusts", "name"),
    [
        (("localhost",), {"not_after": YESTERDAY}, True, "localhost"),
        (("elsewhere.example",), {}, True, "localhost"),
        (("localhost",), {}, True, "127.0.0.1"),
        (("127.0.0.2",), {}, True, "127.0.0.1"),
        (("localhost",), {}, False, "localhost"),
    ],
    ids=["expired", "another name", "no address", "another address", "unknown authority"],
)
def test_a_certificate_that_is_refused(
    loop: str,
    names: tuple[str, ...],
    options: dict[str, Any],
    trusts: bool,
    name: str,
    own_engine: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """As ssl says it, unwrapped to who connects, and one line on the server."""
    caplog.set_level(logging.INFO)

    async def main() -> None:
        client = client_context() if trusts else ssl.create_default_context()
        server, port = await listening(ssl=server_context(*names, **options))
        expected = await asyncio.to_thread(refused_by_ssl, port, client, name)
        with pytest.raises(ssl.SSLCertVerificationError) as caught:
            await ws_connect(WSListener, f"wss://{name}:{port}/", ssl_context=client)
        for attribute in ("reason", "library", "verify_code", "verify_message", "args"):
            assert getattr(caught.value, attribute) == getattr(expected, attribute)
        await ended(server)

    stacks.run(loop, main())
    lines = [record for record in caplog.records if record.name == "picows.server"]
    texts = [record.getMessage() for record in lines]
    assert len(texts) == 2
    assert all(text.startswith("no TLS with ('127.0.0.1', ") for text in texts), texts
    assert {record.levelno for record in lines} == {logging.INFO}
    assert len({text.partition(": ")[2] for text in texts}) == 1, texts


@both_loops
def test_a_certificate_for_an_address(loop: str, own_engine: str) -> None:
    async def main() -> None:
        async with serving(lambda _: Recorder(), ssl=server_context("127.0.0.1")) as port:
            url = f"wss://127.0.0.1:{port}/"
            transport, _ = await ws_connect(WSListener, url, ssl_context=client_context())
            assert engine_of(transport) == own_engine
            transport.disconnect()

    stacks.run(loop, main())


@both_loops
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("has_one", [True, False])
def test_client_certificates(
    loop: str, version: ssl.TLSVersion, has_one: bool, own_engine: str
) -> None:
    async def main() -> None:
        server, client = server_context(), client_context()
        server.maximum_version = version
        server.verify_mode = ssl.CERT_REQUIRED
        stacks._authority().configure_trust(server)
        if has_one:
            stacks._authority().issue_cert("client.example").configure_cert(client)
        listener = Recorder()
        tcp, port = await listening(lambda _: listener, ssl=server)
        url = f"wss://localhost:{port}/"
        if has_one:
            transport, _ = await ws_connect(WSListener, url, ssl_context=client)
            await listener.until(lambda: "connected" in listener.events)
            cert = listener.transport.underlying_transport.get_extra_info("peercert")
            assert cert["subjectAltName"] == (("DNS", "client.example"),)
            transport.disconnect()
        else:
            with pytest.raises((ssl.SSLError, WSHandshakeError)) as caught:
                await ws_connect(WSListener, url, ssl_context=client)
            error = caught.value
            if isinstance(error, WSHandshakeError):  # TLS 1.3: it comes behind our handshake
                assert isinstance(error.__cause__, ssl.SSLError)
                assert "CERTIFICATE_REQUIRED" in str(error.__cause__)
            else:
                assert "HANDSHAKE_FAILURE" in str(error)
        await ended(tcp)

    stacks.run(loop, main())


# Threads


def test_every_thread_has_its_own(own_engine: str) -> None:
    """Event loops of several threads do TLS at the same time."""
    failures: list[BaseException] = []
    server, client = server_context(), client_context()

    async def main() -> None:
        async with serving(lambda _: Echo(), ssl=server) as port:
            for _ in range(10):
                url = f"wss://localhost:{port}/"
                transport, listener = await ws_connect(Recorder, url, ssl_context=client)
                assert engine_of(transport) == own_engine
                transport.send(WSMsgType.BINARY, bytes(50_000))
                await listener.until_frames(1)
                transport.disconnect()
                await listener.until_disconnected()

    def run() -> None:
        try:
            asyncio.run(main())
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS_MAX * 3)
    assert failures == []


def test_an_engine_that_there_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PICOWS_TLS", "fast")
    with pytest.raises(ValueError, match="PICOWS_TLS must be direct, objects or loop"):
        asyncio.run(ws_connect(WSListener, "wss://127.0.0.1:1/", ssl_context=client_context()))
