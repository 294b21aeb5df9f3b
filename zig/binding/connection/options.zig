//! How connections behave: the arguments that ws_connect and ws_create_server have in common, by the names that users know.
//! picows.loop.options.Options checks them; here they become numbers.

const std = @import("std");
const core = @import("core");
const args = @import("cpython").args;
const c = @import("cpython").capi;
const o = @import("cpython").object;
const errors = @import("cpython").errors;
const Compression = @import("compression_options.zig").Options;
const AutoPingStrategy = @import("../state/enums.zig").AutoPingStrategy;
const send = @import("send.zig");
const Object = o.Object;
const Error = o.Error;

/// Times are in seconds, sizes in bytes.
pub const Options = extern struct {
    /// Infinite if there is no limit.
    websocket_handshake_timeout: f64,
    max_frame_size: usize,
    disconnect_on_exception: bool,
    strict: bool,
    coalesce_sends: bool,
    enable_auto_pong: bool,
    enable_auto_ping: bool,
    auto_ping_strategy: AutoPingStrategy,
    auto_ping_idle_timeout: f64,
    auto_ping_reply_timeout: f64,
    compression: Compression,
    enable_kernel_timestamps: bool,
    auto_ping_close_code: core.CloseCode,

    /// Of the attributes of these names.
    pub fn read(given: *Object) Error!Options {
        var options: Options = undefined;
        const fields = @typeInfo(Options).@"struct";
        inline for (fields.field_names, fields.field_types) |name, Field| {
            const value = try o.check(c.PyObject_GetAttrString(given, name));
            defer o.decref(value);
            @field(options, name) = try convert(Field, value);
        }
        return options;
    }
};

fn convert(comptime T: type, value: *Object) Error!T {
    return switch (T) {
        f64 => o.toFloat(value),
        bool => o.isTrue(value),
        Compression => .read(value),
        usize => std.math.cast(usize, try wholeNumber(value)) orelse errors.raise("ValueError", "max_frame_size must be at least 0"),
        AutoPingStrategy => std.enums.fromInt(AutoPingStrategy, try wholeNumber(value)) orelse
            errors.raise("ValueError", "auto_ping_strategy must be a WSAutoPingStrategy"),
        core.CloseCode => send.closeCode(try args.integer(value), ""),
        else => comptime unreachable,
    };
}

fn wholeNumber(value: *Object) Error!c.Py_ssize_t {
    const number = c.PyNumber_AsSsize_t(value, c.exception("OverflowError"));
    if (number == -1 and c.PyErr_Occurred() != null) return error.Python;
    return number;
}
