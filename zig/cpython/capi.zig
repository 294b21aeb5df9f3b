//! The part of CPython's Limited API (3.11) that the binding uses, declared by hand so that no Python header is needed to
//! build for any platform. `tests/test_capi.py` compares every line with the real Python.h.

const builtin = @import("builtin");
/// The head of every object: zig/cpython/abi/gil.zig or free_threaded.zig, as the build chose. All else is alike in both.
const abi = @import("abi");

pub const is_free_threaded = abi.is_free_threaded;
pub const Py_ssize_t = isize;
pub const PyObject = abi.PyObject;
pub const PyTypeObject = abi.PyTypeObject;

pub const PyMethodDef = extern struct {
    ml_name: ?[*:0]const u8 = null,
    ml_meth: ?*const anyopaque = null,
    ml_flags: c_int = 0,
    ml_doc: ?[*:0]const u8 = null,
};
pub const PyGetSetDef = extern struct {
    name: ?[*:0]const u8 = null,
    get: ?*const anyopaque = null,
    set: ?*const anyopaque = null,
    doc: ?[*:0]const u8 = null,
    closure: ?*anyopaque = null,
};
pub const PyMemberDef = extern struct {
    name: ?[*:0]const u8 = null,
    type: c_int = 0,
    offset: Py_ssize_t = 0,
    flags: c_int = 0,
    doc: ?[*:0]const u8 = null,
};
pub const PyType_Slot = extern struct {
    slot: c_int,
    pfunc: ?*const anyopaque,
};
pub const PyType_Spec = extern struct {
    name: [*:0]const u8,
    basicsize: c_int,
    itemsize: c_int = 0,
    flags: c_uint,
    slots: [*]const PyType_Slot,
};
/// PySendResult: what a step of a coroutine came to.
pub const PySendResult = c_int;
pub const PYGEN_RETURN = 0;
pub const PYGEN_ERROR = -1;
pub const PYGEN_NEXT = 1;
pub const PyModuleDef_Slot = extern struct {
    slot: c_int,
    value: ?*const anyopaque,
};
pub const PyModuleDef_Base = extern struct {
    ob_base: PyObject,
    m_init: ?*const anyopaque = null,
    m_index: Py_ssize_t = 0,
    m_copy: ?*PyObject = null,
};
pub const PyModuleDef = extern struct {
    m_base: PyModuleDef_Base,
    m_name: [*:0]const u8,
    m_doc: ?[*:0]const u8 = null,
    m_size: Py_ssize_t = 0,
    m_methods: ?[*]const PyMethodDef = null,
    m_slots: ?[*]const PyModuleDef_Slot = null,
    m_traverse: ?*const anyopaque = null,
    m_clear: ?*const anyopaque = null,
    m_free: ?*const anyopaque = null,
};
pub const Py_buffer = extern struct {
    buf: ?*anyopaque,
    obj: ?*PyObject,
    len: Py_ssize_t,
    itemsize: Py_ssize_t,
    readonly: c_int,
    ndim: c_int,
    format: ?[*:0]u8,
    shape: ?[*]Py_ssize_t,
    strides: ?[*]Py_ssize_t,
    suboffsets: ?[*]Py_ssize_t,
    internal: ?*anyopaque,
};

/// Also the type of PyObject_VectorcallMethod.
pub const vectorcallfunc = *const fn (?*PyObject, [*]const ?*PyObject, usize, ?*PyObject) callconv(.c) ?*PyObject;
pub const visitproc = *const fn (*PyObject, ?*anyopaque) callconv(.c) c_int;

pub const METH_VARARGS = 0x0001;
pub const METH_FASTCALL = 0x0080;
pub const METH_KEYWORDS = 0x0002;
pub const METH_NOARGS = 0x0004;
pub const METH_O = 0x0008;

