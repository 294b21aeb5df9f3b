"""Fixtures of all tests. Those that compile use the arguments that the build uses: setup.py's."""

import ctypes
import importlib.util
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import pytest
from support import codec
from support.machine import raise_files_max

pytest_plugins = ["pytester", "support.tls_engines"]

ROOT = Path(__file__).resolve().parent.parent
SOCKET_PATH_BYTES_MAX = 103
"""On macOS; Linux has four more."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where aiofastnet has no wheels, as for free-threaded Pythons, what is to run on it is not."""
    if find_spec("aiofastnet"):
        return
    for item in items:
        callspec = getattr(item, "callspec", None)
        if callspec and callspec.params.get("use_aiofastnet"):
            item.add_marker(pytest.mark.skip(reason="aiofastnet is not installed"))


@pytest.fixture(scope="session", autouse=True)
def programs_take_ctrl_c() -> Iterator[None]:
    """A shell starts what is in its background with SIGINT ignored, and programs inherit that."""
    before = signal.getsignal(signal.SIGINT)
    if before is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session", autouse=True)
def enough_files_can_be_open() -> None:
    """A shell allows for 256 on macOS, which is too few for Zig when it compiles a libc."""
    raise_files_max(4096)


@pytest.fixture(scope="session", autouse=True)
def zig_has_a_cache(setup_py: ModuleType) -> None:
    setup_py.find_home_of_zig()


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture
def socket_path(tmp_path: Path) -> Iterator[str]:
    """Where a unix socket can be: its path has at most 103 bytes, whatever TMPDIR is."""
    path = str(tmp_path / "x.sock")
    if len(os.fsencode(path)) <= SOCKET_PATH_BYTES_MAX:
        yield path
        return
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        yield f"{folder}/x.sock"


@pytest.fixture(scope="session")
def setup_py() -> ModuleType:
    spec = importlib.util.spec_from_file_location("picows_setup", ROOT / "setup.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def library() -> Path:
    """Where `python setup.py library` has put header and libraries for C."""
    command = [sys.executable, "setup.py", "-q", "library"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return ROOT / "build/library"


@pytest.fixture(scope="session")
def lib(library: Path, setup_py: ModuleType) -> ctypes.CDLL:
    """The shared library, for calls from Python."""
    major = setup_py.version().partition(".")[0]
    return codec.load(library / "lib" / setup_py.SHARED[setup_py.host()[0]][0].format(major))
