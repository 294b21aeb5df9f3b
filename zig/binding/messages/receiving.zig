//! Taking messages: at once if there are some, else when the read that brings one is done.

const asgi = @import("asgi.zig");
const c = @import("cpython").capi;
const coroutines = @import("coroutine.zig");
const errors = @import("cpython").errors;
const flow = @import("flow.zig");
const o = @import("cpython").object;
const text = @import("text.zig");
const Coroutine = coroutines.Coroutine;
const Form = coroutines.Form;
const MessageListener = @import("listener.zig").MessageListener;
const WSListener = @import("../connection/listener.zig").WSListener;
const Object = o.Object;
const Error = o.Error;

/// A step of recv() and its like.
pub fn step(self: *Coroutine, owner: *MessageListener) Error!Coroutine.Outcome {
    if (owner.receiver) |other| if (other != self and isCancelled(other)) o.clear(&owner.receiver);
    const is_taken = if (owner.receiver) |other| other != self else owner.is_recv_locked and self.what != .frame;
    if (is_taken) return owner.raiseFrom(owner.state.names._conflict, .{});
    if (try take(self, owner)) |message| return .{ .result = message };
    if (owner.is_ended) return owner.raiseFrom(owner.state.names._ended, .{ownedBoolean(self.what == .next)});
    const waiter = try owner.newWaiter();
    errdefer o.decref(waiter);
    if (owner.receiver == null) owner.receiver = o.incref(self);
    try flow.relax(owner);
    return .{ .wait = waiter };
}

/// Whether a task was told to end that has not yet come to it.
fn isCancelled(receiver: *const Coroutine) bool {
    const waiter = receiver.waiter orelse return false;
    return waiter.phase == .cancelled;
}

/// True and False live for ever.
fn ownedBoolean(value: bool) *Object {
    const object = o.boolean(value).?;
    o.decref(object);
    return object;
}

fn take(self: *Coroutine, owner: *MessageListener) Error!?*Object {
    return switch (self.what) {
        .batch => takeBatch(owner, self.count_max),
        .frame => takeFrame(owner),
        .receive => asgi.takeEvent(owner),
        else => takeMessage(owner, self.form),
    };
}

/// The oldest message, or null if there is no whole one.
pub fn takeMessage(owner: *MessageListener, form: Form) Error!?*Object {
    if (owner.queue.whole_count == 0) return null;
    const message = try if (owner.by_frame) takeConverted(owner, form) else takeReady(owner);
    try flow.relax(owner);
    return message;
}

inline fn takeReady(owner: *MessageListener) Error!*Object {
    const entry = owner.queue.pop();
    if (entry.kind == .failure) return errors.restore(entry.object);
    return entry.object;
}

/// Null if it was to be text and is not UTF-8: then the hook has failed the connection.
fn takeConverted(owner: *MessageListener, form: Form) Error!?*Object {
    const length = owner.queue.firstLength();
    if (length == 1) {
        const entry = owner.queue.pop();
        return text.inForm(entry.object, entry.is_text, form) catch {
            o.decref(entry.object);
            return badText(owner);
        };
    }
    const joined = text.join(owner.queue.entries()[0..length], form);
    if (joined) |_| {} else |_| if (c.PyErr_ExceptionMatches(c.exception("UnicodeDecodeError")) == 0) return error.Python;
    const aside: errors.Aside = .begin();
    for (0..length) |_| o.decref(owner.queue.pop().object);
    aside.end();
    const whole = joined catch return badText(owner);
    return whole.object;
}

fn badText(owner: *MessageListener) Error!?*Object {
    if (c.PyErr_ExceptionMatches(c.exception("UnicodeDecodeError")) == 0) return error.Python;
    const exception = errors.fetch();
    defer o.decref(exception);
    try o.callMethodVoid(owner.object(), owner.state.names._on_bad_text, .{exception});
    return null;
}

/// All whole messages, at most `count_max`; null if there is none. An exception of `decode` comes alone.
fn takeBatch(owner: *MessageListener, count_max: usize) Error!?*Object {
    if (owner.queue.whole_count == 0) return null;
    const list = try o.check(c.PyList_New(0));
    errdefer o.decref(list);
    var count: usize = 0;
    while (count < count_max and owner.queue.whole_count > 0) : (count += 1) {
        if (count > 0 and owner.queue.entries()[0].kind == .failure) break;
        const message = try takeMessage(owner, .by_opcode) orelse break;
        defer o.decref(message);
        try o.checkStatus(c.PyList_Append(list, message));
    }
    if (count > 0) return list;
    o.decref(list);
    return null;
}

/// The oldest frame as (data, is_text, fin), or null if there is none.
fn takeFrame(owner: *MessageListener) Error!?*Object {
    if (owner.queue.count() == 0) return null;
    const tuple = try o.check(c.PyTuple_New(3));
    errdefer o.decref(tuple);
    const entry = owner.queue.pop();
    try o.checkStatus(c.PyTuple_SetItem(tuple, 0, entry.object));
    try o.checkStatus(c.PyTuple_SetItem(tuple, 1, o.boolean(entry.is_text).?));
    try o.checkStatus(c.PyTuple_SetItem(tuple, 2, o.boolean(entry.is_last).?));
    try flow.relax(owner);
    return tuple;
}

/// A read is done, or the connection is gone: wakes who waits, if there is something for him. An error is fatal to the program.
pub fn wake(listener: *WSListener) Error!void {
    const owner: *MessageListener = .of(listener);
    const receiver = owner.receiver orelse return;
    const has_some = switch (receiver.what) {
        .frame => owner.queue.count() > 0,
        .receive => asgi.hasEvent(owner),
        else => owner.queue.whole_count > 0,
    };
    if (!has_some and !owner.is_ended) return;
    if (receiver.waiter) |waiter| try waiter.fire();
}
