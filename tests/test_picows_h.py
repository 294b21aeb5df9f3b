"""picows.h says what zig/c_abi has, no less and no more, and is clean C99 and C++."""

from __future__ import annotations

import ctypes
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ZIG = [sys.executable, "-m", "ziglang"]
COMPILERS = {
    "gcc": (["gcc"], ["g++"]),
    "clang": (["clang"], ["clang++"]),
    "zig": ([*ZIG, "cc"], [*ZIG, "c++"]),
}
LANGUAGES = {"c99": 0, "c11": 0, "c++11": 1, "c++20": 1}


@pytest.fixture(scope="module")
def header(root: Path) -> str:
    text = (root / "picows/include/picows.h").read_text("utf-8")
    return re.sub(r"/\*.*?\*/", "", text, flags=re.S)


@pytest.fixture(scope="module")
def checks(root: Path, setup_py, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The C file that zig/c_abi/header_check.zig is a text of."""
    output = tmp_path_factory.mktemp("check") / "check.so"
    system, arch = setup_py.host()
    command = [*ZIG, "build-lib", "-dynamic", "--name", "check", f"-femit-bin={output}"]
    command += setup_py.cache_args()
    command += setup_py.module_args(
        "c_abi",
        setup_py.SYSTEMS[system][0].format(arch),
        setup_py.MODES["release"],
        root="zig/c_abi/header_check.zig",
    )
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    text = ctypes.c_char.in_dll(ctypes.CDLL(str(output)), "picows_header_check")
    return ctypes.string_at(ctypes.addressof(text)).decode()


def compile_c(text: str, header: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    source = folder / "check.c"
    source.write_text(text)
    command = [*ZIG, "cc", "-std=c11", "-c", "-ferror-limit=0", f"-I{header.parent}", source.name]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def test_every_value_size_offset_and_type(checks, root, tmp_path):
    done = compile_c(checks, root / "picows/include/picows.h", tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("PICOWS_FAILURE_TEXT_NOT_UTF8 = 15", "PICOWS_FAILURE_TEXT_NOT_UTF8 = 16", "TEXT_NOT_UTF8"),
        ("KEY_SIZE 25", "KEY_SIZE 24", "PICOWS_KEY_SIZE"),
        ("uint64_t private_[16]", "uint64_t private_[15]", "sizeof(picows_parser)"),
        ("uint16_t code;", "int16_t code;", "->code"),
        ("int is_masked)", "unsigned is_masked)", "picows_frame_size"),
        ("picows_mask(uint8_t *dst, const", "picows_mask(uint8_t *dst,", "&picows_mask"),
    ],
)
def test_a_difference_is_found(old, new, message, checks, root, tmp_path):
    """The checks above would also pass if they checked nothing."""
    text = (root / "picows/include/picows.h").read_text("utf-8")
    assert text.count(old) == 1
    wrong = tmp_path / "picows.h"
    wrong.write_text(text.replace(old, new), "utf-8")
    assert message in compile_c(checks, wrong, tmp_path).stderr


def test_nothing_more_is_declared(header, checks):
    for pattern in (r"\bPICOWS_(?!H\b|API\b|SHARED\b)[A-Z0-9_]+", r"\bpicows_(?!cpython)\w+"):
        declared, checked = (set(re.findall(pattern, text)) for text in (header, checks))
        assert declared - {"picows_failure"} == checked


def test_exported_names_are_the_declared_functions(header, library):
    """Those of the static library, from the index that `ar` put in front of its members."""
    declared = set(re.findall(r"^PICOWS_API .*?\b(picows_\w+)\(", header, re.M | re.S))
    data = (library / "lib/libpicows.a").read_bytes()
    assert data[:24] == b"!<arch>\n/".ljust(24), "no index"
    size = int(data[56:66])
    count = int.from_bytes(data[68:72], "big")
    names = data[68 + 4 + 4 * count : 68 + size].split(b"\0")[:count]
    assert {name.decode() for name in names} == declared


def test_functions_of_the_shared_library(header, lib):
    for name in re.findall(r"^PICOWS_API .*?\b(picows_\w+)\(", header, re.M | re.S):
        assert getattr(lib, name)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("compiler", COMPILERS)
def test_header_is_clean(compiler, language, root, tmp_path):
    command = COMPILERS[compiler][LANGUAGES[language]]
    if shutil.which(command[0]) is None:
        pytest.skip(f"no {command[0]} here")
    suffix = "cpp" if language.startswith("c++") else "c"
    source = tmp_path / f"use.{suffix}"
    source.write_text('#include "picows.h"\nint main(void) { return picows_version() == 0; }\n')
    warnings = ["-Wall", "-Wextra", "-pedantic", "-Werror", "-Wstrict-prototypes"]
    warnings = warnings[: 4 if suffix == "cpp" else 5]
    done = subprocess.run(
        [*command, f"-std={language}", *warnings, f"-I{root}/picows/include", "-c", source.name],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def test_pkg_config(library, setup_py):
    if shutil.which("pkg-config") is None:
        pytest.skip("no pkg-config here")
    file = library / "lib/pkgconfig/picows.pc"

    def ask(*options: str) -> list[str]:
        done = subprocess.run(["pkg-config", *options, file], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.split()

    assert ask("--modversion") == [setup_py.version()]
    include, lib, name = ask("--cflags", "--libs")
    assert (Path(include.removeprefix("-I")) / "picows.h").is_file()
    assert (Path(lib.removeprefix("-L")) / "libpicows.a").is_file()
    assert name == "-lpicows"


@pytest.mark.parametrize("system", ["musl", "macos", "windows"])
def test_compiles_for_other_systems(system, setup_py, root, tmp_path):
    other = {"x86_64": "aarch64", "aarch64": "x86_64"}[setup_py.host()[1]]
    command, *_ = setup_py.library_commands(system, other, tmp_path)
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
