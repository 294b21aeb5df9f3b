"""What ended the process, each in a process of its own."""

from __future__ import annotations

import sys

import pytest
from support import scripts, stacks

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the transport is Linux's")
LOOPS = pytest.mark.parametrize("loop", stacks.LOOPS)

SHARED = """
import asyncio, gc, os, socket, sys, warnings
from support import stacks
from picows import WSListener, ws_connect, ws_create_server
from picows.testing.recorder import Recorder

LOOP = sys.argv[1]
unraisable = []
sys.unraisablehook = lambda args: unraisable.append((args.exc_value, args.object))

async def connected(**options):
    server = await ws_create_server(lambda _: Recorder(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    transport, listener = await ws_connect(Recorder, f"ws://127.0.0.1:{port}/", **options)
    return server, port, transport, listener
"""

# The hub deleted it from its epoll set while it died itself, got EBADF, and handed itself to
# sys.unraisablehook: that gave it a reference, and taking it back began the dying again.
OWNER_CLOSES = """
def make(url):
    sock = socket.create_connection((url.host, url.port))
    owned.append(sock)
    return sock

async def main():
    server, port, transport, listener = await connected(socket_factory=make)
    with owned[0]:
        pass
    # The connection has a descriptor of its own, and goes on.
    assert len(await transport.measure_roundtrip_time(1)) == 1
    return transport.underlying_transport

owned = []
loop = stacks.LOOPS[LOOP]()
kept = loop.run_until_complete(main())
loop.close()
del loop
gc.collect()
assert unraisable == [], unraisable
"""

# The same where the socket goes under the transport, through what nobody should touch.
CLOSED_UNDERNEATH = """
async def main():
    server, port, transport, listener = await connected()
    sock = transport.underlying_transport.get_extra_info("socket")._sock
    sock.close()
    return transport

loop = stacks.LOOPS[LOOP]()
kept = loop.run_until_complete(main())
loop.close()
del loop, kept
gc.collect()
assert unraisable == [], unraisable
"""

# connection_made() a second time put the protocol into the list of pending handshakes twice.
MADE_TWICE = """
from picows.loop.state import loop_state
from picows._native import Endpoint
from support.options import made
import logging

async def main():
    server, port, transport, listener = await connected()
    loop = asyncio.get_running_loop()
    # The timer of the opening handshakes fires once the protocols are gone.
    options = made(websocket_handshake_timeout=0.1)
    factory = Endpoint(loop_state(loop), loop, logging.getLogger(), WSListener, options)
    protocols = [factory() for _ in range(3)]
    underlying = transport.underlying_transport
    for protocol in protocols:
        protocol.connection_made(underlying)
    for protocol in protocols:
        try:
            protocol.connection_made(underlying)
        except RuntimeError as error:
            assert "one connection" in str(error)
        else:
            raise AssertionError
    del protocol, protocols
    await asyncio.sleep(0.3)
    transport.disconnect(graceful=False)

stacks.run(LOOP, main())
"""

ODD_ARGUMENTS = """
async def main():
    server, port, transport, listener = await connected()
    underlying = transport.underlying_transport
    for name in (b"socket", 5, None, [], object()):
        assert underlying.get_extra_info(name) is None
        assert underlying.get_extra_info(name, 7) == 7
    protocol = underlying.get_protocol()
    for count in (2**62, 2**63 - 1):
        try:
            protocol.buffer_updated(count)
        except RuntimeError as error:
            assert "more than get_buffer()" in str(error)
        else:
            raise AssertionError
    for cause in (5, "lost", ValueError):
        try:
            protocol.connection_lost(cause)
        except TypeError as error:
            assert "an exception or None" in str(error)
        else:
            raise AssertionError

stacks.run(LOOP, main())
"""

FILENO = """
from picows.loop.state import loop_state
from picows._native import Acceptor, Endpoint, TcpTransport
from support.options import made
import logging

class Odd:
    def __init__(self, number):
        self.number = number
    def fileno(self):
        return self.number

class Underlying(asyncio.Transport):
    def __init__(self, number):
        super().__init__({"socket": Odd(number)})

async def main():
    loop = asyncio.get_running_loop()
    # The timer of the opening handshakes fires once the protocols are gone.
    options = made(websocket_handshake_timeout=0.1)
    factory = Endpoint(loop_state(loop), loop, logging.getLogger(), WSListener, options)
    for number in (2**31, 2**40, 2**62, 2**64, -1, -5, -(2**40)):
        for kind in (TcpTransport, Acceptor):
            try:
                kind(factory, Odd(number))
            except (ValueError, OverflowError):
                continue
            raise AssertionError(number)
        # A socket is optional to a transport: one without sense is none.
        factory().connection_made(Underlying(number))

stacks.run(LOOP, main())
"""

