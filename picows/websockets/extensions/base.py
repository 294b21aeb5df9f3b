"""What extensions derive from. The connections here know one, `permessage_deflate`."""

from __future__ import annotations

from collections.abc import Sequence

from ..frames import Frame
from ..typing import ExtensionName, ExtensionParameter

__all__ = ["ClientExtensionFactory", "Extension", "ServerExtensionFactory"]


class Extension:
    """An extension of an open connection."""

    name: ExtensionName

    def decode(self, frame: Frame, *, max_size: int | None = None) -> Frame:
        """Undo what the peer's side of the extension did to a frame."""
        raise NotImplementedError

    def encode(self, frame: Frame) -> Frame:
        """Do to a frame what the extension does."""
        raise NotImplementedError


class ClientExtensionFactory:
    """A client's offer of an extension."""

    name: ExtensionName

    def get_request_params(self) -> Sequence[ExtensionParameter]:
        """Parameters of the offer."""
        raise NotImplementedError

    def process_response_params(
        self, params: Sequence[ExtensionParameter], accepted_extensions: Sequence[Extension]
    ) -> Extension:
        """The extension that the server's answer means."""
        raise NotImplementedError


class ServerExtensionFactory:
    """A server's answer to offers of an extension."""

    name: ExtensionName

    def process_request_params(
        self, params: Sequence[ExtensionParameter], accepted_extensions: Sequence[Extension]
    ) -> tuple[list[ExtensionParameter], Extension]:
        """Parameters of the answer to an offer, and the extension that they mean."""
        raise NotImplementedError
