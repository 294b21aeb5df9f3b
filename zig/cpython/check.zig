//! What always holds is looked at in debug builds (`PICOWS_BUILD=debug`). In a release a mistake of ours ends no process for that.

const std = @import("std");
const builtin = @import("builtin");

const is_debug = std.ascii.eqlIgnoreCase(@tagName(builtin.mode), "debug");

/// Asserts that `invariants()` of `object` (a pointer) is true.
pub inline fn invariants(object: anytype) void {
    if (is_debug) std.debug.assert(object.invariants());
}
