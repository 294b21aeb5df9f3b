//! The arguments of a MessageListener.

const std = @import("std");
const c = @import("cpython").capi;
const errors = @import("cpython").errors;
const listeners = @import("listener.zig");
const o = @import("cpython").object;
const MessageListener = listeners.MessageListener;
const Object = o.Object;
const Error = o.Error;

const none_max = std.math.maxInt(usize);
pub const unlimited: listeners.Limits = .{
    .message_size_max = std.math.maxInt(u64),
    .frame_count_max = std.math.maxInt(u32),
    .count_high = none_max,
    .count_low = none_max,
    .bytes_high = none_max,
    .bytes_low = none_max,
};

const parameters = [_]?[*:0]const u8{
    "max_message_size", "max_fragments", "max_queue", "min_queue", "max_queue_bytes",
    "min_queue_bytes",  "when_full",     "decode",    "by_frame",  null,
};

pub fn init(self: *MessageListener, given: *Object, keywords: ?*Object) callconv(.c) c_int {
    configure(self, given, keywords) catch return -1;
    return 0;
}

fn configure(self: *MessageListener, given: *Object, keywords: ?*Object) Error!void {
    var values: [8]*Object = @splat(c.none());
    var by_frame: c_int = 0;
    if (c.PyArg_ParseTupleAndKeywords(
        given,
        keywords,
        "|$OOOOOOOOp:MessageListener",
        &parameters,
        &values[0],
        &values[1],
        &values[2],
        &values[3],
        &values[4],
        &values[5],
        &values[6],
        &values[7],
        &by_frame,
    ) == 0) return error.Python;
    if (self.transport != null) return errors.raise("RuntimeError", "the connection is there already");
    self.limits.message_size_max = try limit("max_message_size", values[0], 0);
    self.limits.frame_count_max = @intCast(@min(try limit("max_fragments", values[1], 1), std.math.maxInt(u32)));
    self.limits.count_high = try limit("max_queue", values[2], 0);
    self.limits.count_low = if (o.isNone(values[3])) low(self.limits.count_high) else try limit("min_queue", values[3], 0);
    self.limits.bytes_high = try limit("max_queue_bytes", values[4], 0);
    self.limits.bytes_low = if (o.isNone(values[5])) low(self.limits.bytes_high) else try limit("min_queue_bytes", values[5], 0);
    if (self.limits.count_low > self.limits.count_high or self.limits.bytes_low > self.limits.bytes_high) {
        return errors.raise("ValueError", "min_queue and min_queue_bytes must be at most max_queue and max_queue_bytes");
    }
    self.when_full = try whenFull(values[6]);
    try setDecoder(self, values[7]);
    self.by_frame = by_frame != 0;
    if (self.by_frame and self.decoding != .by_opcode) return errors.raise("ValueError", "decode must be None with by_frame");
}

fn low(high: usize) usize {
    return if (high == none_max) none_max else high / 4;
}

/// A number that is at least `least`; None is as many as there can be.
pub fn limit(comptime name: [:0]const u8, value: *Object, comptime least: c.Py_ssize_t) Error!usize {
    if (o.isNone(value)) return none_max;
    const number = c.PyNumber_AsSsize_t(value, null);
    if (number == -1 and c.PyErr_Occurred() != null) return error.Python;
    if (number < least) return errors.raise("ValueError", name ++ std.fmt.comptimePrint(" must be at least {d}, or None", .{least}));
    return @intCast(number);
}

fn whenFull(value: *Object) Error!listeners.WhenFull {
    if (o.isNone(value)) return .pause;
    inline for (comptime std.enums.values(listeners.WhenFull)) |known| if (o.isText(value, @tagName(known))) return known;
    return errors.raiseFormat("ValueError", "when_full must be 'pause', 'drop_oldest' or 'close', not %R", .{value});
}

fn setDecoder(self: *MessageListener, value: *Object) Error!void {
    o.clear(&self.decoder);
    self.decoding = .by_opcode;
    if (o.isNone(value)) return;
    if (o.isText(value, "bytes")) {
        self.decoding = .bytes;
        return;
    }
    if (c.PyCallable_Check(value) == 0) return errors.raiseFormat("TypeError", "decode must be None, 'bytes' or a callable, not %R", .{value});
    self.decoder = o.incref(value);
    self.decoding = .callable;
}
