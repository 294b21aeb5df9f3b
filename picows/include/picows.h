/* picows: the WebSocket protocol (RFC 6455) without sockets, for C and C++.
 *
 * The library turns received bytes into frames, and frames to send into bytes. It reads no socket,
 * reads no clock, draws no random numbers and allocates nothing. Link with libpicows.a or libpicows.so.
 *
 * Results. Functions return a picows_result unless they say otherwise. A negative result means that the
 * caller did something wrong: it passed a null pointer where one is needed, a meaningless number, or
 * memory that was not set up. Then the function only clears the struct or size that holds the outcome.
 * A null pointer with a size of 0 is allowed and means an empty piece of memory.
 *
 * Memory. The caller owns all of it, before, during and after a call; there is nothing to free. Structs
 * are plain data: they may live anywhere, and you may move them with memcpy and forget them at any time.
 * The library keeps no pointers between calls. Returned pointers point into bytes that you passed to the
 * call. They are valid as long as these bytes stay there unchanged, unless the function says otherwise.
 * The pieces of memory passed to one call must not overlap, unless the function allows it.
 *
 * Threads. You may call every function in any thread at any time. Use a struct that a call may write to
 * in one call at a time; if threads share it, guard it. There is no state outside of the structs except
 * the choice of code for this CPU, which is made once and is atomic.
 *
 * Faults. Whatever a peer sends, a call at worst returns PICOWS_FAILURE. If the safety checks find a
 * mistake of the library itself, the process ends: a line on stderr, then SIGABRT.
 *
 * Growth. Structs of options begin with their size, so that later versions know what an older program
 * filled in. Every other struct keeps its size. Set reserved fields, and all that you do not use, to
 * zero. Numbers never change their meaning; later versions may add numbers.
 *
 * Including. To use the DLL on Windows, define PICOWS_SHARED before you include this file. If you include
 * Python.h first, this file includes picows_cpython.h.
 */
#ifndef PICOWS_H
#define PICOWS_H

#include <stddef.h>
#include <stdint.h>

#if defined(_WIN32) && defined(PICOWS_SHARED)
#define PICOWS_API __declspec(dllimport)
#else
#define PICOWS_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Results and failures ---- */

/* The result of a call. */
typedef int32_t picows_result;
enum {
    PICOWS_OK = 0,
    PICOWS_NEED_MORE = 1,     /* the bytes are right so far, but incomplete */
    PICOWS_FAILURE = 2,       /* the peer broke the protocol: a picows_failure says how */
    PICOWS_ENDED = 3,         /* the session ignores everything that the peer still sends */
    PICOWS_BAD_ARGUMENT = -1, /* the caller did something wrong */
    PICOWS_NO_ROOM = -2,      /* the memory to write to is too small */
    PICOWS_AFTER_CLOSE = -3,  /* our CLOSE was sent, or must be sent next */
    PICOWS_OUT_OF_ORDER = -4, /* fragments must be sent in order */
    PICOWS_TOO_MANY_PINGS = -5 /* too many PINGs already wait for an answer */
};

/* How the peer broke the protocol. Fields of this type are PICOWS_FAILURE_NONE unless a call returned
 * PICOWS_FAILURE. */
typedef int32_t picows_failure;
enum {
    PICOWS_FAILURE_NONE = 0,

    /* frames: RFC 6455 5, 7.4, 8.1 */
    PICOWS_FAILURE_UNKNOWN_OPCODE = 1,
    PICOWS_FAILURE_RESERVED_BITS = 2,
    PICOWS_FAILURE_FRAGMENTED_CONTROL = 3,
    PICOWS_FAILURE_OVERSIZED_CONTROL = 4,
    PICOWS_FAILURE_UNMASKED_FRAME = 5, /* to a server */
    PICOWS_FAILURE_MASKED_FRAME = 6,   /* to a client */
    PICOWS_FAILURE_NON_MINIMAL_LENGTH = 7,
    PICOWS_FAILURE_LENGTH_OVER_63_BITS = 8,
    PICOWS_FAILURE_FRAME_TOO_BIG = 9,
    PICOWS_FAILURE_CLOSE_PAYLOAD_OF_ONE_BYTE = 10,
    PICOWS_FAILURE_CLOSE_CODE_NOT_ALLOWED = 11,
    PICOWS_FAILURE_CLOSE_REASON_NOT_UTF8 = 12,
    PICOWS_FAILURE_UNEXPECTED_CONTINUATION = 13,
    PICOWS_FAILURE_UNFINISHED_MESSAGE = 14,
    PICOWS_FAILURE_TEXT_NOT_UTF8 = 15,
    PICOWS_FAILURE_MESSAGE_TOO_BIG = 16,
    PICOWS_FAILURE_TOO_MANY_FRAGMENTS = 17,
    PICOWS_FAILURE_BAD_DATA = 18, /* of a compressed message: RFC 7692 7.2.2 */
    PICOWS_FAILURE_CUT_DATA = 19, /* a compressed message ends inside a block */

