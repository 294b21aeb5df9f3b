"""What a machine may lack: the tests that need it say so, and are skipped without it."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest


def has_address(host: str) -> bool:
    """Whether it can be listened at this address."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.create_server((host, 0), family=family):
            return True
    except OSError:
        return False


HAS_IPV6 = has_address("::1")
needs_ipv6 = pytest.mark.skipif(not HAS_IPV6, reason="this machine has no address ::1")


def raise_files_max(wanted: int) -> None:
    """Let the process and those that it starts have so many files open, where that is allowed."""
    if sys.platform != "win32":
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if resource.RLIM_INFINITY != soft < wanted:
            allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
            resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))


def connections_max(wanted: int) -> int:
    """As many of them as the process may have open, both ends of each."""
    import resource  # not on Windows

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return wanted if soft == resource.RLIM_INFINITY else min(wanted, max(1, (soft - 200) // 2))


def tracked_files(root: Path) -> list[str]:
    """What git has of the checkout. Without git, or outside of a checkout, the test is skipped."""
    if not (root / ".git").exists():
        pytest.skip("not a checkout: there is no list of its files")
    try:
        # Git does not read the checkout of another user unless it is told to.
        command = ["git", "-c", f"safe.directory={root}", "ls-files", "-z"]
        listed = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    except FileNotFoundError:
        pytest.skip("git is not installed: there is no list of the files")
    return [name for name in listed.stdout.split("\0") if name]
