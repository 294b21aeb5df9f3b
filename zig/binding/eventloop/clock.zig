//! The clock of Python's time.monotonic().

const std = @import("std");
const builtin = @import("builtin");
const c = @import("cpython").capi;
const o = @import("cpython").object;
const State = @import("../state/state.zig").State;

/// Seconds since some point in the past. Every read and send asks for it, so it does without Python where it can read the same
/// clock.
pub fn now(state: *State) f64 {
    if (builtin.os.tag == .linux) {
        var time: std.c.timespec = undefined;
        if (std.c.clock_gettime(.MONOTONIC, &time) == 0) {
            return @as(f64, @floatFromInt(time.sec)) + @as(f64, @floatFromInt(time.nsec)) * 1e-9;
        }
    }
    return ask(state) catch {
        c.PyErr_Clear();
        return 0;
    };
}

fn ask(state: *State) o.Error!f64 {
    const time = try o.call(state.imports.monotonic, .{});
    defer o.decref(time);
    return o.toFloat(time);
}
