"""TLS on our own transport, with either engine: what is agreed upon, refused, and told."""

from __future__ import annotations

import asyncio
import datetime
import logging
import ssl
import sys
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
    read_to_end,
    refused_by_ssl,
    server_context,
)

from picows import WSHandshakeError, WSListener, WSMsgType, ws_connect
from picows.testing import wire
from picows.testing.peers import SECONDS_MAX, open_raw, raw_server
from picows.testing.recorder import Recorder, serving
from picows.testing.wire import Frame

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


# What contexts do


@both_loops
def test_an_application_protocol(loop: str, own_engine: str) -> None:
    async def main() -> None:
        server, client = server_context(), client_context()
        server.set_alpn_protocols(["h2", "http/1.1"])
        client.set_alpn_protocols(["http/1.1"])
        async with serving(lambda _: Recorder(), ssl=server) as port:
            url = f"wss://localhost:{port}/"
            transport, _ = await ws_connect(WSListener, url, ssl_context=client)
            ssl_object = transport.underlying_transport.get_extra_info("ssl_object")
            assert ssl_object.selected_alpn_protocol() == "http/1.1"
            transport.disconnect()

    stacks.run(loop, main())


@both_loops
def test_a_name_that_gets_another_context(loop: str, own_engine: str) -> None:
    """An SNI callback swaps the context: the connection has the other one's certificate."""

    async def main() -> None:
        other = server_context("other.example")
        server = server_context()

        def choose(ssl_object: ssl.SSLObject, name: str, _: ssl.SSLContext) -> None:
            if name == "other.example":
                ssl_object.context = other

        server.sni_callback = choose
        listener = Echo()
        tcp, port = await listening(lambda _: listener, ssl=server)
        transport, client = await ws_connect(
            Recorder,
            f"wss://127.0.0.1:{port}/",
            ssl_context=client_context(),
            server_hostname="other.example",
        )
        assert engine_of(transport) == engine_of(listener.transport) == own_engine
        assert listener.transport.underlying_transport.get_extra_info("sslcontext") is other
        transport.send(WSMsgType.TEXT, "hi")
        assert await client.until_frames(1) == [Frame(wire.TEXT, b"hi")]
        await ended(tcp)
        await client.until_disconnected()

    stacks.run(loop, main())


@both_loops
@pytest.mark.parametrize("answer", [ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME, "raises"])
def test_an_sni_callback_that_refuses(
    loop: str, answer: Any, own_engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        server = server_context()

        def refuse(*_: Any) -> int:
            if answer == "raises":
                raise ZeroDivisionError
            return int(answer)

        server.sni_callback = refuse
        tcp, port = await listening(ssl=server)
        client = client_context()
        expected = await asyncio.to_thread(refused_by_ssl, port, client, "localhost")
        with pytest.raises(ssl.SSLError) as caught:
            await ws_connect(WSListener, f"wss://localhost:{port}/", ssl_context=client)
        assert (type(caught.value), caught.value.args) == (type(expected), expected.args)
        await ended(tcp)

    told: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", told.append)
    stacks.run(loop, main())
    assert {one.exc_type for one in told} == ({ZeroDivisionError} if answer == "raises" else set())


@both_loops
@pytest.mark.parametrize("way", ["keeps two", "derived object", "hides its object"])
def test_a_context_whose_object_cannot_be_told_for_sure(
    loop: str, way: str, own_engine: str
) -> None:
    """More than one SSL is made for a connection, or its object is not as usual."""
    kept: list[Any] = []

    class Derived(ssl.SSLObject):
        def read(self, *args: Any) -> Any:
            kept.append(args)
            return super().read(*args)

    class Hiding:
        def __init__(self, ssl_object: ssl.SSLObject) -> None:
            self.__dict__["kept"] = ssl_object

        def __getattr__(self, name: str) -> Any:
            if name == "_sslobj":
                raise AttributeError(name)
            return getattr(self.__dict__["kept"], name)

    class Odd(ssl.SSLContext):
        def wrap_bio(self, *args: Any, **kwargs: Any) -> Any:
            made = super().wrap_bio(*args, **kwargs)
            if way == "hides its object":
                return Hiding(made)
            if way == "keeps two":
                bios = ssl.MemoryBIO(), ssl.MemoryBIO()
                kept.append(super().wrap_bio(*bios, **kwargs))
            return made

    async def main() -> None:
        client = Odd(ssl.PROTOCOL_TLS_CLIENT)
        if way == "derived object":
            client.sslobject_class = Derived
        stacks._authority().configure_trust(client)
        async with serving(lambda _: Echo(), ssl=server_context()) as port:
            url = f"wss://localhost:{port}/"
            transport, listener = await ws_connect(Recorder, url, ssl_context=client)
            expected = own_engine if way == "derived object" else "objects"
            assert engine_of(transport) == expected
            transport.send(WSMsgType.TEXT, "hi")
            await listener.until_frames(1)
            transport.disconnect()
            await listener.until_disconnected()

    stacks.run(loop, main())


@both_loops
@pytest.mark.parametrize("made", [None, 7, "raises"])
def test_a_context_that_makes_no_object(loop: str, made: Any, own_engine: str) -> None:
    class Broken(ssl.SSLContext):
        def wrap_bio(self, *args: Any, **kwargs: Any) -> Any:
            if made == "raises":
                raise ZeroDivisionError
            return made

    async def main() -> None:
        unseen: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, c: unseen.append(c))
        expected = ZeroDivisionError if made == "raises" else AttributeError
        async with raw_server() as server:
            url = f"wss://localhost:{server.port}/"
            with pytest.raises(expected):
                await ws_connect(WSListener, url, ssl_context=Broken(ssl.PROTOCOL_TLS_CLIENT))
            await server.accept()
        tcp, port = await listening(ssl=Broken(ssl.PROTOCOL_TLS_SERVER))
        peer = await open_raw(port)
        peer.send_bytes(bytes(100))
        assert await read_to_end(peer) == b""
        await peer.close()
        await ended(tcp)
        assert [type(context["exception"]) for context in unseen] == [expected]

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
