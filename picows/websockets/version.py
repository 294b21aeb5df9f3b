"""The level of websockets' API that is offered here."""

from typing import Final

__all__ = ["commit", "tag", "version"]

tag: Final = "17.4"
version: Final = tag
commit: Final = tag
