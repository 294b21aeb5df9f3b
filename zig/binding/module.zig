//! picows._native: the CPython extension over the core. Multi-phase initialisation, no state in globals.

const std = @import("std");
const core = @import("core");
const cpu = @import("cpu");
const version = @import("version").version;
const c = @import("cpython").capi;
const o = @import("cpython").object;
const c_interface = @import("capsule.zig");
const enums = @import("state/enums.zig");
const frame = @import("frame/frame.zig");
const head_text = @import("opening/head_text.zig");
const listener = @import("listener/type.zig");
const socket = @import("net").socket;
const states = @import("state/state.zig");
const transport = @import("transport/type.zig");
const upgrade = @import("opening/opening.zig");
const Object = o.Object;
const Error = o.Error;
const State = states.State;

/// A failed safety check prints the Python traceback and ends the process: going on would be worse.
pub const panic = std.debug.FullPanic(fatal);

fn fatal(message: []const u8, _: ?usize) noreturn {
    @branchHint(.cold);
    var buffer: [256]u8 = undefined;
    const text = std.fmt.bufPrintSentinel(&buffer, "picows: {s}", .{message}, 0) catch "picows: a safety check failed";
    c.Py_FatalError(text);
}

/// The types that the module defines: name, spec, and the table that Cython code finds them callable through.
const type_list = .{
    .{ "Chunk", @import("memory/chunk.zig").spec, null },
    .{ "Endpoint", @import("opening/endpoint.zig").spec, null },
    .{ "LoopState", @import("memory/loop_state.zig").spec, null },
    .{ "Protocol", @import("opening/protocol.zig").spec, null },
    .{ "WSFrame", frame.spec, &frame.vtable },
    .{ "WSListener", listener.spec, &listener.vtable },
    .{ "Done", @import("messages/done.zig").spec, null },
    .{ "MessageCoroutine", @import("messages/coroutine.zig").spec, null },
    .{ "MessageListener", @import("messages/type.zig").spec, null },
    .{ "AsgiListener", @import("messages/asgi.zig").spec, null },
    .{ "MessageWaiter", @import("messages/waiter.zig").spec, null },
    .{ "NativeListener", @import("listener/native_listener.zig").spec, null },
    .{ "WSTransport", transport.spec, &@import("transport/cython_table.zig").vtable },
} ++ if (socket.has_own_transport) .{
    .{ "Acceptor", @import("tcp/acceptor.zig").spec, null },
    .{ "Hub", @import("tcp/hub.zig").spec, null },
    .{ "TcpTransport", @import("tcp/tcp.zig").spec, null },
} else .{};

fn exec(module: *Object) callconv(.c) c_int {
    fill(module, State.of(module)) catch return -1;
    return 0;
}

fn fill(module: *Object, state: *State) Error!void {
    state.mask = cpu.maskKernel();
    state.method_call = .find();
    try state.loadNames();
    try state.loadImports();
    try enums.load(state);
    inline for (.{ "WSMsgType", "WSCloseCode", "WSAutoPingStrategy" }) |name| {
        try o.checkStatus(c.PyModule_AddObjectRef(module, name, @field(state.enums, name)));
    }
    const protocol_base = try bufferedProtocol();
    defer o.decref(protocol_base);
    inline for (type_list) |entry| {
        const name = entry[0];
        const base = if (comptime std.mem.eql(u8, name, "Protocol"))
            protocol_base
        else if (comptime std.mem.eql(u8, name, "NativeListener") or std.mem.eql(u8, name, "MessageListener")) state.types.WSListener else if (comptime std.mem.eql(u8, name, "AsgiListener")) state.types.MessageListener else null;
        if (comptime @hasField(states.Tables, name)) @field(state.tables, name) = entry[2];
        @field(state.types, name) = try makeType(module, entry[1](), base, entry[2]);
        try o.checkStatus(c.PyModule_AddObjectRef(module, name, @field(state.types, name)));
    }
    state.callbacks.done = try o.call(state.types.Done, .{});
    if (socket.has_own_transport) {
        state.callbacks.serve_tcp = try o.check(c.PyObject_GetAttrString(state.types.TcpTransport, "_serve"));
    }
    inline for (.{ state.types.Done, state.types.MessageCoroutine }) |class| try registerCoroutine(state, class);
    try lendFunctions(module);
    const capsule = try c_interface.makeCapsule(state);
    defer o.decref(capsule);
    try o.checkStatus(c.PyModule_AddObjectRef(module, c_interface.name, capsule));
    try o.checkStatus(c.PyModule_AddStringConstant(module, "__version__", version));
}

/// The requests and responses of Python are below this module, which makes them, and need its reader and writer of heads.
fn lendFunctions(module: *Object) Error!void {
    const heads = try o.check(c.PyImport_ImportModule("picows.values.heads"));
    defer o.decref(heads);
    inline for (.{ "parse_headers", "write_response_head" }) |name| {
        const function = try o.check(c.PyObject_GetAttrString(module, name));
        defer o.decref(function);
        try o.checkStatus(c.PyObject_SetAttrString(heads, name, function));
    }
}

