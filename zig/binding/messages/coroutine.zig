//! MessageCoroutine: what recv(), send() and their like return. It is a coroutine to asyncio and to `await`, and a step of it is
//! one call in C. What is there already is the result of the first step: no future, no exception, no pass of the event loop.

const c = @import("cpython").capi;
const errors = @import("cpython").errors;
const generator = @import("generator.zig");
const o = @import("cpython").object;
const receiving = @import("receiving.zig");
const sending = @import("sending.zig");
const MessageListener = @import("listener.zig").MessageListener;
const Waiter = @import("waiter.zig").Waiter;
const Object = o.Object;
const Error = o.Error;

/// What is awaited.
pub const What = enum(u8) { recv, next, batch, frame, receive, drain, send };
/// What a message is to be: by its opcode, bytes, or str.
pub const Form = enum(u8) { by_opcode, bytes, text };

pub const Coroutine = extern struct {
    ob: Object,
    /// Until it is done.
    owner: ?*MessageListener,
    /// While it waits.
    waiter: ?*Waiter,
    /// What is to be sent.
    message: ?*Object,
    /// A coroutine in Python that does the work: the rare cases.
    inner: ?*Object,
    /// How many messages a batch may have.
    count_max: usize,
    what: What,
    form: Form,
    phase: Phase,

    pub const Phase = enum(u8) { created, waiting, delegating, done };

    /// What a step came to.
    pub const Outcome = union(enum) { result: *Object, wait: *Waiter, delegate: *Object };

    pub fn obtain(owner: *MessageListener, what: What, form: Form) Error!*Coroutine {
        try owner.checkThread();
        const self = try allocate(owner, if (what == .drain or what == .send) &owner.spare_sender else &owner.spare_receiver);
        self.owner = o.incref(owner);
        self.what = what;
        self.form = form;
        self.phase = .created;
        return self;
    }

    /// The connection's own if nobody else has it.
    fn allocate(owner: *MessageListener, place: *?*Coroutine) Error!*Coroutine {
        if (place.*) |spare| if (o.isUnique(&spare.ob)) {
            _ = o.incref(spare);
            spare.finish();
            return spare;
        };
        const self = try o.allocate(Coroutine, owner.state.types.MessageCoroutine);
        if (place.*) |busy| {
            if (busy.phase != .done) return self;
            o.decref(busy);
        }
        place.* = o.incref(self);
        return self;
    }

    fn step(self: *Coroutine, value: *Object, result: *?*Object) callconv(.c) c.PySendResult {
        result.* = null;
        if (self.phase == .done) {
            errors.raise("RuntimeError", "cannot reuse already awaited coroutine") catch return c.PYGEN_ERROR;
        }
        _ = o.incref(self);
        defer o.decref(self);
        if (self.phase == .delegating) return self.delegate(value, result);
        self.phase = .waiting;
        const outcome = self.advance(self.owner.?) catch {
            self.finish();
            return c.PYGEN_ERROR;
        };
        switch (outcome) {
            .result => |object| {
                result.* = object;
                self.finish();
                return c.PYGEN_RETURN;
            },
            .wait => |waiter| {
                self.setWaiter(waiter);
                result.* = &o.incref(waiter).ob;
                return c.PYGEN_NEXT;
            },
            .delegate => |inner| {
                self.inner = inner;
                self.phase = .delegating;
                return self.delegate(value, result);
            },
        }
    }

    fn advance(self: *Coroutine, owner: *MessageListener) Error!Outcome {
        try owner.checkThread(); // the task may be one of another event loop
        return switch (self.what) {
            .recv, .next, .batch, .frame, .receive => receiving.step(self, owner),
            .drain, .send => sending.step(self, owner),
        };
    }

    fn delegate(self: *Coroutine, value: *Object, result: *?*Object) c.PySendResult {
        const status = c.PyIter_Send(self.inner.?, value, result);
        if (status != c.PYGEN_NEXT) self.finish();
        return status;
    }

    /// Takes the reference over. The one before is kept for the next wait.
    fn setWaiter(self: *Coroutine, waiter: ?*Waiter) void {
        const old = self.waiter;
        self.waiter = waiter;
        const gone = old orelse return;
        gone.forget();
        const owner = self.owner orelse return o.decref(gone);
        if (owner.spare_waiter != null) return o.decref(gone);
        owner.spare_waiter = gone;
    }

    /// Nothing more comes of it. One that was never awaited says so.
    fn finish(self: *Coroutine) void {
        if (self.phase == .done) return;
        const aside: errors.Aside = .begin();
        defer aside.end();
        if (self.phase == .created) generator.warnUnawaited(@tagName(self.what));
        self.phase = .done;
        self.setWaiter(null);
        o.clear(&self.inner);
        o.clear(&self.message);
        const owner = self.owner orelse return;
        self.owner = null;
        if (owner.receiver == self) o.clear(&owner.receiver);
        o.decref(owner);
    }
};

