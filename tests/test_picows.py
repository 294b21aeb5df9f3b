"""picows.picows: where code written for the Cython library imports the compiled types from."""

from __future__ import annotations

import pickle

import pytest

import picows
import picows.picows
from picows import _native, closing

FROM_NATIVE = {
    "WSAutoPingStrategy",
    "WSCloseCode",
    "WSFrame",
    "WSListener",
    "WSMsgType",
    "WSTransport",
}


def test_it_exports_the_compiled_types_themselves() -> None:
    assert set(picows.picows.__all__) == FROM_NATIVE | {"WSCloseHandshake", "WSCloseInfo"}
    for name in FROM_NATIVE:
        exported = getattr(picows.picows, name)
        assert exported is getattr(_native, name) is getattr(picows, name)
    assert picows.picows.WSCloseHandshake is closing.WSCloseHandshake
    assert picows.picows.WSCloseInfo is closing.WSCloseInfo


@pytest.mark.parametrize("name", sorted(FROM_NATIVE))
def test_every_type_says_where_it_can_be_imported_from(name: str) -> None:
    cls = getattr(_native, name)
    assert cls.__name__ == name
    assert cls.__module__ in ("picows", "picows.picows")


@pytest.mark.parametrize("name", ["WSMsgType", "WSCloseCode", "WSAutoPingStrategy"])
def test_members_of_enums_can_be_pickled(name: str) -> None:
    for member in getattr(picows, name):
        assert pickle.loads(pickle.dumps(member)) is member
