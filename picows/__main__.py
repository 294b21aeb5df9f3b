"""`python -m picows`: the command line of `picows.cli`."""

import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main())
