/* A listener that sends back what it receives, as a struct of C functions. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <picows_cpython.h>
#include <string.h>

enum { COPY_MAX = 64 * 1024 };

/* One for each connection. */
typedef struct {
    const picows_py_api *api;
    char buffer[PICOWS_PY_HEADROOM + COPY_MAX];
} Echo;

static int answer_close(Echo *self, picows_py_transport *transport, picows_py_frame *frame)
{
    int code;
    const char *reason;
    Py_ssize_t size;
    if (self->api->frame_close(frame, &code, &reason, &size) < 0
        || self->api->send_close(transport, code, reason, size) < 0)
        return -1;
    return self->api->disconnect(transport, 1);
}

static int on_ws_frame(void *data, picows_py_transport *transport, picows_py_frame *frame)
{
    Echo *self = (Echo *)data;
    char *payload = self->buffer + PICOWS_PY_HEADROOM;
    unsigned int flags = frame->fin ? PICOWS_PY_FIN : 0;
    if (frame->msg_type == PICOWS_PY_CLOSE)
        return answer_close(self, transport, frame);
    if (frame->msg_type == PICOWS_PY_PONG)
        return 0;
    if (frame->payload_size > COPY_MAX)
        return self->api->send(transport, frame->msg_type, frame->payload_ptr,
                               frame->payload_size, flags);
    memcpy(payload, frame->payload_ptr, (size_t)frame->payload_size);
    return self->api->send_reuse(transport, frame->msg_type, payload, frame->payload_size, flags);
}

/* Echo(): a new listener. */
static PyObject *make_echo(PyObject *module, PyObject *unused)
{
    const picows_py_api *api = *(const picows_py_api **)PyModule_GetState(module);
    picows_py_callbacks callbacks = PICOWS_PY_CALLBACKS_INIT;
    Echo *self = (Echo *)PyMem_Malloc(sizeof(Echo));
    PyObject *listener;
    (void)unused;
    if (self == NULL)
        return PyErr_NoMemory();
    self->api = api;
    callbacks.on_ws_frame = on_ws_frame;
    callbacks.free = PyMem_Free;
    listener = api->listener_new(api, &callbacks, self);
    if (listener == NULL)
        PyMem_Free(self);
    return listener;
}

static int exec_module(PyObject *module)
{
    const picows_py_api **state = (const picows_py_api **)PyModule_GetState(module);
    *state = picows_py_import();
    return *state ? 0 : -1;
}

static PyMethodDef methods[] = {
    {"Echo", make_echo, METH_NOARGS, "A new listener that echoes."},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, (void *)exec_module},
#ifdef Py_mod_gil /* CPython 3.13 and newer: a build without a GIL need not turn it on */
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
    {0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "native_echo", NULL, sizeof(const picows_py_api *),
    methods, slots, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit_native_echo(void)
{
    return PyModuleDef_Init(&definition);
}
