"""Prints what a C compiler needs to build a program with this CPython inside."""

import sys
import sysconfig
from pathlib import Path


def flags() -> list[str]:
    config = sysconfig.get_config_vars()
    include = Path(sysconfig.get_path("include"))
    if not (include / "Python.h").is_file():
        raise SystemExit(f"no Python.h in {include}: install the development files of this Python")
    name = f"python{sysconfig.get_config_var('LDVERSION')}"
    common = [f"-I{include}", "-ldl", "-lm", "-lpthread"]
    for folder in map(Path, (config["LIBDIR"], config["LIBPL"])):
        if list(folder.glob(f"lib{name}.so*")) or (folder / f"lib{name}.dylib").is_file():
            return [*common, f"-L{folder}", f"-l{name}", f"-Wl,-rpath,{folder}"]
        if (folder / f"lib{name}.a").is_file():
            libraries = f"{config['LIBS']} {config['SYSLIBS']} {config['LINKFORSHARED']}".split()
            # What the modules inside the archive were linked with.
            libraries += ["-lz", "-lexpat"] if sys.platform == "linux" else []
            return [*common, "-no-pie", str(folder / f"lib{name}.a"), *libraries]
    raise SystemExit(f"no lib{name} in {config['LIBDIR']}: this Python cannot be embedded")


if __name__ == "__main__":
    print(*flags())