fn send(self: *Coroutine, value: *Object) callconv(.c) ?*Object {
    var result: ?*Object = null;
    return generator.stepped(self.step(value, &result), result);
}

fn next(self: *Coroutine) callconv(.c) ?*Object {
    return send(self, c.none());
}

/// An exception, of a task that is cancelled, say. What was waited for stays where it is.
fn throw(self: *Coroutine, given: [*]const *Object, count: c.Py_ssize_t) callconv(.c) ?*Object {
    if (self.phase == .delegating) return generator.throwInto(self.inner.?, given, count, &self.ob, delegated);
    if (self.phase == .created) self.phase = .waiting;
    self.finish();
    generator.raiseThrown(given, count) catch {};
    return null;
}

/// The inner coroutine has ended.
fn delegated(object: *Object) void {
    const self: *Coroutine = @ptrCast(@alignCast(object));
    self.finish();
}

fn close(self: *Coroutine, _: ?*Object) callconv(.c) ?*Object {
    if (self.phase == .created) self.phase = .waiting;
    const inner = self.inner;
    self.inner = null;
    self.finish();
    const coroutine = inner orelse return o.none();
    defer o.decref(coroutine);
    const method = o.check(c.PyObject_GetAttrString(coroutine, "close")) catch return null;
    defer o.decref(method);
    return c.PyObject_CallNoArgs(method);
}

const references = .{ "owner", "waiter", "message", "inner" };

fn traverse(self: *Coroutine, proc: c.visitproc, arg: ?*anyopaque) callconv(.c) c_int {
    const status = o.visit(self.ob.ob_type, proc, arg);
    if (status != 0) return status;
    inline for (references) |name| {
        const visited = o.visit(@field(self, name), proc, arg);
        if (visited != 0) return visited;
    }
    return 0;
}

fn clear(self: *Coroutine) callconv(.c) c_int {
    self.finish();
    return 0;
}

fn dealloc(self: *Coroutine) callconv(.c) void {
    c.PyObject_GC_UnTrack(self);
    self.finish();
    o.free(&self.ob);
}

/// As asyncio shows it.
fn getName(self: *Coroutine, _: ?*anyopaque) callconv(.c) ?*Object {
    return o.toC(o.text(@tagName(self.what)));
}

const attributes = [_]c.PyGetSetDef{
    .{ .name = "__name__", .get = @ptrCast(&getName) },
    .{ .name = "__qualname__", .get = @ptrCast(&getName) },
    .{},
};

const methods = generator.methodsOf(send, throw, close);

const slots = [_]c.PyType_Slot{
    o.slot(c.Py_tp_doc, "What recv(), send() and their like return: a coroutine, to be awaited once."),
    o.slot(c.Py_tp_traverse, &traverse),
    o.slot(c.Py_tp_clear, &clear),
    o.slot(c.Py_tp_dealloc, &dealloc),
    o.slot(c.Py_tp_methods, &methods),
    o.slot(c.Py_tp_getset, &attributes),
    o.slot(c.Py_tp_iter, &generator.itself),
    o.slot(c.Py_tp_iternext, &next),
    o.slot(c.Py_am_await, &generator.itself),
    o.slot(c.Py_am_send, &Coroutine.step),
    o.slots_end,
};

pub fn spec() c.PyType_Spec {
    return .{
        .name = "picows._native.MessageCoroutine",
        .basicsize = @sizeOf(Coroutine),
        .flags = c.Py_TPFLAGS_DEFAULT | c.Py_TPFLAGS_HAVE_GC | c.Py_TPFLAGS_DISALLOW_INSTANTIATION | c.Py_TPFLAGS_IMMUTABLETYPE,
        .slots = &slots,
    };
}