pub const Py_TPFLAGS_DEFAULT = 0;
pub const Py_TPFLAGS_MANAGED_DICT = 1 << 4;
pub const Py_TPFLAGS_DISALLOW_INSTANTIATION = 1 << 7;
pub const Py_TPFLAGS_IMMUTABLETYPE = 1 << 8;
pub const Py_TPFLAGS_HEAPTYPE = 1 << 9;
pub const Py_TPFLAGS_BASETYPE = 1 << 10;
pub const Py_TPFLAGS_HAVE_GC = 1 << 14;
pub const Py_TPFLAGS_BYTES_SUBCLASS = 1 << 27;
pub const Py_TPFLAGS_TUPLE_SUBCLASS = 1 << 26;
pub const Py_TPFLAGS_UNICODE_SUBCLASS = 1 << 28;

pub const Py_mod_exec = 2;
pub const Py_mod_multiple_interpreters = 3;
pub const Py_mod_gil = 4;

pub const Py_bf_getbuffer = 1;
pub const Py_bf_releasebuffer = 2;
pub const Py_tp_base = 48;
pub const Py_tp_call = 50;
pub const Py_tp_clear = 51;
pub const Py_tp_dealloc = 52;
pub const Py_tp_doc = 56;
pub const Py_tp_getset = 73;
pub const Py_tp_members = 72;
pub const Py_tp_methods = 64;
pub const Py_tp_new = 65;
pub const Py_tp_repr = 66;
pub const Py_tp_traverse = 71;
pub const Py_tp_free = 74;
pub const Py_tp_finalize = 80;
pub const Py_tp_init = 60;
pub const Py_tp_iter = 62;
pub const Py_tp_iternext = 63;
pub const Py_am_await = 77;
pub const Py_am_aiter = 78;
pub const Py_am_anext = 79;
pub const Py_am_send = 81;

pub const Py_EQ = 2;

pub const PyBUF_SIMPLE = 0;
pub const PyBUF_WRITABLE = 0x0001;

// structmember.h: not in the Limited API by name before 3.12, the same numbers in every version.
pub const T_BOOL = 14;
pub const T_PYSSIZET = 19;
pub const READONLY = 1;

pub extern fn PyModuleDef_Init(*PyModuleDef) ?*PyObject;
pub extern fn PyModule_GetState(*PyObject) ?*anyopaque;
pub extern fn PyModule_AddObjectRef(*PyObject, [*:0]const u8, *PyObject) c_int;
pub extern fn PyModule_AddStringConstant(*PyObject, [*:0]const u8, [*:0]const u8) c_int;
pub extern fn PyImport_ImportModule([*:0]const u8) ?*PyObject;

pub extern fn PyType_FromModuleAndSpec(*PyObject, *PyType_Spec, ?*PyObject) ?*PyObject;
pub extern fn PyType_GetModuleState(*PyTypeObject) ?*anyopaque;
pub extern fn PyType_GetSlot(*PyTypeObject, c_int) ?*anyopaque;
pub extern fn PyType_GetFlags(*PyTypeObject) c_ulong;
pub extern fn PyType_GenericAlloc(*PyTypeObject, Py_ssize_t) ?*PyObject;
pub extern fn PyType_IsSubtype(*PyTypeObject, *PyTypeObject) c_int;
pub extern fn PyCMethod_New(*PyMethodDef, ?*PyObject, ?*PyObject, ?*PyTypeObject) ?*PyObject;
pub extern fn PyCapsule_New(*anyopaque, ?[*:0]const u8, ?*const anyopaque) ?*PyObject;

pub extern fn Py_IncRef(?*PyObject) void;
pub extern fn Py_DecRef(?*PyObject) void;
pub extern fn PyObject_GC_UnTrack(*anyopaque) void;
pub extern fn PyObject_ClearWeakRefs(*PyObject) void;

