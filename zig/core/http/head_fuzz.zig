//! Any head in any pieces: the answer is that of a slow reference that reads all bytes at once, however they are cut.
//!
//! Input: settings (bit 0: bytes from 0x80 on stand for `pieces`), a seed for the cuts, the head.

const std = @import("std");
const corpus = @import("../testing/corpus_fuzz.zig");
const http = @import("head.zig");
const expect = std.testing.expect;
const expectEqual = std.testing.expectEqual;
const expectEqualStrings = std.testing.expectEqualStrings;

test "fuzz: HTTP head" {
    try corpus.run("http", check);
}

test "http: random heads against the reference" {
    var prng: std.Random.DefaultPrng = .init(0x9112);
    for (0..10_000) |_| {
        var buffer: [40]u8 = undefined;
        const input = corpus.randomInput(prng.random(), pieces.len, &buffer);
        input[0] |= 1;
        // Long pieces, which are the last ones, make most heads too large.
        for (input[corpus.Settings.size..]) |*byte| {
            if (byte.* >= first_long and prng.random().uintLessThan(u8, 10) != 0) byte.* -= 12;
        }
        if (prng.random().boolean() and input.len > 2) input[2] = 0x80;
        try check(input);
    }
}

test "http: every byte in every place of a head" {
    const heads = [_][]const u8{ "GET / HTTP/1.1\r\nab:cd\r\n\r\n", "HTTP/1.1 101 ab\r\na: \tb\t\r\n\r\n" };
    for (heads) |head| {
        for (0..head.len) |at| {
            for (0..256) |byte| {
                var input: [60]u8 = @splat(0);
                @memcpy(input[corpus.Settings.size..][0..head.len], head);
                input[corpus.Settings.size + at] = @intCast(byte);
                try check(input[0 .. corpus.Settings.size + head.len]);
            }
        }
    }
}

pub const Fields = [http.field_count_max]http.Field;

const first_long = 0x80 + 24;

/// What heads and broken heads are made of.
const pieces = [_][]const u8{
    "GET /chat?a=%20 HTTP/1.1\r\n", "HTTP/1.1 101 Switching\r\n", "HTTP/1.0 200\r\n", "Host: a\r\n",
    "\r\n",                         "\r\n\r\n",                   "\n",               "\r",
    ":",                            " ",                          "\t",               "a:\r\n",
    "b-_~: \t x y\t \r\n",          " folded\r\n",                "c : d\r\n",        "\x00",
    "\x7F",                         "\x80\xFF",                   "GET ",             "/",
    " HTTP/1.1",                    " 099",                       "HTTP/2.10 ",       "(",
    &@as([4000]u8, @splat('x')),    &@as([4080]u8, @splat('y')),  many_fields,        ":z\r\n",
};

const many_fields = fields: {
    var bytes: [40 * 5]u8 = undefined;
    for (0..40) |i| bytes[i * 5 ..][0..5].* = "f:b\r\n".*;
    const done = bytes;
    break :fields &done;
};

pub const Reference = union(enum) {
    need_more,
    failure: http.HeadFailure,
    head: struct { size: usize, field_count: usize },

    /// RFC 9112 2.1 and 2.2, first for where the head ends, then line by line.
    pub fn read(bytes: []const u8, fields: *Fields) Reference {
        var line_size: usize = 0; // without its LF
        for (bytes[0..@min(bytes.len, 16384)], 0..) |byte, i| {
            if (byte != '\n') {
                line_size += 1;
                continue;
            }
            if (line_size == 0 or bytes[i - 1] != '\r') return .{ .failure = .bad_line_ending };
            if (line_size == 1) return readLines(bytes[0 .. i + 1], fields);
            line_size = 0;
        }
        return if (bytes.len >= 16384) .{ .failure = .too_large } else .need_more;
    }

    fn readLines(bytes: []const u8, fields: *Fields) Reference {
        var count: usize = 0;
        var start: usize = 0;
        for (bytes, 0..) |byte, end| {
            if (byte != '\n') continue;
            const line = bytes[start .. end - 1];
            const is_first = start == 0;
            start = end + 1;
            for (line) |other| if (other == '\r') return .{ .failure = .bad_line_ending };
            if (is_first) {
                if (line.len == 0 or !isText(line)) return .{ .failure = .bad_start_line };
            } else if (line.len > 0) {
                if (count == 128) return .{ .failure = .too_many_fields };
                if (readField(line, &fields[count])) |failure| return .{ .failure = failure };
                count += 1;
            }
        }
        return .{ .head = .{ .size = bytes.len, .field_count = count } };
    }

    /// RFC 9112 5: field-name ":" OWS field-value OWS.
    fn readField(line: []const u8, field: *http.Field) ?http.HeadFailure {
        if (line[0] == ' ' or line[0] == '\t') return .obs_fold;
        var name_size: usize = 0;
        while (name_size < line.len and isTokenCharacter(line[name_size])) name_size += 1;
        if (name_size == 0 or name_size == line.len or line[name_size] != ':') return .bad_field_name;
        var value = line[name_size + 1 ..];
        while (value.len > 0 and (value[0] == ' ' or value[0] == '\t')) value = value[1..];
        while (value.len > 0) {
            const last = value[value.len - 1];
            if (last != ' ' and last != '\t') break;
            value = value[0 .. value.len - 1];
        }
        if (!isText(value)) return .bad_field_value;
        field.* = .{ .name = line[0..name_size], .value = value };
        return null;
    }
};

/// RFC 9110 5.6.2, as it is written there.
const token_characters = "!#$%&'*+-.^_`|~" ++ "0123456789" ++ "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

