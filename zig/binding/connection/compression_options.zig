//! What a user asks for with `permessage_deflate`: the attributes of a WSPermessageDeflate, by the names that users know.
//! picows.values.compression checks them; here they become numbers.

const std = @import("std");
const core = @import("core");
const c = @import("cpython").capi;
const o = @import("cpython").object;
const errors = @import("cpython").errors;
const Object = o.Object;
const Error = o.Error;

pub const Options = extern struct {
    is_wanted: bool = false,
    server_no_context_takeover: bool = false,
    client_no_context_takeover: bool = false,
    /// 8 to 15, or `not_said`.
    server_max_window_bits: usize = not_said,
    client_max_window_bits: usize = not_said,
    level: usize = core.deflate.level_default,
    threshold: usize = 0,
    /// In bytes; `not_said` for the largest frame.
    max_message_size: usize = not_said,

    pub const not_said = std.math.maxInt(usize);
    /// Of what a server sends, and asks of clients, and of what a client sends, where nothing was said.
    const window_bits_usual = 12;

    /// From None or a WSPermessageDeflate.
    pub fn read(given: *Object) Error!Options {
        var options: Options = .{};
        if (o.isNone(given)) return options;
        const fields = @typeInfo(Options).@"struct";
        inline for (fields.field_names, fields.field_types) |name, Field| {
            if (comptime std.mem.eql(u8, name, "is_wanted")) continue;
            const value = try o.check(c.PyObject_GetAttrString(given, name));
            defer o.decref(value);
            @field(options, name) = if (Field == bool) try o.isTrue(value) else try number(value);
        }
        options.is_wanted = true;
        return if (options.isUsable()) options else refuse();
    }

    fn isUsable(self: *const Options) bool {
        for ([_]usize{ self.server_max_window_bits, self.client_max_window_bits }) |bits| {
            if (bits == not_said) continue;
            if (bits < core.deflate.window_bits_min or bits > core.deflate.window_bits_max) return false;
        }
        return self.level >= core.deflate.level_min and self.level <= core.deflate.level_max;
    }

    /// A server's window, or a client's: as it was said; null where it was not.
    pub fn saidBits(self: *const Options, of: core.Role) ?u4 {
        const bits = if (of == .client) self.client_max_window_bits else self.server_max_window_bits;
        return if (bits == not_said) null else @intCast(bits);
    }

    /// How large the window is at the most, whatever the peer agrees to. A smaller one than agreed on is always right.
    pub fn bitsOf(self: *const Options, of: core.Role) u4 {
        return self.saidBits(of) orelse window_bits_usual;
    }
};

fn number(value: *Object) Error!usize {
    if (o.isNone(value)) return Options.not_said;
    const size = c.PyNumber_AsSsize_t(value, c.exception("OverflowError"));
    if (size == -1 and c.PyErr_Occurred() != null) return error.Python;
    return std.math.cast(usize, size) orelse refuse();
}

fn refuse() Error {
    return errors.raise("ValueError", "compression must be None or a WSPermessageDeflate");
}
