//! The structs and codes that picows.h declares too, in the same order. header_check.zig has a C compiler compare the two.
//!
//! Codes that come in from C are plain integers here: a value that an enum does not have must be an error result and not
//! undefined behaviour.

const std = @import("std");
const core = @import("core");

/// Negative: the caller is wrong, and nothing was done. Positive: what the peer sent is incomplete or wrong, or nobody
/// looks at it any more.
pub const Result = enum(i32) {
    ok = 0,
    need_more = 1,
    failure = 2,
    ended = 3,
    bad_argument = -1,
    no_room = -2,
    after_close = -3,
    out_of_order = -4,
    too_many_pings = -5,
};

pub const Role = enum(u8) { client = 0, server = 1 };

pub const Flag = enum(u8) {
    rsv3 = bits(.{ .rsv3 = true }),
    rsv2 = bits(.{ .rsv2 = true }),
    rsv1 = bits(.{ .rsv1 = true }),
    fin = bits(.{ .fin = true }),

    fn bits(flags: core.Flags) u8 {
        return @as(u4, @bitCast(flags));
    }
};

/// The numbers here are part of the ABI, those of the core are not.
pub const Mode = enum(u8) { permissive = 0, strict = 1, messages = 2 };

pub const State = enum(u8) {
    open = 0,
    close_sent = 1,
    close_received = 2,
    closed_by_us = 3,
    closed_by_peer = 4,
    failing = 5,
    failed = 6,
    lost = 7,

    pub fn of(state: core.closing.State) u8 {
        return switch (state) {
            inline else => |tag| @backingInt(@field(State, @tagName(tag))),
        };
    }
};

pub const Extension = enum(u8) { permessage_deflate = 1 };

pub const EventKind = enum(u8) { none = 0, data = 1, ping = 2, pong = 3, close = 4, failure = 5 };

pub const PieceFlag = enum(u8) { first = 1, last = 2, compressed = 4 };

/// Sizes with a name. Text that is written for C has a NUL behind it, which counts.
pub const constants = .{
    .PICOWS_HEADER_SIZE_MAX = core.header_size_max,
    .PICOWS_CONTROL_PAYLOAD_SIZE_MAX = core.control_payload_size_max,
    .PICOWS_CONTROL_FRAME_SIZE_MAX = 2 + 4 + core.control_payload_size_max,
    .PICOWS_CLOSE_REASON_SIZE_MAX = core.close.reason_size_max,
    .PICOWS_HEAD_SIZE_MAX = core.http.head_size_max,
    .PICOWS_FIELD_COUNT_MAX = core.http.field_count_max,
    .PICOWS_INTERIM_COUNT_MAX = core.http.interim_count_max,
    .PICOWS_NONCE_SIZE = nonce_size,
    .PICOWS_KEY_SIZE = key_size,
    .PICOWS_ACCEPT_SIZE = accept_size,
    .PICOWS_PING_COUNT_MAX = SessionContents.ping_count_max,
    .PICOWS_SEED_SIZE = core.KeyStream.seed_size,
};
pub const nonce_size = 16;
pub const key_size = 24 + 1;
pub const accept_size = 28 + 1;

pub const Header = extern struct {
    payload_size: u64,
    size: usize,
    failure: i32,
    opcode: u8,
    flags: u8,
    is_masked: u8,
    reserved: u8,
    masking_key: [4]u8,
};

pub const ParserOptions = extern struct {
    size: usize,
    payload_size_max: u64,
    role: u8,
    strict: u8,
    reserved: [6]u8,
};

pub const Frame = extern struct {
    payload: ?[*]u8,
    payload_size: usize,
    size: usize,
    failure: i32,
    opcode: u8,
    flags: u8,
    reserved: [2]u8,
};

pub const SessionOptions = extern struct {
    size: usize,
    payload_size_max: u64,
    message_size_max: u64,
    message_frame_count_max: u32,
    role: u8,
    mode: u8,
    extensions: u8,
    reserved: u8,
};

pub const Event = extern struct {
    payload: ?[*]u8,
    payload_size: usize,
    size: usize,
    message_size: u64,
    failure: i32,
    ping_count: u32,
    close_code: u16,
    kind: u8,
    opcode: u8,
    flags: u8,
    message_opcode: u8,
    piece: u8,
    reserved: u8,
};