    /* HTTP heads: RFC 9112 */
    PICOWS_FAILURE_HEAD_TOO_LARGE = 101,
    PICOWS_FAILURE_HEAD_TOO_MANY_FIELDS = 102,
    PICOWS_FAILURE_HEAD_BAD_LINE_ENDING = 103,
    PICOWS_FAILURE_HEAD_BAD_START_LINE = 104,
    PICOWS_FAILURE_HEAD_OBS_FOLD = 105,
    PICOWS_FAILURE_HEAD_BAD_FIELD_NAME = 106,
    PICOWS_FAILURE_HEAD_BAD_FIELD_VALUE = 107,
    PICOWS_FAILURE_HEAD_TOO_MANY_INTERIM = 108,

    /* requests: RFC 6455 4.2.1. From PICOWS_FAILURE_REQUEST_UPGRADE on, the request is a valid GET of
     * HTTP/1.1, but not a valid opening handshake. */
    PICOWS_FAILURE_REQUEST_LINE = 200,
    PICOWS_FAILURE_REQUEST_HTTP_VERSION = 201,
    PICOWS_FAILURE_REQUEST_METHOD = 202,
    PICOWS_FAILURE_REQUEST_HOST = 203,
    PICOWS_FAILURE_REQUEST_HAS_BODY = 204,
    PICOWS_FAILURE_REQUEST_UPGRADE = 205,
    PICOWS_FAILURE_REQUEST_CONNECTION = 206,
    PICOWS_FAILURE_REQUEST_VERSION = 207,
    PICOWS_FAILURE_REQUEST_KEY = 208,
    PICOWS_FAILURE_REQUEST_SUBPROTOCOLS = 209,
    PICOWS_FAILURE_REQUEST_EXTENSIONS = 210,

    /* answers: RFC 6455 4.1 */
    PICOWS_FAILURE_RESPONSE_STATUS = 301,
    PICOWS_FAILURE_RESPONSE_UPGRADE = 302,
    PICOWS_FAILURE_RESPONSE_CONNECTION = 303,
    PICOWS_FAILURE_RESPONSE_ACCEPT = 304,
    PICOWS_FAILURE_RESPONSE_HAS_BODY = 305,
    PICOWS_FAILURE_RESPONSE_SUBPROTOCOL = 306,
    PICOWS_FAILURE_RESPONSE_EXTENSIONS = 307
};

/* ---- Terms of the protocol ---- */

/* The type of a frame: RFC 6455 5.2. */
enum {
    PICOWS_OPCODE_CONTINUATION = 0x0,
    PICOWS_OPCODE_TEXT = 0x1,
    PICOWS_OPCODE_BINARY = 0x2,
    PICOWS_OPCODE_CLOSE = 0x8,
    PICOWS_OPCODE_PING = 0x9,
    PICOWS_OPCODE_PONG = 0xA
};

/* Flags of a frame, combined by a bitwise or: RFC 6455 5.2. */
enum {
    PICOWS_FLAG_RSV3 = 0x1,
    PICOWS_FLAG_RSV2 = 0x2,
    PICOWS_FLAG_RSV1 = 0x4,
    PICOWS_FLAG_FIN = 0x8 /* the last frame of its message */
};

/* Our side of the connection. A client masks what it sends, a server does not: RFC 6455 5.1. */
enum {
    PICOWS_ROLE_CLIENT = 0,
    PICOWS_ROLE_SERVER = 1
};

