"""Command line: `python -m picows VERB`.

Exit status: 0 success, 1 failure, 2 wrong arguments, 130 interrupted by Ctrl-C.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from . import __version__, demo


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line; each verb's module brings its own part."""
    parser = argparse.ArgumentParser(
        prog="python -m picows", description="WebSocket client and server for asyncio."
    )
    parser.add_argument("--version", action="version", version=f"picows {__version__}")
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)

    demo.configure(verbs.add_parser("demo", help=demo.SUMMARY, description=demo.SUMMARY))
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says.

    Args:
        arguments: without the program's name; None takes those of this process.

    Returns:
        Exit status of the process.

    Raises:
        SystemExit: with 2 after wrong arguments, with 0 after `--help` and `--version`.
    """
    parsed = build_parser().parse_args(arguments)
    try:
        status: int = parsed.main(parsed)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130  # 128 + SIGINT, as shells count
    return status


if __name__ == "__main__":
    sys.exit(main())
