"""permessage-deflate (RFC 7692): what is agreed on, and frames that arrive plain."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest
from support import stacks
from support.behind import read_behind
from support.compressing import (
    EXTENSIONS,
    HELLO,
    RSV1,
    Deflater,
    answered,
    asked,
    compressing,
)
from support.stacks import Stack

from picows import (
    WSInvalidHeaderError,
    WSListener,
    WSMsgType,
    WSPermessageDeflate,
    WSUpgradeResponse,
    WSUpgradeResponseWithListener,
    ws_connect,
)
from picows.testing import wire
from picows.testing.peers import raw_server
from picows.testing.recorder import URL, Recorder, paired, serving
from picows.testing.wire import Frame

OFFER = "permessage-deflate; client_max_window_bits"
TEXT, BINARY = WSMsgType.TEXT, WSMsgType.BINARY
ROLES = pytest.mark.parametrize("role", ["client", "server"])

# What is agreed on.


@pytest.mark.parametrize(
    ("options", "offer"),
    [
        (True, OFFER),
        (WSPermessageDeflate(), OFFER),
        (
            WSPermessageDeflate(client_max_window_bits=9),
            "permessage-deflate; client_max_window_bits=9",
        ),
        (
            WSPermessageDeflate(
                server_max_window_bits=10,
                client_no_context_takeover=True,
                server_no_context_takeover=True,
            ),
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover; "
            "server_max_window_bits=10; client_max_window_bits",
        ),
    ],
)
async def test_what_a_client_offers(options: Any, offer: str) -> None:
    extra = [(EXTENSIONS, "x-other")]
    async with raw_server() as server:
        connecting = asyncio.ensure_future(
            ws_connect(
                Recorder, URL.format(server.port), permessage_deflate=options, extra_headers=extra
            )
        )
        peer = await server.accept()
        head = await peer.reader.readuntil(b"\r\n\r\n")
        assert f"{EXTENSIONS}: {offer}\r\n".encode() in head
        assert f"{EXTENSIONS}: x-other\r\n".encode() in head
        connecting.cancel()


@pytest.mark.parametrize("value", [False, None])
async def test_nothing_is_offered_or_answered_where_it_is_off(value: Any) -> None:
    async with answered("", permessage_deflate=value) as (_, headers):
        assert "sec-websocket-extensions" not in headers
    async with serving(lambda _: Recorder(), permessage_deflate=value) as port:
        peer, headers = await asked(port, OFFER)
        assert "sec-websocket-extensions" not in headers
        await peer.close()


@pytest.mark.parametrize(
    ("options", "offer", "answer"),
    [
        (True, OFFER, "permessage-deflate; server_max_window_bits=12; client_max_window_bits=12"),
        (True, "permessage-deflate", "permessage-deflate; server_max_window_bits=12"),
        (
            WSPermessageDeflate(server_max_window_bits=15, client_max_window_bits=15),
            OFFER,
            "permessage-deflate",
        ),
        (
            WSPermessageDeflate(server_max_window_bits=15, client_no_context_takeover=True),
            "permessage-deflate; server_max_window_bits=9; server_no_context_takeover",
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover; "
            "server_max_window_bits=9",
        ),
        (True, "permessage-deflate; unknown, x-other", None),
        (True, "x-webkit-deflate-frame", None),
    ],
)
async def test_what_a_server_answers(options: Any, offer: str, answer: str | None) -> None:
    async with serving(lambda _: Recorder(), permessage_deflate=options) as port:
        peer, headers = await asked(port, offer)
        assert headers.get("sec-websocket-extensions") == answer
        await peer.close()


@pytest.mark.parametrize("with_own", [False, True])
async def test_a_response_of_the_factory(with_own: bool) -> None:
    """An extension in it is the factory's own business; otherwise the answer is added to it."""
    own = [(EXTENSIONS, "permessage-deflate")] if with_own else []
    listener = Recorder()

    def factory(request: Any) -> Any:
        response = WSUpgradeResponse.create_101_response([*own, ("X-A", "1")])
        return WSUpgradeResponseWithListener(response, listener)

    async with serving(factory, permessage_deflate=True) as port:
        peer, headers = await asked(port, "permessage-deflate")
        assert headers["x-a"] == "1"
        assert headers["sec-websocket-extensions"].startswith("permessage-deflate")
        assert (
            listener.transport.response.headers[EXTENSIONS] == headers["sec-websocket-extensions"]
        )
        peer.send(Frame(wire.TEXT, HELLO, rsv=RSV1))
        (frame,) = await listener.until_frames(1)
        expected = Frame(wire.TEXT, HELLO, rsv=RSV1) if with_own else Frame(wire.TEXT, b"Hello")
        assert frame == expected
        await peer.close()