/* Why a connection is closed: RFC 6455 7.4.1, and the IANA registry. You may use 3000 to 4999. */
enum {
    PICOWS_CLOSE_NO_INFO = 0, /* no code: a CLOSE frame without payload */
    PICOWS_CLOSE_OK = 1000,
    PICOWS_CLOSE_GOING_AWAY = 1001,
    PICOWS_CLOSE_PROTOCOL_ERROR = 1002,
    PICOWS_CLOSE_UNSUPPORTED_DATA = 1003,
    PICOWS_CLOSE_ABNORMAL_CLOSURE = 1006, /* never sent */
    PICOWS_CLOSE_INVALID_TEXT = 1007,
    PICOWS_CLOSE_POLICY_VIOLATION = 1008,
    PICOWS_CLOSE_MESSAGE_TOO_BIG = 1009,
    PICOWS_CLOSE_MANDATORY_EXTENSION = 1010,
    PICOWS_CLOSE_INTERNAL_ERROR = 1011,
    PICOWS_CLOSE_SERVICE_RESTART = 1012,
    PICOWS_CLOSE_TRY_AGAIN_LATER = 1013,
    PICOWS_CLOSE_BAD_GATEWAY = 1014
};

/* Sizes, in bytes unless stated otherwise. */
#define PICOWS_HEADER_SIZE_MAX 14           /* of a frame */
#define PICOWS_CONTROL_PAYLOAD_SIZE_MAX 125 /* of CLOSE, PING and PONG */
#define PICOWS_CONTROL_FRAME_SIZE_MAX 131   /* of the whole frame */
#define PICOWS_CLOSE_REASON_SIZE_MAX 123    /* of the reason in a CLOSE */
#define PICOWS_HEAD_SIZE_MAX 16384 /* of a request or an answer, up to the blank line */
#define PICOWS_FIELD_COUNT_MAX 128 /* fields of a request or an answer */
#define PICOWS_INTERIM_COUNT_MAX 16 /* interim answers before the answer */
#define PICOWS_NONCE_SIZE 16  /* of picows_key_encode */
#define PICOWS_KEY_SIZE 25    /* 24 characters and a NUL */
#define PICOWS_ACCEPT_SIZE 29 /* 28 characters and a NUL */
#define PICOWS_PING_COUNT_MAX 8 /* PINGs of a session that may wait for their PONG */
#define PICOWS_SEED_SIZE 32   /* of picows_keys_init */

/* ---- General functions ---- */

/* The version, as "1.2.3". Static. */
PICOWS_API const char *picows_version(void);

/* A failure in words, without a full stop. Static. The text for a failure of frames fits into the reason
 * of a CLOSE. NULL for numbers that are not a failure. */
PICOWS_API const char *picows_failure_message(picows_failure failure);

/* The close code to send after a failure of frames: RFC 6455 7.4.1. 0 for other failures. */
PICOWS_API uint16_t picows_failure_close_code(picows_failure failure);

/* The HTTP status to answer a failure of a head or of a request with: 400 or 426. 0 for other failures. */
PICOWS_API uint16_t picows_failure_http_status(picows_failure failure);

/* Masks or unmasks: RFC 6455 5.3. dst[i] becomes src[i] ^ key[(offset + i) % 4], for `size` bytes. If a
 * payload comes in pieces, `offset` is where the piece begins. `dst` must be `src`, or not overlap it. */
PICOWS_API picows_result picows_mask(uint8_t *dst, const uint8_t *src, size_t size,
                                     const uint8_t key[4], size_t offset);

/* ---- The header of a frame, for programs that do not use the parser ---- */

/* A header that was read, or that will be written. */
typedef struct picows_header {
    uint64_t payload_size;
    size_t size;            /* of the header; after PICOWS_NEED_MORE: how many bytes are needed in all */
    picows_failure failure;
    uint8_t opcode;         /* PICOWS_OPCODE_*, or a reserved one */
    uint8_t flags;          /* PICOWS_FLAG_* */
    uint8_t is_masked;      /* 0 or 1 */
    uint8_t reserved;
    uint8_t masking_key[4]; /* if is_masked */
} picows_header;

/* Reads the header at the start of `bytes` and ignores what follows it. Refuses lengths that are not in
 * their shortest form or have more than 63 bits. The caller must check everything else. */
PICOWS_API picows_result picows_header_decode(const uint8_t *bytes, size_t bytes_size,
                                              picows_header *header);

/* Writes a header to the start of `buffer`; PICOWS_HEADER_SIZE_MAX bytes are enough for any. `*size`
 * becomes the number of bytes written. `header->size` and `header->failure` are ignored. */
