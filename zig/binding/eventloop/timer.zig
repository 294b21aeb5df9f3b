//! Timers of the event loop. Each calls one function, known at compile time, with one object of ours. A timer is a field that
//! holds a TimerHandle while the timer runs. The function that it calls clears the field.

const c = @import("cpython").capi;
const o = @import("cpython").object;
const asyncio = @import("asyncio.zig");
const State = @import("../state/state.zig").State;
const Object = o.Object;
const Error = o.Error;

/// Calls `fired(object)` in `seconds`. If the timer runs already, it is cancelled first.
pub fn start(
    timer: *?*Object,
    state: *State,
    loop: *Object,
    seconds: f64,
    comptime fired: anytype,
    object: @typeInfo(@TypeOf(fired)).@"fn".param_types[0].?,
) Error!void {
    const delay = try o.check(c.PyFloat_FromDouble(seconds));
    defer o.decref(delay);
    const callback = try o.bind(fired, object);
    defer o.decref(callback);
    const handle = try o.callMethod(loop, state.names.call_later, .{ delay, callback });
    cancel(timer, state, loop);
    timer.* = handle;
}

/// Does nothing if the timer does not run.
pub fn cancel(timer: *?*Object, state: *State, loop: *Object) void {
    const handle = timer.* orelse return;
    timer.* = null;
    defer o.decref(handle);
    o.callMethodVoid(handle, state.names.cancel, .{}) catch asyncio.surface(state, loop, handle);
}
