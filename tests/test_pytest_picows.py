"""The fixtures for pytest, in a pytest of their own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

PLUGINS = ["-p", "pytest_picows", "-p", "no:cacheprovider"]

TESTS = """
import pytest
from picows import WSListener, WSMsgType, ws_connect, ws_create_server
from picows.testing import Frame, Recorder, wire

@pytest.mark.asyncio
async def test_network(picows_network):
    await ws_create_server(lambda request: Recorder(), "feed.example", 80)
    transport, listener = await ws_connect(WSListener, "ws://feed.example/")
    assert picows_network.transports
    transport.disconnect()

@pytest.mark.asyncio
async def test_pair(picows_pair):
    (client, _), (_, listener) = picows_pair
    client.send(WSMsgType.TEXT, "hi")
    assert await listener.until_frames(1) == [Frame(wire.TEXT, b"hi")]

@pytest.mark.asyncio
async def test_raw_server(picows_network, picows_raw_server):
    assert picows_raw_server.port == 50_000
"""

LAZY = """
import sys

assert "pytest_picows" in sys.modules
assert "picows" not in sys.modules  # until somebody asks for it
"""


@pytest.fixture(autouse=True)
def _path(root: Path, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """The fresh processes find the checkout, installed or not."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(root), str(pytester.path)]))


def test_fixtures(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(LAZY)
    pytester.makepyfile(TESTS)
    result = pytester.runpytest_subprocess(*PLUGINS)
    result.assert_outcomes(passed=3)


def test_without_pytest_asyncio_it_is_said_what_is_missing(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytester.makepyfile(hiding="import sys\nsys.modules['pytest_asyncio'] = None\n")
    pytester.makepyfile("def test_it(picows_pair):\n    pass\n")
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    result = pytester.runpytest_subprocess("-p", "hiding", "-rs", *PLUGINS)
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["*pip install pytest-asyncio*"])