PICOWS_API picows_result picows_header_encode(const picows_header *header, uint8_t *buffer,
                                              size_t buffer_size, size_t *size);

/* ---- Receiving ---- */

/* The receiving side of a connection. Private; `picows_parser_init` sets it up. */
typedef struct picows_parser {
    uint64_t private_[16];
} picows_parser;

/* Which frames a parser accepts. */
typedef struct picows_parser_options {
    size_t size;               /* sizeof(picows_parser_options) */
    uint64_t payload_size_max; /* of one frame; larger ones are PICOWS_FAILURE_FRAME_TOO_BIG */
    uint8_t role;              /* PICOWS_ROLE_*: ours */
    uint8_t strict;            /* 1: refuse reserved bits, fragments out of order, TEXT not in UTF-8 */
    uint8_t reserved[6];
} picows_parser_options;

/* A received frame. */
typedef struct picows_frame {
    uint8_t *payload; /* unmasked, inside the bytes that you passed */
    size_t payload_size;
    size_t size;      /* of the frame; after PICOWS_NEED_MORE: how many bytes are needed in all */
    picows_failure failure;
    uint8_t opcode;   /* PICOWS_OPCODE_* */
    uint8_t flags;    /* PICOWS_FLAG_* */
    uint8_t reserved[2];
} picows_frame;

/* Makes `parser` ready for the first frame of a connection. You may discard `options` when the call
 * returns. */
PICOWS_API picows_result picows_parser_init(picows_parser *parser,
                                            const picows_parser_options *options);

/* Reads the frame at the start of `bytes` and ignores what follows it.
 *
 * - PICOWS_OK: `frame` is complete. The next call begins `frame->size` bytes further.
 * - PICOWS_NEED_MORE: pass the same bytes again, with more appended. You may move them but must not
 *   change them, because the payload is unmasked in place as it arrives. `frame->size` is the size of
 *   the whole frame once its header is complete, until then that of the header. The peer chose this size
 *   (within payload_size_max): you may try to read that much, but do not allocate that much.
 * - PICOWS_FAILURE: `frame->failure` says why. This is final: every later call returns the same. Earlier
 *   calls have returned all frames before the wrong one.
 * - PICOWS_BAD_ARGUMENT: also if the parser was never set up, or if you pass fewer bytes than to the last
 *   call, which returned PICOWS_NEED_MORE.
 *
 * Each fragment is a frame; PICOWS_FLAG_FIN says where a message ends. The payload of a CLOSE has been
 * checked: picows_close_decode reads it. */
PICOWS_API picows_result picows_parser_next(picows_parser *parser, uint8_t *bytes, size_t bytes_size,
                                            picows_frame *frame);

/* ---- Sending ----
 *
 * A client passes a new masking key for every frame (picows_keys_next), a server passes NULL. Reserved
 * opcodes, and control frames in fragments or of more than 125 bytes, are PICOWS_BAD_ARGUMENT. */

/* The size of a frame, header included. 0 if a size_t cannot hold it. */
PICOWS_API size_t picows_frame_size(size_t payload_size, int is_masked);

/* Writes a frame to the start of `buffer`. The payload is masked while it is copied. `*size` becomes the
 * size of the frame. */
PICOWS_API picows_result picows_frame_write(uint8_t *buffer, size_t buffer_size, uint8_t opcode,
                                            uint8_t flags, const uint8_t *payload,
                                            size_t payload_size, const uint8_t *key, size_t *size);

/* Makes a frame around a payload that is already in `buffer`, from `payload_offset` on. The header goes
 * into the bytes right before it. So the offset must be at least PICOWS_HEADER_SIZE_MAX, or exactly the
 * size that the header will have. The payload is masked in place. `*frame_offset` becomes the offset where
 * the frame starts; the frame ends where the payload ends. */
PICOWS_API picows_result picows_frame_wrap(uint8_t *buffer, size_t payload_offset,
                                           size_t payload_size, uint8_t opcode, uint8_t flags,
                                           const uint8_t *key, size_t *frame_offset);

