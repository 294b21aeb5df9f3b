//! The part of picows_cpython.h that the example uses, and of CPython's API. `zig translate-c` makes all of it from the
//! headers, if one has them.

const std = @import("std");
const is_free_threaded = @import("options.zig").is_free_threaded;

pub const PyObject = extern struct {
    header: [if (is_free_threaded) 4 else 2]usize,
};

pub extern fn Py_FatalError([*:0]const u8) noreturn;
pub extern fn PyCapsule_Import([*:0]const u8, c_int) ?*anyopaque;
pub extern fn PyErr_Format(*PyObject, [*:0]const u8, ...) ?*PyObject;
pub extern fn PyErr_NoMemory() ?*PyObject;
pub extern var PyExc_ImportError: *PyObject;
pub extern fn PyMem_Malloc(usize) ?*anyopaque;
pub extern fn PyMem_Free(?*anyopaque) void;
pub extern fn PyModule_Create2(*PyModuleDef, c_int) ?*PyObject;
extern fn PyUnstable_Module_SetGIL(*PyObject, ?*anyopaque) c_int;

pub const api_version_of_python = 1013;

pub const PyMethodDef = extern struct {
    name: ?[*:0]const u8 = null,
    function: ?*const fn (?*PyObject, ?*PyObject) callconv(.c) ?*PyObject = null,
    flags: c_int = 0,
    doc: ?[*:0]const u8 = null,
};
pub const METH_NOARGS = 4;

pub const PyModuleDef = extern struct {
    ob: PyObject,
    init: ?*anyopaque = null,
    index: isize = 0,
    copy: ?*PyObject = null,
    name: [*:0]const u8,
    doc: ?[*:0]const u8 = null,
    size: isize = -1,
    methods: [*]const PyMethodDef,
    slots: ?*anyopaque = null,
    traverse: ?*anyopaque = null,
    clear: ?*anyopaque = null,
    free: ?*anyopaque = null,
};

pub const msg_type_close = 8;
pub const msg_type_pong = 10;
pub const flag_fin = 0x80;
/// Bytes in front of a payload that `send_reuse` writes a frame header into.
pub const headroom = 14;

pub const Frame = extern struct {
    ob: PyObject,
    vtable: *const anyopaque,
    payload_ptr: [*]const u8,
    payload_size: isize,
    tail_size: isize,
    msg_type: c_int,
    fin: u8,
    rsv1: u8,
    rsv2: u8,
    rsv3: u8,
    last_in_buffer: u8,
    received_at: f64,
    kernel_time_ns: i64,
};

pub const Transport = opaque {};

pub const Callbacks = extern struct {
    size: usize = @sizeOf(Callbacks),
    on_ws_connected: ?*const fn (?*anyopaque, *Transport) callconv(.c) c_int = null,
    on_ws_frame: ?*const fn (?*anyopaque, *Transport, *Frame) callconv(.c) c_int = null,
    on_ws_disconnected: ?*const fn (?*anyopaque, *Transport) callconv(.c) c_int = null,
    send_user_specific_ping: ?*const fn (?*anyopaque, *Transport) callconv(.c) c_int = null,
    is_user_specific_pong: ?*const fn (?*anyopaque, *Frame) callconv(.c) c_int = null,
    pause_writing: ?*const fn (?*anyopaque) callconv(.c) c_int = null,
    resume_writing: ?*const fn (?*anyopaque) callconv(.c) c_int = null,
    free: ?*const fn (?*anyopaque) callconv(.c) void = null,
    traverse: ?*const anyopaque = null,
    clear: ?*const anyopaque = null,
};

pub const Api = extern struct {
    size: usize,
    version: c_int,
    frame_type: *PyObject,
    transport_type: *PyObject,
    listener_type: *PyObject,
    send: *const fn (*Transport, c_int, ?[*]const u8, isize, c_uint) callconv(.c) c_int,
    send_reuse: *const fn (*Transport, c_int, [*]u8, isize, c_uint) callconv(.c) c_int,
    send_ping: *const fn (*Transport, ?[*]const u8, isize) callconv(.c) c_int,
    send_pong: *const fn (*Transport, ?[*]const u8, isize) callconv(.c) c_int,
    send_close: *const fn (*Transport, c_int, ?[*]const u8, isize) callconv(.c) c_int,
    disconnect: *const fn (*Transport, c_int) callconv(.c) c_int,
    notify_user_specific_pong_received: *const fn (*Transport) callconv(.c) c_int,
    frame_close: *const fn (*const Frame, *c_int, *?[*]const u8, *isize) callconv(.c) c_int,
    listener_new: *const fn (*const Api, *const Callbacks, ?*anyopaque) callconv(.c) ?*PyObject,
    listener_data: *const fn (*const Api, *PyObject, ?*const fn (?*anyopaque) callconv(.c) void) callconv(.c) ?*anyopaque,
};

/// Builds of CPython without a GIL turn it on for a module that does not say this.
pub fn declareGilNotUsed(module: *PyObject) void {
    const Py_MOD_GIL_NOT_USED: *anyopaque = @ptrFromInt(1);
    // Only these builds have the function. It fails for what is no module.
    if (is_free_threaded) std.debug.assert(PyUnstable_Module_SetGIL(module, Py_MOD_GIL_NOT_USED) == 0);
}

/// The table of the installed picows, or null with an exception set.
pub fn import() ?*const Api {
    const found = PyCapsule_Import("picows._native._C_API", 0) orelse return null;
    const api: *const Api = @ptrCast(@alignCast(found));
    if (api.version == 2 and api.size >= @sizeOf(Api)) return api;
    _ = PyErr_Format(PyExc_ImportError, "this module needs version 2 of picows' C API, not %d", api.version);
    return null;
}
