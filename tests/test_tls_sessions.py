"""Connections that resume the TLS session of one before them."""

from __future__ import annotations

import asyncio
import ctypes
import ssl
import sys
from types import SimpleNamespace
from typing import Any

import pytest
from support import stacks
from support.tls_engines import engine_of
from support.tls_servers import Echo, client_context, ended, listening, server_context

from picows import WSMsgType, ws_connect
from picows.client.sessions import SERVERS_MAX, SESSIONS_MAX, Sessions
from picows.testing.recorder import Recorder

both_loops = pytest.mark.parametrize("loop", stacks.LOOPS)
VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


async def connected(port: int, context: ssl.SSLContext, **options: Any) -> tuple[Any, bool]:
    """A connection that has echoed, and whether it resumed a session."""
    url = f"wss://localhost:{port}/"
    options = {"ssl_context": context, "reuse_tls_sessions": True} | options
    transport, listener = await ws_connect(Recorder, url, **options)
    transport.send(WSMsgType.BINARY, bytes(1000))
    await listener.until_frames(1)
    return transport, transport.underlying_transport.get_extra_info("ssl_object").session_reused


async def reused(port: int, context: ssl.SSLContext, **options: Any) -> bool:
    transport, is_reused = await connected(port, context, **options)
    transport.disconnect()
    await transport.wait_disconnected()
    return is_reused


def context_of(version: ssl.TLSVersion) -> ssl.SSLContext:
    context = client_context()
    context.minimum_version = context.maximum_version = version
    return context


def test_a_stricter_context_resumes_nothing_that_was_checked_less(own_engine: str) -> None:
    """A session of a server that nobody had checked let an untrusted one through."""

    async def main() -> None:
        server, port = await listening(lambda _: Echo(), ssl=server_context())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # it trusts nobody
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        assert [await reused(port, context) for _ in range(2)] == [False, True]
        context.verify_mode = ssl.CERT_REQUIRED
        with pytest.raises(ssl.SSLCertVerificationError, match="verify failed"):
            await reused(port, context)
        context = client_context()
        context.check_hostname = False
        other: Any = {"server_hostname": "other.example"}
        assert [await reused(port, context, **other) for _ in range(2)] == [False, True]
        context.check_hostname = True
        with pytest.raises(ssl.SSLCertVerificationError, match=r"[Hh]ostname"):
            await reused(port, context, **other)
        await ended(server)

    stacks.run("asyncio", main())


def test_a_context_that_becomes_stricter_meanwhile(own_engine: str) -> None:
    """The session of a handshake that checked nothing is not kept for those that check."""

    async def main() -> None:
        server, port = await listening(lambda _: Echo(), ssl=server_context())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE

        class Tightens(Recorder):
            def on_ws_connected(self, transport: Any) -> None:
                super().on_ws_connected(transport)
                context.verify_mode = ssl.CERT_REQUIRED

        options: Any = {"ssl_context": context, "reuse_tls_sessions": True}
        transport, _ = await ws_connect(Tightens, f"wss://localhost:{port}/", **options)
        transport.disconnect()
        await transport.wait_disconnected()
        with pytest.raises(ssl.SSLCertVerificationError, match="verify failed"):
            await reused(port, context)
        await ended(server)

    stacks.run("asyncio", main())


@both_loops
@pytest.mark.parametrize("version", VERSIONS)
def test_a_connection_resumes_the_session_before_it(
    loop: str, version: ssl.TLSVersion, own_engine: str
) -> None:
    async def main() -> None:
        server, port = await listening(lambda _: Echo(), ssl=server_context())
        context = context_of(version)
        assert [await reused(port, context) for _ in range(3)] == [False, True, True]
        assert not await reused(port, context, reuse_tls_sessions=False)
        assert not await reused(port, context_of(version)), "it is another context's"
        # It is used once: of two at a time one resumes, and then there are two.
        for expected in (1, 2):
            both = await asyncio.gather(connected(port, context), connected(port, context))
            assert [is_reused for _, is_reused in both].count(True) == expected
            for transport, _ in both:
                assert engine_of(transport) == own_engine
                transport.disconnect()
                await transport.wait_disconnected()
        await ended(server)

    stacks.run(loop, main())


