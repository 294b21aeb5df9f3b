"""What `import picows` offers: these names and no others."""

from __future__ import annotations

import importlib
import subprocess
import sys
import types

import pytest

import picows

EXPORTED = {
    "PICOWS_DEBUG_LL",
    "WSAutoPingStrategy",
    "WSBroadcastResult",
    "WSCloseCode",
    "WSConnection",
    "WSConnectionClosed",
    "WSDisconnectCause",
    "WSDisconnectInfo",
    "WSEndpoint",
    "WSError",
    "WSFrame",
    "WSHandshakeError",
    "WSInvalidHeaderError",
    "WSInvalidMessageError",
    "WSInvalidStatusError",
    "WSInvalidURL",
    "WSInvalidUpgradeError",
    "WSListener",
    "WSMsgType",
    "WSParsedURL",
    "WSPermessageDeflate",
    "WSProtocolError",
    "WSProxyError",
    "WSServer",
    "WSTransport",
    "WSUpgradeRequest",
    "WSUpgradeResponse",
    "WSUpgradeResponseWithListener",
    "__version__",
    "backoff",
    "connect",
    "get_include",
    "serve",
    "ws_broadcast",
    "ws_connect",
    "ws_create_server",
    "ws_endpoint",
    "ws_wrap",
}


def test_exports_are_exactly_these() -> None:
    assert set(picows.__all__) == EXPORTED
    assert len(picows.__all__) == len(EXPORTED)


def test_nothing_else_is_in_sight() -> None:
    names = {name for name, value in vars(picows).items() if not name.startswith("_")}
    modules = {name for name in names if isinstance(getattr(picows, name), types.ModuleType)}
    assert names - modules == EXPORTED - {"__version__"}


@pytest.mark.parametrize("name", sorted(EXPORTED))
def test_classes_say_where_they_can_be_imported_from(name: str) -> None:
    """In tracebacks, and in pickles, which outlive the folders of the library."""
    cls = getattr(picows, name)
    if isinstance(cls, type):
        public = ("picows", "picows.closing", "picows.exceptions", "picows.picows", "picows.url")
        assert cls.__module__ in public
        assert getattr(importlib.import_module(cls.__module__), name) is cls


def test_star_import_gives_all_of_them() -> None:
    namespace: dict[str, object] = {}
    exec("from picows import *", namespace)
    assert namespace.keys() >= EXPORTED


def test_it_does_not_import_what_few_programs_want() -> None:
    code = "import sys, picows; print([name for name in sys.modules if name in %r])"
    unwanted = ["picows.cli", "picows.testing", "argparse", "rich", "pytest", "uvloop"]
    done = subprocess.run([sys.executable, "-c", code % unwanted], capture_output=True, text=True)
    assert done.stdout == "[]\n", done


def test_the_debug_level_is_below_debug() -> None:
    assert picows.PICOWS_DEBUG_LL == 9


def test_the_version_is_the_builds(setup_py: types.ModuleType) -> None:
    assert picows.__version__ == setup_py.version()
