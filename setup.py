"""Builds picows._native: one `zig build-lib` call, with arguments made from zig/modules.json.

No C compiler, Python.h or SDK takes part: the Zig sources declare the part of CPython's limited API
that they use, so the target need not be the host and one file serves every CPython from 3.11 on.
Free-threaded CPython has another object head and takes a file of its own. docs/building.md.
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
    "macos": ("{}-macos.11.0", LIBC, "_native.abi3.so"),
    "windows": ("{}-windows-gnu", ["-fno-emit-implib"], "_native.pyd"),
}
# Checks of bounds and arithmetic stay on in both. Zig's own x86 backend, which debug builds would
# use, writes past the end of short vectors.
MODES = {"debug": ["-O", "Debug", "-fllvm"], "release": ["-O", "ReleaseSafe", "-fstrip"]}
# On Linux nothing needs the tables for unwinding the stack: a failed check ends the process with
# Python's traceback. They are a fourteenth of the file.
NO_UNWINDING = ["-fno-unwind-tables"]
ARCHS = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "aarch64", "arm64": "aarch64"}
# What a wheel promises of the platform: the libc and the macOS that the targets above name, not
# those of the machine that builds.
PLATFORM_TAGS = {
    ("gnu", "x86_64"): "manylinux2014_x86_64.manylinux_2_17_x86_64",
    ("gnu", "aarch64"): "manylinux2014_aarch64.manylinux_2_17_aarch64",
    ("musl", "x86_64"): "musllinux_1_2_x86_64",
    ("musl", "aarch64"): "musllinux_1_2_aarch64",
    ("macos", "x86_64"): "macosx_11_0_x86_64",
    ("macos", "aarch64"): "macosx_11_0_arm64",
    ("windows", "x86_64"): "win_amd64",
    ("windows", "aarch64"): "win_arm64",
}
# The free-threaded versions whose object head is known, zig/cpython/abi/free_threaded.zig.
FREE_THREADED = ["313", "314"]
FREE_THREADED_HOST = sysconfig.get_config_var("Py_GIL_DISABLED") == 1


def wanted() -> tuple[str, str, bool]:
    """System, architecture, and whether for free-threaded CPython: what is to be built.

    What the running interpreter needs, or what PICOWS_TARGET names: "musl-aarch64", "gnu-x86_64-t".
    """
    name = os.environ.get("PICOWS_TARGET", "")
    if not name:
        return *host(), FREE_THREADED_HOST
    system, _, arch = name.removesuffix("-t").partition("-")
    if (system, arch) not in PLATFORM_TAGS:
        choices = ", ".join("-".join(target) for target in PLATFORM_TAGS)
        raise SystemExit(
            f"PICOWS_TARGET is one of {choices}, with -t for free-threaded, not {name!r}"
        )
    return system, arch, name.endswith("-t")


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
    text = (ROOT / "zig/version.zig").read_text("utf-8")
    return re.search(r'^pub const version = "([^"]+)";', text, re.M)[1]


def module_args(
    name: str,
    target: str,
    flags: list[str],
    root: str | None = None,
    free_threaded: bool = False,
) -> list[str]:
    """Compiler arguments for the module `name`, which comes first, and all that it depends on.

    `root` replaces the module's root file: a test root sees what its module sees.
    """
    arch = target.partition("-")[0]
    modules = {
        module["name"]: module
        for module in json.loads((ROOT / "zig/modules.json").read_text("utf-8"))
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
        path = module.get("free_threaded" if free_threaded else "root", module["root"])
        if root and wanted_name == name:
            path = root
        args += ["-target", target, *flags]
        if "cpu" in module:
            args += [f"-mcpu={module['cpu']}"]
        for dep in deps:
            args += ["--dep", dep]
        args += [f"-M{wanted_name}={ROOT / path}"]
    return args


def find_home_of_zig() -> None:
    """Zig keeps parts of libc in the user's folder, and fails where there is none to write to."""
    home = os.environ.get("XDG_CACHE_HOME") or os.environ.get("HOME")
    if os.name == "posix" and not (home and os.access(home, os.W_OK)):
        os.environ.setdefault("ZIG_GLOBAL_CACHE_DIR", str(ROOT / "build/zig-global-cache"))


def cache_args() -> list[str]:
    return ["--cache-dir", str(ROOT / "build/zig-cache")]


def python_names() -> list[str]:
    """The names that the extension imports from CPython."""
    folders = (ROOT / "zig/cpython", ROOT / "zig/binding")
    sources = "".join(
        path.read_text("utf-8") for folder in folders for path in folder.rglob("*.zig")
    )
    names = re.findall(r"\bextern fn (\w+)", sources)
    names += re.findall(r'@extern\(.*\.name = "(\w+)",', sources)
    # Classes of exceptions are asked for by name: exception("ValueError"), raise("ValueError", ...
    classes = re.findall(r'\b(?:exception|raise|raiseFormat)\("(\w+)"', sources)
    return sorted({name for name in names if "Py" in name} | {f"PyExc_{name}" for name in classes})


