//! A WSListener whose callbacks are C functions: picows_py_callbacks of picows_cpython.h. Each listener has a
//! table of its own. Where a callback is missing, its entry is that of the base class, so that defaults stay in one place.

const std = @import("std");
const c = @import("cpython").capi;
const errors = @import("cpython").errors;
const base = @import("type.zig");
const listener = @import("../connection/listener.zig");
const o = @import("cpython").object;
const State = @import("../state/state.zig").State;
const WSFrame = @import("../frame/frame.zig").WSFrame;
const WSTransport = @import("../connection/transport.zig").WSTransport;
const Object = o.Object;
const Error = o.Error;

pub const Free = *const fn (?*anyopaque) callconv(.c) void;

pub const Callbacks = extern struct {
    size: usize,
    on_ws_connected: ?*const fn (?*anyopaque, *WSTransport) callconv(.c) c_int,
    on_ws_frame: ?*const fn (?*anyopaque, *WSTransport, *WSFrame) callconv(.c) c_int,
    on_ws_disconnected: ?*const fn (?*anyopaque, *WSTransport) callconv(.c) c_int,
    send_user_specific_ping: ?*const fn (?*anyopaque, *WSTransport) callconv(.c) c_int,
    is_user_specific_pong: ?*const fn (?*anyopaque, *WSFrame) callconv(.c) c_int,
    pause_writing: ?*const fn (?*anyopaque) callconv(.c) c_int,
    resume_writing: ?*const fn (?*anyopaque) callconv(.c) c_int,
    free: ?Free,
    traverse: ?*const fn (?*anyopaque, c.visitproc, ?*anyopaque) callconv(.c) c_int,
    clear: ?*const fn (?*anyopaque) callconv(.c) void,
};

pub const NativeListener = extern struct {
    base: listener.WSListener,
    table: listener.VTable,
    callbacks: Callbacks,
    data: ?*anyopaque,
};

pub fn create(state: *State, callbacks: *const Callbacks, data: ?*anyopaque) Error!*Object {
    if (callbacks.size != @sizeOf(Callbacks)) {
        return errors.raise("ValueError", "callbacks.size must be sizeof(picows_py_callbacks): start with PICOWS_PY_CALLBACKS_INIT");
    }
    const self = try o.allocate(NativeListener, state.types.NativeListener);
    self.table = base.vtable;
    self.base.vtable = &self.table;
    self.callbacks = callbacks.*;
    self.data = data;
    inline for (comptime std.meta.fieldNames(listener.VTable)) |name| {
        if (@field(callbacks, name) != null) @field(self.table, name) = @field(entries, name);
    }
    return &self.base.ob;
}

/// The data of a listener. `free` must be the function that it was made with: it tells listeners of one extension from those of
/// another.
pub fn dataOf(state: *State, object: *Object, free: ?Free) Error!?*anyopaque {
    const class: *Object = @ptrCast(object.ob_type);
    if (class == state.types.NativeListener) {
        const self: *NativeListener = @ptrCast(@alignCast(object));
        if (self.callbacks.free == free) return self.data;
    }
    return errors.raiseFormat("TypeError", "not a listener of this extension: %R", .{object});
}

const entries = struct {
    fn on_ws_connected(self: *listener.WSListener, transport: *WSTransport, _: c_int) callconv(.c) ?*Object {
        return result(of(self).callbacks.on_ws_connected.?(of(self).data, transport));
    }

    fn on_ws_frame(self: *listener.WSListener, transport: *WSTransport, frame: *WSFrame, _: c_int) callconv(.c) ?*Object {
        return result(of(self).callbacks.on_ws_frame.?(of(self).data, transport, frame));
    }

    fn on_ws_disconnected(self: *listener.WSListener, transport: *WSTransport, _: c_int) callconv(.c) ?*Object {
        return result(of(self).callbacks.on_ws_disconnected.?(of(self).data, transport));
    }

    fn send_user_specific_ping(self: *listener.WSListener, transport: *WSTransport, _: c_int) callconv(.c) ?*Object {
        return result(of(self).callbacks.send_user_specific_ping.?(of(self).data, transport));
    }

    fn is_user_specific_pong(self: *listener.WSListener, frame: *WSFrame, _: c_int) callconv(.c) ?*Object {
        const answer = of(self).callbacks.is_user_specific_pong.?(of(self).data, frame);
        if (answer < 0) return result(answer);
        return o.boolean(answer != 0);
    }

    fn pause_writing(self: *listener.WSListener, _: c_int) callconv(.c) ?*Object {
        return result(of(self).callbacks.pause_writing.?(of(self).data));
    }

    fn resume_writing(self: *listener.WSListener, _: c_int) callconv(.c) ?*Object {
        return result(of(self).callbacks.resume_writing.?(of(self).data));
    }
};

fn of(self: *listener.WSListener) *NativeListener {
    return @ptrCast(@alignCast(self));
}

/// A callback's status as the result of a table's entry.
fn result(status: c_int) ?*Object {
    if (status >= 0) return o.none();
    if (c.PyErr_Occurred() == null) {
        errors.raise("SystemError", "a listener's C callback returned -1 without setting an exception") catch {};
    }
    return null;
}

fn traverse(self: *NativeListener, proc: c.visitproc, arg: ?*anyopaque) callconv(.c) c_int {
    const status = o.visit(@as(*Object, @ptrCast(self.base.ob.ob_type)), proc, arg);
    if (status != 0) return status;
    const visitData = self.callbacks.traverse orelse return 0;
    return visitData(self.data, proc, arg);
}

fn clear(self: *NativeListener) callconv(.c) c_int {
    if (self.callbacks.clear) |clearData| clearData(self.data);
    return 0;
}

fn dealloc(self: *NativeListener) callconv(.c) void {
    c.PyObject_GC_UnTrack(self);
    if (self.base.weakrefs != null) c.PyObject_ClearWeakRefs(&self.base.ob);
    if (self.callbacks.free) |freeData| {
        // It may run any code. The object may die while an exception is set, which must survive that.
        const aside: errors.Aside = .begin();
        defer aside.end();
        freeData(self.data);
    }
    o.free(&self.base.ob);
}

const slots = [_]c.PyType_Slot{
    o.slot(c.Py_tp_doc, "A listener whose callbacks are C functions; extensions make them."),
    o.slot(c.Py_tp_traverse, &traverse),
    o.slot(c.Py_tp_clear, &clear),
    o.slot(c.Py_tp_dealloc, &dealloc),
    o.slots_end,
};

/// A class over WSListener.
pub fn spec() c.PyType_Spec {
    return .{
        .name = "picows._native.NativeListener",
        .basicsize = @sizeOf(NativeListener),
        .flags = c.Py_TPFLAGS_DEFAULT | c.Py_TPFLAGS_HAVE_GC | c.Py_TPFLAGS_DISALLOW_INSTANTIATION,
        .slots = &slots,
    };
}
