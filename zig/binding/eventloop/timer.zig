//! Timers of the event loop. Each calls one function, which is known when this is compiled, with one object of ours. A timer is
//! a field that has a TimerHandle while it runs; the function that it calls empties the field.

const c = @import("cpython").capi;
const o = @import("cpython").object;
const asyncio = @import("asyncio.zig");
const State = @import("../state/state.zig").State;
const Object = o.Object;
const Error = o.Error;

/// Calls `fired(object)` in `seconds`. What the timer was to do before is cancelled.
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

/// May be called where none runs.
pub fn cancel(timer: *?*Object, state: *State, loop: *Object) void {
    const handle = timer.* orelse return;
    timer.* = null;
    defer o.decref(handle);
    o.callMethodVoid(handle, state.names.cancel, .{}) catch asyncio.surface(state, loop, handle);
}