/* ---- A connection, after its opening handshake ----
 *
 * A session is parser and writer together, as client or as server. It knows the rules for the connection as
 * a whole: the order of fragments, the closing handshake, which PING a PONG answers, what may be sent when.
 * It turns received bytes into events and frames to send into bytes. The program reads and writes them.
 *
 *     while ((result = picows_session_receive(&session, bytes, size, &event)) == PICOWS_OK) {
 *         picows_session_answer(&session, &event, key, room, room_size, &written);
 *         ... if it is data: event.payload ...
 *         bytes += event.size, size -= event.size;
 *     }
 *     if (result == PICOWS_FAILURE) picows_session_answer(&session, &event, key, ...);
 *
 * Send frames in the order in which the calls made them. A client passes a new masking key to each call
 * that makes a frame (picows_keys_next), a server passes NULL; otherwise PICOWS_BAD_ARGUMENT. A call
 * that fails changes nothing. */

/* How much a session checks. */
enum {
    PICOWS_MODE_PERMISSIVE = 0, /* the program checks reserved bits, order of fragments and text */
    PICOWS_MODE_STRICT = 1,     /* received frames must obey RFC 6455; events describe their message */
    PICOWS_MODE_MESSAGES = 2    /* also, fragments must be sent in order */
};

/* What the opening handshake agreed on: one bit for each extension. */
enum {
    PICOWS_EXTENSION_PERMESSAGE_DEFLATE = 1 /* RFC 7692. Payloads are not inflated, only marked */
};

/* A connection. Private; `picows_session_init` sets it up. */
typedef struct picows_session {
    uint64_t private_[96];
} picows_session;

/* What a session accepts. Permissive mode ignores the limits of messages and the extensions. */
typedef struct picows_session_options {
    size_t size;               /* sizeof(picows_session_options) */
    uint64_t payload_size_max; /* of one frame; larger ones are PICOWS_FAILURE_FRAME_TOO_BIG */
    uint64_t message_size_max; /* its payloads together; UINT64_MAX for no limit */
    uint32_t message_frame_count_max; /* 1 or more; UINT32_MAX for no limit */
    uint8_t role;              /* PICOWS_ROLE_*: ours */
    uint8_t mode;              /* PICOWS_MODE_* */
    uint8_t extensions;        /* PICOWS_EXTENSION_* */
    uint8_t reserved;
} picows_session_options;

/* The kind of an event. */
enum {
    PICOWS_EVENT_NONE = 0,
    PICOWS_EVENT_DATA = 1,   /* TEXT, BINARY or CONTINUATION */
    PICOWS_EVENT_PING = 2,   /* answer it with a PONG */
    PICOWS_EVENT_PONG = 3,
    PICOWS_EVENT_CLOSE = 4,  /* answer it with a CLOSE unless we sent one. Nothing is received after it */
    PICOWS_EVENT_FAILURE = 5 /* likewise */
};

/* Where a data frame stands in its message. */
enum {
    PICOWS_PIECE_FIRST = 1,
    PICOWS_PIECE_LAST = 2,
    PICOWS_PIECE_COMPRESSED = 4 /* all payloads of the message are: RFC 7692 */
};

/* What was received. */
typedef struct picows_event {
    uint8_t *payload; /* of the frame, unmasked, inside the bytes that you passed */
    size_t payload_size;
    size_t size;      /* of the frame; after PICOWS_NEED_MORE: how many bytes are needed in all */
    uint64_t message_size;  /* data, not permissive: of the message so far, as it was received */
    picows_failure failure;
    uint32_t ping_count;    /* PONG: how many PINGs of picows_session_ping it answers, the oldest first */
    uint16_t close_code;    /* CLOSE: the peer's; PICOWS_CLOSE_NO_INFO if it has none. Failure: ours */
    uint8_t kind;           /* PICOWS_EVENT_* */
    uint8_t opcode;         /* PICOWS_OPCODE_* */
    uint8_t flags;          /* PICOWS_FLAG_* */
    uint8_t message_opcode; /* data, not permissive: TEXT or BINARY, for CONTINUATION frames too */
    uint8_t piece;          /* data, not permissive: PICOWS_PIECE_* */
    uint8_t reserved;
} picows_event;

/* Makes `session` ready for the first frame of a connection. You may discard `options` when the call
 * returns. */
PICOWS_API picows_result picows_session_init(picows_session *session,
                                             const picows_session_options *options);

/* Reads the frame at the start of `bytes` and ignores what follows it. The payload of a CLOSE has been
 * checked: picows_close_decode reads its reason.
 *
 * - PICOWS_OK: an event. The next call begins `event->size` bytes further.
 * - PICOWS_NEED_MORE: as for picows_parser_next.
 * - PICOWS_FAILURE: the peer broke the protocol; `event->failure` says how. This is returned once.
 * - PICOWS_ENDED: a CLOSE or a failure was returned before, or the input was dropped or has ended. Discard
 *   all bytes. */