pub extern fn PyObject_GetAttr(*PyObject, *PyObject) ?*PyObject;
pub extern fn PyObject_GetAttrString(*PyObject, [*:0]const u8) ?*PyObject;
pub extern fn PyObject_SetAttrString(*PyObject, [*:0]const u8, *PyObject) c_int;
pub extern fn PyObject_SetItem(*PyObject, *PyObject, *PyObject) c_int;
pub extern fn PyObject_RichCompareBool(*PyObject, *PyObject, c_int) c_int;
pub extern fn PyObject_IsTrue(*PyObject) c_int;
pub extern fn PyObject_Str(*PyObject) ?*PyObject;
pub extern fn PyObject_Call(*PyObject, *PyObject, ?*PyObject) ?*PyObject;
pub extern fn PyObject_CallNoArgs(*PyObject) ?*PyObject;
pub extern fn PyObject_CallFunctionObjArgs(*PyObject, ...) ?*PyObject;
pub extern fn PyObject_CallMethodObjArgs(*PyObject, *PyObject, ...) ?*PyObject;

pub extern fn PyObject_GetBuffer(*PyObject, *Py_buffer, c_int) c_int;
pub extern fn PyBuffer_Release(*Py_buffer) void;
pub extern fn PyBuffer_FillInfo(*Py_buffer, ?*PyObject, ?*anyopaque, Py_ssize_t, c_int, c_int) c_int;
pub extern fn PyMemoryView_FromObject(*PyObject) ?*PyObject;

pub extern fn PyBytes_FromStringAndSize(?[*]const u8, Py_ssize_t) ?*PyObject;
pub extern fn PyBytes_AsStringAndSize(*PyObject, *?[*]u8, *Py_ssize_t) c_int;
pub extern fn PyUnicode_DecodeUTF8(?[*]const u8, Py_ssize_t, ?[*:0]const u8) ?*PyObject;
pub extern fn PyUnicode_AsUTF8String(*PyObject) ?*PyObject;
pub extern fn PyUnicode_DecodeASCII(?[*]const u8, Py_ssize_t, ?[*:0]const u8) ?*PyObject;
pub extern fn PyUnicode_AsUTF8AndSize(*PyObject, ?*Py_ssize_t) ?[*]const u8;
pub extern fn PyUnicode_AsEncodedString(*PyObject, ?[*:0]const u8, ?[*:0]const u8) ?*PyObject;
pub extern fn PyUnicode_InternFromString([*:0]const u8) ?*PyObject;
pub extern fn PyUnicode_CompareWithASCIIString(*PyObject, [*:0]const u8) c_int;
pub extern fn PyUnicode_FromFormat([*:0]const u8, ...) ?*PyObject;

pub extern fn PyLong_AsLong(*PyObject) c_long;
pub extern fn PyNumber_AsSsize_t(*PyObject, ?*PyObject) Py_ssize_t;
pub extern fn PyLong_AsSsize_t(*PyObject) Py_ssize_t;
pub extern fn PyLong_FromLong(c_long) ?*PyObject;
pub extern fn PyLong_FromLongLong(c_longlong) ?*PyObject;
pub extern fn PyLong_FromSsize_t(Py_ssize_t) ?*PyObject;
pub extern fn PyLong_FromSize_t(usize) ?*PyObject;
pub extern fn PyFloat_AsDouble(*PyObject) f64;
pub extern fn PyFloat_FromDouble(f64) ?*PyObject;
pub extern fn PyBool_FromLong(c_long) ?*PyObject;
pub extern fn PyCallable_Check(*PyObject) c_int;
pub extern fn PySequence_Contains(*PyObject, *PyObject) c_int;
pub extern fn PySequence_GetSlice(*PyObject, Py_ssize_t, Py_ssize_t) ?*PyObject;
pub extern fn PyTuple_New(Py_ssize_t) ?*PyObject;
pub extern fn PyTuple_SetItem(*PyObject, Py_ssize_t, *PyObject) c_int;
pub extern fn PyTuple_Size(*PyObject) Py_ssize_t;
pub extern fn PyTuple_GetItem(*PyObject, Py_ssize_t) ?*PyObject;
pub extern fn PySequence_Tuple(*PyObject) ?*PyObject;
pub extern fn PyList_AsTuple(*PyObject) ?*PyObject;
pub extern fn PyList_New(Py_ssize_t) ?*PyObject;
pub extern fn PyList_Append(*PyObject, *PyObject) c_int;
pub extern fn PyList_SetItem(*PyObject, Py_ssize_t, *PyObject) c_int;
pub extern fn PyDict_New() ?*PyObject;
pub extern fn PyDict_SetItem(*PyObject, *PyObject, *PyObject) c_int;
pub extern fn PyDict_GetItemWithError(*PyObject, *PyObject) ?*PyObject;
pub extern fn PyDict_SetItemString(*PyObject, [*:0]const u8, *PyObject) c_int;
pub extern fn PyArg_ParseTuple(*PyObject, [*:0]const u8, ...) c_int;
pub extern fn PyArg_ParseTupleAndKeywords(*PyObject, ?*PyObject, [*:0]const u8, [*]const ?[*:0]const u8, ...) c_int;

