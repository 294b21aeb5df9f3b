# cython: language_level=3
"""Listeners as users of the Cython library write them, for tests/test_cython.py."""

cimport picows.picows
from libc.string cimport memcpy
from picows cimport picows as module
from picows.picows cimport (
    NoResult,
    WSAutoPingStrategy,
    WSCloseCode,
    WSFrame,
    WSListener,
    WSMsgType,
    WSTransport,
)

from picows import WSProtocolError

cdef enum:
    HEADROOM = 14
    SIZE_MAX = 4096


cdef class Echo(WSListener):
    """Sends back what it receives, from memory of its own. Counts how often Python looks it up."""

    cdef public list seen
    cdef public list lookups
    cdef public WSTransport transport
    cdef char buffer[HEADROOM + SIZE_MAX]

    def __cinit__(self):
        self.seen = []
        self.lookups = []

    def __getattribute__(self, name):
        # On C's side the list is reached without a lookup.
        self.lookups.append(name)
        return super().__getattribute__(name)

    cpdef on_ws_connected(self, WSTransport transport):
        self.transport = transport
        self.seen.append("connected")

    cpdef on_ws_frame(self, WSTransport transport, WSFrame frame):
        self.seen.append(fields(frame))
        if frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code(), frame.get_close_message())
            transport.disconnect()
            return
        if frame.msg_type == WSMsgType.PONG or frame.payload_size > SIZE_MAX:
            return
        memcpy(self.buffer + HEADROOM, frame.payload_ptr, frame.payload_size)
        if frame.fin and not frame.rsv1:
            transport.send_reuse_external_buffer(
                frame.msg_type, self.buffer + HEADROOM, frame.payload_size)
        else:
            transport.send_reuse_external_buffer(
                frame.msg_type, self.buffer + HEADROOM, frame.payload_size,
                frame.fin, frame.rsv1, frame.rsv2, frame.rsv3)

    cpdef on_ws_disconnected(self, WSTransport transport):
        self.seen.append("disconnected")


def fields(WSFrame frame):
    """Every field, read from the struct."""
    return {
        "payload": <bytes>frame.payload_ptr[:frame.payload_size],
        "payload_size": frame.payload_size,
        "tail_size": frame.tail_size,
        "msg_type": frame.msg_type,
        "fin": frame.fin,
        "rsv1": frame.rsv1,
        "rsv2": frame.rsv2,
        "rsv3": frame.rsv3,
        "last_in_buffer": frame.last_in_buffer,
        "received_at": frame.received_at,
        "kernel_time_ns": frame.kernel_time_ns,
    }


def results(WSFrame frame):
    """What the methods return that every frame has, called through the table."""
    cdef bytes data = frame.get_payload_as_bytes()
    cdef str text = frame.get_payload_as_utf8_text()
    cdef str ascii_text = frame.get_payload_as_ascii_text()
    return data, text, ascii_text, frame.get_payload_as_memoryview()


def close_results(WSFrame frame):
    cdef WSCloseCode code = frame.get_close_code()
    return code, frame.get_close_message(), frame.get_close_reason()


def attributes(WSTransport transport):
    return {
        "underlying_transport": transport.underlying_transport,
        "request": transport.request,
        "response": transport.response,
        "close_handshake": transport.close_handshake,
        "is_client_side": transport.is_client_side,
        "is_secure": transport.is_secure,
        "is_close_frame_sent": transport.is_close_frame_sent,
        "is_disconnected": transport.is_disconnected,
    }


def send_everything(WSTransport transport):
    """Every method that sends, with as many of its optional arguments as there are."""
    cdef bytearray buffer = bytearray(HEADROOM) + b"in place"
    cdef char memory[HEADROOM + 3]
    transport.send(WSMsgType.TEXT, "text")
    transport.send(WSMsgType.BINARY, None, False)
    transport.send(WSMsgType.CONTINUATION, b"rest", True, True, False, True)
    transport.send_reuse_external_bytearray(WSMsgType.BINARY, buffer, HEADROOM)
    buffer = bytearray(HEADROOM) + b"in place"
    transport.send_reuse_external_bytearray(
        WSMsgType.TEXT, buffer, HEADROOM + 3, False, False, True, False)
    memcpy(memory + HEADROOM, <const char*>b"abc", 3)
    transport.send_reuse_external_buffer(WSMsgType.CONTINUATION, memory + HEADROOM, 3)
    transport.send_ping()
    transport.send_ping(b"ping")
    transport.send_pong("pong")
    transport.notify_user_specific_pong_received()
    transport.send_close(WSCloseCode.GOING_AWAY, "bye")
    transport.send(WSMsgType.TEXT, "after the CLOSE nothing is sent")


def send_close(WSTransport transport):
    transport.send_close()


def disconnect(WSTransport transport, graceful=None):
    if graceful is None:
        transport.disconnect()
    else:
        transport.disconnect(graceful)


def send_compressed(WSTransport transport, message, compress):
    transport.send(WSMsgType.BINARY, message, True, False, False, False, compress)


def misuse(WSTransport transport, str how):
    """Each raises: the error value of the C function is not lost on the way."""
    cdef char memory[HEADROOM]
    cdef NoResult result
    if how == "send":
        transport.send(<WSMsgType>7, b"")
    elif how == "send_reuse_external_buffer":
        result = transport.send_reuse_external_buffer(WSMsgType.TEXT, memory + HEADROOM, -1)
    elif how == "send_reuse_external_bytearray":
        transport.send_reuse_external_bytearray(WSMsgType.TEXT, bytearray(5), 5)
    elif how == "send_ping":
        transport.send_ping(bytes(126))
    elif how == "send_close":
        transport.send_close(<WSCloseCode>1006)


cdef class Raises(picows.picows.WSListener):
    cdef str where

    def __init__(self, where):
        self.where = where

    cdef fail(self, str where):
        if where == self.where:
            raise WSProtocolError(4000, where)

    cpdef on_ws_connected(self, WSTransport transport):
        self.fail("on_ws_connected")

    cpdef on_ws_frame(self, WSTransport transport, WSFrame frame):
        self.fail("on_ws_frame")

    cpdef on_ws_disconnected(self, WSTransport transport):
        self.fail("on_ws_disconnected")


cdef class Answers(module.WSListener):
    """Own pings, and callbacks that call those of the base class both ways."""

    cdef public list seen

    def __cinit__(self, *args):
        self.seen = []

    cpdef on_ws_connected(self, WSTransport transport):
        self.seen.append(super(Answers, self).on_ws_connected(transport))
        self.seen.append(WSListener.on_ws_connected(self, transport))

    cpdef send_user_specific_ping(self, WSTransport transport):
        self.seen.append("ping")
        transport.send(WSMsgType.TEXT, "are you there")

    cpdef is_user_specific_pong(self, WSFrame frame):
        self.seen.append(WSListener.is_user_specific_pong(self, frame))
        return frame.msg_type == WSMsgType.TEXT

    cpdef pause_writing(self):
        self.seen.append("pause")

    cpdef resume_writing(self):
        self.seen.append("resume")


cdef class Plain(WSListener):
    """Overrides nothing and has nothing, so that it is not a type for the garbage collector."""


def enums():
    return <int>WSMsgType.PONG, <int>WSCloseCode.OK, <int>WSAutoPingStrategy.PING_PERIODICALLY
