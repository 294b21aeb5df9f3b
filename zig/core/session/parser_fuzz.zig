//! The parser over arbitrary streams in arbitrary pieces. After every piece it has to have said exactly what a slow
//! reference says about all bytes so far, read at once from the first one.
//!
//! Input: settings (bit 0: we are the server; bit 1: not strict; bits 2 and 3: which limit; bits 4 and 5: how large the
//! pieces are), a seed for the cuts, the stream.

const std = @import("std");
const expect = std.testing.expect;
const expectEqual = std.testing.expectEqual;
const corpus = @import("../testing/corpus_fuzz.zig");
const close_reference = @import("../frame/close_fuzz.zig").reference;
const Failure = @import("../frame/failure.zig").Failure;
const Feeder = @import("../testing/feeder_test.zig").Feeder;
const header_reference = @import("../frame/header_fuzz.zig").reference;
const Header = @import("../frame/header.zig").Header;
const Parser = @import("parser.zig").Parser;
const wire = @import("../testing/wire_test.zig");

/// Enough for several frames and for a length of 16 bits.
const stream_size_max = 700;
const Stream = wire.Bytes(stream_size_max);

/// What a stream means. Frames are written down as unmasked frames.
const Reference = struct {
    parser: Parser, // its settings only
    log: Stream = .{},
    failure: ?Failure = null,
    consumed: usize = 0,
    wanted: u128 = 0,
    /// The message that is open: its text if it is one, and whether it is.
    open: bool = false,
    is_text: bool = false,
    text: Stream = .{},

    fn read(parser: Parser, stream: []const u8) Reference {
        var self: Reference = .{ .parser = parser };
        while (self.failure == null and self.readFrame(stream[self.consumed..])) {}
        return self;
    }

    /// False if the first frame is incomplete or wrong.
    fn readFrame(self: *Reference, bytes: []const u8) bool {
        const decoded = header_reference(bytes) catch {
            self.wanted = headerSize(bytes);
            return false;
        };
        if (decoded == .failure) return self.fail(decoded.failure);
        const header = decoded.header;
        if (self.judge(header)) |failure| return self.fail(failure);

        const header_size = headerSize(bytes);
        const size = @as(u128, header_size) + header.payload_size;
        var payload: Stream = .{};
        for (bytes[header_size..@min(bytes.len, size)], 0..) |byte, i| {
            payload.byte(if (header.masking_key) |key| byte ^ key[i % 4] else byte);
        }
        const data = @backingInt(header.opcode) < 8;
        if (self.parser.strict and data) {
            if (header.opcode != .continuation) {
                self.is_text = header.opcode == .text;
                self.text.size = 0;
            }
            self.text.bytes(payload.slice());
            if (self.is_text and !canBecomeUtf8(self.text.slice())) return self.fail(.text_not_utf8);
        }
        if (bytes.len < size) {
            self.wanted = size;
            return false;
        }
        if (self.parser.strict and data) {
            const complete = std.unicode.utf8ValidateSlice(self.text.slice());
            if (self.is_text and header.flags.fin and !complete) return self.fail(.text_not_utf8);
            self.open = !header.flags.fin;
        }
        if (header.opcode == .close) {
            if (close_reference(payload.slice())) |failure| return self.fail(failure);
        }
        self.log.frame(bytes[0], payload.slice(), null);
        self.consumed += @intCast(size);
        return true;
    }

    /// api: unknown opcode, control rules, direction, limit; then what only a strict receiver minds.
    fn judge(self: *Reference, header: Header) ?Failure {
        const control = switch (@backingInt(header.opcode)) {
            0, 1, 2 => false,
            8, 9, 10 => true,
            else => return .unknown_opcode,
        };
        if (control and !header.flags.fin) return .fragmented_control;
        if (control and header.payload_size > 125) return .oversized_control;
        if (self.parser.role == .server and header.masking_key == null) return .unmasked_frame;
        if (self.parser.role == .client and header.masking_key != null) return .masked_frame;
        if (header.payload_size > self.parser.payload_size_max) return .frame_too_big;
        if (header.payload_size > std.math.maxInt(usize) - 14) return .frame_too_big;
        if (!self.parser.strict) return null;
        if (@as(u4, @bitCast(header.flags)) & 7 != 0) return .reserved_bits;
        if (control) return null;
        if (header.opcode == .continuation and !self.open) return .unexpected_continuation;
        if (header.opcode != .continuation and self.open) return .unfinished_message;
        return null;
    }

    fn fail(self: *Reference, failure: Failure) bool {
        self.failure = failure;
        return false;
    }
};

/// As far as it is known from the bytes that are there.
fn headerSize(bytes: []const u8) usize {
    if (bytes.len < 2) return 2;
    const key_size: usize = if (bytes[1] >= 128) 4 else 0;
    return key_size + switch (bytes[1] % 128) {
        126 => @as(usize, 4),
        127 => 10,
        else => 2,
    };
}

/// By trying: one of these ends completes whatever is the beginning of UTF-8.
fn canBecomeUtf8(text: []const u8) bool {
    for ([_][]const u8{ "", "\x80", "\x80\x80", "\x80\x80\x80", "\xA0\x80", "\x90\x80\x80" }) |end| {
        var whole: wire.Bytes(stream_size_max + 3) = .{};
        whole.bytes(text);
        whole.bytes(end);
        if (std.unicode.utf8ValidateSlice(whole.slice())) return true;
    }
    return false;
}

