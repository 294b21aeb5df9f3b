"""What type checkers see of the compiled module's part of a connection."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterable
from typing import TYPE_CHECKING, Any, Literal, overload

from ..typing import Data, DataLike

if TYPE_CHECKING:
    from ..._native import MessageListener

    class TypedMessages(MessageListener):
        """The signatures that websockets has, method by method."""

        def __aiter__(self) -> AsyncIterator[Data]: ...  # type: ignore[override]

        @overload
        async def recv(self, decode: Literal[True]) -> str: ...
        @overload
        async def recv(self, decode: Literal[False]) -> bytes: ...
        @overload
        async def recv(self, decode: bool | None = None) -> Data: ...
        async def recv(self, decode: Any = None) -> Any: ...

        async def send(
            self,
            message: DataLike | Iterable[DataLike] | AsyncIterable[DataLike],
            *,
            text: bool | None = None,
        ) -> None: ...
