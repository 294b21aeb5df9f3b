"""picows.websockets has the names of websockets, with the same signatures.

Modules that are little more than names: picows.websockets.protocol, picows.websockets.server,
picows.websockets.version, picows.websockets.typing, picows.websockets.extensions.base,
picows.websockets.asyncio.typed, picows.websockets.asyncio.router.
"""

from __future__ import annotations

import importlib
import inspect
from typing import Any

import pytest

import picows.websockets

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

SANS_IO = {"Protocol", "ClientProtocol", "ServerProtocol"}
#: Modules, and what of their `__all__` is left out.
MODULES: dict[str, set[str]] = {
    "": SANS_IO,
    ".asyncio.client": set(),
    ".asyncio.connection": set(),
    ".asyncio.router": set(),
    ".asyncio.server": set(),
    ".client": SANS_IO,
    ".datastructures": set(),
    ".exceptions": set(),
    ".extensions": set(),
    ".extensions.base": set(),
    ".extensions.permessage_deflate": set(),
    ".frames": set(),
    ".headers": set(),
    ".http11": set(),
    ".protocol": SANS_IO,
    ".proxy": set(),
    ".server": SANS_IO,
    ".typing": set(),
    ".uri": set(),
    ".version": set(),
}
#: Names beside `__all__` that programs import.
MORE = {
    ".asyncio.client": {"MAX_REDIRECTS", "process_exception", "backoff"},
    ".client": {"process_exception", "backoff", "BACKOFF_MAX_DELAY"},
    ".exceptions": {"InvalidStatusCode", "AbortHandshake"},
    ".frames": {
        "OK_CLOSE_CODES",
        "EXTERNAL_CLOSE_CODES",
        "CLOSE_CODE_EXPLANATIONS",
        "CTRL_OPCODES",
    },
    ".http11": {"Headers", "MAX_BODY_SIZE", "MAX_LINE_LENGTH", "MAX_NUM_HEADERS"},
    ".protocol": {"OPEN", "CLOSED", "CLOSING", "CONNECTING", "CLIENT", "SERVER"},
}
#: Methods of the classes that take no part in the sans-I/O protocol or in asyncio's.
MEMBERS = {
    "Close": ["parse", "serialize", "check"],
    "ClientConnection": [
        *("recv", "recv_streaming", "send", "close", "wait_closed", "ping", "pong"),
        *("__aiter__", "__aenter__", "__aexit__"),
    ],
    "Headers": ["copy", "serialize", "clear", "update", "get_all", "raw_items", "set_insecure"],
    "Request": ["serialize"],
    "Response": ["serialize"],
    "Router": ["get_server_name", "redirect", "not_found", "route_request", "handler"],
    "Server": [
        *("close", "get_loop", "is_serving", "start_serving", "serve_forever", "wait_closed"),
        *("__await__", "__aenter__", "__aexit__"),
    ],
    "ServerConnection": ["respond", "recv", "send", "close"],
    "connect": ["process_redirect", "__await__", "__aiter__", "__aenter__", "__aexit__"],
}
PROPERTIES = [
    "state",
    "subprotocol",
    "close_code",
    "close_reason",
    "local_address",
    "remote_address",
]


def modules(name: str) -> tuple[Any, Any]:
    return (
        importlib.import_module("websockets" + name),
        importlib.import_module("picows.websockets" + name),
    )


@pytest.mark.parametrize("name", MODULES)
def test_names(name: str) -> None:
    theirs, ours = modules(name)
    missing = set(theirs.__all__) - set(ours.__all__)
    assert missing == MODULES[name] & set(theirs.__all__)
    for public in {*ours.__all__, *MORE.get(name, ())}:
        assert getattr(ours, public) is not None


@pytest.mark.parametrize("name", SANS_IO)
def test_what_is_left_out_says_so(name: str) -> None:
    with pytest.raises(AttributeError, match="import it from websockets"):
        getattr(picows.websockets, name)
    assert not hasattr(picows.websockets, "no_such_name")


def parameters(function: Any) -> list[tuple[str, Any, Any]]:
    try:
        signature = inspect.signature(function)
    except ValueError:
        return []
    return [
        (p.name, p.kind, _value(p.default))
        for p in signature.parameters.values()
        if p.name not in ("self", "cls")
    ]


def _value(default: Any) -> Any:
    """A default; USER_AGENT and the like say which library it is."""
    if callable(default) and default is not inspect.Parameter.empty:
        return default.__name__
    return "a name" if isinstance(default, str) and "Python/" in default else default


def _functions() -> list[tuple[str, str]]:
    found = []
    for name in MODULES:
        theirs = importlib.import_module("websockets" + name)
        for public in theirs.__all__:
            if public not in SANS_IO and callable(getattr(theirs, public)):
                found.append((name, public))
    return found


@pytest.mark.parametrize(("module", "name"), _functions())
def test_signatures(module: str, name: str) -> None:
    theirs, ours = (getattr(m, name) for m in modules(module))
    assert parameters(ours) == parameters(theirs)


@pytest.mark.parametrize(("cls", "name"), [(c, m) for c in MEMBERS for m in MEMBERS[c]])
def test_signatures_of_methods(cls: str, name: str) -> None:
    theirs, ours = (getattr(getattr(m, cls), name) for m in modules(""))
    if name == "send":  # the compiled module takes `text` by its place too
        assert [p[0] for p in parameters(ours)] == [p[0] for p in parameters(theirs)]
        return
    assert parameters(ours) == parameters(theirs)


def test_attributes_of_a_connection() -> None:
    for name in PROPERTIES:
        assert isinstance(getattr(picows.websockets.ClientConnection, name), property)
    # Names that picows 2.3.1 had.
    assert picows.websockets.WebSocketClientProtocol is picows.websockets.ClientConnection
    assert picows.websockets.ServerHandshakeConnection is picows.websockets.ServerConnection
    assert picows.websockets.__version__ == "17.4"
