//! A connection for C: what picows.h declares of sessions. Arguments are checked here, so that nothing that a caller does
//! wrong reaches an assertion of the core; a frame is planned only once there is room for it.

const std = @import("std");
const core = @import("core");
const failures = @import("failures.zig");
const frames = @import("frames.zig");
const kernel = @import("kernel.zig");
const types = @import("types.zig");
const Misuse = core.sending.Misuse;
const Plan = core.sending.Plan;
const Result = types.Result;
const Session = types.SessionContents;
const slice = types.slice;

pub fn init(session: ?*types.Session, options: ?*const types.SessionOptions) callconv(.c) Result {
    const out = session orelse return .bad_argument;
    const in = options orelse return .bad_argument;
    if (!types.isWhole(in) or in.reserved != 0) return .bad_argument;
    if (in.extensions > @backingInt(types.Extension.permessage_deflate) or in.message_frame_count_max == 0) return .bad_argument;
    out.init(.{ .session = .init(.{
        .role = switch (in.role) {
            @backingInt(types.Role.client) => .client,
            @backingInt(types.Role.server) => .server,
            else => return .bad_argument,
        },
        .mode = switch (in.mode) {
            @backingInt(types.Mode.permissive) => .permissive,
            @backingInt(types.Mode.strict) => .strict,
            @backingInt(types.Mode.messages) => .messages,
            else => return .bad_argument,
        },
        .payload_size_max = in.payload_size_max,
        .message_size_max = in.message_size_max,
        .message_frame_count_max = in.message_frame_count_max,
        .extensions = @bitCast(in.extensions),
        .mask = kernel.get(),
    }) });
    return .ok;
}

/// The caller may have moved the memory.
fn get(session: ?*types.Session) ?*Session {
    const found = (session orelse return null).get() orelse return null;
    found.session.pings.places = &found.places;
    return found;
}

pub fn receive(session: ?*types.Session, bytes: ?[*]u8, size: usize, event: ?*types.Event) callconv(.c) Result {
    const out = event orelse return .bad_argument;
    out.* = std.mem.zeroes(types.Event);
    const self = get(session) orelse return .bad_argument;
    const in = slice(bytes, size) orelse return .bad_argument;
    if (in.len < self.given) return .bad_argument;
    self.given = 0;
    const found = self.session.receive(in);
    out.size = found.size();
    switch (found) {
        .need_more => |wanted| {
            self.given = size;
            out.size = wanted;
            return .need_more;
        },
        .ended => return .ended,
        .failure => |failure| {
            out.kind = @backingInt(types.EventKind.failure);
            out.failure = failures.Failure.of(failure);
            out.close_code = @backingInt(failure.closeCode());
            return .failure;
        },
        .data => |frame| {
            describe(out, .data, frame);
            if (self.session.mode != .permissive) describePiece(out, self.session.piece());
        },
        .ping => |frame| describe(out, .ping, frame),
        .pong => |pong| {
            describe(out, .pong, pong.frame);
            while (self.session.pings.nextAnswered()) |who| out.ping_count += @intFromBool(who != .user);
        },
        .close => |theirs| {
            describe(out, .close, theirs.frame);
            out.close_code = @backingInt(theirs.code);
        },
    }
    return .ok;
}

fn describe(out: *types.Event, kind: types.EventKind, frame: core.Frame) void {
    out.kind = @backingInt(kind);
    out.payload = frame.payload.ptr;
    out.payload_size = frame.payload.len;
    out.opcode = @backingInt(frame.opcode);
    out.flags = @as(u4, @bitCast(frame.flags));
}

fn describePiece(out: *types.Event, piece: core.message.Piece) void {
    out.message_opcode = @backingInt(piece.opcode);
    out.message_size = piece.size;
    if (piece.is_first) out.piece |= @backingInt(types.PieceFlag.first);
    if (piece.is_last) out.piece |= @backingInt(types.PieceFlag.last);
    if (piece.is_compressed) out.piece |= @backingInt(types.PieceFlag.compressed);
}