PICOWS_API picows_result picows_session_receive(picows_session *session, uint8_t *bytes,
                                                size_t bytes_size, picows_event *event);

/* Writes the frame that RFC 6455 requires in answer to an event to the start of `buffer`: a PONG for a PING,
 * a CLOSE with the same code for a CLOSE, a CLOSE with the reason for a failure. `*size` becomes the size of
 * the frame, or 0 if no answer is due or our CLOSE was sent before. For PING and CLOSE the event's
 * payload must still be there. PICOWS_CONTROL_FRAME_SIZE_MAX bytes are enough for any answer. To
 * answer differently, later or not at all, do not call this. */
PICOWS_API picows_result picows_session_answer(picows_session *session, const picows_event *event,
                                               const uint8_t *key, uint8_t *buffer,
                                               size_t buffer_size, size_t *size);

/* Writes a frame to the start of `buffer`, as picows_frame_write does: any but a CLOSE. `*size` becomes the
 * size of the frame. May return PICOWS_AFTER_CLOSE, and in messages mode PICOWS_OUT_OF_ORDER. */
PICOWS_API picows_result picows_session_send(picows_session *session, uint8_t opcode, uint8_t flags,
                                             const uint8_t *payload, size_t payload_size,
                                             const uint8_t *key, uint8_t *buffer,
                                             size_t buffer_size, size_t *size);

/* The same around a payload that is already in `buffer`, as picows_frame_wrap does. */
PICOWS_API picows_result picows_session_wrap(picows_session *session, uint8_t *buffer,
                                             size_t payload_offset, size_t payload_size,
                                             uint8_t opcode, uint8_t flags, const uint8_t *key,
                                             size_t *frame_offset);

/* Writes a PING. The session recognises its PONG by the payload: see `ping_count` of picows_event. A PONG
 * also answers the PINGs before its own. PICOWS_TOO_MANY_PINGS if PICOWS_PING_COUNT_MAX already wait. */
PICOWS_API picows_result picows_session_ping(picows_session *session, const uint8_t *payload,
                                             size_t payload_size, const uint8_t *key,
                                             uint8_t *buffer, size_t buffer_size, size_t *size);

/* Writes our CLOSE: the first one, or an answer to the peer's with another code. Code and reason are as for
 * picows_close_encode. Nothing can be sent after it; we receive until the peer closes too. */
PICOWS_API picows_result picows_session_close(picows_session *session, uint16_t code,
                                              const uint8_t *reason, size_t reason_size,
                                              const uint8_t *key, uint8_t *buffer,
                                              size_t buffer_size, size_t *size);

/* Tells the session to ignore further input. picows_session_close may still tell the peer why. */
PICOWS_API picows_result picows_session_drop(picows_session *session);

/* Tells the session that the transport has ended: the peer sends nothing more. */
PICOWS_API picows_result picows_session_end(picows_session *session);

/* The state of the closing handshake: RFC 6455 7. */
enum {
    PICOWS_STATE_OPEN = 0,
    PICOWS_STATE_CLOSE_SENT = 1,     /* the peer may go on until it closes */
    PICOWS_STATE_CLOSE_RECEIVED = 2, /* we may go on until we close */
    PICOWS_STATE_CLOSED_BY_US = 3,   /* our CLOSE was first, and was answered */
    PICOWS_STATE_CLOSED_BY_PEER = 4, /* the peer's was */
    PICOWS_STATE_FAILING = 5, /* the peer broke the protocol or was dropped; our CLOSE may be sent */
    PICOWS_STATE_FAILED = 6,  /* the same, and our CLOSE was sent */
    PICOWS_STATE_LOST = 7     /* the transport ended before the peer's CLOSE: RFC 6455 7.1.5 calls it 1006 */
};

/* The status of a connection. */
typedef struct picows_status {
    picows_failure failure;    /* how the peer broke the protocol */
    uint16_t sent_code;        /* of our CLOSE; PICOWS_CLOSE_NO_INFO also if it had none */
    uint16_t received_code;    /* of the peer's */
    uint8_t state;             /* PICOWS_STATE_* */
    uint8_t is_close_sent;     /* 0 or 1 */
    uint8_t is_close_received; /* 0 or 1 */
    uint8_t reserved;
} picows_status;

