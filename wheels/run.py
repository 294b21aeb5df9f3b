"""Builds every wheel and the sdist on this one machine, and checks each of them.

    python wheels/run.py [--out dist] [--only gnu-x86_64 musl-aarch64-t] [--twice]

Needs the extra `wheels` (pip install -e '.[wheels]'). The sdist is made first and the wheels are
built from it, so that nothing is missing in it. --twice builds everything again in another folder
and compares the bytes. Exit status: 1 if a check found anything. docs/building.md says what each
check proves, and what none does.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import imports

ROOT = Path(__file__).resolve().parent.parent
TARGETS = [target + suffix for suffix in ("", "-t") for target in imports.ALLOWED]


def source_date() -> int:
    """Seconds: the time that every file in an archive gets."""
    if given := os.environ.get("SOURCE_DATE_EPOCH"):
        return int(given)
    command = ["git", "-C", str(ROOT), "-c", f"safe.directory={ROOT}", "log", "-1", "--format=%ct"]
    if (ROOT / ".git").exists() and shutil.which("git"):
        return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return 315_532_800  # 1980, where zip's time begins


def setup_py(folder: Path, *arguments: str | Path, **environment: str) -> None:
    """Runs setup.py in a folder; its output is shown only if it fails."""
    done = subprocess.run(
        [sys.executable, "setup.py", "-q", *arguments],
        cwd=folder,
        env={**os.environ, "PICOWS_BUILD": "release", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode != 0:
        raise SystemExit(f"setup.py {' '.join(map(str, arguments))} failed:\n{done.stdout}")


def build_sdist(out: Path, date: int) -> Path:
    """setuptools' sdist, packed again: without the names, modes and times of this machine."""
    with tempfile.TemporaryDirectory() as folder:
        setup_py(ROOT, "sdist", "-d", folder)
        (packed,) = Path(folder).glob("*.tar.gz")
        with tarfile.open(packed) as archive:
            archive.extractall(folder, filter="data")
        base = Path(folder, packed.name.removesuffix(".tar.gz"))
        with (
            (out / packed.name).open("wb") as file,
            gzip.GzipFile("", "wb", fileobj=file, mtime=date) as zipped,
            tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as archive,
        ):
            for path in [base, *sorted(base.rglob("*"))]:
                info = archive.gettarinfo(path, str(path.relative_to(folder)))
                info.mtime, info.uid, info.gid, info.uname, info.gname = date, 0, 0, "", ""
                executable = path.is_dir() or info.mode & 0o100
                info.mode = 0o755 if executable else 0o644
                with path.open("rb") if path.is_file() else open(os.devnull, "rb") as content:
                    archive.addfile(info, content)
    return out / packed.name


def build_wheels(sdist: Path, targets: list[str], out: Path, date: int) -> Iterator[Path]:
    """Unpacks the sdist somewhere and builds from it; gives each wheel when it is done."""
    with tempfile.TemporaryDirectory() as folder:
        # The modes in a wheel are those of the files that it is made from.
        previous = os.umask(0o022)
        try:
            with tarfile.open(sdist) as archive:
                archive.extractall(folder, filter="data")
            (source,) = Path(folder).iterdir()
            for target in targets:
                before = set(out.glob("*.whl"))
                environment = {"PICOWS_TARGET": target, "SOURCE_DATE_EPOCH": str(date)}
                setup_py(source, "bdist_wheel", "-d", out.resolve(), **environment)
                (wheel,) = set(out.glob("*.whl")) - before
                yield wheel
        finally:
            os.umask(previous)