/// So that asyncio makes a task of one.
fn registerCoroutine(state: *State, class: *Object) Error!void {
    const register = try o.check(c.PyObject_GetAttrString(state.imports.Coroutine, "register"));
    defer o.decref(register);
    o.decref(try o.call(register, .{class}));
}

/// asyncio asks whether a protocol is an instance of this class before it uses get_buffer().
fn bufferedProtocol() Error!*Object {
    const asyncio = try o.check(c.PyImport_ImportModule("asyncio"));
    defer o.decref(asyncio);
    return o.check(c.PyObject_GetAttrString(asyncio, "BufferedProtocol"));
}

fn makeType(module: *Object, spec: c.PyType_Spec, base: ?*Object, vtable: ?*const anyopaque) Error!*Object {
    var copy = spec;
    const class = try o.check(c.PyType_FromModuleAndSpec(module, &copy, base));
    errdefer o.decref(class);
    if (vtable) |table| {
        const capsule = try o.check(c.PyCapsule_New(@constCast(table), null, null));
        defer o.decref(capsule);
        try o.checkStatus(c.PyObject_SetAttrString(class, "__pyx_vtable__", capsule));
    }
    return class;
}

const methods = [_]c.PyMethodDef{
    @import("connection/broadcast.zig").method,
    o.method("parse_headers", upgrade.parseHeaders, c.METH_O, "parse_headers($module, head, /)\n--\n\nThe headers of a whole HTTP head, as a CIMultiDict."),
    o.method("write_request_head", head_text.writeRequest, c.METH_VARARGS, "write_request_head($module, method, target, headers, /)\n--\n\nThe head of a request in bytes. Raises ValueError for what may not be in one."),
    o.method("write_response_head", head_text.writeResponse, c.METH_VARARGS, "write_response_head($module, version, status, headers, content_size, /)\n--\n\nThe head of a response in bytes, with its own Content-Length. Raises ValueError for what may not be in one."),
    .{},
};

/// Each version of CPython refuses slots that it does not know.
const slots_3_11 = [_]c.PyModuleDef_Slot{
    .{ .slot = c.Py_mod_exec, .value = @ptrCast(&exec) },
    .{ .slot = 0, .value = null },
};
/// Interpreters that each have a GIL of their own may load the module: it has no state outside of its instances.
const slots_3_12 = [_]c.PyModuleDef_Slot{
    .{ .slot = c.Py_mod_multiple_interpreters, .value = @ptrFromInt(2) }, // Py_MOD_PER_INTERPRETER_GIL_SUPPORTED
} ++ slots_3_11;
/// Free-threaded builds need not turn the GIL on for it: docs/threads.md says why.
const slots_3_13 = [_]c.PyModuleDef_Slot{
    .{ .slot = c.Py_mod_gil, .value = @ptrFromInt(1) }, // Py_MOD_GIL_NOT_USED
} ++ slots_3_12;

fn slotsOf(version_hex: c_ulong) [*]const c.PyModuleDef_Slot {
    if (version_hex >= 0x030D0000) return &slots_3_13;
    if (version_hex >= 0x030C0000) return &slots_3_12;
    return &slots_3_11;
}

var definition: c.PyModuleDef = .{
    .m_base = .{ .ob_base = std.mem.zeroes(c.PyObject) },
    .m_name = "_native",
    .m_doc = "The compiled part of picows.",
    .m_size = @sizeOf(State),
    .m_methods = &methods,
    .m_traverse = @ptrCast(&states.traverse),
    .m_clear = @ptrCast(&states.clear),
    .m_free = @ptrCast(&states.free),
};

export fn PyInit__native() callconv(.c) ?*Object {
    checkAbi() catch return null;
    // Every interpreter that loads the module writes the same.
    definition.m_slots = slotsOf(c.version());
    return c.PyModuleDef_Init(&definition);
}

/// Refuses an interpreter whose objects begin otherwise than this build expects, before it makes one of them. Asks by way
/// of functions, which are alike in all.
fn checkAbi() Error!void {
    const size_object = try o.check(c.PyObject_GetAttrString(@ptrCast(c.baseObject()), "__basicsize__"));
    defer o.decref(size_object);
    if (c.PyLong_AsSsize_t(size_object) == @sizeOf(c.PyObject)) return;
    if (c.PyErr_Occurred() == null) c.PyErr_SetString(c.exception("ImportError"), wrong_abi);
    return error.Python;
}

const wrong_abi = std.fmt.comptimePrint(
    "picows._native was built for CPython {s} a GIL and this is another one: reinstall picows with this interpreter's pip",
    .{if (c.is_free_threaded) "without" else "with"},
);
