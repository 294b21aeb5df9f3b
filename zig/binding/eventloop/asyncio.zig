//! The event loop's time and futures, and its exception handler.

const c = @import("cpython").capi;
const o = @import("cpython").object;
const errors = @import("cpython").errors;
const State = @import("../state/state.zig").State;
const Object = o.Object;
const Error = o.Error;

/// loop.time(), in seconds.
pub fn time(state: *State, loop: *Object) Error!f64 {
    const seconds = try o.callMethod(loop, state.names.time, .{});
    defer o.decref(seconds);
    return o.toFloat(seconds);
}

/// Sets the result of a future that nobody has cancelled.
pub fn setResult(state: *State, future: *Object, result: *Object) Error!void {
    if (try isDone(state, future)) return;
    try o.callMethodVoid(future, state.names.set_result, .{result});
}

/// Sets the exception of a future that nobody has cancelled. If nobody ever waits for it, asyncio does not complain.
pub fn setException(state: *State, future: *Object, exception: *Object) Error!void {
    if (try isDone(state, future)) return;
    try o.callMethodVoid(future, state.names.set_exception, .{exception});
    try o.callMethodVoid(future, state.names.exception, .{});
}

pub fn isDone(state: *State, future: *Object) Error!bool {
    const done = try o.callMethod(future, state.names.done, .{});
    defer o.decref(done);
    return o.isTrue(done);
}

/// loop.call_exception_handler(), for what a callback raised and nobody else would hear of.
pub fn report(state: *State, loop: *Object, message: [:0]const u8, exception: *Object) Error!void {
    const context = try o.check(c.PyDict_New());
    defer o.decref(context);
    const text = try o.text(message);
    defer o.decref(text);
    try o.checkStatus(c.PyDict_SetItemString(context, "message", text));
    try o.checkStatus(c.PyDict_SetItemString(context, "exception", exception));
    try o.callMethodVoid(loop, state.names.call_exception_handler, .{context});
}

/// For places that cannot raise. KeyboardInterrupt and SystemExit come out of the event loop in its next turn;
/// sys.unraisablehook gets other exceptions.
pub fn surface(state: *State, loop: *Object, context: ?*Object) void {
    const exception = errors.fetch();
    if (errors.isFatal(exception)) {
        if (raiseInLoop(state, loop, exception)) return o.decref(exception) else |_| c.PyErr_Clear();
    }
    errors.restore(exception) catch errors.ignore(context);
}

/// The call may come from any thread: destructors run in all of them.
fn raiseInLoop(state: *State, loop: *Object, exception: *Object) Error!void {
    try o.callMethodVoid(loop, state.names.call_soon_threadsafe, .{ state.imports.reraise, exception });
}
