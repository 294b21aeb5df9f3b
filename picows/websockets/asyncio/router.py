"""A server with a handler for each URL. Needs werkzeug, which matches URLs."""

from __future__ import annotations

import ssl as ssl_module
import urllib.parse
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Literal, cast

from ..http11 import Request, Response
from ..typing import PathLike
from .server import Server, ServerConnection, serve

if TYPE_CHECKING:
    from werkzeug.routing import Map

__all__ = ["Router", "route", "unix_route"]


class Router:
    """Finds the handler for a request; `route` makes one.

    Args:
        url_map: rules whose endpoints are handlers.
        server_name: host of URLs that are built, where requests have none.
        url_scheme: "ws", or "wss" behind TLS.
    """

    def __init__(
        self, url_map: Map, server_name: str | None = None, url_scheme: str = "ws"
    ) -> None:
        self.url_map = url_map
        self.server_name = server_name
        self.url_scheme = url_scheme
        for rule in url_map.iter_rules():
            rule.websocket = True

    def get_server_name(self, connection: ServerConnection, request: Request) -> str:
        """The host that a request names."""
        if self.server_name is None:
            return request.headers["Host"]
        return self.server_name

    def redirect(self, connection: ServerConnection, url: str) -> Response:
        """The answer to a request that belongs elsewhere."""
        response = connection.respond(HTTPStatus.FOUND, f"Found at {url}")
        response.headers["Location"] = url
        return response

    def not_found(self, connection: ServerConnection) -> Response:
        """The answer to a request that no rule matches."""
        return connection.respond(HTTPStatus.NOT_FOUND, "Not Found")

    def route_request(self, connection: ServerConnection, request: Request) -> Response | None:
        """A `process_request`: puts handler and arguments into the connection."""
        from werkzeug.exceptions import NotFound
        from werkzeug.routing import RequestRedirect

        adapter = self.url_map.bind(
            server_name=self.get_server_name(connection, request), url_scheme=self.url_scheme
        )
        try:
            parsed = urllib.parse.urlparse(request.path)
            handler, kwargs = adapter.match(
                path_info=parsed.path, query_args=parsed.query, websocket=True
            )
        except RequestRedirect as redirect:
            return self.redirect(connection, redirect.new_url)
        except NotFound:
            return self.not_found(connection)
        connection.handler, connection.handler_kwargs = handler, kwargs  # type: ignore[attr-defined]
        return None

    async def handler(self, connection: ServerConnection) -> None:
        """Run the handler that was found."""
        found = cast(Any, connection)
        await found.handler(connection, **found.handler_kwargs)


def route(
    url_map: Map,
    *args: Any,
    server_name: str | None = None,
    ssl: ssl_module.SSLContext | Literal[True] | None = None,
    create_router: type[Router] | None = None,
    **kwargs: Any,
) -> Server:
    """Like `serve`, with a handler for each URL: `handler(connection, **variables)`.

    Args:
        url_map: a `werkzeug.routing.Map` whose endpoints are handlers.
        args: as for `serve`, without the handler.
        server_name: host of URLs that are built, where requests have none.
        ssl: True if something in front of the server speaks TLS.
        create_router: subclass of Router to use instead.
        kwargs: as for `serve`. A `process_request` is called for requests that match.

    Raises:
        ImportError: werkzeug is not installed.
    """
    import werkzeug.routing  # noqa: F401 - said here, not at the first request

    url_scheme = "ws" if ssl is None else "wss"
    if ssl is not None and ssl is not True:
        kwargs["ssl"] = ssl
    router = (create_router or Router)(url_map, server_name, url_scheme)
    kwargs["process_request"] = _then(router.route_request, kwargs.pop("process_request", None))
    return serve(router.handler, *args, **kwargs)


def _then(route_request: Callable[..., Response | None], other: Any) -> Any:
    if other is None:
        return route_request

    async def process_request(connection: ServerConnection, request: Request) -> Response | None:
        response = route_request(connection, request)
        if response is not None:
            return response
        answer = other(connection, request)
        return await answer if isinstance(answer, Awaitable) else answer  # type: ignore[no-any-return]

    return process_request


def unix_route(url_map: Map, path: PathLike | None = None, **kwargs: Any) -> Server:
    """Like `route`, at a unix socket."""
    return route(url_map, unix=True, path=path, **kwargs)