@pytest.mark.parametrize(
    "answer",
    [
        "permessage-deflate, permessage-deflate",
        "permessage-deflate; unknown",
        "permessage-deflate; server_max_window_bits=7",
        "permessage-deflate; server_max_window_bits=12; server_max_window_bits=12",
        "permessage-deflate; client_max_window_bits",
        "permessage-deflate; server_max_window_bits=11",
        "permessage-deflate; client_max_window_bits=10",
    ],
)
async def test_a_client_refuses_an_answer_that_it_cannot_keep(answer: str) -> None:
    options = WSPermessageDeflate(client_max_window_bits=9, server_max_window_bits=10)
    with pytest.raises(WSInvalidHeaderError) as caught:
        async with answered(answer, permessage_deflate=options):
            pass
    assert caught.value.name == EXTENSIONS
    assert "the answer" in str(caught.value)


async def test_an_offer_by_hand_beside_ours_is_refused() -> None:
    with pytest.raises(ValueError, match="extra_headers must not offer"):
        await ws_connect(
            Recorder,
            "ws://127.0.0.1:9/",
            permessage_deflate=True,
            extra_headers=[(EXTENSIONS, "permessage-deflate")],
        )


@pytest.mark.parametrize(
    ("option", "value", "error"),
    [
        ("server_max_window_bits", 7, ValueError),
        ("server_max_window_bits", 16, ValueError),
        ("client_max_window_bits", "12", TypeError),
        ("server_no_context_takeover", 1, TypeError),
        ("client_no_context_takeover", None, TypeError),
        ("level", 0, ValueError),
        ("level", 10, ValueError),
        ("threshold", -1, ValueError),
        ("threshold", 1 << 64, ValueError),
        ("max_message_size", -1, ValueError),
        ("max_message_size", 1.5, TypeError),
    ],
)
def test_options_out_of_range(option: str, value: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match=f"{option} must be"):
        WSPermessageDeflate(**{option: value})


async def test_the_argument_is_a_bool_or_options() -> None:
    with pytest.raises(TypeError, match="permessage_deflate must be"):
        await ws_connect(Recorder, "ws://127.0.0.1:9/", permessage_deflate=15)  # type: ignore[arg-type]


# Frames that arrive.


@ROLES
async def test_frames_arrive_plain(role: str) -> None:
    peers = Deflater()
    async with compressing(role) as pair:
        first, second = peers.message(b"a message"), peers.message(b"a message")
        assert len(second) < len(first)
        pair.peer.send(
            Frame(wire.TEXT, first, rsv=RSV1),
            Frame(wire.PING, b"?"),
            Frame(wire.BINARY, b"not compressed"),
            Frame(wire.BINARY, second[:2], fin=False, rsv=RSV1),
            Frame(wire.CONTINUATION, b"", fin=False),
            Frame(wire.CONTINUATION, second[2:]),
            Frame(wire.TEXT, b"", rsv=RSV1),
        )
        frames = await pair.listener.until_frames(6)
    assert all(frame.rsv == 0 for frame in frames)
    assert [frame.opcode for frame in frames] == [1, 2, 2, 0, 0, 1]
    assert [frame.fin for frame in frames] == [True, True, False, False, True, True]
    assert frames[0].payload == b"a message"
    assert frames[1].payload == b"not compressed"
    assert b"".join(frame.payload for frame in frames[2:5]) == b"a message"
    assert frames[5].payload == b""


@ROLES
async def test_rsv1_is_the_listeners_where_compression_is_off(role: str) -> None:
    async with paired(role) as pair:
        pair.peer.send(Frame(wire.TEXT, HELLO, rsv=RSV1))
        assert await pair.listener.until_frames(1) == [Frame(wire.TEXT, HELLO, rsv=RSV1)]
        pair.transport.send(TEXT, HELLO, rsv1=True)
        await pair.peer.expect(Frame(wire.TEXT, HELLO, rsv=RSV1))
        pair.transport.send(BINARY, bytes(1000), compress=True)
        await pair.peer.expect(Frame(wire.BINARY, bytes(1000)))


@pytest.mark.parametrize("stack", stacks.STACKS, ids=str)
def test_messages_of_all_sizes_there_and_back(stack: Stack) -> None:
    rng = random.Random(7692)
    sizes = [0, 1, 63, 64, 65, 1000, 20_000, 65_536, 300_000, 1_000_000]
    text = b"".join(b"%d,%d;" % (i, rng.randrange(50)) for i in range(200_000))

    class Echo(WSListener):
        def on_ws_frame(self, transport: Any, frame: Any) -> None:
            transport.send(frame.msg_type, frame.get_payload_as_memoryview(), frame.fin)

    async def main() -> None:
        options: dict[str, Any] = {"permessage_deflate": True}
        async with serving(lambda _: Echo(), **stack.server_options, **options) as port:
            transport, listener = await ws_connect(
                Recorder, stack.url(port), **stack.client_options, **options
            )
            for count, size in enumerate(sizes * 2):
                start = rng.randrange(100)
                transport.send(BINARY, text[start : start + size])
                frames = await listener.until_frames(count + 1)
                assert frames[-1].payload == text[start : start + size]
            transport.disconnect()

    stacks.run(stack.loop, main())