/// Where a frame goes: the memory and the masking key that the caller gives.
const Target = struct {
    buffer: []u8,
    key: ?[4]u8,
    written: *usize,

    fn read(self: *const Session, key: ?*const [4]u8, buffer: ?[*]u8, size: usize, written: ?*usize) ?Target {
        const count = written orelse return null;
        count.* = 0;
        if ((key != null) != (self.session.parser.role == .client)) return null; // RFC 6455 5.1
        return .{ .buffer = slice(buffer, size) orelse return null, .key = if (key) |given| given.* else null, .written = count };
    }

    fn hasRoom(self: Target, payload_size: usize) bool {
        const needed = frames.frameSize(payload_size, @intFromBool(self.key != null));
        return needed != 0 and needed <= self.buffer.len;
    }

    fn write(self: Target, plan: Plan) Result {
        self.written.* = plan.write(self.buffer, self.key, kernel.get()).len;
        return .ok;
    }
};

fn resultOf(misuse: Misuse) Result {
    return switch (misuse) {
        error.AfterClose => .after_close,
        error.UnexpectedContinuation, error.UnfinishedMessage => .out_of_order,
        error.TooManyPings => .too_many_pings,
        error.UnknownOpcode,
        error.CloseHasItsOwnFunction,
        error.FragmentedControl,
        error.OversizedControl,
        error.ReservedBits,
        error.CloseCodeNotAllowed,
        error.CloseReasonWithoutCode,
        error.CloseReasonTooLong,
        error.CloseReasonNotUtf8,
        => .bad_argument,
    };
}

pub fn answer(
    session: ?*types.Session,
    event: ?*const types.Event,
    key: ?*const [4]u8,
    buffer: ?[*]u8,
    buffer_size: usize,
    size: ?*usize,
) callconv(.c) Result {
    if (size) |written| written.* = 0;
    const self = get(session) orelse return .bad_argument;
    const target = Target.read(self, key, buffer, buffer_size, size) orelse return .bad_argument;
    const in = event orelse return .bad_argument;
    const result = switch (in.kind) {
        @backingInt(types.EventKind.ping) => sendFrame(self, .pong, .{ .fin = true }, slice(in.payload, in.payload_size) orelse return .bad_argument, target),
        @backingInt(types.EventKind.close) => sendClose(self, @fromBackingInt(in.close_code), "", target),
        @backingInt(types.EventKind.failure) => sendClose(self, @fromBackingInt(in.close_code), reasonOf(self), target),
        else => .ok,
    };
    return if (result == .after_close) .ok else result;
}

fn reasonOf(self: *const Session) []const u8 {
    return if (self.session.parser.failed) |failure| failure.message() else "";
}

pub fn send(
    session: ?*types.Session,
    opcode: u8,
    flags: u8,
    payload: ?[*]const u8,
    payload_size: usize,
    key: ?*const [4]u8,
    buffer: ?[*]u8,
    buffer_size: usize,
    size: ?*usize,
) callconv(.c) Result {
    if (size) |written| written.* = 0;
    const self = get(session) orelse return .bad_argument;
    const target = Target.read(self, key, buffer, buffer_size, size) orelse return .bad_argument;
    const in = slice(payload, payload_size) orelse return .bad_argument;
    const kind = frames.sendable(opcode, flags, payload_size) orelse return .bad_argument;
    return sendFrame(self, kind.opcode, kind.flags, in, target);
}

fn sendFrame(self: *Session, opcode: core.Opcode, flags: core.Flags, payload: []const u8, target: Target) Result {
    self.session.checkSend(opcode, flags, payload.len) catch |misuse| return resultOf(misuse);
    if (frames.overlap(target.buffer, payload)) return .bad_argument;
    if (!target.hasRoom(payload.len)) return .no_room;
    return target.write(self.session.send(opcode, flags, payload) catch |misuse| return resultOf(misuse));
}

