"""examples/fanout: its programs, each with two workers and a real broker."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import brokers
from support.brokers import Server
from support.workers import Client, Run, running

from picows.testing.wire import TEXT

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="run is for Linux")

FOLDER = Path(__file__).parents[1] / "examples/fanout"
BROKERS = {"nats": brokers.nats, "redis": brokers.redis}
PACKAGES = {"nats": "nats", "redis": "redis.asyncio"}


@pytest.fixture(params=BROKERS)
def kind(request: pytest.FixtureRequest) -> str:
    kind: str = request.param
    pytest.importorskip(PACKAGES[kind])
    return kind


@pytest.fixture
def broker(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    with BROKERS[kind](tmp_path) as server:
        monkeypatch.setenv(f"{kind.upper()}_URL", f"{kind}://127.0.0.1:{server.port}")
        yield server


async def enter(run: Run, room: str, count: int = 16) -> list[Client]:
    """Members of a room: so many that both workers have some, but for one time in 30,000."""
    place = run.place
    run.place += room
    clients = [await run.connect() for _ in range(count)]
    run.place = place
    for client in clients:
        assert client.frames[0].payload.decode() == f"you are in {room}"
    return clients


async def test_rooms_span_workers(kind: str, broker: Server) -> None:
    async with running(FOLDER, "--drain", "0", app="", target=f"{kind}_rooms:program") as run:
        tea = await enter(run, "tea")
        coffee = await enter(run, "coffee")
        for number in range(100):
            tea[0].transport.send(TEXT, f"{number}")
        coffee[0].transport.send(TEXT, "black")
        for member in tea:
            frames = await member.until_frames(101)
            assert [int(frame.payload) for frame in frames[1:]] == list(range(100))
        for member in coffee:
            assert (await member.until_frames(2))[1].payload == b"black"


async def test_a_broker_that_was_away_is_a_gap(kind: str, broker: Server) -> None:
    async with running(FOLDER, "--drain", "0", app="", target=f"{kind}_rooms:program") as run:
        before = await enter(run, "tea")
        broker.kill()
        broker.start()
        for member in before:
            await member.until_disconnected()
            assert member.close_code == 1012
        tea = await enter(run, "tea")
        tea[0].transport.send(TEXT, "hot")
        for member in tea:
            assert (await member.until_frames(2))[1].payload == b"hot"


@pytest.mark.slow
def test_types_are_right(root: Path) -> None:
    for package in PACKAGES.values():
        pytest.importorskip(package)
    files = sorted(map(str, FOLDER.glob("*.py")))
    # redis has functions without types.
    command = [sys.executable, "-m", "mypy", "--strict", "--allow-untyped-calls", *files]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    readme = (FOLDER / "README.md").read_text("utf-8")
    assert sorted(re.findall(r"^\| `(\w+)\.py` \|", readme, re.M)) == [Path(f).stem for f in files]