pub extern fn PyErr_Occurred() ?*PyObject;
pub extern fn PyErr_Clear() void;
pub extern fn PyErr_SetString(*PyObject, [*:0]const u8) void;
pub extern fn PyErr_SetObject(*PyObject, *PyObject) void;
pub extern fn PyErr_Format(*PyObject, [*:0]const u8, ...) ?*PyObject;
pub extern fn PyErr_NoMemory() ?*PyObject;
pub extern fn PyErr_SetFromErrno(*PyObject) ?*PyObject;
pub extern fn PyErr_ExceptionMatches(*PyObject) c_int;
pub extern fn PyErr_GivenExceptionMatches(*PyObject, *PyObject) c_int;
pub extern fn PyErr_Fetch(*?*PyObject, *?*PyObject, *?*PyObject) void;
pub extern fn PyErr_NormalizeException(*?*PyObject, *?*PyObject, *?*PyObject) void;
pub extern fn PyErr_ResourceWarning(?*PyObject, Py_ssize_t, [*:0]const u8, ...) c_int;
pub extern fn PyErr_WarnEx(*PyObject, [*:0]const u8, Py_ssize_t) c_int;
pub extern fn PyErr_WriteUnraisable(?*PyObject) void;
pub extern fn PyException_GetTraceback(*PyObject) ?*PyObject;
pub extern fn PyException_SetTraceback(*PyObject, *PyObject) c_int;
pub extern fn PyException_SetCause(*PyObject, ?*PyObject) void;

pub extern fn PyGC_Disable() c_int;
pub extern fn PyGC_Enable() c_int;

pub extern fn PyIter_Send(*PyObject, *PyObject, *?*PyObject) PySendResult;

pub extern fn PyMem_Malloc(usize) ?*anyopaque;
pub extern fn PyMem_Realloc(?*anyopaque, usize) ?*anyopaque;
pub extern fn PyMem_Free(?*anyopaque) void;
pub extern fn PyThread_get_thread_ident() c_ulong;
pub extern fn Py_FatalError([*:0]const u8) noreturn;

/// CPython's version as in PY_VERSION_HEX, of the interpreter that loaded the module.
pub fn version() c_ulong {
    return @extern(*const c_ulong, .{ .name = "Py_Version", .is_dll_import = is_windows }).*;
}

/// Objects that CPython exports as data. Windows imports data by way of a pointer that exists only at run time, so they
/// are read inside functions.
pub inline fn none() *PyObject {
    return @extern(*PyObject, .{ .name = "_Py_NoneStruct", .is_dll_import = is_windows });
}

/// The class `object`.
pub inline fn baseObject() *PyTypeObject {
    return @extern(*PyTypeObject, .{ .name = "PyBaseObject_Type", .is_dll_import = is_windows });
}

pub inline fn dictType() *PyTypeObject {
    return @extern(*PyTypeObject, .{ .name = "PyDict_Type", .is_dll_import = is_windows });
}

pub inline fn bytesType() *PyTypeObject {
    return @extern(*PyTypeObject, .{ .name = "PyBytes_Type", .is_dll_import = is_windows });
}

/// A built-in exception class: `exception("ValueError")`.
pub inline fn exception(comptime name: [:0]const u8) *PyObject {
    return @extern(**PyObject, .{ .name = "PyExc_" ++ name, .is_dll_import = is_windows }).*;
}

const is_windows = builtin.os.tag == .windows;
