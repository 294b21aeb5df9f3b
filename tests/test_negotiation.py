"""Offers and answers of permessage-deflate: the core says what `websockets` says."""

from __future__ import annotations

import ctypes
import random
from pathlib import Path
from types import ModuleType

import pytest
from support.deflating import build
from websockets.exceptions import InvalidHeader, NegotiationError
from websockets.extensions.permessage_deflate import (
    ClientPerMessageDeflateFactory,
    PerMessageDeflate,
    ServerPerMessageDeflateFactory,
)
from websockets.headers import parse_extension

pytestmark = pytest.mark.slow

Terms = tuple[int, bool, int, bool]
AGREED, DECLINED, REFUSED = 1, 0, -1


@pytest.fixture(scope="module")
def lib(setup_py: ModuleType, root: Path, tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    return build(setup_py, root, tmp_path_factory.mktemp("negotiation"))


# No window of 8 bits for what `websockets` deflates: zlib cannot, we can.
PARAMETERS = [
    "server_no_context_takeover",
    "client_no_context_takeover",
    "server_max_window_bits=9",
    "server_max_window_bits=12",
    'server_max_window_bits="15"',
    "client_max_window_bits",
    "client_max_window_bits=9",
    'client_max_window_bits="13"',
    "client_max_window_bits=15",
]
WRONG = [
    "server_max_window_bits",
    "server_max_window_bits=7",
    "server_max_window_bits=08",
    "client_max_window_bits=16",
    "client_no_context_takeover=1",
    "unknown",
    "a b",
    "=1",
    'x="1',
    "",
]


def header(rng: random.Random, extensions: int) -> str:
    """Mostly what makes sense."""
    texts = []
    for _ in range(extensions):
        text = "permessage-deflate" if rng.random() < 0.9 else "x-other"
        for parameter in rng.sample(PARAMETERS, rng.randrange(4)):
            text += rng.choice([";", "; ", " ;\t"]) + parameter
        if rng.random() < 0.1:
            text += "; " + rng.choice([*WRONG, *PARAMETERS])
        texts.append(text)
    return rng.choice([",", ", "]).join(texts)


def server_side(extension: PerMessageDeflate) -> Terms:
    return (
        extension.local_max_window_bits,
        not extension.local_no_context_takeover,
        extension.remote_max_window_bits,
        not extension.remote_no_context_takeover,
    )


def client_side(extension: PerMessageDeflate) -> Terms:
    return server_side(extension)[2:] + server_side(extension)[:2]


def chosen(text: str, factory: ServerPerMessageDeflateFactory) -> tuple[int, Terms | None]:
    try:
        offers = parse_extension(text)
    except InvalidHeader:
        return REFUSED, None
    for name, parameters in offers:
        if name == factory.name:
            try:
                _, extension = factory.process_request_params(parameters, [])
            except NegotiationError:
                continue
            return AGREED, server_side(extension)
    return DECLINED, None


def checked(text: str, factory: ClientPerMessageDeflateFactory) -> tuple[int, Terms | None]:
    accepted: list[PerMessageDeflate] = []
    try:
        for name, parameters in parse_extension(text):
            if name != factory.name:
                return REFUSED, None
            accepted.append(factory.process_response_params(parameters, accepted))
    except (InvalidHeader, NegotiationError):
        return REFUSED, None
    return AGREED, client_side(accepted[0])


def test_servers_choose_the_same(lib: ctypes.CDLL) -> None:
    rng = random.Random(5)
    seen = set()
    for _ in range(10_000):
        text = header(rng, rng.randint(1, 3))
        flags, server_bits, client_bits = rng.randrange(8), rng.randint(9, 15), rng.randint(8, 15)
        if client_bits == 15:  # no limit, so nothing to require
            flags &= 3
        factory = ServerPerMessageDeflateFactory(
            server_no_context_takeover=bool(flags & 1),
            client_no_context_takeover=bool(flags & 2),
            require_client_max_window_bits=bool(flags & 4),
            server_max_window_bits=server_bits,
            client_max_window_bits=client_bits,
        )
        expected = chosen(text, factory)
        terms, answer = (ctypes.c_ubyte * 4)(), ctypes.create_string_buffer(200)
        data = text.encode()
        status = lib.negotiation_choose(
            data, len(data), flags, server_bits, client_bits, terms, answer
        )
        assert (status, tuple(terms) if status == AGREED else None) == expected, text
        seen.add(status)
        if status == AGREED:
            # Whoever made the offer agrees to the answer, if it was alone.
            parsed = parse_extension(answer.value.decode())
            assert [name for name, _ in parsed] == ["permessage-deflate"]
    assert seen == {AGREED, DECLINED, REFUSED}


def test_clients_take_the_same_answers(lib: ctypes.CDLL) -> None:
    rng = random.Random(7)
    agreed = 0
    for _ in range(10_000):
        text = header(rng, rng.choice([1, 1, 1, 1, 2]))
        flags, server_bits = rng.randrange(4), rng.choice([0, 0, *range(8, 16)])
        client_bits = rng.choice([0, 1, 1, *range(9, 16)])
        factory = ClientPerMessageDeflateFactory(
            server_no_context_takeover=bool(flags & 1),
            client_no_context_takeover=bool(flags & 2),
            server_max_window_bits=server_bits or None,
            client_max_window_bits={0: None, 1: True}.get(client_bits, client_bits),
        )
        expected = checked(text, factory)
        terms = (ctypes.c_ubyte * 4)()
        data = text.encode()
        status = lib.negotiation_check(data, len(data), flags, server_bits, client_bits, terms)
        assert (status, tuple(terms) if status == AGREED else None) == expected, text
        agreed += status == AGREED
    assert agreed > 500
