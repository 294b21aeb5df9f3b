"""The kept corpus belongs to the fuzz targets, and the script that fuzzes sees what they find."""

import importlib.util
import re
import struct
from types import ModuleType

import pytest

TARGETS = [
    "close",
    "compression",
    "deflate",
    "handshake",
    "header",
    "http",
    "inflate",
    "negotiation",
    "parser",
    "session",
    "utf8",
]
FILES_MAX = 100
SIZE_MAX = 1024  # zig/core/testing/corpus_fuzz.zig


@pytest.fixture
def run_py(root) -> ModuleType:
    spec = importlib.util.spec_from_file_location("fuzz_run", root / "fuzz/run.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_target_has_a_corpus_and_every_corpus_a_target(root, run_py):
    sources = "".join(path.read_text("utf-8") for path in (root / "zig/core").rglob("*_fuzz.zig"))
    assert sorted(re.findall(r'corpus\.run\("(\w+)"', sources)) == TARGETS
    assert sorted(path.name for path in (root / "fuzz/corpus").iterdir()) == TARGETS
    assert sorted(run_py.FOLDERS.values()) == TARGETS


@pytest.mark.parametrize("target", TARGETS)
def test_the_corpus_is_small_and_names_rules(target, root):
    files = list((root / "fuzz/corpus" / target).iterdir())
    assert 10 < len(files) <= FILES_MAX
    assert all(path.stat().st_size <= SIZE_MAX for path in files)
    contents = {path.read_bytes() for path in files}
    assert len(contents) == len(files), "two files are the same input"
    named = [path for path in files if not path.name.startswith("fuzz-")]
    assert len(named) > len(files) / 3


def test_a_finding_is_seen_although_zig_exits_0(run_py, monkeypatch, tmp_path):
    def prints(output):
        run = [run_py.sys.executable, "-c", f"print({output!r})"]
        monkeypatch.setattr(run_py, "BUILD", run)
        return run_py.fuzz_round("1", 0)

    monkeypatch.setattr(run_py, "CRASH", tmp_path / "crash")
    assert prints("") is None
    assert prints("test 'fuzz: utf8' exited with code 1; input saved to 'f/crash'")
    assert prints("thread 1 panic: index out of bounds")


def test_what_a_target_saw_is_cut_out_of_what_the_fuzzer_saved(run_py):
    assert run_py.payload(struct.pack("<I", 3) + b"abc") == b"abc"
    assert run_py.payload(struct.pack("<I", 2) + b"abc") == b"ab"
    assert run_py.payload(b"") == b""
