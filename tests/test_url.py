"""URLs: what `parse_url` takes apart, what it refuses, and that nothing unsafe comes out of it."""

from __future__ import annotations

import pickle
import re
import string
from dataclasses import FrozenInstanceError
from urllib.parse import quote

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from picows.exceptions import WSInvalidURL
from picows.url import WSParsedURL, parse_url


def test_every_part() -> None:
    parsed = parse_url("WSS://user:secret@Example.COM:8443/chat/a%20b;c=d?x=1&y=%2F?")
    assert parsed == WSParsedURL(
        url="WSS://user:secret@Example.COM:8443/chat/a%20b;c=d?x=1&y=%2F?",
        scheme="wss",
        is_secure=True,
        netloc="user:secret@Example.COM:8443",
        host="example.com",
        port=8443,
        path="/chat/a%20b;c=d",
        query="x=1&y=%2F?",
        username="user",
        password="secret",
    )
    assert parsed.resource_name == "/chat/a%20b;c=d?x=1&y=%2F?"
    assert parsed.user_info == ("user", "secret")
    assert parsed.host_header == "example.com:8443"


def test_the_least_that_a_url_can_be() -> None:
    parsed = parse_url("ws://h")
    assert (parsed.host, parsed.port, parsed.path, parsed.query) == ("h", 80, "", "")
    assert (parsed.username, parsed.password, parsed.user_info) == (None, None, None)
    assert parsed.resource_name == "/"
    assert not parsed.is_secure


@pytest.mark.parametrize(
    ("url", "resource_name"),
    [
        ("ws://h", "/"),
        ("ws://h/", "/"),
        ("ws://h?a=b", "/?a=b"),
        ("ws://h/?", "/"),
        ("ws://h/a/../b//c", "/a/../b//c"),
        ("ws://h/a?b?c", "/a?b?c"),
        ("ws://h/%zz\"<>|^`'", "/%zz\"<>|^`'"),  # what is ASCII stays as it was given
        ("ws://h/ä b".replace(" ", "%20"), "/%C3%A4%20b"),
        ("ws://h/?q=日本&r=%20", "/?q=%E6%97%A5%E6%9C%AC&r=%20"),
    ],
)
def test_resource_name(url: str, resource_name: str) -> None:
    assert parse_url(url).resource_name == resource_name


@pytest.mark.parametrize(
    ("scheme", "port", "is_secure"),
    [
        ("ws", 80, False),
        ("wss", 443, True),
        ("http", 80, False),
        ("https", 443, True),
        ("socks4", 1080, False),
        ("socks4a", 1080, False),
        ("socks5", 1080, False),
        ("socks5h", 1080, False),
    ],
)
def test_default_ports_and_security(scheme: str, port: int, is_secure: bool) -> None:
    parsed = parse_url(f"{scheme}://h/", check_scheme=False)
    assert (parsed.scheme, parsed.port, parsed.is_secure) == (scheme, port, is_secure)
    assert parsed.host_header == "h"
    assert parse_url(f"{scheme}://h:/", check_scheme=False).port == port  # RFC 3986, 3.2.3


def test_an_unknown_scheme_needs_a_port() -> None:
    assert parse_url("carrier-pigeon://h:1", check_scheme=False).port == 1
    with pytest.raises(WSInvalidURL, match="port"):
        parse_url("carrier-pigeon://h", check_scheme=False)


