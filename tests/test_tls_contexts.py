"""TLS on our own transport, with either engine: contexts of all kinds, and what they call."""

from __future__ import annotations

import asyncio
import ssl
import sys
from pathlib import Path
from typing import Any

import pytest
from support import scripts, stacks
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

from picows import WSListener, WSMsgType, ws_connect
from picows.testing import wire
from picows.testing.peers import open_raw, raw_server
from picows.testing.recorder import Recorder, serving
from picows.testing.wire import Frame

both_loops = pytest.mark.parametrize("loop", stacks.LOOPS)


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


@both_loops
@pytest.mark.parametrize("role", ["client", "server"])
@pytest.mark.parametrize("place", ["the context", "the context that a name brings"])
def test_a_message_callback_that_raises_later(
    loop: str, role: str, place: str, own_engine: str
) -> None:
    """The connection ends with its exception, at the message that it was called for."""
    if place != "the context" and role == "client":
        pytest.skip("a client's context stays")

    async def main() -> None:
        server, client = server_context(), client_context()
        raising: list[str] = []

        def callback(_: Any, direction: str, *rest: Any) -> None:
            if direction in raising:
                raise ZeroDivisionError

        context = server if role == "server" else client
        if place != "the context":
            other = server_context()
            server.sni_callback = lambda ssl_object, *_: setattr(ssl_object, "context", other)
            context = other
        context._msg_callback = callback  # type: ignore[attr-defined]
        theirs = Recorder()
        tcp, port = await listening(lambda _: theirs, ssl=server)
        url = f"wss://localhost:{port}/"
        transport, ours = await ws_connect(Recorder, url, ssl_context=client)
        await theirs.until(lambda: "connected" in theirs.events)
        one, peer = (theirs, ours) if role == "server" else (ours, theirs)
        assert engine_of(transport) == engine_of(theirs.transport) == own_engine
        raising.append("read")
        peer.transport.send(WSMsgType.TEXT, "hi")
        await one.until_disconnected()
        assert type(one.transport.disconnect_info.exception) is ZeroDivisionError
        await peer.until_disconnected()
        await ended(tcp)

    stacks.run(loop, main())


@both_loops
def test_truststore(loop: str, own_engine: str, tmp_path: Path) -> None:
    """Its context makes the objects of another one, and trusts what the system does."""
    truststore = pytest.importorskip("truststore")
    authorities = tmp_path / "authorities.pem"
    stacks._authority().cert_pem.write_to_path(authorities)

    async def main() -> None:
        async with serving(lambda _: Echo(), ssl=server_context()) as port:
            url = f"wss://localhost:{port}/"
            context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            with pytest.raises(ssl.SSLCertVerificationError):
                await ws_connect(WSListener, url, ssl_context=context)
            context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.load_verify_locations(authorities)
            transport, listener = await ws_connect(
                Recorder, url, ssl_context=context, reuse_tls_sessions=True
            )
            assert engine_of(transport) == own_engine
            transport.send(WSMsgType.TEXT, "hi")
            await listener.until_frames(1)
            transport.disconnect()
            await listener.until_disconnected()

    stacks.run(loop, main())


@pytest.mark.parametrize("way", ["no file", "another file", "no file of this name"])
def test_a_python_that_has_openssl_inside(way: str) -> None:
    """As uv's and python-build-standalone's: it cannot be called, and Python's objects serve."""
    scripts.run(INSIDE, way)


INSIDE = """
import asyncio, sys, _ssl
from picows import _native
from support.tls_engines import engine_of
from support.tls_servers import Echo, client_context, server_context
from picows import WSMsgType, ws_connect
from picows.testing.recorder import Recorder, serving

way = sys.argv[1]
if way == "no file":
    del _ssl.__file__
else:
    _ssl.__file__ = {"another file": _native.__file__}.get(way, "/nowhere/_ssl.so")

async def main():
    async with serving(lambda _: Echo(), ssl=server_context()) as port:
        url = f"wss://localhost:{port}/"
        transport, listener = await ws_connect(Recorder, url, ssl_context=client_context())
        assert engine_of(transport) == "objects"
        transport.send(WSMsgType.TEXT, "hi")
        await listener.until_frames(1)
        transport.disconnect()
        await listener.until_disconnected()

asyncio.run(main())
"""
