//! A connection over arbitrary streams in arbitrary pieces, while its user sends and closes at arbitrary moments, against a
//! model of RFC 6455 that sees all bytes at once and shares no code with it. Both write down what happens.
//!
//! Input: settings (bit 0: we are the server; bits 1 and 2: mode; bit 3: permessage-deflate; bit 4: small limits; bits 5
//! and 6: how large the pieces are; bit 7: nothing is answered), a seed for the cuts and for what the user does, the stream.

const std = @import("std");
const expect = std.testing.expect;
const expectEqual = std.testing.expectEqual;
const expectEqualStrings = std.testing.expectEqualStrings;
const corpus = @import("../testing/corpus_fuzz.zig");
const close_reference = @import("../frame/close_fuzz.zig").reference;
const Failure = @import("../frame/failure.zig").Failure;
const Flags = @import("../frame/header.zig").Flags;
const Header = @import("../frame/header.zig").Header;
const header_reference = @import("../frame/header_fuzz.zig").reference;
const ledger = @import("pings.zig");
const Opcode = @import("../frame/opcode.zig").Opcode;
const recorders = @import("../testing/recorder_test.zig");
const sessions = @import("session.zig");
const Side = @import("closing.zig").Side;
const wire = @import("../testing/wire_test.zig");

const stream_size_max = 700;
const Recorder = recorders.Recorder(stream_size_max);
const ping_count_max = 2;

/// What the user does after an event.
const Step = union(enum) {
    nothing,
    send: struct { Opcode, Flags, []const u8 },
    ping: []const u8,
    close: struct { u16, []const u8 },
    drop,

    fn draw(random: std.Random) Step {
        return switch (random.uintLessThan(u8, 40)) {
            0...3 => .{ .send = .{ .text, .{ .fin = random.boolean() }, "t" } },
            4...6 => .{ .send = .{ .continuation, .{ .fin = random.boolean(), .rsv1 = random.uintLessThan(u8, 8) == 0 }, "c" } },
            7 => .{ .send = .{ .binary, .{ .fin = true, .rsv1 = true }, "b" } },
            8 => .{ .send = .{ @fromBackingInt(@as(u4, @intCast(random.uintLessThan(u8, 16)))), .{ .fin = random.boolean() }, "?" } },
            9 => .{ .send = .{ .pong, .{ .fin = true }, &@as([126]u8, @splat('p')) } },
            10...14 => .{ .ping = ([_][]const u8{ "", "a", "b" })[random.uintLessThan(usize, 3)] },
            15 => .{ .close = .{ ([_]u16{ 0, 1000, 1006, 4999, 5000 })[random.uintLessThan(usize, 5)], if (random.boolean()) "bye" else "" } },
            16 => if (random.uintLessThan(u8, 3) == 0) .drop else .nothing,
            else => .nothing,
        };
    }
};

fn perform(recorder: *Recorder, step: Step) void {
    const session = &recorder.session;
    var buffer: [125]u8 = undefined;
    const planned = switch (step) {
        .nothing => return,
        .drop => return session.drop(),
        .send => |said| session.send(said[0], said[1], said[2]),
        .ping => |payload| session.ping(@fromBackingInt(7), payload),
        .close => |said| session.close(@fromBackingInt(said[0]), said[1], &buffer),
    };
    if (planned) |plan| recorder.notePlan(plan) else |misuse| recorder.note("{t}", .{misuse});
}

