"""Compiles native_echo.zig into an extension module beside it. No C compiler, no Python.h."""

import subprocess
import sys
import sysconfig

output = "native_echo" + sysconfig.get_config_var("EXT_SUFFIX")
command = [sys.executable, "-m", "ziglang", "build-lib", "-dynamic", "-lc", "-O", "ReleaseSafe"]
command += ["-fstrip", "-fallow-shlib-undefined", f"-femit-bin={output}"]
# Builds of CPython without a GIL have a longer object header.
is_free_threaded = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
options = f"pub const is_free_threaded = {str(is_free_threaded).lower()};\n"
with open("options.zig", "w") as file:
    file.write(options)
sys.exit(subprocess.call([*command, "native_echo.zig"]))
