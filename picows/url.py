"""URLs, under the name that users import them from."""

from .values.exceptions import WSInvalidURL
from .values.url import WSParsedURL, parse_url

__all__ = ["WSInvalidURL", "WSParsedURL", "parse_url"]

WSParsedURL.__module__ = __name__  # not the room where it was made
