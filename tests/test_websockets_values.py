"""Headers, frames, URIs and proxies of picows.websockets, beside those of websockets."""

from __future__ import annotations

import importlib
import itertools
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import picows.websockets
from picows.websockets import client, datastructures, frames, http11, uri
from picows.websockets import headers as header_text
from picows.websockets.datastructures import Headers, MultipleValuesError
from picows.websockets.exceptions import InvalidHeaderValue, InvalidProxy, InvalidURI, ProtocolError
from picows.websockets.extensions import permessage_deflate
from picows.websockets.frames import Close, Frame, Opcode
from picows.websockets.proxy import get_proxy, parse_proxy


def outcome(function: Any, *arguments: Any, **options: Any) -> Any:
    try:
        return function(*arguments, **options)
    except Exception as error:
        # Not where in a header it was found.
        return type(error).__name__, re.sub(" at .*", "", str(error), flags=re.DOTALL)


def both(name: str, function: str) -> tuple[Any, Any]:
    modules = (importlib.import_module(p + name) for p in ("websockets", "picows.websockets"))
    theirs, ours = (getattr(module, function) for module in modules)
    return theirs, ours


HEADER_VALUES = [
    *("", "a", "a, b", "a,,b", ",", "a b", "@", "a , b", "websocket", "h2c/1.2, websocket"),
    *("/", "websocket/", "a; b", 'a; b=1; c="x", d', "a;", "a; b=", 'a; b="c d"', 'a; b="c'),
    *('a; b="\\c"', "a;b;c=2", "a = b", "Basic YTpi", "basic YTpi", "Bearer x", "Basic !!"),
    *("Basic YTpi x", "Basic YWI=", "Basic w6k6w6k=", "Basic /zr/", "Basic YTp", "Basic  YTpi"),
]
PARSERS = ["parse_connection", "parse_upgrade", "parse_extension", "parse_subprotocol"]


@pytest.mark.parametrize("name", [*PARSERS, "parse_authorization_basic"])
def test_header_parsers(name: str) -> None:
    theirs, ours = both(".headers", name)
    for value in HEADER_VALUES:
        assert outcome(ours, value) == outcome(theirs, value), value


@given(st.text(alphabet='a,;="\\ \t/', max_size=12))
def test_header_parsers_with_anything(value: str) -> None:
    for name in PARSERS:
        theirs, ours = both(".headers", name)
        assert outcome(ours, value.strip()) == outcome(theirs, value.strip())


def test_header_writers() -> None:
    for arguments in itertools.product(("h", "::1"), (80, 443, 8080), (False, True)):
        theirs, ours = both(".headers", "build_host")
        assert ours(*arguments) == theirs(*arguments)
        assert ours(*arguments, always_include_port=True).endswith(f":{arguments[1]}")
    for name, argument in (
        ("build_extension", [("x", [("a", None), ("b", "1")]), ("y", [])]),
        ("build_subprotocol", ["a", "b"]),
        ("build_www_authenticate_basic", 're"a\\lm'),
        ("validate_subprotocols", "abc"),
        ("validate_subprotocols", ["a b"]),
        ("validate_subprotocols", ["ab"]),
    ):
        theirs, ours = both(".headers", name)
        assert outcome(ours, argument) == outcome(theirs, argument)
    assert header_text.build_authorization_basic("a", "b") == "Basic YTpi"
    with pytest.raises(ValueError, match="colon"):
        header_text.build_authorization_basic("a:b", "c")


def test_headers() -> None:
    for cls in both(".datastructures", "Headers"):
        h = cls([("A", "1"), ("a", "2"), ("B", "3")])
        assert repr(h) == "Headers([('A', '1'), ('a', '2'), ('B', '3')])"
        assert str(h) == "A: 1\r\na: 2\r\nB: 3\r\n\r\n"
        assert h.serialize() == str(h).encode()
        assert cls(a="ä").serialize() == b"a: \xe4\r\n\r\n"
        assert list(h) == ["a", "b"] and len(h) == 2
        assert "A" in h and "x" not in h and 1 not in h
        assert h.get_all("a") == ["1", "2"] and h.get_all("x") == []
        assert h["b"] == "3" and h.get("x") is None
        assert h == cls([("a", "1"), ("A", "2"), ("b", "3")]) != cls(a="1")
        assert h != {"a": "1"}
        copied = h.copy()
        copied["E"] = "4"
        assert list(copied.raw_items())[-1] == ("E", "4") and "e" not in h
        del copied["B"]
        assert copied.get_all("b") == [] and h["b"] == "3"
        copied.update({"C": "5"}, d="6")
        assert list(copied.raw_items())[2:] == [("E", "4"), ("C", "5"), ("d", "6")]
        copied.clear()
        assert not copied and not list(copied.raw_items())
        for key in ("x",):
            assert outcome(h.__getitem__, key) == ("KeyError", repr(key))
            assert outcome(h.__delitem__, key) == ("KeyError", repr(key))
        assert outcome(h.__getitem__, "a") == ("MultipleValuesError", "'a'")
        assert outcome(cls, {}, {})[0] == "TypeError"
        assert outcome(cls, 1)[0] == "TypeError"