/* Returns the status, at any time. */
PICOWS_API picows_result picows_session_status(picows_session *session, picows_status *status);

/* ---- UTF-8, RFC 3629 ---- */

/* How far a text has been checked. Begins as zeros. */
typedef struct picows_utf8 {
    uint8_t state;
} picows_utf8;

/* Checks the next piece of a text, which may be cut anywhere. PICOWS_OK: the text may end here.
 * PICOWS_NEED_MORE: the last character is incomplete. PICOWS_FAILURE: a byte is wrong; all later
 * calls return this too. */
PICOWS_API picows_result picows_utf8_feed(picows_utf8 *validator, const uint8_t *bytes,
                                          size_t bytes_size);

/* ---- The payload of a CLOSE frame, RFC 6455 5.5.1 and 7.4 ---- */

/* Why the peer closes. */
typedef struct picows_close {
    const uint8_t *reason; /* UTF-8, inside the payload, not followed by a NUL */
    size_t reason_size;
    picows_failure failure;
    uint16_t code;         /* PICOWS_CLOSE_NO_INFO if the payload is empty */
    uint8_t reserved[2];
} picows_close;

/* Reads the whole payload of a CLOSE, unmasked. PICOWS_FAILURE: it has only one byte, a code that may not
 * be sent, or a reason that is not UTF-8. */
PICOWS_API picows_result picows_close_decode(const uint8_t *payload, size_t payload_size,
                                             picows_close *close);

/* Writes a payload to the start of `buffer`; PICOWS_CONTROL_PAYLOAD_SIZE_MAX bytes are enough for any.
 * PICOWS_BAD_ARGUMENT: the code may not be sent, or the reason has no code, is not UTF-8, or has more
 * than PICOWS_CLOSE_REASON_SIZE_MAX bytes. `reason` may be inside `buffer`. */
PICOWS_API picows_result picows_close_encode(uint16_t code, const uint8_t *reason,
                                             size_t reason_size, uint8_t *buffer,
                                             size_t buffer_size, size_t *size);

/* ---- Masking keys, RFC 6455 5.3 and 10.3 ---- */

/* A stream of masking keys. Private, and secret; `picows_keys_init` sets it up. */
typedef struct picows_keys {
    uint64_t private_[136];
} picows_keys;

/* Starts a stream of keys. Nobody can predict the keys if nobody can predict the seed: take a new seed for
 * every stream from getrandom() or the like. Start a new stream after fork(), or two processes send
 * the same keys. */
PICOWS_API picows_result picows_keys_init(picows_keys *keys, const uint8_t seed[PICOWS_SEED_SIZE]);

/* The next key of the stream: one for every frame. */
PICOWS_API picows_result picows_keys_next(picows_keys *keys, uint8_t key[4]);

/* ---- HTTP heads, RFC 9112 ---- */

/* A header field. Name and value are not followed by a NUL: use their sizes. */
typedef struct picows_field {
    const uint8_t *name;
    size_t name_size;
    const uint8_t *value; /* without the whitespace around it */
    size_t value_size;
} picows_field;

/* How far a head has been read. Begins as zeros, for every head. */
typedef struct picows_head_reader {
    size_t scanned;
} picows_head_reader;

/* The head of a request or an answer; four KiB on a 64-bit machine. All pointers point into the bytes that
 * the head was read from. */
typedef struct picows_head {
    const uint8_t *start_line;
    size_t start_line_size;
    size_t size; /* of the head: the bytes after it are frames */
    size_t field_count;
    picows_failure failure;
    uint8_t reserved[4];
    picows_field fields[PICOWS_FIELD_COUNT_MAX];
} picows_head;

/* Reads a request or an answer up to its blank line: at most PICOWS_HEAD_SIZE_MAX bytes with
 * PICOWS_FIELD_COUNT_MAX fields. After PICOWS_NEED_MORE pass the same bytes again, with more appended. You
 * may move them. */
PICOWS_API picows_result picows_head_read(picows_head_reader *reader, const uint8_t *bytes,
                                          size_t bytes_size, picows_head *head);

/* The first field with this name, in upper or lower case; NULL if there is none. It is part of `head`. */
PICOWS_API const picows_field *picows_head_find(const picows_head *head, const char *name);

/* 1 if the token is in the comma-separated lists of the fields with this name, otherwise 0. Upper and lower
 * case are the same. */