@both_loops
@pytest.mark.parametrize("version", VERSIONS)
def test_a_server_that_gives_no_tickets(
    loop: str, version: ssl.TLSVersion, own_engine: str
) -> None:
    """TLS 1.2 then has numbers of sessions, which servers remember."""

    async def main() -> None:
        context = server_context()
        context.options |= ssl.OP_NO_TICKET
        context.num_tickets = 0
        server, port = await listening(lambda _: Echo(), ssl=context)
        client = context_of(version)
        is_remembered = version == ssl.TLSVersion.TLSv1_2
        assert [await reused(port, client) for _ in range(2)] == [False, is_remembered]
        await ended(server)

    stacks.run(loop, main())


@both_loops
@pytest.mark.parametrize("version", VERSIONS)
def test_a_ticket_that_the_server_does_not_know(
    loop: str, version: ssl.TLSVersion, own_engine: str
) -> None:
    """As after its restart: there is a whole handshake, and the certificate is checked."""

    async def main() -> None:
        context = context_of(version)
        server, port = await listening(lambda _: Echo(), ssl=server_context())
        assert not await reused(port, context)
        await ended(server)
        for names in (("localhost",), ("other.example",)):
            tls = server_context(*names)
            server, _ = await listening(lambda _: Echo(), ssl=tls, port=port)
            if names == ("localhost",):
                assert [await reused(port, context) for _ in range(2)] == [False, True]
            else:
                with pytest.raises(ssl.SSLCertVerificationError):
                    await reused(port, context)
            await ended(server)

    stacks.run(loop, main())


@pytest.mark.skipif(
    sys.implementation.name != "cpython" or not getattr(sys, "_is_gil_enabled", lambda: True)(),
    reason="looks into an object of CPython's",
)
def test_an_expired_session(own_engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenSSL does not offer it."""
    kept: list[ssl.SSLSession] = []
    keep = Sessions.keep

    def note(self: Sessions, key: Any, session: ssl.SSLSession) -> None:
        kept.append(session)
        keep(self, key, session)

    monkeypatch.setattr(Sessions, "keep", note)
    import _ssl

    set_time = ctypes.CDLL(_ssl.__file__).SSL_SESSION_set_time
    set_time.argtypes = (ctypes.c_void_p, ctypes.c_long)
    set_time.restype = ctypes.c_long

    async def main() -> None:
        server, port = await listening(lambda _: Echo(), ssl=server_context())
        context = context_of(ssl.TLSVersion.TLSv1_3)
        assert not await reused(port, context)
        (session,) = kept
        pointer = ctypes.c_void_p.from_address(id(session) + object.__basicsize__)
        assert set_time(pointer, session.time - session.timeout - 10)
        assert [await reused(port, context) for _ in range(2)] == [False, True]
        await ended(server)

    stacks.run("asyncio", main())


def session_of(number: int) -> Any:
    return SimpleNamespace(id=b"%d" % number)


def test_how_many_are_kept() -> None:
    sessions = Sessions()
    for number in range(SESSIONS_MAX + 2):
        sessions.keep("a", session_of(number))
    newest = [sessions.take("a") for _ in range(SESSIONS_MAX + 1)]
    assert [one and int(one.id) for one in newest] == [*range(SESSIONS_MAX + 1, 1, -1), None]
    for server in range(SERVERS_MAX + 1):
        sessions.keep(server, session_of(server))
    assert sessions.take(0) is None and sessions.take(1)
    sessions.keep("b", None)
    sessions.keep("b", SimpleNamespace(id=b""))  # type: ignore[arg-type]
    assert sessions.take("b") is None
