"""A coroutine for each message. On Python 3.12 and newer it starts at once, and a task that never
waits costs no turn of the event loop; on 3.11 it starts in the next turn.

    python examples/eager_tasks.py

It prints:

    known: answer to known
    new: answer to new
"""

import asyncio
import sys

from picows import (
    WSCloseCode,
    WSFrame,
    WSListener,
    WSMsgType,
    WSTransport,
    ws_connect,
    ws_create_server,
)

answers = {"known": "answer to known"}


async def find(question: str) -> str:
    if question not in answers:
        await asyncio.sleep(0.01)  # asks a database
        answers[question] = f"answer to {question}"
    return answers[question]


class Questions(WSListener):
    def __init__(self) -> None:
        self.tasks: set[asyncio.Task[None]] = set()

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.transport = transport

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.TEXT:
            # Text, not the frame: a task that lives on would keep the memory it was received into.
            task = asyncio.create_task(self.answer(frame.get_payload_as_utf8_text()))
            self.tasks.add(task)  # the event loop itself keeps no strong reference
            task.add_done_callback(self.answered)
        elif frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code(), frame.get_close_message())
            transport.disconnect()

    async def answer(self, question: str) -> None:
        self.transport.send(WSMsgType.TEXT, f"{question}: {await find(question)}")

    def answered(self, task: asyncio.Task[None]) -> None:
        self.tasks.discard(task)
        if not task.cancelled() and task.exception():
            self.transport.send_close(WSCloseCode.INTERNAL_ERROR)
            self.transport.disconnect()
            task.result()  # raises: the event loop logs it

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        for task in self.tasks:
            task.cancel()


class Client(WSListener):
    def on_ws_connected(self, transport: WSTransport) -> None:
        transport.send(WSMsgType.TEXT, "new")
        transport.send(WSMsgType.TEXT, "known")

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        answer = frame.get_payload_as_utf8_text()
        print(answer)
        if answer.startswith("new"):
            transport.disconnect()


async def main() -> None:
    if sys.version_info >= (3, 12):
        asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
    server = await ws_create_server(lambda request: Questions(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    transport, _ = await ws_connect(Client, f"ws://127.0.0.1:{port}/")
    await transport.wait_disconnected()
    server.close()


asyncio.run(main())
