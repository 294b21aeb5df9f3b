"""Exceptions of picows.websockets: texts, attributes, copies, and who catches them."""

from __future__ import annotations

import copy
import importlib
import pickle
import subprocess
import sys
from typing import Any

import pytest
import websockets.exceptions as theirs

import picows.websockets
from picows.websockets import exceptions as ours
from picows.websockets.datastructures import Headers
from picows.websockets.frames import Close
from picows.websockets.http11 import Response

NAMES = ours.__all__
_OK, _AWAY = (1000, ""), (1001, "bye")
#: Arguments of constructors; a tuple of two stands for a Close where a class takes one.
ARGUMENTS: dict[str, list[tuple[Any, ...]]] = {
    "ConnectionClosed": [
        (None, None, None),
        (_OK, None, None),
        (None, _AWAY, None),
        (_OK, _AWAY, True),
        (_OK, _AWAY, False),
        ((4000, "x"), (3000, ""), False),
        ((1006, ""), (999, ""), False),
    ],
    "DuplicateParameter": [("name",)],
    "InvalidHeader": [("Name",), ("Name", ""), ("Name", "value")],
    "InvalidHeaderFormat": [("Name", "expected token", "header", 3)],
    "InvalidMethod": [("POST",)],
    "InvalidOrigin": [("http://a",), (None,)],
    "InvalidParameterName": [("name",)],
    "InvalidParameterValue": [("name", None), ("name", ""), ("name", "value")],
    "InvalidProtocol": [("HTTP/1.0",)],
    "InvalidProxy": [("http://h", "why")],
    "InvalidProxyStatus": [("response",)],
    "InvalidStatus": [("response",)],
    "InvalidURI": [("ws://h", "why")],
    "PayloadTooBig": [("text",), (10, 5), (None, 5), (10, 5, 3), (None, 5, 3)],
    "TooManyFragments": [(4096,)],
}
for _same in ("ConnectionClosedOK", "ConnectionClosedError"):
    ARGUMENTS[_same] = ARGUMENTS["ConnectionClosed"]
for _same in ("InvalidHeaderValue", "InvalidUpgrade"):
    ARGUMENTS[_same] = ARGUMENTS["InvalidHeader"]

CASES = [(name, given) for name in NAMES for given in ARGUMENTS.get(name, [("some text",)])]


def make(package: Any, name: str, given: tuple[Any, ...]) -> Any:
    frames = importlib.import_module(package.__name__.rpartition(".")[0] + ".frames")
    http11 = importlib.import_module(package.__name__.rpartition(".")[0] + ".http11")
    if name.startswith("ConnectionClosed"):
        given = tuple(frames.Close(*g) if isinstance(g, tuple) else g for g in given)
    if given == ("response",):
        given = (http11.Response(503, "Service Unavailable", http11.Headers(a="b"), b"body"),)
    return getattr(package, name)(*given)


@pytest.mark.parametrize(("name", "given"), CASES)
@pytest.mark.filterwarnings("ignore:PayloadTooBig")
def test_texts_are_those_of_websockets(name: str, given: tuple[Any, ...]) -> None:
    expected, error = make(theirs, name, given), make(ours, name, given)
    assert str(error) == str(expected)
    assert vars(error).keys() == vars(expected).keys()


@pytest.mark.parametrize(("name", "given"), CASES)
def test_copies(name: str, given: tuple[Any, ...]) -> None:
    """Tasks of other processes raise them too."""
    error = make(ours, name, given)
    error.mine = 1
    for copied in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(copied) is type(error)
        assert (str(copied), copied.args, copied.mine) == (str(error), error.args, 1)


@pytest.mark.parametrize("name", NAMES)
def test_websockets_own_classes_catch_them(name: str) -> None:
    cls, other = getattr(ours, name), getattr(theirs, name)
    assert issubclass(cls, other)
    assert issubclass(cls, ours.WebSocketException)
    # Whoever catches a base class catches the same of both packages.
    for base in other.__mro__[1:-1]:
        if base.__module__ == theirs.__name__:
            assert issubclass(cls, getattr(ours, base.__name__))
        else:
            assert issubclass(cls, base)


def test_a_subclass_of_ours_is_only_that() -> None:
    class ProtocolError(ours.WebSocketException):
        pass

    assert not issubclass(ProtocolError, theirs.ProtocolError)


def test_without_websockets() -> None:
    """It does not have to be installed."""
    code = (
        "import sys; sys.modules['websockets'] = None; import picows.websockets as w;"
        "assert w.ConnectionClosed.__mro__[1:3] == (w.WebSocketException, Exception);"
        "assert issubclass(w.ConcurrencyError, RuntimeError);"
        "assert issubclass(w.InvalidState, AssertionError)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_deprecated() -> None:
    with pytest.warns(DeprecationWarning, match=r"deprecated|use "):
        assert issubclass(ours.InvalidStatusCode, picows.websockets.InvalidHandshake)
    error = ours.ConnectionClosedOK(Close(1000, "bye"), None)
    with pytest.warns(DeprecationWarning, match=r"deprecated|use "):
        assert error.code == 1000
    with pytest.warns(DeprecationWarning, match=r"deprecated|use "):
        assert error.reason == "bye"
    with pytest.warns(DeprecationWarning, match=r"deprecated|use "):
        assert ours.ConnectionClosedError(None, None).code == 1006
    with pytest.warns(DeprecationWarning, match=r"deprecated|use "):
        assert Response(200, "OK", Headers()).exception is None


def test_payload_too_big_needs_a_limit() -> None:
    with pytest.raises(TypeError, match="needs max_size"):
        ours.PayloadTooBig(1)