/// RFC 6455 read from the front, with a variable for each thing that it speaks of.
const Model = struct {
    options: sessions.Options,
    answers: bool,
    log: Recorder = undefined, // its text alone
    close_sent: bool = false,
    close_received: bool = false,
    first: ?Side = null,
    /// The peer broke the protocol, or the user wants no more.
    over: bool = false,
    // The message that is open, from the peer and to it.
    open: bool = false,
    opcode: Opcode = .binary,
    compressed: bool = false,
    size: u64 = 0,
    frames: u64 = 0,
    text: wire.Bytes(stream_size_max) = .{},
    sending: bool = false,
    pings: [ping_count_max][]const u8 = undefined,
    ping_count: usize = 0,

    fn run(self: *Model, stream: []const u8, random: std.Random) void {
        self.log.text_size = 0;
        var at: usize = 0;
        while (!self.over and !self.close_received) {
            const size = self.readFrame(stream[at..]) orelse return;
            at += size;
            self.perform(.draw(random));
        }
        self.log.note("ended", .{});
    }

    /// The size of the frame, or null if nothing more can be said.
    fn readFrame(self: *Model, bytes: []const u8) ?usize {
        const decoded = header_reference(bytes) catch return null;
        if (decoded == .failure) return self.fail(decoded.failure);
        const header = decoded.header;
        if (self.judge(header)) |failure| return self.fail(failure);
        const header_size = headerSize(bytes);
        const arrived = @min(bytes.len - header_size, header.payload_size);
        var payload: wire.Bytes(stream_size_max) = .{};
        for (bytes[header_size..][0..arrived], 0..) |byte, i| {
            payload.byte(if (header.masking_key) |key| byte ^ key[i % 4] else byte);
        }
        const is_complete = arrived == header.payload_size;
        const is_data = @backingInt(header.opcode) < 8;
        if (is_data and self.options.mode != .permissive and self.opcode == .text and !self.compressed) {
            self.text.bytes(payload.slice());
            const ends = is_complete and header.flags.fin;
            if (!canBecomeUtf8(self.text.slice(), ends)) return self.fail(.text_not_utf8);
        }
        if (!is_complete) return null;
        if (header.opcode == .close) if (close_reference(payload.slice())) |failure| return self.fail(failure);
        self.tell(header, payload.slice());
        return header_size + arrived;
    }

    fn judge(self: *Model, header: Header) ?Failure {
        const number = @backingInt(header.opcode);
        if (number > 10 or (number > 2 and number < 8)) return .unknown_opcode;
        if (number >= 8 and !header.flags.fin) return .fragmented_control;
        if (number >= 8 and header.payload_size > 125) return .oversized_control;
        const is_masked = header.masking_key != null;
        if (self.options.role == .server and !is_masked) return .unmasked_frame;
        if (self.options.role == .client and is_masked) return .masked_frame;
        if (header.payload_size > self.options.payload_size_max) return .frame_too_big;
        if (self.options.mode == .permissive) return null;
        const flags = header.flags;
        if (flags.rsv2 or flags.rsv3) return .reserved_bits;
        if (flags.rsv1 and !(self.options.extensions.permessage_deflate and (number == 1 or number == 2))) return .reserved_bits;
        if (number >= 8) return null;
        if (number == 0 and !self.open) return .unexpected_continuation;
        if (number != 0 and self.open) return .unfinished_message;
        if (number != 0) {
            self.opcode = header.opcode;
            self.compressed = flags.rsv1;
            self.size = 0;
            self.frames = 0;
            self.text.size = 0;
        }
        self.size +|= header.payload_size;
        self.frames += 1;
        const limit = self.options.message_size_max;
        if (self.size > if (self.compressed) limit +| limit / 64 +| 1024 else limit) return .message_too_big;
        if (self.frames > self.options.message_frame_count_max) return .too_many_fragments;
        self.open = !flags.fin;
        return null;
    }

    fn tell(self: *Model, header: Header, payload: []const u8) void {
        switch (header.opcode) {
            .ping => {
                self.log.note("ping \"{s}\"", .{payload});
                if (self.answers and !self.close_sent) self.log.note("send A \"{s}\"", .{payload});
            },
            .pong => {
                const found = for (self.pings[0..self.ping_count], 0..) |one, i| {
                    if (std.mem.eql(u8, one, payload)) break i;
                } else return self.log.note("pong \"{s}\"", .{payload});
                self.log.note("pong \"{s}\" for 7", .{payload});
                for (0..self.ping_count - found - 1) |i| self.pings[i] = self.pings[i + found + 1];
                self.ping_count -= found + 1;
            },
            .close => {
                const code = if (payload.len == 0) 0 else @as(u16, payload[0]) * 256 + payload[1];
                self.log.note("close {d} \"{s}\"", .{ code, payload[@min(2, payload.len)..] });
                self.close_received = true;
                if (self.first == null) self.first = .peer;
                if (self.answers) self.sendClose(payload[0..@min(2, payload.len)]);
            },
            else => {
                const flags: u4 = @bitCast(header.flags);
                const opcode = @backingInt(header.opcode);
                if (self.options.mode == .permissive) return self.log.note("data {X} {X} \"{s}\"", .{ opcode, flags, payload });
                self.log.note("data {X} {X} \"{s}\" {t} {d}{s}{s}{s}", .{
                    opcode,                                               flags,
                    payload,                                              self.opcode,
                    self.size,                                            if (self.compressed) " compressed" else "",
                    if (header.opcode != .continuation) " first" else "", if (header.flags.fin) " last" else "",
                });
            },
        }
    }

    fn fail(self: *Model, failure: Failure) usize {
        self.log.note("failure {t}", .{failure});
        self.over = true;
        var payload: wire.Bytes(125) = .{};
        const code: u16 = @backingInt(failure.closeCode());
        payload.bytes(&.{ @intCast(code / 256), @intCast(code % 256) });
        payload.bytes(failure.message());
        if (self.answers) self.sendClose(payload.slice());
        return 0;
    }

    fn sendClose(self: *Model, payload: []const u8) void {
        if (!self.close_sent) self.log.note("send 8 \"{s}\"", .{payload});
        self.close_sent = true;
        if (self.first == null) self.first = .us;
    }

    fn perform(self: *Model, step: Step) void {
        switch (step) {
            .nothing => {},
            .drop => self.over = self.over or !self.close_received,
            .send => |said| self.send(said[0], said[1], said[2]),
            .ping => |payload| {
                if (!self.maySend()) return self.log.note("AfterClose", .{});
                if (self.ping_count == ping_count_max) return self.log.note("TooManyPings", .{});
                self.pings[self.ping_count] = payload;
                self.ping_count += 1;
                self.log.note("send 9 \"{s}\"", .{payload});
            },
            .close => |said| {
                const code, const reason = said;
                if (code == 0 and reason.len > 0) return self.log.note("CloseReasonWithoutCode", .{});
                if (code == 1006 or code == 5000) return self.log.note("CloseCodeNotAllowed", .{});
                if (self.close_sent) return self.log.note("AfterClose", .{});
                var payload: wire.Bytes(125) = .{};
                if (code > 0) payload.bytes(&.{ @intCast(code / 256), @intCast(code % 256) });
                payload.bytes(reason);
                self.sendClose(payload.slice());
            },
        }
    }

    fn maySend(self: *const Model) bool {
        return !self.close_sent and !self.over;
    }

    fn send(self: *Model, opcode: Opcode, flags: Flags, payload: []const u8) void {
        const number = @backingInt(opcode);
        if (number > 10 or (number > 2 and number < 8)) return self.log.note("UnknownOpcode", .{});
        if (number == 8) return self.log.note("CloseHasItsOwnFunction", .{});
        if (number > 8 and !flags.fin) return self.log.note("FragmentedControl", .{});
        if (number > 8 and payload.len > 125) return self.log.note("OversizedControl", .{});
        if (!self.maySend()) return self.log.note("AfterClose", .{});
        if (self.options.mode == .messages) {
            const may_be_marked = self.options.extensions.permessage_deflate and (number == 1 or number == 2);
            if (flags.rsv1 and !may_be_marked) return self.log.note("ReservedBits", .{});
            if (number == 0 and !self.sending) return self.log.note("UnexpectedContinuation", .{});
            if ((number == 1 or number == 2) and self.sending) return self.log.note("UnfinishedMessage", .{});
            if (number < 8) self.sending = !flags.fin;
        }
        self.log.note("send {X} \"{s}\"", .{ number, payload });
    }
};

