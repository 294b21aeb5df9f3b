"""Programs see the same on picows.websockets as on websockets, whoever is on the other side.

This covers picows.websockets.asyncio.connection, picows.websockets.asyncio.accepting,
picows.websockets.asyncio.broadcasting, picows.websockets.asyncio.client,
picows.websockets.asyncio.common, picows.websockets.asyncio.compression,
picows.websockets.asyncio.dialing, picows.websockets.asyncio.ending,
picows.websockets.asyncio.fragments, picows.websockets.asyncio.payloads,
picows.websockets.asyncio.pings, picows.websockets.asyncio.server,
picows.websockets.asyncio.translating, picows.websockets.asyncio.view.
"""

from __future__ import annotations

import functools
from typing import Any

import pytest
from support import stacks
from support.pairings import PAIRINGS, Observed, observe
from support.scenarios_opening import SCENARIOS

COMPRESSIONS: list[str | None] = [None, "deflate"]


@functools.cache
def seen(*arguments: Any) -> Observed:
    name, loop, tls, compression, server, client = arguments
    program = observe(SCENARIOS[name], server, client, tls=tls, compression=compression)
    observed: Observed = stacks.run(loop, program)
    return observed


#: The other half of the stacks is for long runs.
STACKS = [
    pytest.param(loop, tls, marks=[] if (loop == "asyncio") != tls else pytest.mark.slow)
    for loop in stacks.LOOPS
    for tls in (False, True)
]


@pytest.mark.parametrize("compression", COMPRESSIONS, ids=str)
@pytest.mark.parametrize(("loop", "tls"), STACKS)
@pytest.mark.parametrize("name", SCENARIOS)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_pairings(name: str, loop: str, tls: bool, compression: str | None) -> None:
    expected = seen(name, loop, tls, compression, "theirs", "theirs")
    for server, client in PAIRINGS:
        observed = seen(name, loop, tls, compression, server, client)
        pairing = f"server of {server}, client of {client}"
        assert observed.client == expected.client, pairing
        assert observed.server == expected.server, pairing
        if compression is None and SCENARIOS[name].compares_frames:
            assert observed.frames == expected.frames, pairing
