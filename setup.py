"""Builds picows._native: one `zig build-lib` call, with arguments made from zig/modules.json.

No C compiler, Python.h or SDK takes part: the Zig sources declare the part of CPython's limited API
that they use, so the target need not be the host and one file serves every CPython from 3.11 on.
Metadata lives in pyproject.toml; the tests import this file for the functions above setup().
"""

import json
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import ClassVar

from setuptools import Command, Extension, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_ext import build_ext

ROOT = Path(__file__).resolve().parent
ZIG = [sys.executable, "-m", "ziglang"]

# libc's memcpy is three times as fast as that of Zig's runtime library, which would hide it and is
# left out. All else that is wanted of it is the probing of stack frames larger than a page.
LIBC = ["-lc", "-fallow-shlib-undefined"]
NO_ZIG_RUNTIME = ["-fno-compiler-rt", "-fno-stack-check"]
# What is compiled for each system: target, arguments, file name. The oldest libc and macOS are
# named, or Zig would take the newest that it knows.
SYSTEMS = {
    "gnu": ("{}-linux-gnu.2.17", LIBC, "_native.abi3.so"),
    "musl": ("{}-linux-musl", LIBC, "_native.abi3.so"),
    "macos": (
        "{}-macos.11.0",
        [*LIBC, "-install_name", "@rpath/_native.abi3.so"],
        "_native.abi3.so",
    ),
    "windows": ("{}-windows-gnu", ["-fno-emit-implib"], "_native.pyd"),
}
# Checks of bounds and arithmetic stay on in both. Zig's own x86 backend, which debug builds would
# use, writes past the end of short vectors.
MODES = {"debug": ["-O", "Debug", "-fllvm"], "release": ["-O", "ReleaseSafe", "-fstrip"]}
ARCHS = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "aarch64", "arm64": "aarch64"}


def host() -> tuple[str, str]:
    """The system and the architecture of the running interpreter, in the names used above."""
    # Not platform.machine(): a 64-bit kernel runs 32-bit Pythons, and Rosetta runs x86-64 ones.
    arch = sysconfig.get_platform().rpartition("-")[2].replace("universal2", platform.machine())
    if arch.lower() not in ARCHS:
        raise SystemExit(f"picows is not built for {sysconfig.get_platform()}")
    if sys.platform.startswith("linux"):
        system = "musl" if "musl" in sysconfig.get_config_var("SOABI") else "gnu"
    else:
        system = {"darwin": "macos", "win32": "windows"}[sys.platform]
    return system, ARCHS[arch.lower()]


def version() -> str:
    text = (ROOT / "zig/version.zig").read_text()
    return re.search(r'^pub const version = "([^"]+)";', text, re.M)[1]


def module_args(name: str, target: str, flags: list[str], root: str | None = None) -> list[str]:
    """Compiler arguments for the module `name`, which comes first, and all that it depends on.

    `root` replaces the module's root file: a test root sees what its module sees.
    """
    arch = target.partition("-")[0]
    modules = {
        module["name"]: module
        for module in json.loads((ROOT / "zig/modules.json").read_text())
        if module.get("arch", arch) == arch
    }
    wanted = [name]
    args = []
    for wanted_name in wanted:  # grows while it is walked
        module = modules[wanted_name]
        # Names of modules for other architectures are dropped: the source asks for the
        # architecture before it imports them.
        deps = [dep for dep in module["deps"] if dep in modules]
        wanted += [dep for dep in deps if dep not in wanted]
        path = root if root and wanted_name == name else module["root"]
        args += ["-target", target, *flags]
        if "cpu" in module:
            args += [f"-mcpu={module['cpu']}"]
        for dep in deps:
            args += ["--dep", dep]
        args += [f"-M{wanted_name}={ROOT / path}"]
    return args


def cache_args() -> list[str]:
    return ["--cache-dir", str(ROOT / "build/zig-cache")]


def python_names() -> list[str]:
    """The names that the extension imports from CPython."""
    sources = "".join(path.read_text() for path in (ROOT / "zig/python").glob("*.zig"))
    names = re.findall(r"\bextern fn (\w+)", sources)
    names += re.findall(r'@extern\(.*\.name = "(\w+)",', sources)
    # Classes of exceptions are asked for by name: exception("ValueError"), raise("ValueError", ...
    classes = re.findall(r'\b(?:exception|raise|raiseFormat)\("(\w+)"', sources)
    return sorted({name for name in names if "Py" in name} | {f"PyExc_{name}" for name in classes})


def windows_import_library(arch: str) -> str:
    """Makes python3.lib from the names that the sources use: no Windows SDK is needed."""
    folder = ROOT / "build" / f"windows-{arch}"
    folder.mkdir(parents=True, exist_ok=True)
    definition, library = folder / "python3.def", folder / "python3.lib"
    definition.write_text("\n".join(["LIBRARY python3.dll", "EXPORTS", *python_names(), ""]))
    machine = {"x86_64": "i386:x86-64", "aarch64": "arm64"}[arch]
    subprocess.run(
        [*ZIG, "dlltool", "-m", machine, "-D", "python3.dll", "-d", definition, "-l", library],
        check=True,
    )
    return str(library)


def native_command(system: str, arch: str, output: Path, mode: str = "release") -> list[str]:
    """The command that compiles the extension for a system of the table above."""
    target, args, _ = SYSTEMS[system]
    command = [*ZIG, "build-lib", "-dynamic", "--name", "_native", *args, *cache_args()]
    if mode == "release" and "-lc" in args:
        command += NO_ZIG_RUNTIME
    command += [f"-femit-bin={output}", *module_args("native", target.format(arch), MODES[mode])]
    if system == "windows":
        command += [windows_import_library(arch)]
    return command


