//! MessageWaiter: what a coroutine of ours yields to the task that runs it. To the task it is a future. A future of asyncio's
//! has the event loop call the task in its next pass; this one calls it at once, inside of the read, where no other task is
//! running. That saves the pass, and a look at all sockets.

const args = @import("cpython").args;
const asyncio = @import("../eventloop/asyncio.zig");
const c = @import("cpython").capi;
const errors = @import("cpython").errors;
const o = @import("cpython").object;
const State = @import("../state/state.zig").State;
const Object = o.Object;
const Error = o.Error;

pub const Waiter = extern struct {
    ob: Object,
    state: *State,
    loop: ?*Object,
    /// Of the task, and the context in which it is to be called.
    callback: ?*Object,
    context: ?*Object,
    /// What cancel() was given.
    message: ?*Object,
    phase: Phase,
    /// `_asyncio_future_blocking`: asyncio's way of telling that it was yielded by `await`.
    is_blocking: bool,
    /// The task has asked for the result.
    is_heard: bool,

    pub const Phase = enum(u8) { pending, set, cancelled };

    /// A new one, or `spare`, which the caller gives away.
    pub fn obtain(state: *State, loop: *Object, spare: ?*Waiter) Error!*Waiter {
        if (spare) |old| {
            if (o.isUnique(&old.ob)) {
                old.reset();
                return old;
            }
            o.decref(old);
        }
        const self = try o.allocate(Waiter, state.types.MessageWaiter);
        self.state = state;
        self.loop = o.incref(loop);
        self.reset();
        return self;
    }

    /// Lets the task go.
    pub fn forget(self: *Waiter) void {
        o.clear(&self.callback);
        o.clear(&self.context);
        o.clear(&self.message);
    }

    fn reset(self: *Waiter) void {
        self.forget();
        self.phase = .pending;
        self.is_blocking = true;
        self.is_heard = false;
    }

    /// Wakes who waits: at once if no task is running, else in the next pass of the event loop. An error is fatal to the program.
    pub fn fire(self: *Waiter) Error!void {
        if (self.phase != .pending) return;
        self.phase = .set;
        if (self.callback == null) return;
        const task = try o.call(self.state.imports.current_task, .{self.loop.?});
        defer o.decref(task);
        if (!o.isNone(task)) return self.schedule();
        try self.run();
    }

    fn run(self: *Waiter) Error!void {
        _ = o.incref(self);
        defer o.decref(self);
        const callback = o.incref(self.callback.?);
        defer o.decref(callback);
        const context = o.incref(self.context.?);
        defer o.decref(context);
        const outcome = self.state.method_call.call(context, self.state.names.run, .{ callback, self });
        if (outcome) |object| o.decref(object) else |_| try self.failed();
    }

    fn failed(self: *Waiter) Error!void {
        const exception = errors.fetch();
        defer o.decref(exception);
        if (errors.isFatal(exception)) return errors.restore(o.incref(exception));
        // A context that is entered already cannot be entered again.
        if (!self.is_heard and self.callback != null) return self.schedule();
        try asyncio.report(self.state, self.loop.?, "a callback of a MessageWaiter raised", exception);
    }

    fn schedule(self: *Waiter) Error!void {
        const call_soon = try o.check(c.PyObject_GetAttr(self.loop.?, self.state.names.call_soon));
        defer o.decref(call_soon);
        const positional = try o.check(c.PyTuple_New(2));
        defer o.decref(positional);
        try o.checkStatus(c.PyTuple_SetItem(positional, 0, o.incref(self.callback.?)));
        try o.checkStatus(c.PyTuple_SetItem(positional, 1, &o.incref(self).ob));
        const keywords = try o.check(c.PyDict_New());
        defer o.decref(keywords);
        try o.checkStatus(c.PyDict_SetItemString(keywords, "context", self.context.?));
        o.decref(try o.check(c.PyObject_Call(call_soon, positional, keywords)));
    }

    fn raiseUnset(self: *Waiter) Error!void {
        switch (self.phase) {
            .set => {},
            .pending => return errors.raise("RuntimeError", "the result is not there yet"),
            .cancelled => {
                const class = self.state.imports.CancelledError;
                if (self.message) |message| if (!o.isNone(message)) return errors.raiseNew(class, .{message});
                return errors.raiseNew(class, .{});
            },
        }
    }
};

fn getLoop(self: *Waiter, _: ?*Object) callconv(.c) ?*Object {
    return o.incref(self.loop orelse c.none());
}

const callback_signature: args.Signature = .{ .method = "add_done_callback", .names = &.{ "callback", "context" }, .required = 1 };

fn addDoneCallback(self: *Waiter, given: [*]const *Object, count: c.Py_ssize_t, keywords: ?*Object) callconv(.c) ?*Object {
    addCallback(self, given, count, keywords) catch return null;
    return o.none();
}