@ROLES
async def test_text_is_checked_when_it_is_plain_if_strict(role: str) -> None:
    for strict in (True, False):
        async with compressing(role, strict=strict) as pair:
            pair.peer.send(Frame(wire.TEXT, Deflater().message(b"\xff"), rsv=RSV1))
            if strict:
                assert (await pair.peer.read_rest())[-1] == wire.close(
                    1007, "TEXT message is not UTF-8"
                )
            else:
                assert (await pair.listener.until_frames(1))[0].payload == b"\xff"


@pytest.mark.parametrize(
    ("frames", "code", "reason"),
    [
        ([Frame(1, b"\x06", rsv=RSV1)], 1002, "compressed message cannot be inflated"),
        ([Frame(1, HELLO[:4], rsv=RSV1)], 1002, "compressed message ends inside a block"),
        (
            [Frame(1, HELLO[:4], fin=False, rsv=RSV1), Frame(0, HELLO[4:], rsv=RSV1)],
            1002,
            "reserved bits",
        ),
        ([Frame(wire.PING, b"", rsv=RSV1)], 1002, "reserved bits"),
        ([Frame(1, b"a", rsv=2)], 1002, "reserved bits"),
        ([Frame(0, b"a")], 1002, "CONTINUATION frame without"),
        ([Frame(1, HELLO, fin=False, rsv=RSV1), Frame(1, b"a")], 1002, "new message before"),
        ([Frame(1, Deflater().message(bytes(1001)), rsv=RSV1)], 1009, "message is larger"),
        ([Frame(1, bytes(1001))], 1009, "message is larger"),
        ([Frame(1, bytes(2100), rsv=RSV1)], 1009, "message is larger"),
    ],
)
@ROLES
async def test_what_a_peer_must_not_send(
    role: str, frames: list[Frame], code: int, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    """One CLOSE, one exception, one log line; what came before is delivered, and nothing after."""
    deflate = WSPermessageDeflate(max_message_size=1000)
    async with compressing(role, deflate=deflate) as pair:
        pair.peer.send(Frame(2, b"before"), *frames, Frame(2, b"after"))
        *_, last = await pair.peer.read_rest()
        assert last.opcode == wire.CLOSE
        assert int.from_bytes(last.payload[:2], "big") == code
        assert last.payload[2:].decode().startswith(reason)
        await pair.listener.until_disconnected()
        payloads = [frame.payload for frame in pair.listener.frames]
        assert payloads[0] == b"before"
        assert b"after" not in payloads
    assert sum("the peer broke the protocol" in line for line in caplog.messages) == 1


@ROLES
async def test_exactly_the_limit_is_fine(role: str) -> None:
    for options, size in ((WSPermessageDeflate(max_message_size=1000), 1000), (True, 5000)):
        peers = Deflater()
        async with compressing(role, deflate=options, max_frame_size=5000) as pair:
            pair.peer.send(Frame(2, peers.message(bytes(size)), rsv=RSV1), Frame(2, bytes(size)))
            frames = await pair.listener.until_frames(2)
            assert [frame.payload for frame in frames] == [bytes(size)] * 2
            pair.peer.send(Frame(2, peers.message(bytes(size + 1)), rsv=RSV1))
            assert (await pair.peer.read_rest())[-1].payload[:2] == (1009).to_bytes(2, "big")


@ROLES
async def test_fragments_have_a_limit(role: str) -> None:
    async with compressing(role) as pair:
        many = [Frame(wire.CONTINUATION, fin=False)] * (16 * 1024)
        pair.peer.send(Frame(wire.TEXT, b"", fin=False, rsv=RSV1), *many)
        last = (await pair.peer.read_rest())[-1]
        assert last == wire.close(1009, "message has more fragments than the limit")


@ROLES
async def test_frames_and_views_that_are_kept_stay_as_they_are(role: str) -> None:
    kept: list[Any] = []
    rng = random.Random(1)
    messages = [rng.randbytes(rng.choice([0, 1, 100, 3000, 40_000])) for _ in range(60)]

    class Keeper(Recorder):
        def on_ws_frame(self, transport: Any, frame: Any) -> None:
            if len(kept) % 3 < 2:
                kept.append(frame if len(kept) % 3 else frame.get_payload_as_memoryview())
            else:
                kept.append(frame.get_payload_as_bytes())
            assert len(read_behind(frame)) == 64
            self._note("frame")

    peers = Deflater()
    async with compressing(role, listener_class=Keeper) as pair:
        for message in messages:
            pair.peer.send(Frame(2, peers.message(message), rsv=RSV1))
        await pair.listener.until(lambda: len(kept) == len(messages))
    for frame, message in zip(kept, messages, strict=True):
        data = frame.get_payload_as_bytes() if hasattr(frame, "payload_size") else bytes(frame)
        assert data == message