fn headerSize(bytes: []const u8) usize {
    const key_size: usize = if (bytes[1] >= 128) 4 else 0;
    return key_size + switch (bytes[1] % 128) {
        126 => @as(usize, 4),
        127 => 10,
        else => 2,
    };
}

/// By trying: one of these ends completes whatever is the beginning of UTF-8.
fn canBecomeUtf8(text: []const u8, is_all: bool) bool {
    const ends = [_][]const u8{ "", "\x80", "\x80\x80", "\x80\x80\x80", "\xA0\x80", "\x90\x80\x80" };
    for (ends[0..if (is_all) 1 else ends.len]) |end| {
        var whole: wire.Bytes(stream_size_max + 3) = .{};
        whole.bytes(text);
        whole.bytes(end);
        if (std.unicode.utf8ValidateSlice(whole.slice())) return true;
    }
    return false;
}

fn check(input: []const u8) !void {
    const settings: corpus.Settings = .read(input);
    const has_limits = settings.bits >> 4 & 1 != 0;
    const options: sessions.Options = .{
        .role = if (settings.bits & 1 == 0) .client else .server,
        .mode = ([_]sessions.Mode{ .permissive, .strict, .messages, .messages })[settings.bits >> 1 & 3],
        .payload_size_max = if (has_limits) 130 else std.math.maxInt(u64),
        .message_size_max = if (has_limits) 20 else std.math.maxInt(u64),
        .message_frame_count_max = if (has_limits) 3 else std.math.maxInt(u32),
        .extensions = .{ .permessage_deflate = settings.bits >> 3 & 1 != 0 },
    };
    const size_max: usize = ([_]usize{ 1, 3, 30, stream_size_max })[settings.bits >> 5 & 3];
    const stream = settings.rest[0..@min(settings.rest.len, stream_size_max)];
    const answers = settings.bits < 0x80;

    var steps: std.Random.DefaultPrng = .init(settings.seed);
    var model: Model = .{ .options = options, .answers = answers };
    model.run(stream, steps.random());

    steps = .init(settings.seed);
    var cuts: std.Random.DefaultPrng = .init(settings.seed);
    var places: [ping_count_max]ledger.Ping = undefined;
    var recorder: Recorder = .{ .session = .init(options), .answers = answers };
    recorder.session.pings.places = &places;
    var arrived: usize = 0;
    while (arrived < stream.len) {
        const size = @min(stream.len - arrived, cuts.random().intRangeAtMost(usize, 1, size_max));
        recorder.arrive(stream[arrived..][0..size]);
        arrived += size;
        while (try recorder.step()) {
            while (recorder.session.pings.nextAnswered()) |_| {}
            perform(&recorder, .draw(steps.random()));
            try expect(recorder.session.invariants());
        }
    }
    if (!recorder.session.closing.state.isReceiving()) _ = try recorder.step();
    try expectEqualStrings(model.log.log(), recorder.log());
    try expectEqual(model.first, recorder.session.closing.first());
}

