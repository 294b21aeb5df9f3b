"""Runs the tests that are written in Zig, and compiles the extension for another architecture."""

import re
import subprocess
from functools import cache

import pytest

pytestmark = pytest.mark.slow

MODULES = ["core", "cpu"]
MODES = ["debug", "release"]  # of setup.py


@pytest.fixture(scope="session")
def zig_test(setup_py, root):
    """Runs `zig test` on a module in a mode, once; returns its exit code and what it printed."""

    @cache
    def run(module, mode):
        system, arch = setup_py.host()
        target = setup_py.SYSTEMS[system][0].format(arch)
        tests = f"zig/{module}/tests.zig"
        args = setup_py.module_args(module, target, setup_py.MODES[mode], root=tests)
        done = subprocess.run(
            [*setup_py.ZIG, "test", *setup_py.cache_args(), *args],
            cwd=root,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        return done.returncode, done.stdout

    return run


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("module", MODULES)
def test_passes(module, mode, zig_test):
    code, output = zig_test(module, mode)
    assert code == 0, output
    assert re.search(r"All [1-9]\d* tests passed|^[1-9]\d* passed", output, re.M), output


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("module", MODULES)
def test_skips_nothing(module, mode, zig_test):
    """What this CPU cannot run shows up as a skip of this suite: nothing is left out in silence."""
    _, output = zig_test(module, mode)
    skipped = re.findall(r"^\d+/\d+ (.+)\.\.\.SKIP", output, re.M)
    assert bool(skipped) == bool(re.search(r"\b\d+ skipped", output)), output
    if skipped:
        pytest.skip(f"this machine cannot run {', '.join(skipped)}")


@pytest.mark.parametrize("target", ["gnu-aarch64", "macos-aarch64", "windows-x86_64"])
def test_extension_compiles_for_other_machines(target, setup_py, root, tmp_path):
    """aarch64 refuses pointer casts without @alignCast that x86-64 lets pass.

    Windows has no libc.
    """
    command = setup_py.native_command(*target.split("-"), tmp_path / "_native.abi3.so")
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
