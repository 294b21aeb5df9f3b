# cython: language_level=3
"""The listeners of cython_frames.py: the same source for every picows."""

from libc.string cimport memcpy, memset
from picows.picows cimport WSFrame, WSListener, WSMsgType, WSTransport

cdef enum:
    HEADROOM = 14
    SIZE_MAX = 4096


cdef class Echo(WSListener):
    """A server's listener: what comes goes back."""

    cdef char buffer[HEADROOM + SIZE_MAX]

    cpdef on_ws_frame(self, WSTransport transport, WSFrame frame):
        if frame.msg_type != WSMsgType.BINARY:
            transport.disconnect()
            return
        memcpy(self.buffer + HEADROOM, frame.payload_ptr, frame.payload_size)
        transport.send_reuse_external_buffer(
            WSMsgType.BINARY, self.buffer + HEADROOM, frame.payload_size)


cdef class Client(WSListener):
    """Sends `window` frames, and another one for each that comes, until there were `count`. With a
    window of 0 it only receives."""

    cdef char buffer[HEADROOM + SIZE_MAX]
    cdef Py_ssize_t size
    cdef Py_ssize_t window
    cdef Py_ssize_t to_send
    cdef Py_ssize_t to_receive
    cdef object done

    def __init__(self, Py_ssize_t size, Py_ssize_t window, Py_ssize_t count, done):
        self.size = size
        self.window = window
        self.to_send = count if window > 0 else 0
        self.to_receive = count
        self.done = done
        memset(self.buffer, 0, sizeof(self.buffer))

    cdef send(self, WSTransport transport):
        if self.to_send > 0:
            self.to_send -= 1
            transport.send_reuse_external_buffer(
                WSMsgType.BINARY, self.buffer + HEADROOM, self.size)

    cpdef on_ws_connected(self, WSTransport transport):
        cdef Py_ssize_t i
        for i in range(self.window):
            self.send(transport)

    cpdef on_ws_frame(self, WSTransport transport, WSFrame frame):
        self.to_receive -= 1
        if self.to_receive < 0:
            return
        if self.to_receive == 0:
            self.done()
        else:
            self.send(transport)