pub fn wrap(
    session: ?*types.Session,
    buffer: ?[*]u8,
    payload_offset: usize,
    payload_size: usize,
    opcode: u8,
    flags: u8,
    key: ?*const [4]u8,
    frame_offset: ?*usize,
) callconv(.c) Result {
    if (frame_offset) |start| start.* = 0;
    const self = get(session) orelse return .bad_argument;
    const bytes = buffer orelse return .bad_argument;
    const target = Target.read(self, key, buffer, 0, frame_offset) orelse return .bad_argument;
    const kind = frames.sendable(opcode, flags, payload_size) orelse return .bad_argument;
    self.session.checkSend(kind.opcode, kind.flags, payload_size) catch |misuse| return resultOf(misuse);
    if (payload_offset < core.header.sizeFor(payload_size, target.key != null)) return .no_room;
    const payload = bytes[payload_offset..][0..payload_size];
    _ = self.session.send(kind.opcode, kind.flags, payload) catch |misuse| return resultOf(misuse);
    return frames.frameWrap(buffer, payload_offset, payload_size, opcode, flags, key, frame_offset);
}

pub fn ping(
    session: ?*types.Session,
    payload: ?[*]const u8,
    payload_size: usize,
    key: ?*const [4]u8,
    buffer: ?[*]u8,
    buffer_size: usize,
    size: ?*usize,
) callconv(.c) Result {
    if (size) |written| written.* = 0;
    const self = get(session) orelse return .bad_argument;
    const target = Target.read(self, key, buffer, buffer_size, size) orelse return .bad_argument;
    const in = slice(payload, payload_size) orelse return .bad_argument;
    self.session.checkSend(.ping, .{ .fin = true }, in.len) catch |misuse| return resultOf(misuse);
    if (frames.overlap(target.buffer, in)) return .bad_argument;
    if (!target.hasRoom(in.len)) return .no_room;
    return target.write(self.session.ping(types.SessionContents.who, in) catch |misuse| return resultOf(misuse));
}

pub fn close(
    session: ?*types.Session,
    code: u16,
    reason: ?[*]const u8,
    reason_size: usize,
    key: ?*const [4]u8,
    buffer: ?[*]u8,
    buffer_size: usize,
    size: ?*usize,
) callconv(.c) Result {
    if (size) |written| written.* = 0;
    const self = get(session) orelse return .bad_argument;
    const target = Target.read(self, key, buffer, buffer_size, size) orelse return .bad_argument;
    return sendClose(self, @fromBackingInt(code), slice(reason, reason_size) orelse return .bad_argument, target);
}

fn sendClose(self: *Session, code: core.CloseCode, reason: []const u8, target: Target) Result {
    self.session.checkSendClose(code, reason) catch |misuse| return resultOf(misuse);
    var whole: [core.control_payload_size_max]u8 = undefined;
    if (!target.hasRoom(core.close.encode(code, reason, &whole).len)) return .no_room;
    return target.write(self.session.close(code, reason, &whole) catch |misuse| return resultOf(misuse));
}

pub fn drop(session: ?*types.Session) callconv(.c) Result {
    (get(session) orelse return .bad_argument).session.drop();
    return .ok;
}

pub fn end(session: ?*types.Session) callconv(.c) Result {
    (get(session) orelse return .bad_argument).session.end();
    return .ok;
}

pub fn status(session: ?*types.Session, out: ?*types.SessionStatus) callconv(.c) Result {
    const told = out orelse return .bad_argument;
    told.* = std.mem.zeroes(types.SessionStatus);
    const self = get(session) orelse return .bad_argument;
    const closing = self.session.closing;
    told.state = types.State.of(closing.state);
    if (self.session.parser.failed) |failure| told.failure = failures.Failure.of(failure);
    if (closing.sent) |code| {
        told.is_close_sent = 1;
        told.sent_code = @backingInt(code);
    }
    if (closing.received) |code| {
        told.is_close_received = 1;
        told.received_code = @backingInt(code);
    }
    return .ok;
}
