//! WSListener as a Python type, and the base entries of its table, which look up a Python override.

const core = @import("core");
const c = @import("cpython").capi;
const o = @import("cpython").object;
const doc = @import("listener_doc.zig");
const errors = @import("cpython").errors;
const WSFrame = @import("../frame/frame.zig").WSFrame;
const VTable = @import("../connection/listener.zig").VTable;
const WSListener = @import("../connection/listener.zig").WSListener;
const WSTransport = @import("../connection/transport.zig").WSTransport;
const State = @import("../state/state.zig").State;
const Object = o.Object;
const Error = o.Error;

pub const vtable: VTable = .{
    .on_ws_connected = onConnected,
    .on_ws_frame = onFrame,
    .on_ws_disconnected = onDisconnected,
    .send_user_specific_ping = sendPing,
    .is_user_specific_pong = isPong,
    .pause_writing = pauseWriting,
    .resume_writing = resumeWriting,
};

/// Cython lets None through where an argument is declared as a class. Returns true after raising TypeError for it.
pub inline fn refuseNone(argument: anytype) bool {
    if (@as(*Object, @ptrCast(argument)) != c.none()) return false;
    errors.raise("TypeError", "a callback of WSListener must be given a WSTransport or a WSFrame, not None") catch {};
    return true;
}

fn onConnected(self: *WSListener, transport: *WSTransport, skip_dispatch: c_int) callconv(.c) ?*Object {
    if (skip_dispatch != 0) return o.none();
    if (refuseNone(transport)) return null;
    return o.toC(o.callMethod(&self.ob, transport.state.names.on_ws_connected, .{transport}));
}

fn onFrame(self: *WSListener, transport: *WSTransport, frame: *WSFrame, skip_dispatch: c_int) callconv(.c) ?*Object {
    if (skip_dispatch != 0) return o.none();
    if (refuseNone(transport)) return null;
    const state = transport.state;
    return o.toC(state.method_call.call(&self.ob, state.names.on_ws_frame, .{ transport, frame }));
}

fn onDisconnected(self: *WSListener, transport: *WSTransport, skip_dispatch: c_int) callconv(.c) ?*Object {
    if (skip_dispatch != 0) return o.none();
    if (refuseNone(transport)) return null;
    return o.toC(o.callMethod(&self.ob, transport.state.names.on_ws_disconnected, .{transport}));
}

fn sendPing(self: *WSListener, transport: *WSTransport, skip_dispatch: c_int) callconv(.c) ?*Object {
    if (refuseNone(transport)) return null;
    if (skip_dispatch != 0) return defaultPing(self, &transport.ob);
    return o.toC(o.callMethod(&self.ob, transport.state.names.send_user_specific_ping, .{transport}));
}

fn isPong(self: *WSListener, frame: *WSFrame, skip_dispatch: c_int) callconv(.c) ?*Object {
    if (refuseNone(frame)) return null;
    if (skip_dispatch != 0) return o.boolean(frame.msg_type == @backingInt(core.Opcode.pong));
    return o.toC(o.callMethod(&self.ob, frame.state.names.is_user_specific_pong, .{frame}));
}

// These two get no transport, so they have neither a logger nor interned names. The protocol calls them only if there is an
// override (see `WSListener.pauseIsDefault`). It writes the default, a warning, itself, with the connection's logger.

fn pauseWriting(self: *WSListener, skip_dispatch: c_int) callconv(.c) ?*Object {
    return flowControl(self, skip_dispatch, "pause_writing");
}

fn resumeWriting(self: *WSListener, skip_dispatch: c_int) callconv(.c) ?*Object {
    return flowControl(self, skip_dispatch, "resume_writing");
}

fn flowControl(self: *WSListener, skip_dispatch: c_int, comptime name: [:0]const u8) ?*Object {
    if (skip_dispatch != 0) return o.none();
    const bound = o.check(c.PyObject_GetAttrString(&self.ob, name)) catch return null;
    defer o.decref(bound);
    return c.PyObject_CallNoArgs(bound);
}

// The defaults as Python calls them, for example `super().on_ws_frame(transport, frame)`. They do not check types.

fn ignoreArguments(comptime name: [:0]const u8, comptime expected: c.Py_ssize_t) fn (*WSListener, [*]const *Object, c.Py_ssize_t) callconv(.c) ?*Object {
    return struct {
        fn call(_: *WSListener, _: [*]const *Object, count: c.Py_ssize_t) callconv(.c) ?*Object {
            if (count == expected) return o.none();
            const method: [*:0]const u8 = name;
            errors.raiseFormat("TypeError", "%s() takes %zd arguments (%zd given)", .{ method, expected, count }) catch return null;
        }
    }.call;
}

fn defaultPing(_: *WSListener, transport: *Object) callconv(.c) ?*Object {
    const send_ping = o.check(c.PyObject_GetAttrString(transport, "send_ping")) catch return null;
    defer o.decref(send_ping);
    return c.PyObject_CallNoArgs(send_ping);
}

