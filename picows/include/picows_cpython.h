/* picows for C and C++ extension modules of CPython: frames without a copy, sending without Python
 * in between, and listeners whose callbacks are C functions. C99 and C++; Limited API or not.
 *
 *     #include <Python.h>
 *     #include <picows_cpython.h>          // its folder is picows.get_include()
 *
 *     const picows_py_api *api = picows_py_import();
 *     if (api == NULL) return NULL;        // an exception is set
 *
 * There is nothing to link: picows_py_import() finds the table of all functions at run time.
 *
 * Call every function with the GIL held (in builds without a GIL, with an attached thread state). Call
 * functions that take a transport in the thread of its event loop; elsewhere they raise RuntimeError.
 * A function that fails sets a Python exception and returns -1 or NULL. The caller keeps the
 * references that it passes.
 */
#ifndef PICOWS_CPYTHON_H
#define PICOWS_CPYTHON_H

#ifndef Py_PYTHON_H
#error "include Python.h before picows_cpython.h"
#endif

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The capsule that holds the table. */
#define PICOWS_PY_CAPSULE "picows._native._C_API"
/* Changes when a struct changes, or the table other than by growing at its end. */
#define PICOWS_PY_VERSION 2

/* Types of frames (RFC 6455 5.2). */
#define PICOWS_PY_CONTINUATION 0x0
#define PICOWS_PY_TEXT 0x1
#define PICOWS_PY_BINARY 0x2
#define PICOWS_PY_CLOSE 0x8
#define PICOWS_PY_PING 0x9
#define PICOWS_PY_PONG 0xA

/* Flags of a frame, as in its first byte. A frame that is a whole message, or the last of one, has
 * PICOWS_PY_FIN. */
#define PICOWS_PY_FIN 0x80u
#define PICOWS_PY_RSV1 0x40u
#define PICOWS_PY_RSV2 0x20u
#define PICOWS_PY_RSV3 0x10u
/* For send(), with the flags of the first frame of a message: whether it is compressed where both sides
 * have agreed on permessage_deflate. Without either the threshold decides. */
#define PICOWS_PY_COMPRESS 0x01u
#define PICOWS_PY_NO_COMPRESS 0x02u

/* Bytes in front of a payload that send_reuse() writes a frame header into. */
#define PICOWS_PY_HEADROOM 14

/* A received frame, a Python object (WSFrame): cast it to PyObject * to keep it with Py_INCREF.
 * Its fields are read-only. */
typedef struct picows_py_frame {
    PyObject_HEAD
    const void *vtable;        /* not for use */
    const char *payload_ptr;   /* lives as long as the frame; 64 readable bytes follow the payload */
    Py_ssize_t payload_size;   /* bytes */
    Py_ssize_t tail_size;      /* bytes after this frame in the receive buffer */
    int msg_type;              /* PICOWS_PY_TEXT, ... */
    unsigned char fin;         /* 0 or 1, like all that follow: the last frame of its message */
    unsigned char rsv1;
    unsigned char rsv2;
    unsigned char rsv3;
    unsigned char last_in_buffer; /* no other whole frame follows this one */
    double received_at;        /* seconds, time.monotonic(): the read that completed the frame */
    int64_t kernel_time_ns;    /* nanoseconds, time.time_ns(): when the kernel received the last bytes
                                * of that read; 0 without enable_kernel_timestamps=True, and where
                                * the kernel does not say */
} picows_py_frame;

/* A connection, a Python object (WSTransport): cast it to PyObject * to keep it with Py_INCREF.
 * Its fields are read-only; the objects are the transport's, and never NULL. */
typedef struct picows_py_transport {
    PyObject_HEAD
    const void *vtable;        /* not for use */
    PyObject *underlying_transport;
    PyObject *request;
    PyObject *response;
    PyObject *close_handshake; /* None before the first CLOSE */
    int is_client_side;
    int is_secure;
    int is_close_frame_sent;
    int is_disconnected;
} picows_py_transport;

/* The callbacks of a listener; NULL for the default. `data` is what you passed to listener_new().
 * Transports and frames are borrowed for the call. Each callback returns 0, or -1 with an exception
 * set, which has the same effect as an exception of a Python listener. */
typedef struct picows_py_callbacks {
    size_t size;               /* sizeof(picows_py_callbacks): PICOWS_PY_CALLBACKS_INIT sets it */
    int (*on_ws_connected)(void *data, picows_py_transport *transport);
    int (*on_ws_frame)(void *data, picows_py_transport *transport, picows_py_frame *frame);
    int (*on_ws_disconnected)(void *data, picows_py_transport *transport);
    int (*send_user_specific_ping)(void *data, picows_py_transport *transport);
    int (*is_user_specific_pong)(void *data, picows_py_frame *frame); /* 1 yes, 0 no, -1 failed */
    int (*pause_writing)(void *data);
    int (*resume_writing)(void *data);
    /* Called once, when the listener dies. */
    void (*free)(void *data);
    /* For the garbage collector, like tp_traverse and tp_clear: needed if `data` holds references to
     * Python objects that may lead back to the listener. */
    int (*traverse)(void *data, visitproc visit, void *arg);
    void (*clear)(void *data);
} picows_py_callbacks;

