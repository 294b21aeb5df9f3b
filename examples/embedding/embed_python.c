/* A program with CPython inside and picows built in: an asyncio echo, server and client, in one process.
 *
 *     embed_python [MESSAGES]
 *
 * The compiled half of picows is libpicows_native.a, entered into the list of modules that need no file.
 * Its Python half, and asyncio, are found where CPython looks for modules: PYTHONPATH, an installation. */
#include <Python.h>

PyMODINIT_FUNC PyInit__native(void);

static const char program[] =
    "import asyncio, sys\n"
    "from picows import WSListener, WSMsgType, _native, ws_connect, ws_create_server\n"
    "\n"
    "class Echo(WSListener):\n"
    "    def on_ws_frame(self, transport, frame):\n"
    "        if frame.msg_type == WSMsgType.CLOSE:\n"
    "            transport.send_close(frame.get_close_code())\n"
    "            transport.disconnect()\n"
    "        else:\n"
    "            transport.send(frame.msg_type, frame.get_payload_as_bytes(), frame.fin)\n"
    "\n"
    "class Client(WSListener):\n"
    "    echoes = 0\n"
    "    def on_ws_connected(self, transport):\n"
    "        transport.send(WSMsgType.TEXT, str(self.echoes))\n"
    "    def on_ws_frame(self, transport, frame):\n"
    "        if frame.msg_type == WSMsgType.CLOSE:\n"
    "            return transport.disconnect()\n"
    "        assert frame.get_payload_as_utf8_text() == str(self.echoes)\n"
    "        self.echoes += 1\n"
    "        if self.echoes == messages:\n"
    "            transport.send_close(1000)\n"
    "        else:\n"
    "            transport.send(WSMsgType.TEXT, str(self.echoes))\n"
    "\n"
    "async def main():\n"
    "    server = await ws_create_server(lambda request: Echo(), '127.0.0.1', 0)\n"
    "    port = server.sockets[0].getsockname()[1]\n"
    "    transport, client = await ws_connect(Client, f'ws://127.0.0.1:{port}/')\n"
    "    await transport.wait_disconnected()\n"
    "    server.close()\n"
    "    await server.wait_closed()\n"
    "    print(f'{client.echoes} echoes, picows._native is {_native.__spec__.origin}')\n"
    "\n"
    "asyncio.run(main())\n";

int main(int argc, char **argv) {
    PyObject *module, *messages;
    int failed = 1;
    if (PyImport_AppendInittab("picows._native", PyInit__native) < 0) return 1;
    Py_Initialize();
    module = PyImport_AddModule("__main__");
    messages = PyLong_FromLong(argc > 1 ? atol(argv[1]) : 1000);
    if (module != NULL && messages != NULL && PyObject_SetAttrString(module, "messages", messages) == 0)
        failed = PyRun_SimpleString(program) != 0;
    Py_XDECREF(messages);
    return Py_FinalizeEx() < 0 || failed;
}
