"""Command line: `picows VERB` or `python -m picows VERB`, a module a verb.

`import picows` does not import it.

Exit status: 0 success, 1 failure, 2 wrong arguments, 130 interrupted by Ctrl-C; `picows.cli.status`
has those of the verbs that connect.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from .. import __version__
from . import bench, connect, demo, ping, run, serve
from .screen import MissingRichError
from .status import Status

_VERBS = {
    "connect": connect,
    "serve": serve,
    "run": run,
    "ping": ping,
    "bench": bench,
    "demo": demo,
}


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line; each verb's module brings its own part."""
    is_script = Path(sys.argv[0]).stem == "picows"
    parser = argparse.ArgumentParser(
        prog="picows" if is_script else "python -m picows",
        description="WebSocket client and server for asyncio.",
    )
    parser.add_argument("--version", action="version", version=f"picows {__version__}")
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    for name, verb in _VERBS.items():
        verb.configure(
            verbs.add_parser(
                name,
                help=verb.SUMMARY,
                description=verb.__doc__,
                formatter_class=argparse.RawDescriptionHelpFormatter,
                allow_abbrev=False,
            )
        )
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
        sys.stdout.flush()
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return Status.INTERRUPTED
    except MissingRichError as error:
        print(error, file=sys.stderr)
        return Status.FAILURE
    except BrokenPipeError:
        # Who read our output has gone, as `head` does. Python would complain about stdout again
        # while it exits.
        _forget_stdout()
        return Status.FAILURE
    return status


def _forget_stdout() -> None:
    import os

    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
