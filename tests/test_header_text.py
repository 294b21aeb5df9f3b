"""Headers as users give them: the rest is seen on requests and responses, in test_handshake.py."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from picows.values.header_text import add_extra_headers, header_pairs


def test_extra_headers_as_a_plain_mapping() -> None:
    assert header_pairs({"X-A": "1", "X-B": "2"}) == [("X-A", "1"), ("X-B", "2")]


def test_no_extra_headers() -> None:
    assert header_pairs(None) == header_pairs({}) == header_pairs([]) == []


def test_others_are_added_to_the_generated_ones() -> None:
    headers = [("Host", "h"), ("Connection", "Upgrade")]
    add_extra_headers(headers, {"Connection": "keep-alive", "host": "other"})
    assert headers == [("host", "other"), ("Connection", "Upgrade"), ("Connection", "keep-alive")]


def test_an_error_of_the_users_own_iterator_is_not_hidden() -> None:
    def broken() -> Iterator[tuple[str, str]]:
        yield "X-A", "1"
        raise ValueError("mine")

    with pytest.raises(ValueError, match=r"^mine$"):
        header_pairs(broken())
