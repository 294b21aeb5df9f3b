"""What a compiled extension asks of the system and of CPython, and whether it may: imports.json.

    python wheels/imports.py TARGET FILE

TARGET is one of the names in imports.json, with -t for free-threaded CPython. Python's names are
checked against the stable ABI of 3.11 as the package abi3info knows it: free-threaded CPython has
no stable ABI before 3.15, but it exports the same functions.
"""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path

ALLOWED = json.loads(Path(__file__).with_name("imports.json").read_text("utf-8"))
PYTHON = (3, 11)


@dataclass(frozen=True)
class Imports:
    """What stands in a file: its machine, what it asks for and offers, the oldest system it needs.

    version: the newest symbol version (ELF), the deployment target (Mach-O), else "".
    """

    machine: str
    libraries: set[str]
    symbols: set[str]
    exports: set[str]
    version: str


def read(path: Path) -> Imports:
    magic = path.read_bytes()[:4]
    if magic == b"\x7fELF":
        return read_elf(path)
    if magic == b"\xcf\xfa\xed\xfe":
        return read_macho(path)
    if magic[:2] == b"MZ":
        return read_pe(path)
    raise ValueError(f"{path} is neither ELF, nor 64-bit Mach-O, nor PE")


def read_elf(path: Path) -> Imports:
    from elftools.elf.elffile import ELFFile

    with path.open("rb") as file:
        elf = ELFFile(file)
        dynamic = elf.get_section_by_name(".dynamic")
        symbols = list(elf.get_section_by_name(".dynsym").iter_symbols())
        needed = elf.get_section_by_name(".gnu.version_r")
        versions = [
            version.name
            for _, auxiliaries in (needed.iter_versions() if needed else [])
            for version in auxiliaries
        ]
        return Imports(
            machine=elf["e_machine"],
            libraries={tag.needed for tag in dynamic.iter_tags("DT_NEEDED")},
            symbols={s.name for s in symbols if s["st_shndx"] == "SHN_UNDEF" and s.name},
            exports={s.name for s in symbols if s["st_shndx"] != "SHN_UNDEF"},
            version=max(versions, key=numbers, default=""),
        )


def read_macho(path: Path) -> Imports:
    from macholib import mach_o
    from macholib.MachO import MachO
    from macholib.SymbolTable import SymbolTable

    macho = MachO(str(path))
    (header,) = macho.headers
    table = SymbolTable(macho)
    libraries, version = set(), ""
    for load, command, data in header.commands:
        if load.cmd == mach_o.LC_LOAD_DYLIB:
            libraries.add(data.rstrip(b"\0").decode())
        elif load.cmd == mach_o.LC_BUILD_VERSION:
            version = f"{command.minos >> 16}.{command.minos >> 8 & 0xFF}"
    # C's names have an underscore in front.
    return Imports(
        machine=mach_o.CPU_TYPE_NAMES[header.header.cputype],
        libraries=libraries,
        symbols={name.decode().removeprefix("_") for _, name in table.undefsyms},
        exports={name.decode().removeprefix("_") for _, name in table.extdefsyms},
        version=version,
    )


def read_pe(path: Path) -> Imports:
    import pefile

    with pefile.PE(str(path)) as pe:
        assert not hasattr(pe, "DIRECTORY_ENTRY_DELAY_IMPORT")
        return Imports(
            machine=pefile.MACHINE_TYPE[pe.FILE_HEADER.Machine],
            libraries={entry.dll.decode() for entry in pe.DIRECTORY_ENTRY_IMPORT},
            symbols={
                symbol.name.decode()
                for entry in pe.DIRECTORY_ENTRY_IMPORT
                for symbol in entry.imports
            },
            exports={symbol.name.decode() for symbol in pe.DIRECTORY_ENTRY_EXPORT.symbols},
            version="",
        )


def numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version)]


def faults(path: Path, target: str) -> list[str]:
    """What in the extension at `path` is not as it should be for `target`; nothing, if all is."""
    allowed = ALLOWED[target.removesuffix("-t")]
    found = read(path)
    libraries = set(allowed["libraries"])
    if target.startswith("windows") and target.endswith("-t"):
        libraries = {"python3t.dll"}
    python = {name for name in found.symbols if re.match("_?Py", name)}
    result = []
    if found.machine != allowed["machine"]:
        result.append(f"is for {found.machine}, not for {allowed['machine']}")
    if other := found.libraries - libraries:
        result.append(f"needs {', '.join(sorted(other))}")
    if other := found.symbols - python - set(allowed["symbols"]):
        result.append(f"imports {', '.join(sorted(other))}")
    if other := {name for name in python if not is_stable(name)}:
        result.append(f"imports what Python 3.11 does not promise: {', '.join(sorted(other))}")
    if numbers(found.version) > numbers(allowed["version"]):
        result.append(f"needs {found.version}, newer than {allowed['version'] or 'nothing'}")
    if other := found.exports ^ set(allowed["exports"]):
        result.append(f"exports more or less than it should: {', '.join(sorted(other))}")
    return result


def is_stable(name: str) -> bool:
    """Whether a function or an object belongs to the stable ABI of 3.11."""
    import abi3info

    symbol = abi3info.Symbol(name)
    known = abi3info.FUNCTIONS.get(symbol) or abi3info.DATAS.get(symbol)
    return known is not None and known.added <= abi3info.models.PyVersion(*PYTHON)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    found = faults(Path(sys.argv[2]), sys.argv[1])
    sys.exit("\n".join(found) if found else None)
