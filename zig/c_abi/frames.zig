//! Frames for C: what picows.h declares of headers, masking, the parser, the writer, UTF-8 and CLOSE payloads.
//! Arguments are checked here, so that nothing that a caller does wrong reaches an assertion of the core.

const std = @import("std");
const core = @import("core");
const failures = @import("failures.zig");
const kernel = @import("kernel.zig");
const types = @import("types.zig");
const Result = types.Result;
const slice = types.slice;

/// RFC 6455 5.2: the most significant bit of a length is 0.
const payload_size_max = std.math.maxInt(u63);

pub fn mask(dst: ?[*]u8, src: ?[*]const u8, size: usize, key: ?*const [4]u8, offset: usize) callconv(.c) Result {
    const out = slice(dst, size) orelse return .bad_argument;
    const in = slice(src, size) orelse return .bad_argument;
    const masking_key = key orelse return .bad_argument;
    if (out.ptr != in.ptr and overlap(out, in)) return .bad_argument;
    kernel.get()(out.ptr, in.ptr, size, core.mask.rotate(masking_key.*, offset));
    return .ok;
}

pub fn headerDecode(bytes: ?[*]const u8, size: usize, header: ?*types.Header) callconv(.c) Result {
    const out = header orelse return .bad_argument;
    out.* = std.mem.zeroes(types.Header);
    const in = slice(bytes, size) orelse return .bad_argument;
    switch (core.header.decode(in)) {
        .need_more => |wanted| {
            out.size = wanted;
            return .need_more;
        },
        .failure => |failure| {
            out.failure = failures.Failure.of(failure);
            return .failure;
        },
        .header => |head| {
            out.payload_size = head.payload_size;
            out.size = head.size();
            out.opcode = @backingInt(head.opcode);
            out.flags = @as(u4, @bitCast(head.flags));
            if (head.masking_key) |key| {
                out.is_masked = 1;
                out.masking_key = key;
            }
            return .ok;
        },
    }
}

pub fn headerEncode(header: ?*const types.Header, buffer: ?[*]u8, buffer_size: usize, size: ?*usize) callconv(.c) Result {
    const written = size orelse return .bad_argument;
    written.* = 0;
    const in = header orelse return .bad_argument;
    const out = slice(buffer, buffer_size) orelse return .bad_argument;
    if (in.payload_size > payload_size_max) return .bad_argument;
    const head: core.Header = .{
        .opcode = @fromBackingInt(std.math.cast(u4, in.opcode) orelse return .bad_argument),
        .flags = @bitCast(std.math.cast(u4, in.flags) orelse return .bad_argument),
        .masking_key = if (in.is_masked != 0) in.masking_key else null,
        .payload_size = in.payload_size,
    };
    if (out.len < head.size()) return .no_room;
    core.header.encodeExactly(head, out[0..head.size()]);
    written.* = head.size();
    return .ok;
}

pub fn parserInit(parser: ?*types.Parser, options: ?*const types.ParserOptions) callconv(.c) Result {
    const out = parser orelse return .bad_argument;
    const in = options orelse return .bad_argument;
    if (!types.isWhole(in) or !std.mem.allEqual(u8, &in.reserved, 0)) return .bad_argument;
    out.init(.{ .parser = .{
        .role = switch (in.role) {
            @backingInt(types.Role.client) => .client,
            @backingInt(types.Role.server) => .server,
            else => return .bad_argument,
        },
        .strict = in.strict != 0,
        .payload_size_max = in.payload_size_max,
        .mask = kernel.get(),
    } });
    return .ok;
}

pub fn parserNext(parser: ?*types.Parser, bytes: ?[*]u8, size: usize, frame: ?*types.Frame) callconv(.c) Result {
    const out = frame orelse return .bad_argument;
    out.* = std.mem.zeroes(types.Frame);
    const state = (parser orelse return .bad_argument).get() orelse return .bad_argument;
    const in = slice(bytes, size) orelse return .bad_argument;
    if (in.len < state.given) return .bad_argument;
    state.given = 0;
    switch (state.parser.next(in)) {
        .need_more => |wanted| {
            state.given = size;
            out.size = wanted;
            return .need_more;
        },
        .failure => |failure| {
            out.failure = failures.Failure.of(failure);
            return .failure;
        },
        .frame => |found| {
            out.payload = found.payload.ptr;
            out.payload_size = found.payload.len;
            out.size = found.size;
            out.opcode = @backingInt(found.opcode);
            out.flags = @as(u4, @bitCast(found.flags));
            return .ok;
        },
    }
}

pub fn frameSize(payload_size: usize, is_masked: c_int) callconv(.c) usize {
    return std.math.add(usize, payload_size, core.header.sizeFor(payload_size, is_masked != 0)) catch 0;
}