def test_headers_refuse_line_breaks() -> None:
    """CR LF in a value would be a header of its own, or a body."""
    for value in ("a\r\nb: c", "a\n", "\0", "\udcff", "€"):
        with pytest.raises(InvalidHeaderValue):
            Headers(name=value)
    # Not so in websockets: a copy fails, or shares the values of a name.
    original = Headers(a="1")
    copied = original.copy()
    copied["a"] = "2"
    assert original["a"] == "1"
    assert Headers(Headers([("a", "1"), ("a", "2")])).get_all("a") == ["1", "2"]
    received = Headers()
    received.set_insecure("name", "\udcff")
    assert received["name"] == "\udcff"
    assert issubclass(MultipleValuesError, LookupError)
    assert datastructures.__all__ == ["Headers", "HeadersLike", "MultipleValuesError"]


@pytest.mark.parametrize("code", [0, 999, *range(1000, 1017), 2999, 3000, 3999, 4000, 4999, 5000])
def test_closes(code: int) -> None:
    theirs, ours = both(".frames", "Close")
    for reason in ("", "wörds"):
        assert str(ours(code, reason)) == str(theirs(code, reason))
        assert outcome(ours(code, reason).serialize) == outcome(theirs(code, reason).serialize)
        data = code.to_bytes(2, "big") + reason.encode()
        assert str(outcome(ours.parse, data)) == str(outcome(theirs.parse, data))


def test_closes_that_are_none() -> None:
    assert Close.parse(b"") == Close(1005, "")
    with pytest.raises(ProtocolError, match="close frame too short"):
        Close.parse(b"\x03")
    with pytest.raises(UnicodeDecodeError):
        Close.parse(b"\x03\xe8\xff")


DATA = [b"a", b"text", b"a" * 100, b"\x03\xe8bye"]


@pytest.mark.parametrize("opcode", Opcode)
def test_frames_in_logs(opcode: Opcode) -> None:
    theirs, ours = both(".frames", "Frame")
    for data, fin in itertools.product(DATA, (True, False)):
        if opcode is Opcode.BINARY or (opcode is Opcode.CLOSE) != (data[:1] == b"\x03"):
            continue
        kind = importlib.import_module("websockets.frames").Opcode(int(opcode))
        assert str(ours(opcode, data, fin)) == str(theirs(kind, data, fin))


def test_frames_that_are_not_allowed() -> None:
    Frame(Opcode.TEXT, b"x" * 126, fin=False).check()
    for frame, text in (
        (Frame(Opcode.TEXT, b"", rsv1=True), "reserved bits must be 0"),
        (Frame(Opcode.PING, b"x" * 126), "control frame too long"),
        (Frame(Opcode.PING, b"", fin=False), "fragmented control frame"),
    ):
        with pytest.raises(ProtocolError, match=text):
            frame.check()
    assert frames.CloseCode.TLS_HANDSHAKE not in frames.EXTERNAL_CLOSE_CODES


@pytest.mark.parametrize(
    "text",
    [
        "ws://h",
        "wss://h/p?q",
        "ws://u:p%20@h:1/",
        "wss://É.com/é?ü",
        "ws://[::1]:8/",
        "WS://H/",
        "ws://h:80",
        "http://h",
        "ws://",
        "ws://h/#f",
        "ws://u@h",
        "nothing",
    ],
)
def test_uris(text: str) -> None:
    theirs, ours = (outcome(function, text) for function in both(".uri", "parse_uri"))
    if isinstance(theirs, tuple):
        assert ours[0] == theirs[0]
        return
    assert vars(ours) == vars(theirs)
    assert (ours.resource_name, ours.user_info) == (theirs.resource_name, theirs.user_info)


