"""All cases by name, and the choice among them."""

from __future__ import annotations

import sys
from fnmatch import fnmatchcase

from .cases import (
    MIB,
    Case,
    broadcast,
    client_burst,
    client_echo,
    client_flood,
    client_handshake,
    idle_memory,
    import_time,
    server_echo,
    server_flood,
    server_handshake,
    server_pipelined,
    slow_consumer,
)
from .counted import LIBRARIES, counted_cases
from .messages import message_cases

ECHO_SIZES = [32, 256, 8192, 100_000, 2_000_000]


def all_cases() -> list[Case]:
    cases = [Case(f"echo-client-tcp-{size}", client_echo(size)) for size in ECHO_SIZES]
    # TLS has no limit in C: it would be OpenSSL's.
    cases += [
        Case(f"echo-client-tls-{size}", client_echo(size, tls=True), LIBRARIES)
        for size in ECHO_SIZES
    ]
    cases += [Case(f"echo-server-{number}", server_echo(number)) for number in (1, 64, 1000)]
    cases += [
        Case("echo-pipelined-at-once", server_pipelined(coalesce=False)),
        Case("echo-pipelined-coalesced", server_pipelined(coalesce=True)),
    ]
    cases += [
        Case("latency-client-tcp-256", client_echo(256, timed=True)),
        Case("latency-client-tls-256", client_echo(256, tls=True, timed=True), LIBRARIES),
        Case("latency-server-1", server_echo(1, timed=True)),
        Case("latency-server-64", server_echo(64, timed=True)),
    ]
    cases += [Case(f"flood-client-{size}", client_flood(size)) for size in (32, 1024)]
    cases += [Case(f"flood-server-{size}", server_flood(size)) for size in (32, 1024)]
    cases += [
        Case("handshake-client", client_handshake(), LIBRARIES),
        Case("handshake-server", server_handshake()),
        Case("memory-tcp", idle_memory(tls=False)),
        Case("memory-tls", idle_memory(tls=True), LIBRARIES),
    ]
    cases += [Case(f"broadcast-{number}", broadcast(number)) for number in (1, 100, 1000, 5000)]
    cases += [
        *message_cases(),
        Case("echo-server-tls-64", server_echo(64, tls=True), LIBRARIES),
        Case("flood-client-tls-32", client_flood(32, tls=True), LIBRARIES),
        Case("handshake-client-tls", client_handshake(tls=True), LIBRARIES),
        Case("handshake-server-tls", server_handshake(tls=True), LIBRARIES),
        Case("broadcast-tls-1000", broadcast(1000, tls=True), LIBRARIES),
        Case("slow-consumer", slow_consumer),
        Case("import", import_time, LIBRARIES, has_loop=False),
        *counted_cases(),
    ]
    connections = [1, 4, 16, 64, 256, 1000, 2000, 5000]
    payloads = [1, 16, 256, 4096, 65536, MIB, 16 * MIB, 64 * MIB]
    frames = [1, 4, 16, 64, 256, 1024, 4096]
    cases += [Case(f"growth-connections-{number}", server_echo(number)) for number in connections]
    cases += [Case(f"growth-payload-{size}", client_echo(size)) for size in payloads]
    cases += [Case(f"growth-frames-{number}", client_burst(number)) for number in frames]
    return cases


def chosen(patterns: list[str]) -> list[Case]:
    """The cases whose names match one of the patterns, or begin with it; all if there is none."""
    cases = all_cases()
    for pattern in patterns:
        if not any(fnmatchcase(case.name, pattern + "*") for case in cases):
            sys.exit(f"no case is called {pattern}: --list shows them")
    return [
        case
        for case in cases
        if not patterns or any(fnmatchcase(case.name, pattern + "*") for pattern in patterns)
    ]
