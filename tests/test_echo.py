"""Messages of all sizes come back whole: ours and others' clients and servers, on every stack."""

from __future__ import annotations

import pytest
from support import echo, stacks

SIZES = [0, 1, 125, 126, 127, 65535, 65536, 1 << 20, echo.SIZE_MAX]


@pytest.fixture(scope="module")
def messages() -> list[echo.Message]:
    return echo.make_messages(SIZES)


@pytest.mark.parametrize("stack", stacks.STACKS, ids=str)
@pytest.mark.parametrize("pair", echo.PAIRS)
def test_messages_come_back_byte_for_byte(
    pair: str, stack: stacks.Stack, messages: list[echo.Message]
) -> None:
    exchange, server = echo.PAIRS[pair]

    async def main() -> None:
        async with server(stack) as port:
            await exchange(stack, port, messages)

    stacks.run(stack.loop, main())
