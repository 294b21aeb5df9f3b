"""Native extensions compiled by the tests, with the C compiler that comes with Zig."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import os
import subprocess
import sys
import sysconfig
from pathlib import Path
from types import ModuleType

import pytest

HEADERS = Path(sysconfig.get_path("include"))
# For any CPU of the kind: Zig compiles for the one at hand otherwise.
CC = f"{sys.executable} -m ziglang cc -mcpu=baseline"
needs_headers = pytest.mark.skipif(
    not (HEADERS / "Python.h").is_file(),
    reason=f"no Python.h in {HEADERS}: extensions cannot be compiled here",
)
SUFFIX = importlib.machinery.EXTENSION_SUFFIXES[0]


def run(*command: str | Path, cwd: Path, **environment: str) -> str:
    """Run a command that has to go well; gives what it printed."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, f"{' '.join(map(str, command))}:\n{done.stdout}"
    return done.stdout


def compile_c(source: Path, output: Path, *flags: str) -> None:
    """A C file as an extension module. Debian keeps half of pyconfig.h beside Python.h's folder."""
    paths = [f"-I{HEADERS}", "-idirafter", str(HEADERS.parent)]
    link = ["-undefined", "dynamic_lookup"] if sys.platform == "darwin" else []
    command = [*CC.split(), "-shared", "-fPIC", "-O0", *paths, *flags, *link, "-o", output, source]
    run(*command, cwd=output.parent)


def compile_cython(source: Path, folder: Path, root: Path) -> Path:
    """A .pyx file as an extension module in `folder`; .pxd files are looked for in `root` first."""
    c_file = folder / f"{source.stem}.c"
    command = [sys.executable, "-m", "cython", "-3", "-I", root, source, "-o", c_file]
    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        command += ["-X", "freethreading_compatible=True"]
    run(*command, cwd=folder)
    output = folder / f"{source.stem}{SUFFIX}"
    compile_c(c_file, output)
    return output


def load(path: Path) -> ModuleType:
    """The module of an extension file."""
    name = path.name.partition(".")[0]
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
