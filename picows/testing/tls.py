"""TLS in tests: certificates of an authority made for them, and records that are sent as told."""

from __future__ import annotations

import asyncio
import contextlib
import ssl

from .peers import SECONDS_MAX, Peer


def tls_contexts(*names: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's context, and a client's that trusts its certificate and no other.

    names: hosts and addresses that the certificate is for; localhost and 127.0.0.1 if there are
        none.

    Raises:
        ImportError: the package trustme is not installed.
    """
    import trustme

    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority = trustme.CA()
    authority.issue_cert(*(names or ("localhost", "127.0.0.1"))).configure_cert(server)
    authority.configure_trust(client)
    return server, client


class TlsPeer:
    """A TLS connection over a peer's plain one. It makes records; when and in which pieces they
    are sent is up to the test, with `peer.send_bytes`.

    peer: one of `open_raw` or `raw_server` without a context.
    """

    def __init__(
        self, peer: Peer, context: ssl.SSLContext, server_hostname: str | None = None
    ) -> None:
        self.peer = peer
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self.ssl_object = context.wrap_bio(
            self._incoming,
            self._outgoing,
            server_side=peer.key is None,
            server_hostname=server_hostname,
        )

    async def handshake(self) -> None:
        """Do the TLS handshake. Raises ssl.SSLError, or ConnectionResetError if the other end ends
        it.
        """
        while True:
            try:
                return self.ssl_object.do_handshake()
            except ssl.SSLWantReadError:
                pass
            finally:
                self.peer.send_bytes(self._outgoing.read())
            if not await self._receive():
                raise ConnectionResetError("the connection ended in the TLS handshake")

    def record(self, data: bytes) -> bytes:
        """The data as one record. It is sent by whoever asked for it, and records in their order.

        data: 1 byte to 16 KiB.
        """
        assert 1 <= len(data) <= 16384, "a record has 1 byte to 16 KiB"
        self.ssl_object.write(data)
        return self._outgoing.read()

    def close_notify(self) -> bytes:
        """The record that ends our side."""
        with contextlib.suppress(ssl.SSLError):  # the other end's is not waited for
            self.ssl_object.unwrap()
        return self._outgoing.read()

    async def read(self) -> bytes:
        """The data of the next record; none at the end, with close_notify or without."""
        while True:
            try:
                return self.ssl_object.read(16384)
            except ssl.SSLWantReadError:
                if not await self._receive():
                    return b""
            except ssl.SSLZeroReturnError:
                return b""

    async def _receive(self) -> bool:
        async with asyncio.timeout(SECONDS_MAX):
            data = await self.peer.reader.read(1 << 16)
        self._incoming.write(data)
        return bool(data)
