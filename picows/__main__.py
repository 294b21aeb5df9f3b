"""`python -m picows`: the command line of `picows.cli`."""

import io
import sys

from .cli import main

if __name__ == "__main__":
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A peer's text may have characters that the locale has not.
            stream.reconfigure(errors="backslashreplace")
    sys.exit(main())
