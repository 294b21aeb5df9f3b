/* Everything that picows_cpython.h offers, for tests/test_cpython_header.py. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <picows_cpython.h>
#include <string.h>

static const picows_py_api *api;

/* What a listener of ours has: a list that it notes its callbacks in, and which of them fails. */
typedef struct {
    PyObject *seen;
    const char *fails;
} Notes;

static int note(void *data, const char *name, PyObject *value)
{
    Notes *notes = (Notes *)data;
    PyObject *item = value ? Py_BuildValue("sN", name, value) : NULL;
    int status = item ? PyList_Append(notes->seen, item) : -1;
    Py_XDECREF(item);
    if (status == 0 && strcmp(notes->fails, name) == 0) {
        PyErr_SetString(PyExc_LookupError, name);
        return -1;
    }
    return strcmp(notes->fails, "silently") == 0 ? -1 : status;
}

static PyObject *fields(const picows_py_frame *frame)
{
    return Py_BuildValue("(y#nniiiiiidL)", frame->payload_ptr, frame->payload_size,
                         frame->payload_size, frame->tail_size, frame->msg_type, frame->fin,
                         frame->rsv1, frame->rsv2, frame->rsv3, frame->last_in_buffer,
                         frame->received_at, (long long)frame->kernel_time_ns);
}

static int on_ws_connected(void *data, picows_py_transport *transport)
{
    return note(data, "on_ws_connected",
                Py_BuildValue("(OOOOiiii)", transport->underlying_transport, transport->request,
                              transport->response, transport->close_handshake,
                              transport->is_client_side, transport->is_secure,
                              transport->is_close_frame_sent, transport->is_disconnected));
}

static int on_ws_frame(void *data, picows_py_transport *transport, picows_py_frame *frame)
{
    (void)transport;
    return note(data, "on_ws_frame", fields(frame));
}

static int on_ws_disconnected(void *data, picows_py_transport *transport)
{
    return note(data, "on_ws_disconnected", PyBool_FromLong(transport->is_disconnected));
}

static int send_user_specific_ping(void *data, picows_py_transport *transport)
{
    if (note(data, "send_user_specific_ping", PyLong_FromLong(0)) < 0)
        return -1;
    return api->send(transport, PICOWS_PY_TEXT, "ping?", 5, PICOWS_PY_FIN);
}

static int is_user_specific_pong(void *data, picows_py_frame *frame)
{
    if (note(data, "is_user_specific_pong", fields(frame)) < 0)
        return -1;
    return frame->msg_type == PICOWS_PY_TEXT;
}

static int pause_writing(void *data)
{
    return note(data, "pause_writing", PyLong_FromLong(0));
}

static int resume_writing(void *data)
{
    return note(data, "resume_writing", PyLong_FromLong(0));
}

static long freed;

static void free_notes(void *data)
{
    Notes *notes = (Notes *)data;
    freed++;
    Py_XDECREF(notes->seen);
    PyMem_Free(notes);
}

static int traverse_notes(void *data, visitproc visit, void *arg)
{
    Py_VISIT(((Notes *)data)->seen);
    return 0;
}

static void clear_notes(void *data)
{
    Py_CLEAR(((Notes *)data)->seen);
}

static PyObject *make_listener(PyObject *seen, const char *fails, picows_py_callbacks callbacks)
{
    PyObject *listener;
    Notes *notes = (Notes *)PyMem_Malloc(sizeof(Notes));
    if (notes == NULL)
        return PyErr_NoMemory();
    Py_INCREF(seen);
    notes->seen = seen;
    notes->fails = fails;
    callbacks.free = free_notes;
    callbacks.traverse = traverse_notes;
    callbacks.clear = clear_notes;
    listener = api->listener_new(api, &callbacks, notes);
    if (listener == NULL) {
        Py_DECREF(seen);
        PyMem_Free(notes);
    }
    return listener;
}

/* listener(seen, fails): every callback is ours. `fails` is a literal, which lives long enough. */
static PyObject *listener(PyObject *module, PyObject *args)
{
    picows_py_callbacks callbacks = PICOWS_PY_CALLBACKS_INIT;
    PyObject *seen, *fails;
    (void)module;
    if (!PyArg_ParseTuple(args, "OU", &seen, &fails))
        return NULL;
    callbacks.on_ws_connected = on_ws_connected;
    callbacks.on_ws_frame = on_ws_frame;
    callbacks.on_ws_disconnected = on_ws_disconnected;
    callbacks.send_user_specific_ping = send_user_specific_ping;
    callbacks.is_user_specific_pong = is_user_specific_pong;
    callbacks.pause_writing = pause_writing;
    callbacks.resume_writing = resume_writing;
    PyUnicode_InternInPlace(&fails);
    Py_INCREF(fails);
    return make_listener(seen, PyUnicode_AsUTF8(fails), callbacks);
}

static PyObject *default_listener(PyObject *module, PyObject *size_too_small)
{
    picows_py_callbacks callbacks = PICOWS_PY_CALLBACKS_INIT;
    PyObject *seen = PyList_New(0), *made;
    (void)module;
    if (PyObject_IsTrue(size_too_small))
        callbacks.size--;
    made = make_listener(seen, "", callbacks);
    Py_DECREF(seen);
    return made;
}

