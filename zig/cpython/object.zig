//! Helpers over the C API: references, calls, conversions. One error name, `error.Python`, means "a Python exception is set".

const c = @import("capi.zig");

pub const Object = c.PyObject;
pub const Error = error{Python};

/// The result of a C API call as an error union.
pub inline fn check(returned: ?*Object) Error!*Object {
    return returned orelse error.Python;
}

pub inline fn checkStatus(status: c_int) Error!void {
    if (status < 0) return error.Python;
}

pub inline fn isInstance(object: *Object, of: *Object) bool {
    const wanted: *c.PyTypeObject = @ptrCast(of);
    return object.ob_type == wanted or c.PyType_IsSubtype(object.ob_type, wanted) != 0;
}

pub inline fn incref(object: anytype) @TypeOf(object) {
    c.Py_IncRef(@ptrCast(object));
    return object;
}

pub inline fn decref(object: anytype) void {
    c.Py_DecRef(@ptrCast(object));
}

/// Empties an optional field first and gives its reference back after, so that code run by the object's destructor
/// never sees the dying object in the field.
pub inline fn clear(field: anytype) void {
    if (field.*) |object| {
        field.* = null;
        decref(object);
    }
}

/// Stores a new reference (to `object`, incremented here) in a field that always holds one. Another thread may read the
/// field meanwhile with `load` if what it held before is None.
pub inline fn replace(field: **Object, object: *Object) void {
    const old = field.*;
    @atomicStore(*Object, field, incref(object), .release);
    decref(old);
}

/// A new reference to what a field holds, in any thread.
pub inline fn load(field: *const *Object) *Object {
    return incref(@atomicLoad(*Object, field, .acquire));
}

/// Whether the caller's reference is the only one.
pub inline fn isUnique(object: *Object) bool {
    return object.isUnique();
}

pub inline fn none() *Object {
    return incref(c.none());
}

pub inline fn isNone(object: *Object) bool {
    return object == c.none();
}

pub inline fn boolean(value: bool) ?*Object {
    return c.PyBool_FromLong(@intFromBool(value));
}

/// Whether any object at all is a str of these ASCII characters.
pub fn isText(object: *Object, expected: [*:0]const u8) bool {
    const is_str = c.PyType_GetFlags(object.ob_type) & c.Py_TPFLAGS_UNICODE_SUBCLASS != 0;
    return is_str and c.PyUnicode_CompareWithASCIIString(object, expected) == 0;
}

/// A Python number as a float, or TypeError.
pub fn toFloat(number: *Object) Error!f64 {
    const value = c.PyFloat_AsDouble(number);
    return if (value == -1 and c.PyErr_Occurred() != null) error.Python else value;
}

pub fn isTrue(object: *Object) Error!bool {
    const result = c.PyObject_IsTrue(object);
    if (result < 0) return error.Python;
    return result != 0;
}

pub fn bytes(data: []const u8) Error!*Object {
    return check(c.PyBytes_FromStringAndSize(data.ptr, @intCast(data.len)));
}

/// The memory of a `bytes` object; it lives as long as the object.
pub fn bytesData(object: *Object) Error![]u8 {
    var data: ?[*]u8 = null;
    var size: c.Py_ssize_t = 0;
    try checkStatus(c.PyBytes_AsStringAndSize(object, &data, &size));
    return data.?[0..@intCast(size)];
}

/// Text of a header or a reason: UTF-8, other bytes kept as surrogates, so that decoding never fails.
pub fn text(data: []const u8) Error!*Object {
    return check(c.PyUnicode_DecodeUTF8(data.ptr, @intCast(data.len), "surrogateescape"));
}

/// Calls `callable` with positional arguments.
pub fn call(callable: *Object, args: anytype) Error!*Object {
    const end: ?*Object = null;
    return check(switch (args.len) {
        0 => c.PyObject_CallNoArgs(callable),
        1 => c.PyObject_CallFunctionObjArgs(callable, ptr(args[0]), end),
        2 => c.PyObject_CallFunctionObjArgs(callable, ptr(args[0]), ptr(args[1]), end),
        3 => c.PyObject_CallFunctionObjArgs(callable, ptr(args[0]), ptr(args[1]), ptr(args[2]), end),
        4 => c.PyObject_CallFunctionObjArgs(callable, ptr(args[0]), ptr(args[1]), ptr(args[2]), ptr(args[3]), end),
        6 => c.PyObject_CallFunctionObjArgs(callable, ptr(args[0]), ptr(args[1]), ptr(args[2]), ptr(args[3]), ptr(args[4]), ptr(args[5]), end),
        else => comptime unreachable,
    });
}