fn addCallback(self: *Waiter, given: [*]const *Object, count: c.Py_ssize_t, keywords: ?*Object) Error!void {
    const values = try args.parse(callback_signature, given, count, keywords);
    if (self.callback != null) return errors.raise("RuntimeError", "a MessageWaiter must have one callback: the task's that waits");
    const context = values[1] orelse c.none();
    if (!o.isNone(context) and !o.isInstance(context, self.state.imports.Context)) {
        return errors.raise("TypeError", "context must be a contextvars.Context or None");
    }
    self.context = if (o.isNone(context)) try o.call(self.state.imports.copy_context, .{}) else o.incref(context);
    self.callback = o.incref(values[0].?);
    if (self.phase != .pending) try self.schedule();
}

fn removeDoneCallback(self: *Waiter, callback: *Object) callconv(.c) ?*Object {
    const present = self.callback orelse return c.PyLong_FromLong(0);
    const equal = c.PyObject_RichCompareBool(present, callback, c.Py_EQ);
    if (equal < 0) return null;
    if (equal != 0) {
        o.clear(&self.callback);
        o.clear(&self.context);
    }
    return c.PyLong_FromLong(equal);
}

const cancel_signature: args.Signature = .{ .method = "cancel", .names = &.{"msg"}, .required = 0 };

fn cancel(self: *Waiter, given: [*]const *Object, count: c.Py_ssize_t, keywords: ?*Object) callconv(.c) ?*Object {
    const values = args.parse(cancel_signature, given, count, keywords) catch return null;
    if (self.phase != .pending) return o.boolean(false);
    self.phase = .cancelled;
    o.clear(&self.message);
    if (values[0]) |message| self.message = o.incref(message);
    if (self.callback != null) self.schedule() catch return null;
    return o.boolean(true);
}

fn cancelled(self: *Waiter, _: ?*Object) callconv(.c) ?*Object {
    return o.boolean(self.phase == .cancelled);
}

fn done(self: *Waiter, _: ?*Object) callconv(.c) ?*Object {
    return o.boolean(self.phase != .pending);
}

fn result(self: *Waiter, _: ?*Object) callconv(.c) ?*Object {
    self.is_heard = true;
    self.raiseUnset() catch return null;
    return o.none();
}

const references = .{ "loop", "callback", "context", "message" };

fn traverse(self: *Waiter, proc: c.visitproc, arg: ?*anyopaque) callconv(.c) c_int {
    const status = o.visit(self.ob.ob_type, proc, arg);
    if (status != 0) return status;
    inline for (references) |name| {
        const visited = o.visit(@field(self, name), proc, arg);
        if (visited != 0) return visited;
    }
    return 0;
}

fn clear(self: *Waiter) callconv(.c) c_int {
    self.forget();
    return 0;
}

fn dealloc(self: *Waiter) callconv(.c) void {
    c.PyObject_GC_UnTrack(self);
    inline for (references) |name| o.clear(&@field(self, name));
    o.free(&self.ob);
}

const with_keywords = c.METH_FASTCALL | c.METH_KEYWORDS;

const methods = [_]c.PyMethodDef{
    o.method("get_loop", getLoop, c.METH_NOARGS, "get_loop($self, /)\n--\n\nThe event loop."),
    o.method("add_done_callback", addDoneCallback, with_keywords, "add_done_callback($self, callback, context=None)\n--\n\nFor the task that waits: call this when there is something."),
    o.method("remove_done_callback", removeDoneCallback, c.METH_O, "remove_done_callback($self, callback, /)\n--\n\nTake the callback away; how many were."),
    o.method("cancel", cancel, with_keywords, "cancel($self, msg=None)\n--\n\nThe task that waits is cancelled. False if it was woken already."),
    o.method("cancelled", cancelled, c.METH_NOARGS, "cancelled($self, /)\n--\n\nWhether it was cancelled."),
    o.method("done", done, c.METH_NOARGS, "done($self, /)\n--\n\nWhether it was woken or cancelled."),
    o.method("result", result, c.METH_NOARGS, "result($self, /)\n--\n\nNone, or CancelledError."),
    o.method("exception", result, c.METH_NOARGS, "exception($self, /)\n--\n\nNone, or CancelledError."),
    .{},
};

const members = [_]c.PyMemberDef{
    .{ .name = "_asyncio_future_blocking", .type = c.T_BOOL, .offset = @offsetOf(Waiter, "is_blocking") },
    .{},
};

const slots = [_]c.PyType_Slot{
    o.slot(c.Py_tp_doc, "What a task waits on: like a Future, but its callback may run inside of the read."),
    o.slot(c.Py_tp_traverse, &traverse),
    o.slot(c.Py_tp_clear, &clear),
    o.slot(c.Py_tp_dealloc, &dealloc),
    o.slot(c.Py_tp_methods, &methods),
    o.slot(c.Py_tp_members, &members),
    o.slots_end,
};

pub fn spec() c.PyType_Spec {
    return .{
        .name = "picows._native.MessageWaiter",
        .basicsize = @sizeOf(Waiter),
        .flags = c.Py_TPFLAGS_DEFAULT | c.Py_TPFLAGS_HAVE_GC | c.Py_TPFLAGS_DISALLOW_INSTANTIATION | c.Py_TPFLAGS_IMMUTABLETYPE,
        .slots = &slots,
    };
}
