# cython: language_level=3, freethreading_compatible=True
"""A listener that sends back what it receives. picows calls it as C, and it calls picows as C."""

from libc.string cimport memcpy
from picows.picows cimport WSFrame, WSListener, WSMsgType, WSTransport

cdef enum:
    HEADROOM = 14  # for the frame header that is written in front of the payload
    COPY_MAX = 64 * 1024


cdef class Echo(WSListener):
    cdef char buffer[HEADROOM + COPY_MAX]

    cpdef on_ws_frame(self, WSTransport transport, WSFrame frame):
        cdef char* payload = self.buffer + HEADROOM
        if frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code(), frame.get_close_message())
            transport.disconnect()
        elif frame.msg_type == WSMsgType.PONG:
            pass
        elif frame.payload_size > COPY_MAX:
            transport.send(frame.msg_type, frame.get_payload_as_memoryview(), frame.fin)
        else:
            memcpy(payload, frame.payload_ptr, frame.payload_size)
            transport.send_reuse_external_buffer(
                frame.msg_type, payload, frame.payload_size, frame.fin)
