"""The examples in examples/native: each is built in a copy of its folder and answers a client."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from pathlib import Path

import pytest
from support import building

from picows.testing import wire
from picows.testing.peers import open_upgraded
from picows.testing.wire import Frame

pytestmark = pytest.mark.slow

BUILD = {
    "cython_echo": ["setup.py", "-q", "build_ext", "--inplace"],
    "c_extension": ["setup.py", "-q", "build_ext", "--inplace"],
    "zig_extension": ["build.py"],
}


@pytest.fixture(scope="module", params=[
    pytest.param(name, marks=[] if name == "zig_extension" else building.needs_headers)
    for name in BUILD
])  # fmt: skip
def folder(
    request: pytest.FixtureRequest, root: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    name = request.param
    if name == "cython_echo":
        pytest.importorskip("Cython")
    copy = tmp_path_factory.mktemp("native") / name
    shutil.copytree(root / "examples/native" / name, copy)
    shutil.copy(root / "examples/native/serve.py", copy.parent)
    # -O0: the compiler's time is the test's.
    environment = {"CC": building.CC, "LDSHARED": f"{building.CC} -shared", "CFLAGS": "-O0"}
    environment["PYTHONPATH"] = str(root)
    building.run(sys.executable, *BUILD[name], cwd=copy, **environment)
    return copy


async def test_echo(folder: Path, root: Path) -> None:
    frames = [
        Frame(wire.TEXT, b"hello"),
        Frame(wire.BINARY, bytes(range(256)) * 200, fin=False),
        Frame(wire.CONTINUATION, b""),
        Frame(wire.BINARY, bytes(100_000)),
        wire.close(3001, "bye"),
    ]
    server = await asyncio.create_subprocess_exec(
        sys.executable,
        # A build without a GIL warns when a module turns it on.
        *("-W", "error::RuntimeWarning"),
        "../serve.py",
        "0",
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(root)},
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert server.stdout
        url = (await server.stdout.readline()).decode().strip()
        peer = await open_upgraded(int(url.removesuffix("/").rpartition(":")[2]))
        peer.send(*frames)
        assert await peer.read_rest() == frames
        await peer.close()
    finally:
        server.terminate()
        await server.wait()
