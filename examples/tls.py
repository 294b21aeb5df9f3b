"""A server and a client that talk TLS, with an authority of their own.

    pip install trustme && python -m trustme
    python examples/tls.py

The first line makes server.pem, server.key and client.pem (the authority's certificate) in the
current folder. It prints:

    TLSv1.3
    hello
"""

import asyncio
import ssl

from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect, ws_create_server


class Greeter(WSListener):
    def on_ws_connected(self, transport: WSTransport) -> None:
        transport.send(WSMsgType.TEXT, "hello")


class Client(WSListener):
    def on_ws_connected(self, transport: WSTransport) -> None:
        print(transport.underlying_transport.get_extra_info("ssl_object").version())

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        print(frame.get_payload_as_utf8_text())
        transport.disconnect()


async def main() -> None:
    server_context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server_context.load_cert_chain("server.pem", "server.key")
    server = await ws_create_server(lambda request: Greeter(), "127.0.0.1", 0, ssl=server_context)
    port = server.sockets[0].getsockname()[1]

    # Without this context the authorities of the system are asked, as for public servers.
    client_context = ssl.create_default_context(cafile="client.pem")
    transport, _ = await ws_connect(Client, f"wss://localhost:{port}/", ssl_context=client_context)
    await transport.wait_disconnected()
    server.close()


asyncio.run(main())
