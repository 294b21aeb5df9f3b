"""The demo: its table, and that it notices every way in which an echo can be wrong."""

from __future__ import annotations

import argparse
import asyncio
import shutil
import ssl
import sys

import pytest

from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect, ws_create_server
from picows.cli import demo

SHORT = demo.Limit(messages=3)
SIZES = (32, 70_000)


class SilentListener(WSListener):
    """Receives and says nothing."""

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        pass


class LeavingListener(WSListener):
    """Goes away instead of answering."""

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        transport.disconnect(graceful=False)


class FlippingListener(WSListener):
    """Sends every message back with its last bit changed."""

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        payload = bytearray(frame.get_payload_as_bytes())
        if payload:
            payload[-1] ^= 1
        transport.send(WSMsgType.BINARY, payload)


class ShorteningListener(WSListener):
    """Loses the last byte."""

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        transport.send(WSMsgType.BINARY, frame.get_payload_as_bytes()[:-1])


class TextListener(WSListener):
    """Answers with the right length but another type of message."""

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        transport.send(WSMsgType.TEXT, b"x" * frame.payload_size)


class StaleListener(WSListener):
    """Answers each message with the first one."""

    def __init__(self) -> None:
        super().__init__()
        self._first: bytes | None = None

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        self._first = self._first or frame.get_payload_as_bytes()
        transport.send(WSMsgType.BINARY, self._first)


def table(output: str) -> list[list[str]]:
    """The lines of the table below its heading, as words."""
    return [line.split() for line in output.splitlines() if line.startswith(("TCP", "TLS"))]


async def test_run_prints_a_line_for_each_size_over_tcp_and_tls(
    capsys: pytest.CaptureFixture[str],
) -> None:
    await demo.run(limit=SHORT, sizes=(32, 256, 8192, 100 * 1024, 1024 * 1024))
    output = capsys.readouterr().out
    lines = table(output)
    sizes = ["32 B", "256 B", "8 KiB", "100 KiB", "1 MiB"]
    assert [" ".join(line[:3]) for line in lines] == [
        f"{transport} {size}" for transport in ("TCP", "TLS") for size in sizes
    ]
    for line in lines:
        p50, p99, rate = (float(word.replace(",", "")) for word in line[3:])
        assert 0 < p50 <= p99
        assert rate > 0
    assert output.endswith("30 echoes, all of them right\n")
    assert len({len(line) for line in output.splitlines() if line.startswith(("TCP", "TLS"))}) == 1


async def test_seconds_end_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    async with asyncio.timeout(30):
        await demo.run(limit=demo.Limit(seconds=0.05), sizes=(32,))
    assert len(table(capsys.readouterr().out)) == 2


@pytest.mark.parametrize(
    ("listener", "reason"),
    [
        (FlippingListener, "differs"),
        (ShorteningListener, "differs"),
        (StaleListener, "differs"),
        (TextListener, "expected an echo"),
        (LeavingListener, "lost"),
        (SilentListener, "no echo"),
    ],
)
async def test_a_wrong_echo_is_found(
    listener: type[WSListener], reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "EchoListener", listener)
    monkeypatch.setattr(demo, "STALL_SECONDS", 0.2)
    with pytest.raises(demo.DemoError, match=reason):
        await demo.run(limit=SHORT, sizes=(32,))


def test_main_fails_after_a_wrong_echo(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(demo, "EchoListener", FlippingListener)
    arguments = argparse.Namespace(loop="asyncio", seconds=0.1, messages=2)
    assert demo.main(arguments) == 1
    assert "differs" in capsys.readouterr().err


def test_main_on_uvloop(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("uvloop")
    arguments = argparse.Namespace(loop="uvloop", seconds=0.1, messages=2)
    assert demo.main(arguments) == 0
    assert "uvloop" in capsys.readouterr().out


# Certificates


async def connect_with(contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    server_context, client_context = contexts
    async with await ws_create_server(
        lambda request: demo.EchoListener(), "127.0.0.1", 0, ssl=server_context
    ) as server:
        port = server.sockets[0].getsockname()[1]
        transport, _ = await ws_connect(
            WSListener, f"wss://127.0.0.1:{port}/", ssl_context=client_context
        )
        assert transport.is_secure
        transport.disconnect()
        await transport.wait_disconnected()


async def test_certificate_from_trustme() -> None:
    pytest.importorskip("trustme")
    contexts = demo.make_tls_contexts()
    assert contexts is not None
    await connect_with(contexts)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="there is no openssl program")
async def test_certificate_from_openssl(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "trustme", None)
    contexts = demo.make_tls_contexts()
    assert contexts is not None
    await connect_with(contexts)


async def test_the_client_trusts_no_other_certificate() -> None:
    pytest.importorskip("trustme")
    first, second = demo.make_tls_contexts(), demo.make_tls_contexts()
    assert first is not None
    assert second is not None
    with pytest.raises(ssl.SSLCertVerificationError):
        await connect_with((first[0], second[1]))


async def test_without_any_way_to_make_a_certificate_tls_is_skipped_and_said_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "trustme", None)
    monkeypatch.setenv("PATH", "")
    await demo.run(limit=SHORT, sizes=SIZES)
    output = capsys.readouterr().out
    assert "TLS       skipped" in output
    assert "6 echoes" in output


# Arithmetic


def test_percentiles_and_rate() -> None:
    measurement = demo.Measurement([n / 1e6 for n in range(101)], elapsed=2.0)
    assert measurement.percentiles() == pytest.approx((50.0, 99.0))
    assert measurement.rate() == pytest.approx(50.5)


def test_percentiles_of_the_fewest_messages_allowed() -> None:
    p50, p99 = demo.Measurement([1e-6, 3e-6], elapsed=1.0).percentiles()
    assert p50 == pytest.approx(2.0)
    assert 2.0 < p99 <= 3.0


@pytest.mark.parametrize(
    ("limit", "messages", "seconds", "is_reached"),
    [
        (demo.Limit(messages=5), 4, 99.0, False),
        (demo.Limit(messages=5), 5, 0.0, True),
        (demo.Limit(seconds=1.0), 1000, 0.9, False),
        (demo.Limit(seconds=1.0), 2, 1.0, True),
        (demo.Limit(seconds=1.0), 1, 5.0, False),  # one message has no percentiles
    ],
)
def test_limit(limit: demo.Limit, messages: int, seconds: float, is_reached: bool) -> None:
    assert limit.is_reached(messages, seconds) is is_reached