/* No callbacks yet: `picows_py_callbacks callbacks = PICOWS_PY_CALLBACKS_INIT;` */
#define PICOWS_PY_CALLBACKS_INIT { sizeof(picows_py_callbacks), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }

/* The table. It belongs to the module picows._native of the interpreter that imported it, and lives
 * as long as that module. Each interpreter has its own table. */
typedef struct picows_py_api {
    size_t size;               /* of the table that the installed picows has */
    int version;               /* PICOWS_PY_VERSION of the installed picows */

    /* The types, borrowed: for PyObject_TypeCheck(). */
    PyTypeObject *frame_type;
    PyTypeObject *transport_type;
    PyTypeObject *listener_type;

    /* Sends a frame with a copy of the payload (NULL if payload_size is 0). After a CLOSE was sent,
     * or the connection ended, it does nothing and returns 0. Sending never blocks. */
    int (*send)(picows_py_transport *transport, int msg_type, const char *payload,
                Py_ssize_t payload_size, unsigned int flags);
    /* The same without a copy. The PICOWS_PY_HEADROOM bytes in front of the payload must be
     * writable, and are overwritten. A client masks the payload in place. When the function returns,
     * the memory is the caller's again. */
    int (*send_reuse)(picows_py_transport *transport, int msg_type, char *payload,
                      Py_ssize_t payload_size, unsigned int flags);
    /* Up to 125 bytes. */
    int (*send_ping)(picows_py_transport *transport, const char *payload, Py_ssize_t payload_size);
    int (*send_pong)(picows_py_transport *transport, const char *payload, Py_ssize_t payload_size);
    /* `code` is 0 for none; the reason is up to 123 bytes of UTF-8. This does not disconnect. */
    int (*send_close)(picows_py_transport *transport, int code, const char *reason,
                      Py_ssize_t reason_size);
    /* Ends the connection; with `graceful` it first sends what is queued. */
    int (*disconnect)(picows_py_transport *transport, int graceful);
    /* Tells auto-ping that the answer has arrived, if you find it elsewhere than in
     * is_user_specific_pong. */
    int (*notify_user_specific_pong_received)(picows_py_transport *transport);

    /* Code and reason of a CLOSE frame; ValueError for other frames. The code is 0 if the frame has
     * none. The reason is NULL if the frame has none, else it points into the payload, without a
     * terminating zero. */
    int (*frame_close)(const picows_py_frame *frame, int *code, const char **reason,
                       Py_ssize_t *reason_size);

    /* A new WSListener (a new reference) with a copy of `callbacks`, and `data`. From then on the
     * listener owns `data`, until it calls `free` with it. If the function fails, the caller still
     * owns `data` and `free` is not called. Return the listener from a listener factory. */
    PyObject *(*listener_new)(const struct picows_py_api *api,
                              const picows_py_callbacks *callbacks, void *data);
    /* The `data` of a listener that listener_new() made with this `free`; for other objects NULL,
     * with a TypeError set. */
    void *(*listener_data)(const struct picows_py_api *api, PyObject *listener,
                           void (*free)(void *data));
} picows_py_api;

/* Imports picows and returns its table, or NULL with an ImportError that says what to do. Keep it in
 * the module's state, or in a static variable if only one interpreter loads the module. */
static inline const picows_py_api *picows_py_import(void)
{
    const picows_py_api *api = (const picows_py_api *)PyCapsule_Import(PICOWS_PY_CAPSULE, 0);
    if (api == NULL) {
        if (PyErr_ExceptionMatches(PyExc_AttributeError)) {
            PyErr_SetString(PyExc_ImportError,
                            "the installed picows has no C API (the Cython library of this name "
                            "has none): install a picows that comes with picows_cpython.h");
        }
        return NULL;
    }
    if (api->version != PICOWS_PY_VERSION || api->size < sizeof(picows_py_api)) {
        PyErr_Format(PyExc_ImportError,
                     "compiled for version %d of picows' C API with %zu bytes, the installed picows "
                     "has version %d with %zu bytes: %s",
                     PICOWS_PY_VERSION, sizeof(picows_py_api), api->version, api->size,
                     api->version > PICOWS_PY_VERSION ? "compile the extension again"
                                                      : "install a newer picows");
        return NULL;
    }
    return api;
}

#ifdef __cplusplus
}
#endif

#endif
