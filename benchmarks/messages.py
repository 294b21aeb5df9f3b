"""Whole messages, awaited: `picows.connect` beside what others have for that."""

from __future__ import annotations

from dataclasses import replace

from .cases import Case, Measure, client_echo, client_flood
from .lab import Lab
from .subjects import Subject

SUBJECTS = frozenset({"ours", "drop-in", "picows", "websockets", "aiohttp", "websocket-rs"})
#: The drivers of those that have callbacks too.
DRIVERS = {"ours": "messages", "picows": "picows_websockets"}


def awaited(measure: Measure) -> Measure:
    """The same with drivers that await messages."""

    def with_drivers(lab: Lab, subject: Subject, loop: str) -> dict[str, float]:
        library = DRIVERS.get(subject.key, subject.library)
        return measure(lab, replace(subject, library=library), loop)

    return with_drivers


def message_cases() -> list[Case]:
    """Bursts: a read has many messages. An echo: it has one."""
    cases = [
        Case(f"messages-burst-{size}", awaited(client_flood(size)), SUBJECTS)
        for size in (32, 100, 1024)
    ]
    cases += [
        Case("messages-echo-100", awaited(client_echo(100)), SUBJECTS),
        Case("messages-echo-tls-100", awaited(client_echo(100, tls=True)), SUBJECTS),
    ]
    return cases