fn isTokenCharacter(byte: u8) bool {
    for (token_characters) |character| if (byte == character) return true;
    return false;
}

/// RFC 9110 5.5: VCHAR, obs-text, SP and HTAB.
fn isText(bytes: []const u8) bool {
    for (bytes) |byte| {
        const visible = byte >= 0x21 and byte <= 0x7E;
        if (!visible and byte < 0x80 and byte != ' ' and byte != '\t') return false;
    }
    return true;
}

/// A line read from left to right.
const Cursor = struct {
    rest: []const u8,

    fn takeWhile(self: *Cursor, comptime fits: fn (u8) bool) []const u8 {
        var size: usize = 0;
        while (size < self.rest.len and fits(self.rest[size])) size += 1;
        defer self.rest = self.rest[size..];
        return self.rest[0..size];
    }

    fn take(self: *Cursor, comptime literal: []const u8) bool {
        if (self.rest.len < literal.len or !std.mem.eql(u8, self.rest[0..literal.len], literal)) return false;
        self.rest = self.rest[literal.len..];
        return true;
    }

    /// RFC 9112 2.3.
    fn takeVersion(self: *Cursor) ?[]const u8 {
        const start = self.rest;
        if (!self.take("HTTP/") or !self.takeDigit() or !self.take(".") or !self.takeDigit()) return null;
        return start[0 .. start.len - self.rest.len];
    }

    fn takeDigit(self: *Cursor) bool {
        if (self.rest.len == 0 or self.rest[0] < '0' or self.rest[0] > '9') return false;
        self.rest = self.rest[1..];
        return true;
    }
};

fn isVisible(byte: u8) bool {
    return byte >= 0x21 and byte <= 0x7E;
}

pub fn referenceRequestLine(line: []const u8) ?http.RequestLine {
    var cursor: Cursor = .{ .rest = line };
    const method = cursor.takeWhile(isTokenCharacter);
    if (method.len == 0 or !cursor.take(" ")) return null;
    const target = cursor.takeWhile(isVisible);
    if (target.len == 0 or !cursor.take(" ")) return null;
    const version = cursor.takeVersion() orelse return null;
    return if (cursor.rest.len == 0) .{ .method = method, .target = target, .version = version } else null;
}

pub fn referenceStatusLine(line: []const u8) ?http.StatusLine {
    var cursor: Cursor = .{ .rest = line };
    const version = cursor.takeVersion() orelse return null;
    if (!cursor.take(" ")) return null;
    const digits = cursor.rest;
    for (0..3) |_| if (!cursor.takeDigit()) return null;
    const status = std.fmt.parseInt(u16, digits[0..3], 10) catch return null;
    // A phrase, or none, with or without the space in front of it.
    if (cursor.rest.len > 0 and !cursor.take(" ")) return null;
    if (status < 100 or !isText(cursor.rest)) return null;
    return .{ .version = version, .status = status, .reason = cursor.rest };
}

fn check(input: []const u8) !void {
    const settings: corpus.Settings = .read(input);
    var buffer: [20_000]u8 = undefined;
    const bytes = if (settings.bits & 1 != 0)
        corpus.expand(settings.rest, &pieces, &buffer)
    else
        settings.rest;

    var fields: Fields = undefined;
    const wanted: Reference = .read(bytes, &fields);
    var whole: http.HeadReader = .{};
    var fields_read: Fields = undefined;
    try expectSame(wanted, &fields, whole.next(bytes, &fields_read));

    var prng: std.Random.DefaultPrng = .init(settings.seed);
    var pieces_reader: http.HeadReader = .{};
    var size: usize = 0;
    while (true) {
        const result = pieces_reader.next(bytes[0..size], &fields_read);
        // What was said before the end has to be what the bytes until then say.
        try expectSame(.read(bytes[0..size], &fields), &fields, result);
        if (result != .need_more or size == bytes.len) break;
        const size_max: usize = if (settings.bits & 2 != 0 and bytes.len < 1000) 3 else 5000;
        size += prng.random().intRangeAtMost(usize, 1, @min(bytes.len - size, size_max));
    }

    try expectSameRequestLine(bytes);
    try expectSameStatusLine(bytes);
    if (wanted == .head) {
        const line = bytes[0..std.mem.find(u8, bytes, "\r\n").?];
        try expectSameRequestLine(line);
        try expectSameStatusLine(line);
    }
}

fn expectSame(wanted: Reference, fields: *const Fields, result: http.HeadReader.Result) !void {
    switch (wanted) {
        .need_more => try expectEqual(http.HeadReader.Result.need_more, result),
        .failure => |failure| try expectEqual(http.HeadReader.Result{ .failure = failure }, result),
        .head => |head| {
            try expectEqual(head.size, result.head.size);
            try expectEqual(head.field_count, result.head.fields.len);
            for (fields[0..head.field_count], result.head.fields) |one, other| {
                try expectEqualStrings(one.name, other.name);
                try expectEqualStrings(one.value, other.value);
            }
        },
    }
}

fn expectSameRequestLine(line: []const u8) !void {
    const wanted = referenceRequestLine(line) orelse return expect(http.parseRequestLine(line) == null);
    const found = http.parseRequestLine(line).?;
    try expectEqualStrings(wanted.method, found.method);
    try expectEqualStrings(wanted.target, found.target);
    try expectEqualStrings(wanted.version, found.version);
}

fn expectSameStatusLine(line: []const u8) !void {
    const wanted = referenceStatusLine(line) orelse return expect(http.parseStatusLine(line) == null);
    const found = http.parseStatusLine(line).?;
    try expectEqualStrings(wanted.version, found.version);
    try expectEqualStrings(wanted.reason, found.reason);
    try expectEqual(wanted.status, found.status);
}
