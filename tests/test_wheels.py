"""What wheels/run.py builds, at the size of a test: a few targets, the sdist, two folders.

All targets, and the judgement of other people's tools, are the command's own.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from support.machine import tracked_files

pytestmark = pytest.mark.slow

#: One of each file format.
TARGETS = ["gnu-x86_64", "macos-aarch64", "windows-x86_64-t"]


@pytest.fixture(scope="module")
def imports(root: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("wheels_imports", root / "wheels/imports.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def built(setup_py: Any, root: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The extension of each target."""
    folder = tmp_path_factory.mktemp("built")
    paths = {}
    for target in TARGETS:
        system, arch = target.removesuffix("-t").split("-")
        free_threaded = target.endswith("-t")
        paths[target] = folder / target / setup_py.native_name(system, free_threaded)
        paths[target].parent.mkdir()
        command = setup_py.native_command(system, arch, paths[target], "release", free_threaded)
        subprocess.run(command, cwd=root, check=True)
    return paths


@pytest.mark.parametrize("target", TARGETS)
def test_an_extension_imports_what_it_may(
    target: str, built: dict[str, Path], imports: ModuleType
) -> None:
    assert imports.faults(built[target], target) == []


def test_what_an_extension_may_not_import_is_found(
    built: dict[str, Path], imports: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each file is wrong for the target of another; and the lists can be too short."""
    for target, path in built.items():
        for other in set(TARGETS) - {target}:
            assert imports.faults(path, other), f"{target} passes as {other}"
    for target in TARGETS:
        allowed = imports.ALLOWED[target.removesuffix("-t")]
        for key in ("libraries", "symbols", "exports"):
            if allowed[key] and not (target.startswith("windows") and key == "libraries"):
                monkeypatch.setitem(allowed, key, [])
                assert imports.faults(built[target], target), f"{target} passes without {key}"
                monkeypatch.undo()
    monkeypatch.setattr(imports, "PYTHON", (3, 9))
    assert "does not promise" in imports.faults(built["gnu-x86_64"], "gnu-x86_64")[0]


def test_every_target_has_its_list(imports: ModuleType, setup_py: Any) -> None:
    assert imports.ALLOWED.keys() == {"-".join(target) for target in setup_py.PLATFORM_TAGS}


def copy_of_sources(root: Path, folder: Path) -> Path:
    """What a build reads, in a folder of its own, without what earlier builds left behind."""
    for name in ("picows", "zig"):
        ignore = shutil.ignore_patterns("*.so", "*.pyd", "__pycache__")
        shutil.copytree(root / name, folder / name, ignore=ignore)
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(root / name, folder)
    return folder


def build(folder: Path, *arguments: str, **environment: str) -> Path:
    done = subprocess.run(
        [sys.executable, "setup.py", "-q", *arguments, "-d", "out"],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    (result,) = (folder / "out").iterdir()
    return result


def test_a_wheel_has_the_same_bytes_from_two_folders(root: Path, tmp_path: Path) -> None:
    wheels = []
    for name in ("one", "another/and-longer"):
        folder = tmp_path / name
        folder.mkdir(parents=True)
        copy_of_sources(root, folder)
        wheels.append(build(folder, "bdist_wheel", SOURCE_DATE_EPOCH="1700000000"))
    assert wheels[0].name == wheels[1].name
    assert wheels[0].read_bytes() == wheels[1].read_bytes()
    with zipfile.ZipFile(wheels[0]) as archive:
        natives = [name for name in archive.namelist() if name.startswith("picows/_native.")]
        assert len(natives) == 2  # the extension and its .pyi


def test_the_sdist_has_all_that_is_in_the_repository(root: Path, tmp_path: Path) -> None:
    tracked = tracked_files(root)
    # setuptools writes its list of files beside the sources; a copy keeps the checkout clean.
    for name in tracked:
        if (root / name).is_file():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(root / name, tmp_path / name)
    with tarfile.open(build(tmp_path, "sdist")) as archive:
        packed = {member.name.partition("/")[2] for member in archive if member.isfile()}
    left_out = {name for name in tracked if name not in packed}
    assert left_out <= {".gitignore"}
    made = {name for name in packed - set(tracked) if "egg-info" not in name}
    assert made == {"PKG-INFO", "setup.cfg"}


@pytest.mark.parametrize(
    ("target", "tag", "name"),
    [
        ("gnu-aarch64", "cp311-abi3-manylinux2014_aarch64.manylinux_2_17_aarch64", ".abi3.so"),
        ("musl-x86_64-t", "cp313.cp314-cp313t.cp314t-musllinux_1_2_x86_64", ".so"),
        ("windows-aarch64", "cp311-abi3-win_arm64", ".pyd"),
        ("macos-aarch64", "cp311-abi3-macosx_11_0_arm64", ".abi3.so"),
    ],
)
def test_a_target_decides_tag_and_name(
    target: str, tag: str, name: str, setup_py: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PICOWS_TARGET", target)
    system, _, free_threaded = setup_py.wanted()
    assert "-".join(setup_py.wheel_tag(*setup_py.wanted())) == tag
    assert setup_py.native_name(system, free_threaded) == f"_native{name}"


@pytest.mark.skipif(os.name != "posix", reason="elsewhere it is not the home folder")
@pytest.mark.parametrize("home", ["", "/dev/null/none"])
def test_a_build_needs_no_home_folder(
    home: str, setup_py: Any, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Zig ended with AppDataDirUnavailable, or NotDir."""
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("ZIG_GLOBAL_CACHE_DIR", "to be restored")
    monkeypatch.delenv("ZIG_GLOBAL_CACHE_DIR")
    monkeypatch.setenv("HOME", home)
    setup_py.find_home_of_zig()
    assert os.environ["ZIG_GLOBAL_CACHE_DIR"] == str(root / "build/zig-global-cache")


@pytest.mark.parametrize("target", ["gnu", "gnu-riscv64", "x86_64", "-t", "gnu-x86_64-t-t"])
def test_an_unknown_target_is_refused(
    target: str, setup_py: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PICOWS_TARGET", target)
    with pytest.raises(SystemExit, match="PICOWS_TARGET is one of gnu-x86_64, "):
        setup_py.wanted()
