//! WSTransport as a Python type: its memory and its life.

const std = @import("std");
const c = @import("cpython").capi;
const o = @import("cpython").object;
const interface = @import("interface.zig");
const pong = @import("../connection/pong.zig");
const WSTransport = @import("../connection/transport.zig").WSTransport;
const Object = o.Object;

const object_fields = .{ "underlying_transport", "request", "response", "close_handshake" };

fn traverse(self: *WSTransport, proc: c.visitproc, arg: ?*anyopaque) callconv(.c) c_int {
    const connection = self.connection();
    const others = [_]?*Object{
        @ptrCast(self.ob.ob_type),
        @ptrCast(connection.endpoint),
        @ptrCast(connection.listener),
        connection.exception,
        connection.traceback,
        connection.lost_by,
        connection.waiters,
        connection.ping_timer,
        connection.end_timer,
    };
    for (others) |object| {
        const status = o.visit(object, proc, arg);
        if (status != 0) return status;
    }
    inline for (object_fields) |name| {
        const status = o.visit(@field(self, name), proc, arg);
        if (status != 0) return status;
    }
    return pong.traverse(connection, proc, arg);
}

/// Breaks cycles: lets go of what leads to users' objects. The object itself stays usable.
fn clear(self: *WSTransport) callconv(.c) c_int {
    const connection = self.connection();
    connection.outbox.end();
    o.clear(&connection.listener);
    o.clear(&connection.exception);
    o.clear(&connection.traceback);
    o.clear(&connection.lost_by);
    o.clear(&connection.waiters);
    o.clear(&connection.ping_timer);
    o.clear(&connection.end_timer);
    pong.clear(connection);
    connection.flow.clear();
    inline for (object_fields) |name| o.replace(&@field(self, name), c.none());
    return 0;
}

fn dealloc(self: *WSTransport) callconv(.c) void {
    c.PyObject_GC_UnTrack(self);
    if (self.weakrefs != null) c.PyObject_ClearWeakRefs(&self.ob);
    _ = clear(self);
    inline for (object_fields) |name| o.decref(@field(self, name));
    const connection = self.connection();
    connection.input.deinit();
    if (connection.compression) |compression| compression.deinit();
    o.decref(connection.endpoint);
    o.freeBytes(std.mem.asBytes(connection));
    o.free(&self.ob);
}

const members = [_]c.PyMemberDef{
    .{ .name = "__weaklistoffset__", .type = c.T_PYSSIZET, .offset = @offsetOf(WSTransport, "weakrefs"), .flags = c.READONLY },
    .{},
};

const slots = [_]c.PyType_Slot{
    o.slot(c.Py_tp_doc, @import("transport_doc.zig").class),
    o.slot(c.Py_tp_traverse, &traverse),
    o.slot(c.Py_tp_clear, &clear),
    o.slot(c.Py_tp_dealloc, &dealloc),
    o.slot(c.Py_tp_methods, &interface.methods),
    o.slot(c.Py_tp_getset, &interface.attributes),
    o.slot(c.Py_tp_members, &members),
    o.slots_end,
};

pub fn spec() c.PyType_Spec {
    return .{
        .name = "picows.picows.WSTransport",
        .basicsize = @sizeOf(WSTransport),
        .flags = c.Py_TPFLAGS_DEFAULT | c.Py_TPFLAGS_HAVE_GC | c.Py_TPFLAGS_DISALLOW_INSTANTIATION,
        .slots = &slots,
    };
}