# `low=2**62` did not fit when it was multiplied, `low=2**61` when it was told.
LIMITS = """
async def main():
    server, port, transport, listener = await connected()
    _, _, other, _ = await connected(use_aiofastnet=False)
    underlying = transport.underlying_transport
    huge = {"low": 2**62}, {"high": 2**63}, {"high": 2**100}
    for given in huge:
        underlying.set_write_buffer_limits(**given)
        low, high = underlying.get_write_buffer_limits()
        assert 2**60 < low < high, given
    if LOOP == "uvloop":
        return  # its own limits are 32 bits wide
    as_asyncio = (
        {"low": 2**61}, {"low": 2**62 - 1}, {"high": 2**62}, {"high": 2**62, "low": 2**61},
        {"high": 0}, {"low": 0}, {},
    )
    for given in as_asyncio:
        for each in (underlying, other.underlying_transport):
            each.set_write_buffer_limits(**given)
        expected = other.underlying_transport.get_write_buffer_limits()
        assert underlying.get_write_buffer_limits() == expected, given

stacks.run(LOOP, main())
"""

# Cython code may hand None to a function of the table where it was told a class. It calls the
# functions that are called here.
NONE_FROM_CYTHON = """
import ctypes
from picows import WSTransport

class Object(ctypes.Structure):
    _fields_ = [("head", ctypes.c_char * object.__basicsize__), ("table", ctypes.c_void_p)]

def function(table, index, *arguments):
    entry = ctypes.cast(table, ctypes.POINTER(ctypes.c_void_p))[index]
    return ctypes.PYFUNCTYPE(ctypes.py_object, *arguments)(entry)

def raises(error, function, *arguments):
    try:
        function(*arguments)
    except error:
        return
    raise AssertionError(arguments)

async def main():
    server, port, transport, listener = await connected()
    table = Object.from_address(id(listener)).table
    py_object, c_int = ctypes.py_object, ctypes.c_int
    for index in (0, 2, 3):
        entry = function(table, index, py_object, py_object, c_int)
        raises(TypeError, entry, listener, None, 0)
    raises(TypeError, function(table, 1, *[py_object] * 3, c_int), listener, None, None, 0)
    for skip_dispatch in (0, 1):
        entry = function(table, 4, py_object, py_object, c_int)
        raises(TypeError, entry, listener, None, skip_dispatch)
    table = Object.from_address(id(transport)).table
    entry = ctypes.cast(table, ctypes.POINTER(ctypes.c_void_p))[0]
    send_reuse = ctypes.PYFUNCTYPE(
        c_int, py_object, c_int, ctypes.c_void_p, ctypes.c_ssize_t, ctypes.c_void_p
    )(entry)
    for size in (0, 5, -1, -(2**63)):
        raises(ValueError, send_reuse, transport, 2, None, size, None)

stacks.run(LOOP, main())
"""

# Where it is closed at once, with callbacks that fail, and garbage in the middle of all that.
FAILS_TO_BEGIN = """
import errno
from picows.loop.state import loop_state
from picows._native import Endpoint, TcpTransport
from support.options import made
import logging

class Failing:
    '''An event loop one of whose methods fails.'''
    def __init__(self, loop, name):
        self._loop, self._name = loop, name
    def __getattr__(self, name):
        if name == self._name:
            raise OSError(errno.EMFILE, name)
        return getattr(self._loop, name)

async def main():
    loop = asyncio.get_running_loop()
    request = (object(), b"GET / HTTP/1.1\\r\\n\\r\\n", b"key")
    for name in ("create_future", "time", "call_later", "add_reader"):
        state = type(loop_state(loop))(bytes(32))
        factory = Endpoint(
            *(state, Failing(loop, name), logging.getLogger(), WSListener),
            *(made(websocket_handshake_timeout=5), True, *request),
        )
        near, far = socket.socketpair()
        near.setblocking(False)
        try:
            TcpTransport(factory, near)
        except OSError as error:
            assert error.errno == errno.EMFILE, error
        else:
            raise AssertionError(name)
        # It was closed twice: the second time it was perhaps somebody else's.
        number = near.fileno()
        if number != -1:
            os.fstat(number)
        near.close()
        far.close()
    gc.collect()
    assert unraisable == [], unraisable

warnings.simplefilter("error")
stacks.run(LOOP, main())
assert unraisable == [], unraisable
"""

# The second time the object was asked for its memory it showed less of it (possible from Python
# 3.12 on).
SHRINKS = """
class Shrinking:
    def __init__(self, size):
        self.sizes = [size, 1]
    def __buffer__(self, flags):
        return memoryview(bytes(self.sizes.pop(0)))

async def main():
    server, port, transport, listener = await connected()
    underlying = transport.underlying_transport
    try:
        underlying.write(Shrinking(64 << 20))
    except BufferError as error:
        assert "fewer bytes" in str(error)
    except TypeError:
        assert sys.version_info < (3, 12)
    else:
        raise AssertionError
    transport.disconnect(graceful=False)

stacks.run(LOOP, main())
"""

SCRIPTS = {
    "the owner closes the socket": OWNER_CLOSES,
    "the socket is closed underneath": CLOSED_UNDERNEATH,
    "connection_made() twice": MADE_TWICE,
    "odd arguments": ODD_ARGUMENTS,
    "a fileno() that is none": FILENO,
    "limits": LIMITS,
    "None from Cython": NONE_FROM_CYTHON,
    "it fails to begin": FAILS_TO_BEGIN,
    "a buffer that shrinks": SHRINKS,
}


@LOOPS
@pytest.mark.parametrize("name", SCRIPTS)
def test_survives(name: str, loop: str) -> None:
    scripts.run(SHARED + SCRIPTS[name], loop)
