"""picows_cpython.h: frames, transports and listeners for extensions written in C."""

from __future__ import annotations

import asyncio
import gc
import sysconfig
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from support import building, driven
from support.compressing import RSV1, compressing
from support.driven import sent

import picows
from picows import WSFrame, WSListener, WSTransport
from picows.testing import recorder as ours
from picows.testing import wire
from picows.testing.wire import Frame

pytestmark = [pytest.mark.slow, building.needs_headers]

SOURCE = Path(__file__).parent / "native" / "callbacks.c"
INCLUDE = f"-I{picows.get_include()}"
STRICT = ["-std=c99", "-Wall", "-Wextra", "-pedantic", "-Werror", "-isystem", str(building.HEADERS)]


@pytest.fixture(scope="module")
def native(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    path = tmp_path_factory.mktemp("c") / f"callbacks{building.SUFFIX}"
    building.compile_c(SOURCE, path, INCLUDE, *STRICT)
    return building.load(path)


@pytest.mark.parametrize(
    "flags",
    [["-x", "c++", "-std=c++11"], ["-std=c99", "-DPy_LIMITED_API=0x030B0000"]],
    ids=["C++", "Limited API"],
)
def test_the_header_is_clean(flags: list[str], tmp_path: Path) -> None:
    if "-DPy_LIMITED_API=0x030B0000" in flags and sysconfig.get_config_var("Py_GIL_DISABLED"):
        pytest.skip("a free-threaded CPython has no limited API")
    source = tmp_path / "includes.c"
    source.write_text(
        "#include <Python.h>\n#include <picows_cpython.h>\n#include <picows_cpython.h>\n"
        "int use(void);\nint use(void) {"
        " picows_py_callbacks callbacks = PICOWS_PY_CALLBACKS_INIT;"
        " return picows_py_import() != NULL && callbacks.size > 0; }\n"
    )
    warnings = ["-Wall", "-Wextra", "-pedantic", "-Werror", "-c", "-o", "out.o"]
    paths = [INCLUDE, "-isystem", str(building.HEADERS)]
    building.run(*building.CC.split(), *flags, *warnings, *paths, source, cwd=tmp_path)


@pytest.mark.parametrize("role", ["client", "server"])
def test_callbacks(native: ModuleType, role: str) -> None:
    seen: list[Any] = []
    frames = [
        Frame(wire.TEXT, b"hello"),
        Frame(wire.BINARY, bytes(300), fin=False, rsv=0b101),
        Frame(wire.PONG, b""),
    ]

    async def main() -> None:
        transport = await driven.open_as(role, native.listener(seen, ""))
        ws_transport = transport.protocol.transport
        name, fields = seen.pop(0)
        assert name == "on_ws_connected"
        assert fields[:4] == (transport, ws_transport.request, ws_transport.response, None)
        assert fields[4:] == (int(role == "client"), 0, 0, 0)
        before = time.monotonic()
        transport.feed_frames(*frames)
        assert all(before <= fields[-2] <= time.monotonic() for _, fields in seen)
        measuring = asyncio.create_task(ws_transport.measure_roundtrip_time(1))
        await asyncio.sleep(0)  # it begins
        assert sent(transport, role) == [Frame(wire.TEXT, b"ping?")]
        transport.feed_frames(Frame(wire.PONG), Frame(wire.TEXT))
        assert len(await measuring) == 1
        transport.protocol.pause_writing()
        transport.protocol.resume_writing()
        ws_transport.disconnect()
        await ws_transport.wait_disconnected()

    driven.run(main())
    key = wire.MASKING_KEY if role == "server" else None
    tail_size = sum(len(wire.encode(frame, key)) for frame in frames)
    for frame, saw in zip(frames, seen, strict=False):
        tail_size -= len(wire.encode(frame, key))
        size = len(frame.payload)
        rsv = [frame.rsv >> i & 1 for i in (2, 1, 0)]
        flags = (frame.fin, *rsv, int(tail_size == 0))
        assert saw == (
            "on_ws_frame",
            (frame.payload, size, tail_size, frame.opcode, *flags, saw[1][-2], 0),
        )
    assert [name for name, _ in seen[3:]] == [
        "send_user_specific_ping",
        "is_user_specific_pong",
        "on_ws_frame",
        "is_user_specific_pong",
        "pause_writing",
        "resume_writing",
        "on_ws_disconnected",
    ]
    assert seen[-1] == ("on_ws_disconnected", True)


@pytest.mark.parametrize("where", ["on_ws_connected", "on_ws_frame", "on_ws_disconnected"])
async def test_exceptions_go_the_way_of_python_ones(native: ModuleType, where: str) -> None:
    async with ours.serving(lambda request: ours.Recorder()) as port:
        url = ours.URL.format(port)
        transport, _ = await picows.ws_connect(lambda: native.listener([], where), url)
        transport.send_ping()
        if where == "on_ws_disconnected":
            transport.disconnect()
        with pytest.raises(LookupError, match=where):
            await transport.wait_disconnected()


async def test_a_failure_without_an_exception(native: ModuleType) -> None:
    async with ours.serving(lambda request: ours.Recorder()) as port:
        url = ours.URL.format(port)
        transport, _ = await picows.ws_connect(lambda: native.listener([], "silently"), url)
        with pytest.raises(SystemError, match="without setting an exception"):
            await transport.wait_disconnected()


def test_callbacks_that_were_not_given_have_the_defaults(
    native: ModuleType, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        transport = await driven.connect(native.default_listener(False))
        transport.feed_frames(Frame(wire.TEXT, b"hello"))
        measuring = asyncio.create_task(transport.protocol.transport.measure_roundtrip_time(1))
        await asyncio.sleep(0)  # it begins
        (ping,) = sent(transport)
        assert ping.opcode == wire.PING
        transport.feed_frames(Frame(wire.PONG, ping.payload))
        assert len(await measuring) == 1
        transport.protocol.pause_writing()
        assert "high-water mark" in caplog.text

    driven.run(main())


def test_a_callbacks_struct_of_another_size_is_refused(native: ModuleType) -> None:
    freed = native.count_freed()
    with pytest.raises(ValueError, match="PICOWS_PY_CALLBACKS_INIT"):
        native.default_listener(True)
    assert native.count_freed() == freed


def test_data_lives_as_long_as_the_listener(native: ModuleType) -> None:
    seen: list[Any] = []
    listener = native.listener(seen, "")
    assert isinstance(listener, WSListener)
    assert native.data_of(listener) is seen
    freed = native.count_freed()
    del listener
    assert native.count_freed() == freed + 1
    for other in (WSListener(), object()):
        with pytest.raises(TypeError, match="not a listener of this extension"):
            native.data_of(other)


def test_cycles_through_the_data_are_collected(native: ModuleType) -> None:
    gc.collect()
    freed = native.count_freed()
    seen: list[Any] = []
    seen.append(native.listener(seen, ""))
    del seen
    gc.collect()
    assert native.count_freed() == freed + 1


@pytest.mark.parametrize("role", ["client", "server"])
def test_sending(native: ModuleType, role: str) -> None:
    listener = ours.Recorder()

    async def main() -> None:
        transport = await driven.open_as(role, listener)
        native.send_everything(listener.transport)
        assert sent(transport, role) == [
            Frame(wire.TEXT, b"text"),
            Frame(wire.BINARY, fin=False),
            Frame(wire.CONTINUATION, b"rest", rsv=0b101),
            Frame(wire.BINARY, b"in place"),
            Frame(wire.TEXT, fin=False, rsv=0b010),
            Frame(wire.PING, b"ping"),
            Frame(wire.PONG),
            wire.close(1001, "bye"),
        ]
        with pytest.raises(RuntimeError, match="thread"):
            await asyncio.to_thread(native.send_everything, listener.transport)
        native.disconnect(listener.transport, True)
        await listener.until_disconnected()

    driven.run(main())


async def test_a_message_says_whether_it_is_compressed(native: ModuleType) -> None:
    """Without a flag the threshold decides."""
    compress, no_compress = 1, 2
    async with compressing("server") as pair:
        for flags, size, is_compressed in (
            (0, 63, False),
            (0, 64, True),
            (no_compress, 64, False),
            (compress, 1, True),
        ):
            native.send_flagged(pair.transport, bytes(size), flags)
            assert (await pair.peer.read_frame()).rsv == (RSV1 if is_compressed else 0)
        with pytest.raises(ValueError, match="flags must not have both"):
            native.send_flagged(pair.transport, b"", compress | no_compress)


@pytest.mark.parametrize("how", range(9))
def test_misuse_raises(native: ModuleType, how: int) -> None:
    listener = ours.Recorder()

    async def main() -> None:
        transport = await driven.connect(listener)
        with pytest.raises(ValueError, match=r"."):
            native.misuse(listener.transport, how)
        assert not transport.written

    driven.run(main())


def test_close_frames(native: ModuleType) -> None:
    found: list[Any] = []

    class Closes(ours.Recorder):
        def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
            try:
                found.append(native.frame_close(frame))
            except ValueError as error:
                found.append(str(error))

    async def main() -> None:
        frames = [Frame(wire.TEXT), wire.close(3001, "bye")]
        (await driven.connect(Closes())).feed_frames(*frames)
        (await driven.connect(Closes())).feed_frames(Frame(wire.CLOSE))
        (await driven.connect(Closes())).feed_frames(wire.close(1000))

    driven.run(main())
    assert "only a CLOSE frame" in found[0]
    assert found[1:] == [(3001, "bye"), (0, None), (1000, None)]
    with pytest.raises(TypeError):
        native.frame_close(b"")


OTHER = {
    "newer": ("size = 8", "version = 3", "compile the extension again"),
    "older": ("size = 8", "version = 2", "install a newer picows"),
}


@pytest.mark.parametrize("kind", [*OTHER, "Cython library"])
def test_a_picows_that_does_not_fit_is_refused(
    kind: str, native: ModuleType, tmp_path: Path
) -> None:
    """The extension meets another picows: a package of this name with another table, or none."""
    package = tmp_path / "picows"
    package.mkdir()
    (package / "__init__.py").touch()
    message = "has no C API"
    if kind in OTHER:
        size, version, message = OTHER[kind]
        (package / "__init__.py").write_text("from . import _native\n")
        (package / "_native.py").write_text(
            "import ctypes\n"
            "class Api(ctypes.Structure):\n"
            "    _fields_ = [('size', ctypes.c_size_t), ('version', ctypes.c_int)]\n"
            f"{size}; {version}\n"
            "api, name = Api(size, version), b'picows._native._C_API'\n"
            "new = ctypes.pythonapi.PyCapsule_New\n"
            "new.restype = ctypes.py_object\n"
            "_C_API = new(ctypes.byref(api), name, None)\n"
        )
    folder = Path(native.__file__ or "").parent
    script = (
        f"import sys; sys.path[:0] = [{str(tmp_path)!r}, {str(folder)!r}]\n"
        "try:\n    import callbacks\nexcept ImportError as error:\n    print(error)"
    )
    assert message in building.run(building.sys.executable, "-c", script, cwd=tmp_path)