pub fn frameWrite(
    buffer: ?[*]u8,
    buffer_size: usize,
    opcode: u8,
    flags: u8,
    payload: ?[*]const u8,
    payload_size: usize,
    key: ?*const [4]u8,
    size: ?*usize,
) callconv(.c) Result {
    const written = size orelse return .bad_argument;
    written.* = 0;
    const out = slice(buffer, buffer_size) orelse return .bad_argument;
    const in = slice(payload, payload_size) orelse return .bad_argument;
    const kind = sendable(opcode, flags, payload_size) orelse return .bad_argument;
    if (overlap(out, in)) return .bad_argument;
    const needed = frameSize(payload_size, @intFromBool(key != null));
    if (needed == 0 or needed > out.len) return .no_room;
    const masking_key = if (key) |given| given.* else null;
    written.* = core.writer.copy(out, kind.opcode, kind.flags, in, masking_key, kernel.get());
    return .ok;
}

pub fn frameWrap(
    buffer: ?[*]u8,
    payload_offset: usize,
    payload_size: usize,
    opcode: u8,
    flags: u8,
    key: ?*const [4]u8,
    frame_offset: ?*usize,
) callconv(.c) Result {
    const start = frame_offset orelse return .bad_argument;
    start.* = 0;
    const bytes = buffer orelse return .bad_argument;
    const kind = sendable(opcode, flags, payload_size) orelse return .bad_argument;
    if (payload_offset < core.header.sizeFor(payload_size, key != null)) return .no_room;
    const masking_key = if (key) |given| given.* else null;
    const payload = bytes + payload_offset;
    const frame = core.writer.headerInFront(kind.opcode, kind.flags, payload, payload_size, masking_key, kernel.get());
    start.* = payload_offset + payload_size - frame.len;
    return .ok;
}

pub const Kind = struct { opcode: core.Opcode, flags: core.Flags };

/// What RFC 6455 5.2 and 5.5 let a sender send. RSV bits are the caller's business: an extension may own them.
pub fn sendable(opcode: u8, flags: u8, payload_size: usize) ?Kind {
    const kind: Kind = .{
        .opcode = @fromBackingInt(std.math.cast(u4, opcode) orelse return null),
        .flags = @bitCast(std.math.cast(u4, flags) orelse return null),
    };
    if (!kind.opcode.isKnown() or payload_size > payload_size_max) return null;
    if (!kind.opcode.isControl()) return kind;
    return if (kind.flags.fin and payload_size <= core.control_payload_size_max) kind else null;
}

/// As numbers, because the two need not be parts of one object.
pub fn overlap(a: []const u8, b: []const u8) bool {
    return @intFromPtr(a.ptr) < @intFromPtr(b.ptr) +| b.len and @intFromPtr(b.ptr) < @intFromPtr(a.ptr) +| a.len;
}

pub fn utf8Feed(validator: ?*types.Utf8, bytes: ?[*]const u8, size: usize) callconv(.c) Result {
    const state = validator orelse return .bad_argument;
    const in = slice(bytes, size) orelse return .bad_argument;
    var text: core.utf8.Validator = .{ .state = std.math.cast(u6, state.state) orelse return .bad_argument };
    const valid = text.feed(in);
    state.state = text.state;
    if (!valid) return .failure;
    return if (text.isComplete()) .ok else .need_more;
}

pub fn closeDecode(payload: ?[*]const u8, size: usize, close: ?*types.Close) callconv(.c) Result {
    const out = close orelse return .bad_argument;
    out.* = std.mem.zeroes(types.Close);
    const in = slice(payload, size) orelse return .bad_argument;
    // More cannot be in a control frame. RFC 6455 5.5
    if (in.len > core.control_payload_size_max) return .bad_argument;
    switch (core.close.decode(in)) {
        .close => |found| {
            out.code = @backingInt(found.code);
            out.reason = found.reason.ptr;
            out.reason_size = found.reason.len;
            return .ok;
        },
        .failure => |failure| {
            out.failure = failures.Failure.of(failure);
            return .failure;
        },
    }
}

pub fn closeEncode(
    code: u16,
    reason: ?[*]const u8,
    reason_size: usize,
    buffer: ?[*]u8,
    buffer_size: usize,
    size: ?*usize,
) callconv(.c) Result {
    const written = size orelse return .bad_argument;
    written.* = 0;
    const in = slice(reason, reason_size) orelse return .bad_argument;
    const out = slice(buffer, buffer_size) orelse return .bad_argument;
    const close_code: core.CloseCode = @fromBackingInt(code);
    if (close_code == .no_info and in.len > 0) return .bad_argument; // it would have no code in front of it
    if (close_code != .no_info and !close_code.maySend()) return .bad_argument;
    if (in.len > core.close.reason_size_max or !core.utf8.isValid(in)) return .bad_argument;
    // Through memory of our own, so that the reason may lie in the buffer.
    var whole: [core.control_payload_size_max]u8 = undefined;
    const payload = core.close.encode(close_code, in, &whole);
    if (out.len < payload.len) return .no_room;
    @memcpy(out[0..payload.len], payload);
    written.* = payload.len;
    return .ok;
}