@pytest.mark.parametrize(
    ("url", "host", "host_header"),
    [
        ("ws://127.0.0.1:9001/", "127.0.0.1", "127.0.0.1:9001"),
        ("ws://h:80/", "h", "h"),
        ("ws://h:443/", "h", "h:443"),
        ("wss://h:443/", "h", "h"),
        ("wss://h:80/", "h", "h:80"),
        ("ws://u:p@h:81/", "h", "h:81"),
        ("ws://[::1]/", "::1", "[::1]"),
        ("ws://[::1]:81/", "::1", "[::1]:81"),
        ("ws://u:p@[2001:DB8::A]:81/", "2001:db8::a", "[2001:db8::a]:81"),
        ("ws://[::ffff:1.2.3.4]/", "::ffff:1.2.3.4", "[::ffff:1.2.3.4]"),
        ("ws://[fe80::1%25Eth0]/", "fe80::1%Eth0", "[fe80::1]"),  # RFC 6874
        ("ws://[fe80::1%Eth0]:81/", "fe80::1%Eth0", "[fe80::1]:81"),
        ("ws://my_service.internal./", "my_service.internal.", "my_service.internal."),
        (
            "ws://%2Ftmp%2FWS/",
            "%2ftmp%2fws",
            "%2ftmp%2fws",
        ),  # for a socket_factory to make sense of
        ("ws://Bücher.example/", "xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("wss://日本。jp:81/", "xn--wgv71a.jp", "xn--wgv71a.jp:81"),
        ("ws://xn--bcher-kva.example/", "xn--bcher-kva.example", "xn--bcher-kva.example"),
    ],
)
def test_host_and_host_header(url: str, host: str, host_header: str) -> None:
    parsed = parse_url(url)
    assert parsed.host == host
    assert parsed.host_header == host_header


@pytest.mark.parametrize(
    ("user_info", "username", "password"),
    [
        ("user:secret", "user", "secret"),
        ("u%40x:p%3A%2F%20", "u@x", "p:/ "),
        ("us@er:p@ss", "us@er", "p@ss"),
        ("user:a:b", "user", "a:b"),
        ("user", "user", None),
        ("user:", "user", ""),
        (":secret", "", "secret"),
        ("jörg:%C3%A4", "jörg", "ä"),
    ],
)
def test_user_information_is_percent_decoded(
    user_info: str, username: str, password: str | None
) -> None:
    parsed = parse_url(f"ws://{user_info}@h/")
    assert (parsed.username, parsed.password) == (username, password)
    assert parsed.user_info == (None if password is None else (username, password))
    assert parsed.host_header == "h"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "h",
        "h:80",
        "//h/",
        "ws:/h/",
        "ws:h",
        "http://h/",
        "https://h/",
        "wss",
        "ws://",
        "ws:///path",
        "ws://:80/",
        "ws://user@/",
        "ws://user:secret@:80/",
        "ws://h/#",
        "ws://h/#fragment",
        "ws://h#fragment",
        "ws://us#er:secret@h/",
        "ws://h:0/",
        "ws://h:65536/",
        "ws://h:-1/",
        "ws://h:+80/",
        "ws://h:8_0/",
        "ws://h:٨٠/",  # digits, but not ASCII ones
        "ws://h:eighty/",
        "ws://h:80:80/",
        "ws://user:sec/ret@h/",
        "ws://[::1/",
        "ws://::1]/",
        "ws://[]/",
        "ws://[h]/",
        "ws://[::1]x/",
        "ws://x[::1]/",
        "ws://[::1]80/",
        "ws://[::1][::2]/",
        "ws://[v1.h]/",
        "ws://[1.2.3.4]/",
        "ws://[::1%25]/",
        "ws://[::1%]/",
        "ws://[::1%25a%2Fb]/",
        "ws://a..b/",
        "ws://.h/",
        "ws://" + "a" * 64 + "/",
        "ws://" + "ä" * 64 + "/",
        "ws://h%2/",
        "ws://h\\x/",
        'ws://h"/',
        "ws://<h>/",
        "ws://a℀b/",  # a/c once normalised
        "ws://a\u3000b/",  # a space once normalised
        "ws://\u00ad/",  # nothing once normalised
        "ws://%FF@h/",
        "ws://u:%FF@h/",
        "ws://u%00@h/",
        "ws://u:p%0D%0Ax@h/",
        "ws://h/\ud800",
        "ws://\udc80/",
    ],
)
def test_refused(url: str) -> None:
    with pytest.raises(WSInvalidURL) as caught:
        parse_url(url)
    assert caught.value.url == url
    # Neither the text nor a chained exception may repeat a password.
    assert "secret" not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize("character", [*map(chr, range(0x21)), "\x7f"])