def check(wheel: Path, target: str) -> tuple[int, list[str], list[str]]:
    """The size of its extension, the names of the checks that it passed, what others found."""
    with tempfile.TemporaryDirectory() as folder:
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(folder)
        names = [*Path(folder, "picows").glob("_native*.so"), *Path(folder).glob("picows/*.pyd")]
        if len(names) != 1:
            return 0, [], [f"has {len(names)} extensions"]
        size = names[0].stat().st_size
        faults = imports.faults(names[0], target)
    passed = [] if faults else ["imports"]
    for name, arguments in tools(target):
        command = [sys.executable, "-m", *arguments, str(wheel)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode == 0 and expected(name, wheel) in done.stdout + done.stderr:
            passed.append(name)
        else:
            faults.append(f"{name}: {done.stdout}{done.stderr}")
    return size, passed, faults


def tools(target: str) -> Iterator[tuple[str, list[str]]]:
    """The tools of others that can judge a target on this machine."""
    system = target.partition("-")[0]
    if not target.endswith("-t"):
        yield "abi3audit", ["abi3audit", "--strict", "--report"]
    if system == "gnu":
        yield "auditwheel", ["auditwheel", "show"]
    # For musl auditwheel opens the libc.so that it finds, which on glibc is a linker script.
    if system == "musl" and list(Path("/lib").glob("ld-musl-*")):
        yield "auditwheel", ["auditwheel", "show"]
    # Asks Apple's otool; LLVM's does not know all of its options.
    if system == "macos" and sys.platform == "darwin":
        yield "delocate", ["delocate.cmd.delocate_listdeps", "--all"]
    if system == "windows":
        yield "delvewheel", ["delvewheel", "show"]


def expected(name: str, wheel: Path) -> str:
    """What a tool prints if all is well; its exit status alone does not say so."""
    if name == "auditwheel":
        return f'platform tag:\n"{wheel.stem.rpartition(".")[2]}"'
    if name == "abi3audit":
        return '"is_abi3": true'
    if name == "delvewheel":
        return "will be copied into the wheel.\n    None"
    return "libSystem" if name == "delocate" else ""


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="folder for the results")
    parser.add_argument("--only", nargs="+", choices=TARGETS, default=TARGETS, metavar="TARGET")
    parser.add_argument("--twice", action="store_true", help="compare with a second build")
    args = parser.parse_args()
    for package in ("abi3audit", "auditwheel", "delocate", "delvewheel", "setuptools"):
        if importlib.util.find_spec(package) is None:
            parser.error(f"{package} is missing: pip install -e '.[wheels]'")
    args.out.mkdir(parents=True, exist_ok=True)
    for old in [*args.out.glob("picows-*.whl"), *args.out.glob("picows-*.tar.gz")]:
        old.unlink()

    began = time.monotonic()
    date = source_date()
    sdist = build_sdist(args.out, date)
    print(f"{sdist.name}: {sdist.stat().st_size / 1000:.0f} kB", flush=True)
    bad = 0
    wheels = build_wheels(sdist, args.only, args.out, date)
    start = time.monotonic()
    for target, wheel in zip(args.only, wheels, strict=True):
        seconds = time.monotonic() - start
        size, passed, faults = check(wheel, target)
        sizes = f"{wheel.stat().st_size / 1000:.0f} kB (extension {size / 1000:.0f} kB)"
        print(f"{wheel.name}: {sizes}, {seconds:.1f} s; {', '.join(passed)}", flush=True)
        for fault in faults:
            print(f"  BAD {fault}", flush=True)
        bad += len(faults)
        start = time.monotonic()
    if args.twice:
        bad += compare_with_second_build(args.out, args.only, date)
    print(f"{time.monotonic() - began:.0f} s in all, {bad} faults")
    return 1 if bad else 0


def compare_with_second_build(out: Path, targets: list[str], date: int) -> int:
    """Builds again, elsewhere and without what Zig kept of the first time; counts differences."""
    with tempfile.TemporaryDirectory() as folder:
        sdist = build_sdist(Path(folder), date)
        again = [sdist, *build_wheels(sdist, targets, Path(folder), date)]
        different = [path.name for path in again if digest(path) != digest(out / path.name)]
    for name in different:
        print(f"  BAD {name} is different when it is built again")
    if not different:
        print(f"built again: the same bytes in all {len(again)} files")
    return len(different)


if __name__ == "__main__":
    sys.exit(main())
