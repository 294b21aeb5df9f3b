"""Exceptions: their attributes, their texts, and that they survive pickling and copying."""

from __future__ import annotations

import copy
import pickle
from http import HTTPStatus

import pytest

from picows.exceptions import (
    WSError,
    WSHandshakeError,
    WSInvalidHeaderError,
    WSInvalidMessageError,
    WSInvalidStatusError,
    WSInvalidUpgradeError,
    WSInvalidURL,
    WSProtocolError,
    WSProxyError,
)
from picows.values.handshake import WSUpgradeResponse


class ForeignError(WSHandshakeError):
    """A subclass elsewhere whose constructor has nothing in common with ours."""

    def __init__(self, *, ticket: int) -> None:
        super().__init__(f"ticket {ticket}", b"head")
        self.ticket = ticket


def make_response() -> WSUpgradeResponse:
    return WSUpgradeResponse.create_error_response(503, b"busy", {"Retry-After": "1"})


EXAMPLES = {
    "WSError": WSError("text"),
    "WSHandshakeError": WSHandshakeError("text", b"head", b"body", make_response()),
    "WSInvalidMessageError": WSInvalidMessageError("text", b"head"),
    "WSInvalidStatusError": WSInvalidStatusError("text", raw_body=b"body"),
    "WSInvalidHeaderError": WSInvalidHeaderError("text", "Upgrade", "h2c", b"head", b"body"),
    "WSInvalidUpgradeError": WSInvalidUpgradeError("text", "Connection"),
    "WSProtocolError": WSProtocolError(1002, "text"),
    "WSProxyError": WSProxyError("text", 407),
    "WSInvalidURL": WSInvalidURL("ws://user:secret@host:0/", "text"),
    "subclass": ForeignError(ticket=7),
}


def attributes(error: BaseException) -> dict[str, object]:
    """Everything that tells one exception from another; responses by their bytes."""
    values = {**vars(error), "args": error.args, "str": str(error)}
    response = values.get("response")
    if isinstance(response, WSUpgradeResponse):
        values["response"] = bytes(response.to_bytes())
    return values


@pytest.mark.parametrize("name", EXAMPLES)
@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_pickle_keeps_type_text_and_attributes(name: str, protocol: int) -> None:
    error = EXAMPLES[name]
    error.add_note("seen in staging")
    try:
        again = pickle.loads(pickle.dumps(error, protocol))
        assert type(again) is type(error)
        assert attributes(again) == attributes(error)
    finally:
        del error.__notes__


#: Of WSInvalidHeaderError("wrong", "Upgrade", "h2c", b"head"), by version 0.1.0.
PICKLE_OF_0_1 = (
    b"cpicows.exceptions\n_rebuild\np0\n(cpicows.exceptions\nWSInvalidHeaderError\np1\n(Vwrong\np2\n"
    b"tp3\ntp4\nRp5\n(dp6\nVraw_header\np7\nc_codecs\nencode\np8\n(Vhead\np9\nVlatin1\np10\ntp11\n"
    b"Rp12\nsVraw_body\np13\nNsVresponse\np14\nNsVname\np15\nVUpgrade\np16\nsVvalue\np17\nVh2c\np18\n"
    b"sb."
)


def test_pickles_of_other_versions_can_be_read_and_theirs_read_ours() -> None:
    error = pickle.loads(PICKLE_OF_0_1)
    assert type(error) is WSInvalidHeaderError
    assert (str(error), error.name, error.value, error.raw_header) == (
        "wrong",
        "Upgrade",
        "h2c",
        b"head",
    )
    assert pickle.dumps(error, 0) == PICKLE_OF_0_1


@pytest.mark.parametrize("name", EXAMPLES)
@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy])
def test_copy_keeps_type_text_and_attributes(name: str, duplicate: object) -> None:
    error = EXAMPLES[name]
    again = duplicate(error)  # type: ignore[operator]
    assert again is not error
    assert type(again) is type(error)
    assert attributes(again) == attributes(error)


def test_a_copy_does_not_share_attributes_with_the_original() -> None:
    error = WSHandshakeError("text", b"head")
    copy.copy(error).raw_header = b"other"
    assert error.raw_header == b"head"


@pytest.mark.parametrize(
    ("kind", "base"),
    [
        (WSError, Exception),
        (WSHandshakeError, WSError),
        (WSInvalidMessageError, WSHandshakeError),
        (WSInvalidStatusError, WSHandshakeError),
        (WSInvalidHeaderError, WSHandshakeError),
        (WSInvalidUpgradeError, WSInvalidHeaderError),
        (WSProtocolError, WSError),
        (WSInvalidURL, WSError),
        (WSInvalidURL, ValueError),
    ],
)
def test_hierarchy(kind: type, base: type) -> None:
    assert issubclass(kind, base)


def test_handshake_error_says_what_was_received() -> None:
    response = make_response()
    error = WSHandshakeError("refused", b"HTTP/1.1 503", b"busy", response)
    assert str(error) == "refused"
    assert (error.raw_header, error.raw_body) == (b"HTTP/1.1 503", b"busy")
    assert error.response is response
    assert response.status is HTTPStatus.SERVICE_UNAVAILABLE


def test_handshake_error_needs_its_description_only() -> None:
    error = WSHandshakeError("refused")
    assert (error.raw_header, error.raw_body, error.response) == (None, None, None)


def test_header_error_names_the_header() -> None:
    error = WSInvalidHeaderError(
        "wrong", name="Upgrade", value="h2c", raw_header=b"a", raw_body=b"b", response=None
    )
    assert str(error) == "wrong"
    assert (error.name, error.value) == ("Upgrade", "h2c")
    assert (error.raw_header, error.raw_body, error.response) == (b"a", b"b", None)
    assert WSInvalidHeaderError("missing", "Upgrade").value is None


def test_protocol_error_has_a_code_and_reads_as_its_message() -> None:
    error = WSProtocolError(1009, "frame is too big")
    assert error.code == 1009
    assert str(error) == "frame is too big"
    assert error.args == (1009, "frame is too big")


def test_invalid_url_keeps_the_url_and_says_why() -> None:
    error = WSInvalidURL("ws://host:0/", "port is wrong")
    assert error.url == "ws://host:0/"
    assert "'ws://host:0/'" in str(error)
    assert "port is wrong" in str(error)


@pytest.mark.parametrize(
    "url",
    [
        "ws://user:secret@host:0/",
        "ws://user:secret@",
        "ws://secret@host/#x",
        "ws://user:sec/secret@host/",  # a raw slash ends the authority: RFC 3986, 3.2
        "ws://user:sec@secret@host/#x",
        "ws://user:sec\nsecret@host/",
    ],
)
def test_invalid_url_does_not_show_credentials(url: str) -> None:
    error = WSInvalidURL(url, "it is wrong")
    assert "secret" not in f"{error} {error!r}"
    assert error.url == url


def test_invalid_url_cannot_forge_a_line_of_a_log() -> None:
    assert "\n" not in str(WSInvalidURL("ws://host/\nERROR root: gone", "it is wrong"))
