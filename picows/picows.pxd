# What Cython code may cimport: `from picows.picows cimport WSFrame, WSTransport, WSListener`.
#
# Structs and tables are those of zig/binding: frame/frame.zig, connection/transport.zig,
# transport/cython_table.zig and connection/listener.zig, in their order. docs/native.md is the guide.

from libc.stdint cimport int64_t, uint8_t


# What cdef methods without a result return: EXC if they raised.
cdef enum NoResult:
    EXC = -1
    SUCCESS = 0


cpdef enum WSMsgType:
    CONTINUATION = 0x0
    TEXT = 0x1
    BINARY = 0x2
    CLOSE = 0x8
    PING = 0x9
    PONG = 0xA


cpdef enum WSCloseCode:
    NO_INFO = 0
    OK = 1000
    GOING_AWAY = 1001
    PROTOCOL_ERROR = 1002
    UNSUPPORTED_DATA = 1003
    ABNORMAL_CLOSURE = 1006
    INVALID_TEXT = 1007
    POLICY_VIOLATION = 1008
    MESSAGE_TOO_BIG = 1009
    MANDATORY_EXTENSION = 1010
    INTERNAL_ERROR = 1011
    SERVICE_RESTART = 1012
    TRY_AGAIN_LATER = 1013
    BAD_GATEWAY = 1014


cpdef enum WSAutoPingStrategy:
    PING_WHEN_IDLE = 1
    PING_PERIODICALLY = 2


cdef class WSFrame:
    cdef:
        # Do not write to it. At least 64 readable bytes follow the payload. It lives as long as
        # the frame: to use it after the callback, keep a reference to the frame, or copy it.
        char* payload_ptr
        readonly Py_ssize_t payload_size
        readonly Py_ssize_t tail_size
        readonly WSMsgType msg_type
        readonly uint8_t fin
        readonly uint8_t rsv1
        readonly uint8_t rsv2
        readonly uint8_t rsv3
        readonly uint8_t last_in_buffer
        readonly double received_at      # time.monotonic() of the read, seconds
        readonly int64_t kernel_time_ns  # time.time_ns() of the kernel, 0 if it does not say

        void* _state
        void* _chunk

    cpdef bytes get_payload_as_bytes(self)
    cpdef str get_payload_as_utf8_text(self)
    cpdef str get_payload_as_ascii_text(self)
    cpdef object get_payload_as_memoryview(self)

    cpdef WSCloseCode get_close_code(self) except? <WSCloseCode>-1
    cpdef bytes get_close_message(self)
    cpdef str get_close_reason(self)


cdef class WSTransport:
    cdef:
        readonly object underlying_transport
        readonly object request
        readonly object response
        readonly object close_handshake
        readonly bint is_client_side
        readonly bint is_secure
        readonly bint is_close_frame_sent
        readonly bint is_disconnected

        void* _state
        object __weakref__
        void* _private

    # Sends without a copy: the header is written into the 14 bytes in front of msg_ptr, and a client
    # masks the message in place. When the method returns, the memory is the caller's again.
    cdef NoResult send_reuse_external_buffer(self, WSMsgType msg_type,
                                             char* msg_ptr, Py_ssize_t msg_size,
                                             bint fin=*, bint rsv1=*, bint rsv2=*,
                                             bint rsv3=*) except NoResult.EXC
    # compress is None or a bool.
    cpdef send(self, WSMsgType msg_type, message, bint fin=*, bint rsv1=*, bint rsv2=*,
               bint rsv3=*, compress=*)
    cpdef send_reuse_external_bytearray(self, WSMsgType msg_type, bytearray buffer,
                                        Py_ssize_t msg_offset, bint fin=*, bint rsv1=*,
                                        bint rsv2=*, bint rsv3=*)
    cpdef send_ping(self, message=*)
    cpdef send_pong(self, message=*)
    cpdef send_close(self, WSCloseCode close_code=*, close_message=*)
    cpdef disconnect(self, bint graceful=*)
    cpdef notify_user_specific_pong_received(self)


cdef class WSListener:
    cdef object __weakref__

    cpdef on_ws_connected(self, WSTransport transport)
    cpdef on_ws_frame(self, WSTransport transport, WSFrame frame)
    cpdef on_ws_disconnected(self, WSTransport transport)

    cpdef send_user_specific_ping(self, WSTransport transport)
    cpdef is_user_specific_pong(self, WSFrame frame)

    cpdef pause_writing(self)
    cpdef resume_writing(self)