def windows_import_library(arch: str, free_threaded: bool) -> str:
    """Makes python3.lib from the names that the sources use: no Windows SDK is needed.

    python3.dll and python3t.dll forward to the DLL of whichever version is installed.
    """
    name = "python3t" if free_threaded else "python3"
    folder = ROOT / "build" / f"windows-{arch}"
    folder.mkdir(parents=True, exist_ok=True)
    definition, library = folder / f"{name}.def", folder / f"{name}.lib"
    definition.write_text("\n".join([f"LIBRARY {name}.dll", "EXPORTS", *python_names(), ""]))
    machine = {"x86_64": "i386:x86-64", "aarch64": "arm64"}[arch]
    subprocess.run(
        [*ZIG, "dlltool", "-m", machine, "-D", f"{name}.dll", "-d", definition, "-l", library],
        check=True,
    )
    return str(library)


def native_command(
    system: str, arch: str, output: Path, mode: str = "release", free_threaded: bool = False
) -> list[str]:
    """The command that compiles the extension for a system of the table above."""
    target, args, _ = SYSTEMS[system]
    command = [*ZIG, "build-lib", "-dynamic", "--name", "_native", *args, *cache_args()]
    if mode == "release" and "-lc" in args:
        command += NO_ZIG_RUNTIME
    if system == "macos":
        command += ["-install_name", f"@rpath/{output.name}"]
    command += [f"-femit-bin={output}"]
    is_small = mode == "release" and system in ("gnu", "musl")
    flags = MODES[mode] + (NO_UNWINDING if is_small else [])
    command += module_args("native", target.format(arch), flags, free_threaded=free_threaded)
    if system == "windows":
        command += [windows_import_library(arch, free_threaded)]
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
    text = (ROOT / "zig/c_abi/picows.pc.in").read_text("utf-8")
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


def native_name(system: str, free_threaded: bool) -> str:
    """The file name under which the interpreter that is built for finds the extension."""
    name = SYSTEMS[system][2]
    if not free_threaded:
        return name
    # A checkout may hold both. Free-threaded 3.13 would take .abi3.so first, which is not for it.
    if FREE_THREADED_HOST and "PICOWS_TARGET" not in os.environ:
        return "_native" + sysconfig.get_config_var("EXT_SUFFIX")
    return name.replace(".abi3", "")


def wheel_tag(system: str, arch: str, free_threaded: bool) -> tuple[str, str, str]:
    """The tags of a wheel: which interpreters, with which ABI, where."""
    platform_tag = PLATFORM_TAGS[system, arch]
    if not free_threaded:
        return "cp311", "abi3", platform_tag
    versions = FREE_THREADED
    if "PICOWS_TARGET" not in os.environ:
        versions = [f"{sys.version_info[0]}{sys.version_info[1]}"]
    pythons = [f"cp{version}" for version in versions]
    return ".".join(pythons), ".".join(f"{python}t" for python in pythons), platform_tag


class ZigBuildExt(build_ext):
    def get_ext_filename(self, fullname: str) -> str:
        system, _, free_threaded = wanted()
        return os.path.join(*fullname.split(".")[:-1], native_name(system, free_threaded))

    def build_extension(self, ext: Extension) -> None:
        output = Path(self.get_ext_fullpath(ext.name)).resolve()
        output.parent.mkdir(parents=True, exist_ok=True)
        if not self.inplace:
            # What was built for another target before must not get into this one's wheel.
            for other in [*output.parent.glob("*.so"), *output.parent.glob("*.pyd")]:
                other.unlink()
        mode = os.environ.get("PICOWS_BUILD", "release")
        if mode not in MODES:
            raise SystemExit(f"PICOWS_BUILD is one of {', '.join(MODES)}, not {mode!r}")
        system, arch, free_threaded = wanted()
        command = native_command(system, arch, output, mode, free_threaded)
        # Zig's messages go to stderr as they are; they say more than a traceback would.
        if subprocess.run(command).returncode != 0:
            raise SystemExit("zig build-lib failed: its messages are above")


class Wheel(bdist_wheel):
    def get_tag(self) -> tuple[str, str, str]:
        return wheel_tag(*wanted())


if __name__ == "__main__":
    find_home_of_zig()
    setup(
        version=version(),
        ext_modules=[Extension("picows._native", sources=[])],
        cmdclass={"build_ext": ZigBuildExt, "bdist_wheel": Wheel, "library": BuildLibrary},
    )
