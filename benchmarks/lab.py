"""Where measurements take place: which cores, how long, and who is at the other end."""

from __future__ import annotations

import os
import sys
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from . import tls
from .process import Process
from .subjects import Subject, limit


def _cores() -> list[int | None]:
    if not hasattr(os, "sched_getaffinity"):
        return [None]
    return [*sorted(os.sched_getaffinity(0))]


@dataclass(frozen=True)
class _Port:
    port: int


@dataclass
class Lab:
    """`folder` gets the compiled programs and a certificate.

    seconds: how long each measurement takes.
    scale: what numbers of connections, messages and bytes are multiplied with, where a case has
        more of them than one; below 1 for trying out.
    """

    folder: Path
    seconds: float = 1.0
    scale: float = 1.0
    c: Subject = field(init=False)

    def __post_init__(self) -> None:
        self.c = limit(self.folder)
        tls.make_certificate(str(self.folder))
        cores = _cores()
        self.core = cores[-1]
        self.other_core = cores[-2] if len(cores) > 1 else cores[-1]

    def scaled(self, number: int) -> int:
        return max(1, round(number * self.scale)) if number > 1 else number

    @property
    def go(self) -> str:
        return f"go {self.seconds} 0"

    @property
    def seconds_max(self) -> float:
        """For an answer: whoever takes longer hangs."""
        return 60 + 3 * self.seconds

    def measured(
        self, subject: Subject, role: str, wrap: list[str] | None = None, **options: object
    ) -> Process:
        """A driver on its core, perhaps inside of another program that watches it."""
        command = [*(wrap or []), *subject.command(role, **options)]
        return Process(command, self.core, subject.environment, 600 if wrap else 60)

    def _partner_core(self, apart: bool) -> int | None:
        """The same core for cost, another one for latency."""
        return self.other_core if apart else self.core

    def partner(self, role: str, apart: bool = False, **options: object) -> Process:
        """The C program at the other end."""
        return Process(self.c.command(role, **options), self._partner_core(apart))

    def tls_partner(self, role: str, argument: int, apart: bool = False) -> Process:
        command = [sys.executable, tls.__file__, role, str(self.folder), str(argument)]
        return Process(command, self._partner_core(apart))

    def way(self, role: str, port: int, tls: bool) -> AbstractContextManager[Process | _Port]:
        """Where the other end of what is measured connects, or listens for it.

        role: of the measured program.
        """
        return self.tls_partner(f"{role}-relay", port) if tls else nullcontext(_Port(port))

    def tls_option(self, wanted: bool) -> str:
        return str(self.folder) if wanted else ""