fn defaultIsPong(_: *WSListener, frame: *Object) callconv(.c) ?*Object {
    const msg_type = o.check(c.PyObject_GetAttrString(frame, "msg_type")) catch return null;
    defer o.decref(msg_type);
    const value = c.PyLong_AsLong(msg_type);
    if (value == -1 and c.PyErr_Occurred() != null) return null;
    return o.boolean(value == @backingInt(core.Opcode.pong));
}

fn defaultFlowControl(_: *WSListener, _: ?*Object) callconv(.c) ?*Object {
    return o.none();
}

fn new(class: *c.PyTypeObject, _: ?*Object, _: ?*Object) callconv(.c) ?*Object {
    const self = create(class) catch return null;
    self.vtable = &vtable;
    return &self.ob;
}

/// Ignores its arguments: they are for the __init__ of a subclass.
pub fn create(class: *c.PyTypeObject) Error!*WSListener {
    if (c.PyType_GetFlags(class) & c.Py_TPFLAGS_MANAGED_DICT == 0) return o.allocate(WSListener, @ptrCast(class));
    // In CPython 3.11 and 3.12 only `object.__new__` prepares an instance to keep its attributes without a dict. Otherwise the
    // interpreter cannot specialise `self.x`, which costs a callback 240 instructions each time.
    const objectNew: *const fn (*c.PyTypeObject, *Object, ?*Object) callconv(.c) ?*Object = @ptrCast(@alignCast(c.PyType_GetSlot(c.baseObject(), c.Py_tp_new).?));
    const no_arguments = try o.check(c.PyTuple_New(0));
    defer o.decref(no_arguments);
    return @ptrCast(@alignCast(try o.check(objectNew(class, no_arguments, null))));
}

/// Our own, because CPython's would recurse for ever on a subclass that is statically allocated, as those of Cython are.
pub fn dealloc(self: *WSListener) callconv(.c) void {
    if (self.weakrefs != null) c.PyObject_ClearWeakRefs(&self.ob);
    const class = self.ob.ob_type;
    const gives_class_back = !isGivenBackElsewhere(class);
    o.freeMemory(&self.ob);
    if (gives_class_back) o.decref(class);
}

/// Whether we must not drop the dying instance's reference to its class. There is none to a static class. And an instance of a
/// class written in Python dies through CPython's `subtype_dealloc`, which drops the reference itself if the first base class
/// with another destructor is static, as those of Cython are.
fn isGivenBackElsewhere(class: *c.PyTypeObject) bool {
    if (!o.isHeapType(class)) return true;
    const destructor = c.PyType_GetSlot(class, c.Py_tp_dealloc);
    if (destructor == @as(?*const anyopaque, &dealloc)) return false;
    var base = class;
    while (c.PyType_GetSlot(base, c.Py_tp_dealloc) == destructor) base = @ptrCast(@alignCast(c.PyType_GetSlot(base, c.Py_tp_base).?));
    return !o.isHeapType(base);
}

const methods = [_]c.PyMethodDef{
    o.method("on_ws_connected", ignoreArguments("on_ws_connected", 1), c.METH_FASTCALL, doc.on_ws_connected),
    o.method("on_ws_frame", ignoreArguments("on_ws_frame", 2), c.METH_FASTCALL, doc.on_ws_frame),
    o.method("on_ws_read_end", ignoreArguments("on_ws_read_end", 1), c.METH_FASTCALL, doc.on_ws_read_end),
    o.method("on_ws_disconnected", ignoreArguments("on_ws_disconnected", 1), c.METH_FASTCALL, doc.on_ws_disconnected),
    o.method("send_user_specific_ping", defaultPing, c.METH_O, doc.send_user_specific_ping),
    o.method("is_user_specific_pong", defaultIsPong, c.METH_O, doc.is_user_specific_pong),
    o.method("pause_writing", defaultFlowControl, c.METH_NOARGS, doc.pause_writing),
    o.method("resume_writing", defaultFlowControl, c.METH_NOARGS, doc.resume_writing),
    .{},
};

const members = [_]c.PyMemberDef{
    .{ .name = "__weaklistoffset__", .type = c.T_PYSSIZET, .offset = @offsetOf(WSListener, "weakrefs"), .flags = c.READONLY },
    .{},
};

const slots = [_]c.PyType_Slot{
    o.slot(c.Py_tp_doc, doc.class),
    o.slot(c.Py_tp_new, &new),
    o.slot(c.Py_tp_dealloc, &dealloc),
    o.slot(c.Py_tp_methods, &methods),
    o.slot(c.Py_tp_members, &members),
    o.slots_end,
};

pub fn spec() c.PyType_Spec {
    return .{
        .name = "picows.picows.WSListener",
        .basicsize = @sizeOf(WSListener),
        .flags = c.Py_TPFLAGS_DEFAULT | c.Py_TPFLAGS_BASETYPE,
        .slots = &slots,
    };
}
