//! Done: an awaitable that is done. One object serves all calls that have nothing to wait for.

const c = @import("cpython").capi;
const generator = @import("generator.zig");
const o = @import("cpython").object;
const Object = o.Object;

pub const Done = extern struct {
    ob: Object,
};

fn step(_: *Object, _: *Object, result: *?*Object) callconv(.c) c.PySendResult {
    result.* = o.none();
    return c.PYGEN_RETURN;
}

fn send(_: *Object, _: *Object) callconv(.c) ?*Object {
    return generator.stepped(c.PYGEN_RETURN, o.none());
}

fn next(_: *Object) callconv(.c) ?*Object {
    return generator.stepped(c.PYGEN_RETURN, o.none());
}

fn throw(_: *Object, given: [*]const *Object, count: c.Py_ssize_t) callconv(.c) ?*Object {
    generator.raiseThrown(given, count) catch {};
    return null;
}

fn close(_: *Object, _: ?*Object) callconv(.c) ?*Object {
    return o.none();
}

fn new(class: *c.PyTypeObject, _: ?*Object, _: ?*Object) callconv(.c) ?*Object {
    return c.PyType_GenericAlloc(class, 0);
}

fn dealloc(self: *Object) callconv(.c) void {
    o.free(self);
}

const methods = generator.methodsOf(send, throw, close);

const slots = [_]c.PyType_Slot{
    o.slot(c.Py_tp_doc, "An awaitable that is done: None, at once, as often as anybody asks. A coroutine to asyncio too."),
    o.slot(c.Py_tp_new, &new),
    o.slot(c.Py_tp_dealloc, &dealloc),
    o.slot(c.Py_tp_methods, &methods),
    o.slot(c.Py_tp_iter, &generator.itself),
    o.slot(c.Py_tp_iternext, &next),
    o.slot(c.Py_am_await, &generator.itself),
    o.slot(c.Py_am_send, &step),
    o.slots_end,
};

pub fn spec() c.PyType_Spec {
    return .{
        .name = "picows._native.Done",
        .basicsize = @sizeOf(Done),
        .flags = c.Py_TPFLAGS_DEFAULT | c.Py_TPFLAGS_IMMUTABLETYPE,
        .slots = &slots,
    };
}