test "fuzz: session" {
    try corpus.run("session", check);
}

test "session: random conversations against the model" {
    var prng: std.Random.DefaultPrng = .init(0x6455);
    const random = prng.random();
    for (0..6000) |_| {
        var input: wire.Bytes(2 + stream_size_max) = .{};
        const settings = random.int(u8);
        input.bytes(&.{ settings, random.int(u8) });
        const masked = settings & 1 != 0;
        var open = false;
        while (input.size + 140 < stream_size_max and random.uintLessThan(u8, 16) != 0) {
            const payloads = [_][]const u8{ "", "a", "b", "hello", "\xE2\x82\xAC", "\xE2\x82", "\x03\xE8", "\x03\xE8bye", &@as([126]u8, @splat('x')) };
            const payload = payloads[random.uintLessThan(usize, payloads.len)];
            const fin = random.uintLessThan(u8, 3) != 0;
            const kind = random.uintLessThan(u8, 24);
            const first: u8 = switch (kind) {
                0...4 => 0x89,
                5...9 => 0x8A,
                10 => 0x88,
                11 => random.int(u8),
                else => (if (open) @as(u8, 0) else 1 + kind % 2) + (if (fin) @as(u8, 0x80) else 0) + (if (kind == 12) @as(u8, 0x40) else 0),
            };
            if (kind > 11) open = !fin;
            const wrong_side = random.uintLessThan(u8, 60) == 0;
            input.frame(first, payload, if (masked != wrong_side) .{ 1, 0, 0x80, 0xFF } else null);
        }
        try check(input.slice());
    }
}

test "session: all short conversations against the model" {
    const frames = [_][]const u8{ "\x81\x01a", "\x01\x00", "\x00\x01b", "\x80\x00", "\x89\x01?", "\x8A\x01a", "\x88\x00", "\xC1\x00", "\x81\x01\xFF" };
    for (0..frames.len * frames.len * frames.len) |number| {
        for (0..8) |variant| {
            var input: wire.Bytes(20) = .{};
            input.bytes(&.{ @intCast(variant / 2 % 3 * 2 + variant % 2 * 8 + 0x60), @intCast(variant * 31) });
            input.bytes(frames[number % frames.len]);
            input.bytes(frames[number / frames.len % frames.len]);
            input.bytes(frames[number / frames.len / frames.len]);
            try check(input.slice());
        }
    }
}
