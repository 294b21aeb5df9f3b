"""`python -m picows`, and the script `picows`: the command line of `picows.cli`."""

import io
import sys

from .cli import main


def program() -> int:
    """The command line as a process of its own; returns its exit status."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A peer's text may have characters that the locale has not.
            stream.reconfigure(errors="backslashreplace")
    return main()


if __name__ == "__main__":
    sys.exit(program())