PICOWS_API int picows_head_has_token(const picows_head *head, const char *name, const char *token);

/* ---- The opening handshake, RFC 6455 4 ---- */

/* The value of Sec-WebSocket-Accept that belongs to a Sec-WebSocket-Key. */
PICOWS_API picows_result picows_accept_key(const char *key, size_t key_size,
                                           char accept[PICOWS_ACCEPT_SIZE]);

/* The value of Sec-WebSocket-Key. The nonce must be random, and a new one for every connection. */
PICOWS_API picows_result picows_key_encode(const uint8_t nonce[PICOWS_NONCE_SIZE],
                                           char key[PICOWS_KEY_SIZE]);

/* What a server needs to know about a request. */
typedef struct picows_request {
    const uint8_t *target; /* like "/chat?room=1"; NULL unless the request is a valid GET of HTTP/1.1 */
    size_t target_size;
    picows_failure failure;
    char accept[PICOWS_ACCEPT_SIZE]; /* for picows_response_write */
    uint8_t reserved[3];
} picows_request;

/* Server: checks whether this is a valid request of the opening handshake. */
PICOWS_API picows_result picows_request_check(const picows_head *head, picows_request *request);

/* Server: writes the 101 answer that accepts, with your own fields (a subprotocol, cookies) after the
 * usual ones. PICOWS_BAD_ARGUMENT: a name or value may not be sent. `*size` becomes the size of the
 * answer. */
PICOWS_API picows_result picows_response_write(const char *accept, const picows_field *fields,
                                               size_t field_count, uint8_t *buffer,
                                               size_t buffer_size, size_t *size);

/* Server: writes the whole answer to a failure of a head or of a request; 256 bytes are enough for any. End
 * the connection after it. */
PICOWS_API picows_result picows_refusal_write(picows_failure failure, uint8_t *buffer,
                                              size_t buffer_size, size_t *size);

/* The request to write. */
typedef struct picows_request_options {
    size_t size;        /* sizeof(picows_request_options) */
    const char *host;   /* the Host header: "example.com" or "example.com:8080" */
    const char *target; /* like "/chat?room=1" */
    const char *key;    /* from picows_key_encode */
    const picows_field *fields; /* more headers, or NULL */
    size_t field_count;
} picows_request_options;

/* Client: writes the request of the opening handshake. PICOWS_BAD_ARGUMENT: something may not be sent, such
 * as a line break in a value. `*size` becomes the size of the request. */
PICOWS_API picows_result picows_request_write(const picows_request_options *options,
                                              uint8_t *buffer, size_t buffer_size, size_t *size);

/* How far an answer has been read. Begins as zeros, for every answer. */
typedef struct picows_response_reader {
    size_t scanned;
    uint32_t start; /* of the head in `bytes` */
    uint32_t interim_count;
} picows_response_reader;

/* Client: reads an answer as picows_head_read does, and skips the interim answers (1xx except 101) before
 * it: at most PICOWS_INTERIM_COUNT_MAX, and PICOWS_HEAD_SIZE_MAX bytes together with the answer's head.
 * `head->size` includes them: it says where the frames begin. */
PICOWS_API picows_result picows_response_read(picows_response_reader *reader,
                                              const uint8_t *bytes, size_t bytes_size,
                                              picows_head *head);

/* Client: checks whether this answer accepts the request with this key. PICOWS_FAILURE: `*failure` says why
 * not. `strict` also refuses an answer that announces a body, which a 101 never has.
 * picows_response_check_offer checks the extensions and subprotocols in the answer. */
PICOWS_API picows_result picows_response_check(const picows_head *head, const char *key,
                                               size_t key_size, int strict,
                                               picows_failure *failure);

/* Client: checks that this answer takes only what was offered (RFC 6455 4.1, items 5 and 6). `fields` are
 * those that you passed to picows_request_write, including Sec-WebSocket-Protocol and
 * Sec-WebSocket-Extensions. If there are none, the answer must have neither. The caller must check the
 * parameters of extensions. */
PICOWS_API picows_result picows_response_check_offer(const picows_head *head,
                                                     const picows_field *fields,
                                                     size_t field_count,
                                                     picows_failure *failure);

#ifdef __cplusplus
}
#endif

#ifdef Py_PYTHON_H
#include "picows_cpython.h"
#endif

#endif /* PICOWS_H */
