"""Who is measured: this picows, its peers in whatever interpreter has them, the C programs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

HERE = Path(__file__).resolve().parent
DRIVERS = HERE / "drivers"
PEER_REQUIREMENTS = ["picows==2.3.1", "uvloop", "websockets", "aiohttp"]
LIBRARIES = ["picows", "websockets", "aiohttp", "websocket-rs"]
CC = [sys.executable, "-m", "ziglang", "cc", "-mcpu=baseline"]
"""For any CPU of the kind: Zig compiles for the one at hand otherwise, whose instructions valgrind
need not know."""


@dataclass(frozen=True)
class Subject:
    """`key` is ours, drop-in (our picows.websockets), one of LIBRARIES (the peer's picows) or c;
    `label` has the version.
    """

    key: str
    label: str
    python: str = ""
    library: str = ""
    folder: str = ""
    """For C, where the programs are; for ours, where the package is."""

    def command(self, role: str, **options: object) -> list[str]:
        arguments = [role, *(f"{name}={value}" for name, value in options.items())]
        if self.key == "c":
            return [f"{self.folder}/{role}", *arguments[1:]]
        return [self.python, str(DRIVERS / f"driver_{self.library}.py"), *arguments]

    @property
    def environment(self) -> dict[str, str]:
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        if self.key in ("ours", "drop-in"):
            environment["PYTHONPATH"] = self.folder
        return environment | {"PYTHONHASHSEED": "0"}


def ours() -> Subject:
    """The package that this process would import, checkout or installed."""
    spec = find_spec("picows")
    if spec is None or spec.origin is None:
        sys.exit("picows is not installed here: pip install -e . builds it")
    return Subject("ours", "ours", sys.executable, "picows", str(Path(spec.origin).parent.parent))


def drop_in() -> Subject:
    """Our picows.websockets."""
    return replace(ours(), key="drop-in", label="picows.websockets", library="picows_websockets")


def limit(folder: Path) -> Subject:
    """Compiles the C programs into a folder."""
    for name in ("client", "server"):
        subprocess.run(
            [
                *(*CC, "-O2", "-std=gnu11", "-Wall", "-Wextra", "-Werror"),
                *(str(HERE / "limit" / f"{name}.c"), "-lm", "-o", str(folder / name)),
            ],
            check=True,
        )
    return Subject("c", "C", folder=str(folder))


def versions(python: str) -> dict[str, str]:
    """What an interpreter has of the libraries and of uvloop."""
    code = (
        "import importlib.metadata as m, json, sys\nfound = {}\n"
        "for name in sys.argv[1:]:\n"
        "    try: found[name] = m.version(name)\n"
        "    except m.PackageNotFoundError: pass\n"
        "print(json.dumps(found))"
    )
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    output = subprocess.run(
        [python, "-c", code, *LIBRARIES, "uvloop", "aiofastnet"],
        check=True,
        capture_output=True,
        cwd="/",
        env=environment,
    ).stdout
    found: dict[str, str] = json.loads(output)
    return found


def peers(peer_python: str | None) -> list[Subject]:
    """Another picows only from another interpreter; the other libraries from there or from here."""
    found = []
    here = versions(sys.executable)
    there = versions(peer_python) if peer_python else {}
    for library in LIBRARIES:
        if peer_python and library in there:
            python, version = peer_python, there[library]
        elif library in here and library != "picows":
            python, version = sys.executable, here[library]
        else:
            continue
        driver = library.replace("-", "_")
        found.append(Subject(library, f"{library} {version}", python, driver))
    return found


def make_venv(folder: Path) -> str:
    """An environment with the peers, as they install themselves. Returns its interpreter."""
    venv.create(folder, with_pip=True)
    python = str(folder.resolve() / "bin" / "python")
    subprocess.run([python, "-m", "pip", "install", "-q", *PEER_REQUIREMENTS], check=True)
    return python
