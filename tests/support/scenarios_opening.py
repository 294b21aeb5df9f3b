"""What programs see of the opening handshake and of servers; see `scenarios.py`."""

from __future__ import annotations

import asyncio
from typing import Any

from .pairings import Scenario, Side, for_package
from .scenarios import silent
from .scenarios_flow import SCENARIOS


def _rejects(name: str, serve: dict[str, Any], connect: dict[str, Any]) -> None:
    async def client(side: Side) -> None:
        options = side.connect_options | connect  # type: ignore[attr-defined]
        try:
            async with side.package.connect(side.url + "/path?query", **options) as ws:
                side.note([ws.subprotocol, ws.response.status_code])
                side.note([ws.response.headers.get("X-Added"), ws.response.headers.get("Server")])
        except Exception as error:
            response = getattr(error, "response", None)
            side.note([type(error).__name__, str(error)])
            if response is not None:
                side.note([response.status_code, response.reason_phrase, bytes(response.body)])
                side.note(response.headers.get("WWW-Authenticate"))

    SCENARIOS[f"handshake_{name}"] = Scenario(
        client, silent, {"server_header": "server"} | serve, connect
    )


def _responds(status: int) -> Any:
    return lambda connection, request: connection.respond(status, f"{request.path}\n")


async def _responds_later(connection: Any, request: Any) -> Any:
    await asyncio.sleep(0)
    return connection.respond(418, "later\n")


def _adds(connection: Any, request: Any, response: Any) -> None:
    response.headers["X-Added"] = "1"


def _echoes_x(connection: Any, request: Any, response: Any) -> None:
    response.headers["X-Added"] = request.headers["X"]


def _replaces(connection: Any, request: Any, response: Any) -> Any:
    return connection.respond(503, "instead\n")


def _raises_in_hook(*_: Any) -> Any:
    raise ZeroDivisionError("a secret")


_rejects("plain", {}, {})
_rejects("responds", {"process_request": _responds(403)}, {})
_rejects("responds_later", {"process_request": _responds_later}, {})
_rejects("process_request_raises", {"process_request": _raises_in_hook}, {})
_rejects("process_response_raises", {"process_response": _raises_in_hook}, {})
_rejects("adds", {"process_response": _adds, "server_header": "s"}, {})
_rejects("latin1", {"process_response": _echoes_x}, {"additional_headers": {"X": "wörd\xff"}})
_rejects("replaces", {"process_response": _replaces}, {})
_rejects("no_origin", {"origins": ["http://a"]}, {})
_rejects("no_origin_allowed", {"origins": ["http://a", None]}, {})
_rejects("wrong_origin", {"origins": ["http://a"]}, {"origin": "http://b"})
_rejects("right_origin", {"origins": ["http://a"]}, {"origin": "http://a"})
_rejects("no_subprotocol", {"subprotocols": ["a", "b"]}, {})
_rejects("wrong_subprotocol", {"subprotocols": ["a", "b"]}, {"subprotocols": ["c"]})
_rejects("right_subprotocol", {"subprotocols": ["a", "b"]}, {"subprotocols": ["b", "a"]})
_rejects("unknown_subprotocol", {}, {"subprotocols": ["b", "a"]})
_rejects("select_none", {"select_subprotocol": lambda *_: None}, {"subprotocols": ["a"]})
_rejects(
    "select", {"select_subprotocol": lambda _, offered: offered[-1]}, {"subprotocols": ["a", "b"]}
)
_basic = for_package(lambda package: package.basic_auth("realm", ("name", "wörd")))
_rejects("no_credentials", {"process_request": _basic}, {})
_rejects(
    "wrong_scheme",
    {"process_request": _basic},
    {"additional_headers": {"Authorization": "Bearer x"}},
)
_rejects(
    "wrong_credentials",
    {"process_request": _basic},
    {"additional_headers": {"Authorization": "Basic bmFtZTp4"}},
)
_rejects(
    "right_credentials",
    {"process_request": _basic},
    {"additional_headers": {"Authorization": "Basic bmFtZTp3w7ZyZA=="}},
)


async def closes_the_server(side: Side) -> None:
    await side.see(side.ws.recv())
    await side.end()


async def _client_of_a_server_that_closes(side: Side) -> None:
    options = side.connect_options  # type: ignore[attr-defined]
    server = side.server  # type: ignore[attr-defined]
    side.ws = await side.package.connect(side.url, **options)
    side.note(len(server.connections))
    server.close(code=1012, reason="restart")
    await side.see(side.ws.recv())
    await server.wait_closed()
    side.note([len(server.connections), server.is_serving(), len(server.sockets)])


SCENARIOS["the_server_closes"] = Scenario(_client_of_a_server_that_closes, closes_the_server)


async def _sends_too_much(side: Side) -> None:
    await side.ws.send("x" * 100)
    await side.ws.send("x" * 101)
    await side.ws.wait_closed()
    side.note(side.ws.close_code)


async def _a_message_too_big(side: Side) -> None:
    options = side.connect_options | {"max_size": 100}  # type: ignore[attr-defined]
    side.ws = await side.package.connect(side.url, **options)
    await side.see(side.ws.recv())
    try:
        await side.ws.recv()
    except Exception as error:
        # Websockets says in the reason how large it was.
        code = error.sent.code  # type: ignore[attr-defined]
        side.note([type(error).__name__, code, type(error.__cause__).__name__])


SCENARIOS["a_message_too_big"] = Scenario(
    _a_message_too_big, _sends_too_much, compares_frames=False
)