static PyObject *data_of(PyObject *module, PyObject *object)
{
    Notes *notes = (Notes *)api->listener_data(api, object, free_notes);
    (void)module;
    return notes ? Py_NewRef(notes->seen) : NULL;
}

static PyObject *count_freed(PyObject *module, PyObject *unused)
{
    (void)module, (void)unused;
    return PyLong_FromLong(freed);
}

static PyObject *send_everything(PyObject *module, PyObject *object)
{
    char memory[PICOWS_PY_HEADROOM + 8];
    char *payload = memory + PICOWS_PY_HEADROOM;
    picows_py_transport *transport = (picows_py_transport *)object;
    (void)module;
    memcpy(payload, "in place", 8);
    if (api->send(transport, PICOWS_PY_TEXT, "text", 4, PICOWS_PY_FIN) < 0
        || api->send(transport, PICOWS_PY_BINARY, NULL, 0, 0) < 0
        || api->send(transport, PICOWS_PY_CONTINUATION, "rest", 4,
                     PICOWS_PY_FIN | PICOWS_PY_RSV1 | PICOWS_PY_RSV3) < 0
        || api->send_reuse(transport, PICOWS_PY_BINARY, payload, 8, PICOWS_PY_FIN) < 0
        || api->send_reuse(transport, PICOWS_PY_TEXT, payload, 0, PICOWS_PY_RSV2) < 0
        || api->send_ping(transport, "ping", 4) < 0 || api->send_pong(transport, NULL, 0) < 0
        || api->notify_user_specific_pong_received(transport) < 0
        || api->send_close(transport, 1001, "bye", 3) < 0
        || api->send(transport, PICOWS_PY_TEXT, "nothing is sent now", 19, PICOWS_PY_FIN) < 0)
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *disconnect(PyObject *module, PyObject *args)
{
    PyObject *object;
    int graceful;
    (void)module;
    if (!PyArg_ParseTuple(args, "Op", &object, &graceful)
        || api->disconnect((picows_py_transport *)object, graceful) < 0)
        return NULL;
    Py_RETURN_NONE;
}

/* misuse(transport, how): the number picks a wrong call. */
static PyObject *misuse(PyObject *module, PyObject *args)
{
    picows_py_transport *transport;
    char memory[PICOWS_PY_HEADROOM];
    int how, status = 0;
    (void)module;
    if (!PyArg_ParseTuple(args, "Oi", &transport, &how))
        return NULL;
    switch (how) {
    case 0: status = api->send(transport, 7, "", 0, PICOWS_PY_FIN); break;
    case 1: status = api->send(transport, PICOWS_PY_TEXT, NULL, 1, PICOWS_PY_FIN); break;
    case 2: status = api->send(transport, PICOWS_PY_TEXT, "", -1, PICOWS_PY_FIN); break;
    case 3: status = api->send(transport, PICOWS_PY_TEXT, "", 0, 4); break;
    case 4: status = api->send_reuse(transport, PICOWS_PY_TEXT, NULL, 0, PICOWS_PY_FIN); break;
    case 5: status = api->send_reuse(transport, PICOWS_PY_TEXT, memory, -1, PICOWS_PY_FIN); break;
    case 6: status = api->send_ping(transport, memory, 126); break;
    case 7: status = api->send_close(transport, 1006, NULL, 0); break;
    case 8: status = api->send_close(transport, 1000, "\xff", 1); break;
    }
    if (status < 0)
        return NULL;
    Py_RETURN_NONE;
}

/* send_flagged(transport, bytes, flags) */
static PyObject *send_flagged(PyObject *module, PyObject *args)
{
    picows_py_transport *transport;
    const char *message;
    Py_ssize_t size;
    unsigned int flags;
    (void)module;
    if (!PyArg_ParseTuple(args, "Oy#I", &transport, &message, &size, &flags)
        || api->send(transport, PICOWS_PY_BINARY, message, size, PICOWS_PY_FIN | flags) < 0)
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *frame_close(PyObject *module, PyObject *object)
{
    int code;
    const char *reason;
    Py_ssize_t size;
    (void)module;
    if (!PyObject_TypeCheck(object, api->frame_type))
        return PyErr_Format(PyExc_TypeError, "not a WSFrame");
    if (api->frame_close((const picows_py_frame *)object, &code, &reason, &size) < 0)
        return NULL;
    return Py_BuildValue("iz#", code, reason, size);
}

static PyMethodDef methods[] = {
    {"listener", listener, METH_VARARGS, NULL},
    {"default_listener", default_listener, METH_O, NULL},
    {"data_of", data_of, METH_O, NULL},
    {"count_freed", count_freed, METH_NOARGS, NULL},
    {"send_everything", send_everything, METH_O, NULL},
    {"disconnect", disconnect, METH_VARARGS, NULL},
    {"misuse", misuse, METH_VARARGS, NULL},
    {"send_flagged", send_flagged, METH_VARARGS, NULL},
    {"frame_close", frame_close, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "callbacks", NULL, -1, methods, NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit_callbacks(void)
{
    PyObject *module;
    api = picows_py_import();
    module = api ? PyModule_Create(&definition) : NULL;
#ifdef Py_GIL_DISABLED
    if (module) PyUnstable_Module_SetGIL(module, Py_MOD_GIL_NOT_USED);
#endif
    return module;
}