/// Calls the method `name` (an interned str) of `object` with positional arguments.
pub fn callMethod(object: *Object, name: *Object, args: anytype) Error!*Object {
    const end: ?*Object = null;
    return check(switch (args.len) {
        0 => c.PyObject_CallMethodObjArgs(object, name, end),
        1 => c.PyObject_CallMethodObjArgs(object, name, ptr(args[0]), end),
        2 => c.PyObject_CallMethodObjArgs(object, name, ptr(args[0]), ptr(args[1]), end),
        3 => c.PyObject_CallMethodObjArgs(object, name, ptr(args[0]), ptr(args[1]), ptr(args[2]), end),
        4 => c.PyObject_CallMethodObjArgs(object, name, ptr(args[0]), ptr(args[1]), ptr(args[2]), ptr(args[3]), end),
        else => comptime unreachable,
    });
}

/// Like `callMethod`, for calls whose result nobody wants.
pub fn callMethodVoid(object: *Object, name: *Object, args: anytype) Error!void {
    decref(try callMethod(object, name, args));
}

inline fn ptr(object: anytype) ?*Object {
    return @ptrCast(object);
}

/// Allocates an instance of `class`, zeroed behind its header.
pub fn allocate(comptime T: type, class: *Object) Error!*T {
    const object = try check(c.PyType_GenericAlloc(@ptrCast(class), 0));
    return @ptrCast(@alignCast(object));
}

/// Frees the memory of a dying instance and its reference to its class, which is one that nobody can derive from.
pub fn free(object: *Object) void {
    const class = object.ob_type;
    freeMemory(object);
    decref(class);
}

/// Frees the memory of a dying instance alone.
pub fn freeMemory(object: *Object) void {
    const tp_free: *const fn (*Object) callconv(.c) void = @ptrCast(@alignCast(c.PyType_GetSlot(object.ob_type, c.Py_tp_free).?));
    tp_free(object);
}

pub fn isHeapType(class: *c.PyTypeObject) bool {
    return c.PyType_GetFlags(class) & c.Py_TPFLAGS_HEAPTYPE != 0;
}

/// Visits one reference of an object for the garbage collector.
pub inline fn visit(field: anytype, proc: c.visitproc, arg: ?*anyopaque) c_int {
    const object: ?*Object = @ptrCast(field);
    return if (object) |o| proc(o, arg) else 0;
}

/// A Zig function that returns `Error!*Object` as the C function CPython calls.
pub inline fn toC(value: Error!*Object) ?*Object {
    return value catch null;
}

/// Memory of CPython's allocator as a slice, or a MemoryError.
pub fn allocateBytes(size: usize) Error![]u8 {
    const memory = c.PyMem_Malloc(@max(size, 1)) orelse {
        _ = c.PyErr_NoMemory();
        return error.Python;
    };
    return @as([*]u8, @ptrCast(memory))[0..size];
}

pub fn freeBytes(memory: []u8) void {
    c.PyMem_Free(memory.ptr);
}

/// A function of ours together with its object, as a callable without arguments for others. The object is one of Python's.
pub fn bind(comptime function: anytype, object: @typeInfo(@TypeOf(function)).@"fn".param_types[0].?) Error!*Object {
    const bound = struct {
        const definition = method("callback", run, c.METH_NOARGS, "callback");

        fn run(self: *Object, _: ?*Object) callconv(.c) ?*Object {
            function(@ptrCast(@alignCast(self))) catch return null;
            return none();
        }
    };
    return check(c.PyCMethod_New(@constCast(&bound.definition), @ptrCast(object), null, null));
}

/// A method's entry in a type's table.
pub fn method(comptime name: [:0]const u8, comptime function: anytype, comptime flags: c_int, comptime doc: [:0]const u8) c.PyMethodDef {
    return .{ .ml_name = name, .ml_meth = @ptrCast(&function), .ml_flags = flags, .ml_doc = doc };
}

pub fn slot(comptime number: c_int, comptime value: anytype) c.PyType_Slot {
    return .{ .slot = number, .pfunc = @ptrCast(value) };
}

pub const slots_end: c.PyType_Slot = .{ .slot = 0, .pfunc = null };