# Shared libraries of the codec: file, name that a linker looks for, arguments. {} is the major
# version: programs ask for the one that they were linked with.
SHARED = {
    "gnu": ("libpicows.so.{}", "libpicows.so", [*NO_ZIG_RUNTIME, "-fsoname=libpicows.so.{}"]),
    "musl": ("libpicows.so.{}", "libpicows.so", [*NO_ZIG_RUNTIME, "-fsoname=libpicows.so.{}"]),
    "macos": (
        "libpicows.{}.dylib",
        "libpicows.dylib",
        [*NO_ZIG_RUNTIME, "-lc", "-install_name", "@rpath/libpicows.{}.dylib"],
    ),
    "windows": ("picows.dll", None, []),
}


def library_commands(system: str, arch: str, folder: Path) -> list[list[str]]:
    """The commands that make the libraries for programs in C and Zig, in `folder`.

    libpicows.a and the shared library are the codec; they need no Python, and on Linux no certain
    libc: memcpy and memset are all that they want. libpicows_native.a is the extension, for
    programs that have a CPython in them.
    """
    target = SYSTEMS[system][0].format(arch)
    commands = []
    for module, name in (("c_abi", "picows"), ("native", "picows_native")):
        file = str(folder / f"{name}.o")
        args = [*cache_args(), *NO_ZIG_RUNTIME, "-fPIC", f"-femit-bin={file}"]
        args += ["-lc"] if name == "picows_native" and system != "windows" else []
        args += module_args(module, target, MODES["release"])
        commands.append([*ZIG, "build-obj", *args])
        # `zig build-lib` would put the path of its cache into the archive.
        commands.append([*ZIG, "ar", "rcsD", str(folder / f"lib{name}.a"), file])
    major = version().partition(".")[0]
    file, _, args = SHARED[system]
    args = ["-fallow-shlib-undefined", *(arg.format(major) for arg in args)]
    args += [f"-femit-bin={folder / file.format(major)}", *cache_args()]
    args += module_args("c_abi", target, MODES["release"])
    commands.append([*ZIG, "build-lib", "-dynamic", "--name", "picows", *args])
    return commands


def make_library(system: str, arch: str, prefix: Path) -> None:
    """Puts include/ and lib/ below `prefix`, as `zig build lib` does."""
    lib, include = prefix / "lib", prefix / "include"
    shutil.rmtree(lib, ignore_errors=True)
    (lib / "pkgconfig").mkdir(parents=True)
    include.mkdir(exist_ok=True)
    for command in library_commands(system, arch, lib):
        subprocess.run(command, check=True)
    for made in lib.glob("*.o"):
        made.unlink()
    file, link, _ = SHARED[system]
    if link:
        (lib / link).symlink_to(file.format(version().partition(".")[0]))
    for header in (ROOT / "picows/include").glob("*.h"):
        shutil.copy(header, include)
    text = (ROOT / "zig/c_abi/picows.pc.in").read_text()
    (lib / "pkgconfig/picows.pc").write_text(text.replace("@version@", version()))


class BuildLibrary(Command):
    description = "make the library for programs in C: header, libpicows.a, shared library"
    user_options: ClassVar = [
        ("prefix=", None, "where to put include/ and lib/ (default: build/library)"),
        ("system=", None, f"one of {', '.join(SYSTEMS)} (default: this one)"),
        ("arch=", None, f"one of {', '.join(ARCHS)} (default: this one)"),
    ]

    def initialize_options(self) -> None:
        self.prefix = "build/library"
        self.system, self.arch = host()

    def finalize_options(self) -> None:
        if self.system not in SYSTEMS or self.arch not in ARCHS:
            raise SystemExit(f"picows is not built for {self.system} on {self.arch}")

    def run(self) -> None:
        make_library(self.system, ARCHS[self.arch], Path(self.prefix).resolve())


class ZigBuildExt(build_ext):
    def get_ext_filename(self, fullname: str) -> str:
        return os.path.join(*fullname.split(".")[:-1], SYSTEMS[host()[0]][2])

    def build_extension(self, ext: Extension) -> None:
        output = Path(self.get_ext_fullpath(ext.name)).resolve()
        output.parent.mkdir(parents=True, exist_ok=True)
        mode = os.environ.get("PICOWS_BUILD", "release")
        if mode not in MODES:
            raise SystemExit(f"PICOWS_BUILD is one of {', '.join(MODES)}, not {mode!r}")
        # Zig's messages go to stderr as they are; they say more than a traceback would.
        if subprocess.run(native_command(*host(), output, mode)).returncode != 0:
            raise SystemExit("zig build-lib failed: its messages are above")


class Abi3Wheel(bdist_wheel):
    def get_tag(self) -> tuple[str, str, str]:
        python, abi, tag = super().get_tag()
        # The interpreter's own tag may name two architectures, or an older macOS than ours.
        if tag.startswith("macosx_"):
            tag = "macosx_11_0_" + {"aarch64": "arm64"}.get(host()[1], host()[1])
        return python, abi, tag


if __name__ == "__main__":
    setup(
        version=version(),
        ext_modules=[Extension("picows._native", sources=[], py_limited_api=True)],
        cmdclass={
            "build_ext": ZigBuildExt,
            "bdist_wheel": Abi3Wheel,
            "library": BuildLibrary,
        },
        options={"bdist_wheel": {"py_limited_api": "cp311"}},
    )