def test_uris_that_websockets_lets_through() -> None:
    for text in ("ws://h:99999", "ws://h/ a", "ws://h/\r\nX: y", "ws://h:0"):
        with pytest.raises(InvalidURI, match="isn't a valid URI"):
            uri.parse_uri(text)


@pytest.mark.parametrize(
    "text",
    [
        *("http://h", "https://u:p@h:1", "socks5h://h:1", "socks5://h:1/", "http://h/x"),
        *("http://u@h", "ftp://h:1", "http://", "http://h?q"),
    ],
)
def test_proxies(text: str) -> None:
    theirs, ours = (outcome(function, text) for function in both(".proxy", "parse_proxy"))
    if isinstance(theirs, tuple):
        assert ours[0] == theirs[0] == "InvalidProxy"
        return
    assert vars(ours) == vars(theirs)
    assert ours.user_info == theirs.user_info


@pytest.fixture
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for scheme in ("ws", "wss", "http", "https", "socks", "all", "no", "ftp"):
        monkeypatch.delenv(f"{scheme}_proxy", raising=False)
        monkeypatch.delenv(f"{scheme.upper()}_PROXY", raising=False)
    return monkeypatch


PROXIES = {
    f"{scheme}_proxy": f"http://{scheme}:1" for scheme in ("ws", "wss", "socks", "https", "http")
}


@pytest.mark.parametrize(
    "names", [c for n in (0, 1, 2, 5) for c in itertools.combinations(PROXIES, n)]
)
def test_proxies_of_the_environment(names: tuple[str, ...], no_proxies: pytest.MonkeyPatch) -> None:
    for name in names:
        no_proxies.setenv(
            name, PROXIES[name].replace("http:", "socks5h:" if "socks" in name else "http:")
        )
    for text in ("ws://h/", "wss://h/"):
        found = []
        for package in ("websockets", "picows.websockets"):
            parse = importlib.import_module(package + ".uri").parse_uri
            found.append(importlib.import_module(package + ".proxy").get_proxy(parse(text)))
        assert found[1] == found[0], (text, names)


def test_no_proxy(no_proxies: pytest.MonkeyPatch) -> None:
    """2.3.1 did not look at it."""
    no_proxies.setenv("https_proxy", "http://proxy:1")
    no_proxies.setenv("no_proxy", "example.com,localhost")
    assert get_proxy(uri.parse_uri("wss://other.com/")) == "http://proxy:1"
    assert get_proxy(uri.parse_uri("wss://example.com/")) is None
    assert get_proxy(uri.parse_uri("wss://a.example.com/")) is None
    with pytest.raises(InvalidProxy):
        parse_proxy("http://h h")


def test_extensions() -> None:
    theirs, ours = (
        importlib.import_module(p + ".extensions.permessage_deflate")
        for p in ("websockets", "picows.websockets")
    )
    for name in ("enable_client_permessage_deflate", "enable_server_permessage_deflate"):
        [expected], [made] = getattr(theirs, name)(None), getattr(ours, name)(None)
        assert vars(made) == vars(expected)
        assert getattr(ours, name)([made]) == [made]
    assert repr(ours.PerMessageDeflate(True, False, 12, 13)) == repr(
        theirs.PerMessageDeflate(True, False, 12, 13)
    )
    for options in (
        {"server_max_window_bits": 7},
        {"client_max_window_bits": 16},
        {"compress_settings": {"wbits": 9}},
    ):
        for cls in ("ClientPerMessageDeflateFactory", "ServerPerMessageDeflateFactory"):
            with pytest.raises(ValueError):  # noqa: PT011 - the texts are no interface
                getattr(ours, cls)(**options)
    with pytest.raises(ValueError, match="needs client_max_window_bits"):
        permessage_deflate.ServerPerMessageDeflateFactory(require_client_max_window_bits=True)


def test_backoff() -> None:
    delays = list(itertools.islice(client.backoff(), 12))
    assert 0 <= delays[0] <= 5 and delays[1] == 3.1 and delays[-1] == 90
    assert delays[1:] == sorted(delays[1:])
    assert len({next(client.backoff()) for _ in range(8)}) > 1, (
        "without jitter all come back at once"
    )


def test_products_can_be_named(no_proxies: pytest.MonkeyPatch) -> None:
    assert picows.websockets.http11.USER_AGENT == http11.SERVER
    assert "picows/" in http11.USER_AGENT
