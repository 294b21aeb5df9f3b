"""Lists what a release of picows consists of, as a CycloneDX SBOM.

    python wheels/sbom.py [--dist dist] [--out build/picows.cdx.json]

Needs the extra `release` (pip install -e '.[release]') and the files that wheels/run.py made. It
installs the wheel for this machine in an environment of its own, and lists what is there: picows,
the packages that it depends on, and Zig, whose standard library is compiled into the extension.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import tomllib
import venv
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


def install(dist: Path, folder: Path) -> Path:
    """Return the Python of a new environment with the wheel and what it asks for, without pip."""
    venv.create(folder)
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    pip = [sys.executable, "-m", "pip", "--python", str(python), "-q", "install"]
    subprocess.run([*pip, "--no-index", "--no-deps", "-f", str(dist), "picows"], check=True)
    depends_on = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    subprocess.run([*pip, *depends_on["dependencies"]], check=True)
    return python


def listed(python: Path) -> dict[str, Any]:
    """What cyclonedx-py finds in an environment, and what it cannot see."""
    command = [sys.executable, "-m", "cyclonedx_py", "environment", "--output-reproducible"]
    command += ["--pyproject", str(ROOT / "pyproject.toml"), "--mc-type", "library", str(python)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    bom: dict[str, Any] = json.loads(done.stdout)
    code = "from importlib.metadata import version; print(version('picows'))"
    asked = subprocess.run([python, "-c", code], stdout=subprocess.PIPE, text=True, check=True)
    version = asked.stdout.strip()
    picows = bom["metadata"]["component"]
    picows |= {"version": version, "purl": f"pkg:pypi/picows@{version}"}
    bom["components"].append(zig())
    (dependencies,) = (d for d in bom["dependencies"] if d["ref"] == picows["bom-ref"])
    dependencies["dependsOn"].append(zig()["bom-ref"])
    bom["dependencies"].append({"ref": zig()["bom-ref"]})
    return bom


def zig() -> dict[str, Any]:
    """Zig as a component: its standard library is a part of every extension."""
    build = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["build-system"]
    (requirement,) = (line for line in build["requires"] if line.startswith("ziglang=="))
    version = requirement.partition("==")[2]
    return {
        "bom-ref": requirement,
        "type": "library",
        "name": "ziglang",
        "version": version,
        "description": "Zig's standard library, compiled into the extension",
        "licenses": [{"license": {"id": "MIT"}}],
        "purl": f"pkg:pypi/ziglang@{version}",
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--dist", type=Path, default=ROOT / "dist", help="folder with the wheels")
    out = ROOT / "build/picows.cdx.json"
    parser.add_argument("--out", type=Path, default=out, help="file for the result")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        bom = listed(install(args.dist.resolve(), Path(folder)))
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(bom, indent=2) + "\n", "utf-8")
    names = [f"{part['name']} {part.get('version', '')}" for part in bom["components"]]
    print(f"{args.out}: {', '.join(sorted(names))}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