@pytest.mark.parametrize(
    "template",
    [
        "ws://h/a{}b",
        "ws://h/?a{}b",
        "ws://h{}h/",
        "ws://u{}:p@h/",
        "ws://h:8{}0/",
        "{}ws://h/",
        "ws://h/{}",
    ],
)
def test_spaces_and_control_characters_are_refused_not_dropped(
    template: str, character: str
) -> None:
    """urllib deletes CR, LF and tabs wherever they are, so a check of its result comes too late."""
    with pytest.raises(ValueError, match="percent-encoded"):
        parse_url(template.format(character))


@pytest.mark.parametrize("url", [b"ws://h/", None, 5])
def test_only_text_is_a_url(url: object) -> None:
    with pytest.raises(TypeError):
        parse_url(url)  # type: ignore[arg-type]


def test_a_parsed_url_is_a_value() -> None:
    parsed = parse_url("ws://user:secret@h/")
    assert parsed == parse_url("ws://user:secret@h/")
    assert len({parsed, parse_url("ws://user:secret@h/")}) == 1
    assert pickle.loads(pickle.dumps(parsed)) == parsed
    with pytest.raises(FrozenInstanceError):
        parsed.host = "other"  # type: ignore[misc]


def test_repr_does_not_show_the_password() -> None:
    shown = repr(parse_url("ws://user:secret@h/"))
    assert "secret" not in shown
    assert "user" in shown


# Round trips

_LABELS = st.text(string.ascii_lowercase + string.digits, min_size=1, max_size=20)
_NAMES = st.lists(_LABELS, min_size=1, max_size=4).map(".".join)
_HOSTS = _NAMES | st.ip_addresses(v=4).map(str) | st.ip_addresses(v=6).map(lambda ip: f"[{ip}]")
_TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=20)


@settings(deadline=None)
@given(
    st.sampled_from(["ws", "wss"]),
    st.none() | st.tuples(_TEXTS, _TEXTS),
    _HOSTS,
    st.none() | st.integers(1, 65535),
    st.lists(st.text(max_size=10), max_size=4),
    st.dictionaries(_TEXTS, _TEXTS, max_size=3),
)
def test_what_was_put_together_comes_apart_again(
    scheme: str,
    user_info: tuple[str, str] | None,
    host: str,
    port: int | None,
    segments: list[str],
    parameters: dict[str, str],
) -> None:
    path = "".join("/" + quote(segment, safe="") for segment in segments)
    query = "&".join(f"{quote(k, safe='')}={quote(v, safe='')}" for k, v in parameters.items())
    credentials = "" if user_info is None else ":".join(quote(t, safe="") for t in user_info) + "@"
    netloc = f"{credentials}{host}" + ("" if port is None else f":{port}")
    url = f"{scheme}://{netloc}{path}" + (f"?{query}" if query else "")

    parsed = parse_url(url)
    assert parsed.url == url
    assert parsed.scheme == scheme
    assert parsed.is_secure == (scheme == "wss")
    assert parsed.netloc == netloc
    assert parsed.host == host.strip("[]")
    assert parsed.port == (port or (443 if scheme == "wss" else 80))
    assert (parsed.path, parsed.query) == (path, query)
    assert parsed.user_info == user_info

    # What goes into a request leads to the same place again.
    again = parse_url(f"{scheme}://{parsed.host_header}{parsed.resource_name}")
    assert (again.host, again.port) == (parsed.host, parsed.port)
    assert again.resource_name == parsed.resource_name
    assert again.user_info is None


@settings(deadline=None, max_examples=500)
@example("ws://h/\r\nX: y")
@example("ws://a\uff0fb/")
@given(st.text() | st.text("ws:/?#[]@%.0123456789a\r\n äß\u3000").map(lambda t: "ws://" + t))
def test_any_text_is_refused_or_safe_on_the_wire(text: str) -> None:
    try:
        parsed = parse_url(text)
    except WSInvalidURL:
        return
    assert re.fullmatch(r"/[\x21-\x7e]*", parsed.resource_name)
    assert re.fullmatch(
        r"[a-z0-9._~!$&'()*+,;=%-]+(:[0-9]+)?|\[[0-9a-f:.]+\](:[0-9]+)?", parsed.host_header
    )
    assert "#" not in parsed.resource_name
    assert 1 <= parsed.port <= 65535