pub const SessionStatus = extern struct {
    failure: i32,
    sent_code: u16,
    received_code: u16,
    state: u8,
    is_close_sent: u8,
    is_close_received: u8,
    reserved: u8,
};

pub const Utf8 = extern struct { state: u8 };

pub const Close = extern struct {
    reason: ?[*]const u8,
    reason_size: usize,
    failure: i32,
    code: u16,
    reserved: [2]u8,
};

pub const Field = extern struct {
    name: ?[*]const u8,
    name_size: usize,
    value: ?[*]const u8,
    value_size: usize,
};

pub const HeadReader = extern struct { scanned: usize };

pub const ResponseReader = extern struct { scanned: usize, start: u32, interim_count: u32 };

pub const Head = extern struct {
    start_line: ?[*]const u8,
    start_line_size: usize,
    size: usize,
    field_count: usize,
    failure: i32,
    reserved: [4]u8,
    fields: [core.http.field_count_max]Field,
};

pub const Request = extern struct {
    target: ?[*]const u8,
    target_size: usize,
    failure: i32,
    accept: [accept_size]u8,
    reserved: [3]u8,
};

pub const RequestOptions = extern struct {
    size: usize,
    host: ?[*:0]const u8,
    target: ?[*:0]const u8,
    key: ?[*:0]const u8,
    fields: ?[*]const Field,
    field_count: usize,
};

/// What the caller lends memory for and does not look into: `Contents`, behind a word that tells memory which was set up
/// from memory which was not. The size is part of the ABI and leaves room to grow.
fn Handle(comptime Contents: type, comptime words: usize, comptime name: *const [8]u8) type {
    return extern struct {
        private: [words]u64,

        const Self = @This();
        const Inside = struct { tag: u64, contents: Contents };
        const tag = std.mem.readInt(u64, name, .little);

        comptime {
            std.debug.assert(@sizeOf(Inside) <= @sizeOf(Self));
            std.debug.assert(@alignOf(Inside) <= @alignOf(Self));
        }

        pub fn init(self: *Self, contents: Contents) void {
            self.private = @splat(0);
            const inside: *Inside = @ptrCast(&self.private);
            inside.* = .{ .tag = tag, .contents = contents };
        }

        /// Null if `init` was never called on this memory.
        pub fn get(self: *Self) ?*Contents {
            const inside: *Inside = @ptrCast(&self.private);
            return if (inside.tag == tag) &inside.contents else null;
        }
    };
}

pub const Parser = Handle(struct {
    parser: core.Parser,
    /// How many bytes the last call was given, if it wanted more: the next one gives at least as many.
    given: usize = 0,
}, 16, "picowsPa");

pub const SessionContents = struct {
    session: core.Session,
    places: [ping_count_max]core.pings.Ping = undefined,
    /// As in `Parser`.
    given: usize = 0,

    pub const ping_count_max = 8;
    /// Who waits for PONGs: C counts them, oldest first, so one number serves all.
    pub const who: core.pings.Who = @fromBackingInt(2);
};

pub const Session = Handle(SessionContents, 96, "picowsSe");

pub const Keys = Handle(core.KeyStream, 136, "picowsKe");

/// Whether a struct of options has all that is known here. A caller that was compiled with a later header may have more,
/// all of it zero.
pub fn isWhole(options: anytype) bool {
    const known = @sizeOf(@TypeOf(options.*));
    if (options.size < known or options.size > 4096) return false; // no size, but memory that nobody has set
    const bytes: [*]const u8 = @ptrCast(options);
    return std.mem.allEqual(u8, bytes[known..options.size], 0);
}

/// Memory from C, which has no slices. Null is nothing, if it is said to be of no size.
pub fn slice(pointer: anytype, size: usize) ?(if (@typeInfo(@typeInfo(@TypeOf(pointer)).optional.child).pointer.attrs.@"const") []const u8 else []u8) {
    if (pointer) |bytes| return bytes[0..size];
    return if (size == 0) &.{} else null;
}
