"""TLS options, and the context of connections that pass none."""

from __future__ import annotations

import functools
import os
import ssl
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..loop.checks import check_tls_seconds
from ..loop.choose import SHUTDOWN_SECONDS, Wrap
from ..values.url import WSParsedURL
from .sessions import sessions

if TYPE_CHECKING:
    from .._native import WSTransport

_CLIENT_OPTIONS = frozenset(("server_hostname", "ssl_handshake_timeout", "ssl_shutdown_timeout"))

_shared: tuple[Any, ssl.SSLContext] | None = None


@dataclass(frozen=True, slots=True)
class Tls:
    """The TLS options, used if a URL asks for TLS.

    context: None for `default_context()`.
    options: of create_connection and start_tls: server_hostname and the ssl_... ones.
    reuses_sessions: whether a connection resumes the session of one before it.
    """

    context: ssl.SSLContext | None
    options: dict[str, Any] = field(default_factory=dict)
    reuses_sessions: bool = False

    def client_options(self, host: str) -> dict[str, Any]:
        """Options for TLS with a host, which names what its certificate is for."""
        return {"server_hostname": _certificate_name(host)} | self.options

    def client_wrap(self, url: WSParsedURL) -> tuple[Wrap, float | None, float]:
        """What makes the SSLObject of a connection to a server; the seconds of its two timeouts.

        None for a handshake without a limit of its own.
        """
        options = self.client_options(url.host)
        if unknown := options.keys() - _CLIENT_OPTIONS:
            raise TypeError(f"ws_connect() does not know {', '.join(sorted(unknown))}")
        seconds = options.get("ssl_handshake_timeout")
        check_tls_seconds(
            ssl_handshake_timeout=seconds, ssl_shutdown_timeout=options.get("ssl_shutdown_timeout")
        )
        given: dict[str, Any] = {
            "server_side": False,
            "server_hostname": options["server_hostname"] or None,
        }
        key = self.session_key(url)
        if key is not None and (session := sessions.take(key)):
            given["session"] = session
        wrap = functools.partial(self.client_context().wrap_bio, **given)
        return wrap, seconds, options.get("ssl_shutdown_timeout") or SHUTDOWN_SECONDS

    def keep_session(
        self, url: WSParsedURL, transport: WSTransport, key: tuple[Any, ...] | None
    ) -> None:
        """Keep the session of an open connection for the next one.

        key: `session_key(url)` from before the handshake. The session is not kept if the context
            was changed since, as nobody knows then what was checked.
        """
        info = transport.underlying_transport.get_extra_info
        if key is not None and key == self.session_key(url) and info("picows.tls"):
            sessions.keep(key, info("ssl_object").session)

    def session_key(self, url: WSParsedURL) -> tuple[Any, ...] | None:
        """Whose sessions a connection may resume; None if none at all.

        What the context checks belongs to it: a resumed handshake does not check a certificate.
        """
        if not (self.reuses_sessions and url.is_secure):
            return None
        name = self.client_options(url.host)["server_hostname"]
        context = self.client_context()
        checks = context.verify_mode, context.check_hostname, context.verify_flags
        return context, checks, name, url.host, url.port

    def client_context(self) -> ssl.SSLContext:
        if self.context is not None:
            return self.context
        if self.options.get("server_hostname") == "":  # asyncio's way to say: whoever it is
            context = ssl.create_default_context()
            context.check_hostname = False
            return context
        return default_context()


def _certificate_name(host: str) -> str:
    """A host as SNI and certificates have it: no dot at the end (RFC 6066, 3) and no IPv6 zone."""
    if ":" in host:
        return host.partition("%")[0]
    return host.removesuffix(".")


def default_context() -> ssl.SSLContext:
    """What `ssl.create_default_context()` makes; one for the process, as it takes long to make.

    Nobody may change it. It is made anew when the environment names other certificates or another
    key log, and when the file of the certificates is another one. In a folder of certificates
    OpenSSL looks by itself whenever it meets an authority that it does not know.
    """
    global _shared
    origin = _origin()
    shared = _shared
    if shared is None or shared[0] != origin:
        # Of threads that do this at the same time, the last one's stays.
        shared = _shared = origin, ssl.create_default_context()
    return shared[1]


def _origin() -> tuple[Any, ...]:
    """What a default context is made from, as far as it can change."""
    paths = ssl.get_default_verify_paths()  # the environment's, as far as they exist
    version = None
    if paths.cafile is not None:
        try:
            status = os.stat(paths.cafile)
        except OSError:
            pass  # it is just being replaced
        else:
            version = status.st_mtime_ns, status.st_size, status.st_ino
    return paths.cafile, version, paths.capath, os.environ.get("SSLKEYLOGFILE")