fn check(input: []const u8) !void {
    const settings: corpus.Settings = .read(input);
    const limits = [_]u64{ std.math.maxInt(u64), 300, 125, 10 };
    const parser: Parser = .{
        .role = if (settings.bits & 1 == 0) .client else .server,
        .strict = settings.bits & 2 == 0,
        .payload_size_max = limits[settings.bits >> 2 & 3],
    };
    const size_max: usize = ([_]usize{ 1, 3, 30, stream_size_max })[settings.bits >> 4 & 3];
    var prng: std.Random.DefaultPrng = .init(settings.seed);
    const stream = settings.rest[0..@min(settings.rest.len, stream_size_max)];

    var feeder: Feeder(stream_size_max) = undefined;
    feeder.init(parser);
    var arrived: usize = 0;
    while (arrived < stream.len and feeder.failure == null) {
        const size = @min(stream.len - arrived, prng.random().intRangeAtMost(usize, 1, size_max));
        try feeder.feed(stream[arrived..][0..size]);
        arrived += size;
        var wanted = Reference.read(parser, stream[0..arrived]);
        try expectEqual(wanted.failure, feeder.failure);
        try expectEqual(wanted.consumed, feeder.consumed);
        try expect(std.mem.eql(u8, wanted.log.slice(), feeder.log.slice()));
        if (wanted.failure == null) try expectEqual(wanted.wanted, feeder.wanted);
    }
}

test "fuzz: parser" {
    try corpus.run("parser", check);
}

/// Streams that get far: mostly frames that the parser takes, in an order that a strict one takes too.
const Generator = struct {
    random: std.Random,
    masked: bool,
    open: bool = false,
    is_text: bool = false,
    /// The end of a character that the last fragment cut.
    cut: []const u8 = "",
    stream: Stream = .{},

    fn oneIn(self: *Generator, count: usize) bool {
        return self.random.uintLessThan(usize, count) == 0;
    }

    fn fill(self: *Generator) void {
        while (self.stream.size + 160 < stream_size_max and !self.oneIn(20)) {
            if (self.oneIn(4)) self.controlFrame() else self.dataFrame();
            if (self.oneIn(8)) self.spoil();
        }
    }

    fn frame(self: *Generator, first: u8, payload: []const u8) void {
        const key: ?[4]u8 = if (self.masked) @bitCast(self.random.int(u32)) else null;
        self.stream.frame(first, payload, key);
    }

    fn controlFrame(self: *Generator) void {
        var payload: [125]u8 = undefined;
        self.random.bytes(&payload);
        const size = self.random.uintAtMost(usize, if (self.oneIn(10)) 125 else 5);
        if (!self.oneIn(6)) return self.frame(if (self.oneIn(2)) 0x89 else 0x8A, payload[0..size]);
        const closes = [_][]const u8{ "", "\x03\xE8", "\x0F\xA0\xE2\x82\xAC", "\x03", "\x03\xE8\xC3", "\x03\xED" };
        self.frame(0x88, closes[self.random.uintLessThan(usize, closes.len)]);
    }

    fn dataFrame(self: *Generator) void {
        const fin = self.oneIn(2);
        var first: u8 = if (fin) 0x80 else 0x00;
        if (!self.open) {
            self.is_text = !self.oneIn(3);
            first |= if (self.is_text) 0x01 else 0x02;
        }
        self.open = !fin;
        var payload: wire.Bytes(160) = .{};
        payload.bytes(self.cut);
        self.cut = "";
        while (payload.size < 140 and !self.oneIn(if (self.oneIn(50)) 200 else 5)) {
            const good = [_][]const u8{ "a", "\u{E9}", "\u{20AC}", "\u{1F600}", "\u{D7FF}", "\u{10FFFF}" };
            payload.bytes(good[self.random.uintLessThan(usize, good.len)]);
        }
        if (!fin and self.oneIn(2)) {
            payload.bytes("\xF0\x9F");
            self.cut = "\x98\x80";
        }
        self.frame(first, payload.slice());
    }

    /// One bit of what is there, anywhere.
    fn spoil(self: *Generator) void {
        const at = self.random.uintLessThan(usize, self.stream.size);
        self.stream.storage[at] ^= @as(u8, 1) << self.random.int(u3);
    }
};

test "parser: random streams against the reference" {
    var prng: std.Random.DefaultPrng = .init(0x6455);
    for (0..3000) |_| {
        var input: wire.Bytes(corpus.Settings.size + stream_size_max) = .{};
        // Strict twice as often, and mostly without a limit.
        const settings = prng.random().int(u8) & if (prng.random().boolean()) @as(u8, 0x31) else 0x3F;
        input.byte(settings);
        input.byte(prng.random().int(u8));
        var generator: Generator = .{ .random = prng.random(), .masked = settings & 1 != 0 };
        generator.fill();
        input.bytes(generator.stream.slice());
        try check(input.slice());
    }
}

test "parser: random bytes against the reference" {
    var prng: std.Random.DefaultPrng = .init(0x6456);
    for (0..3000) |_| {
        var input: [100]u8 = undefined;
        prng.random().bytes(&input);
        try check(input[0..prng.random().uintAtMost(usize, input.len)]);
    }
}
