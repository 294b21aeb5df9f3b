//! The head of an HTTP/1.1 message, RFC 9112: start line and fields, up to the blank line. Bounded in size and number,
//! and strict: whatever two programs could read differently is refused, not repaired.
const std = @import("std");

/// All limits include their last value: a head of exactly this size with exactly this many fields is fine.
pub const head_size_max = 16 * 1024;
pub const field_count_max = 128;
/// In front of an answer. A server that works on one says 102 every few seconds, and one 103 is usual.
pub const interim_count_max = 16;

pub const Field = struct {
    name: []const u8,
    /// Without the whitespace around it, RFC 9112 5.1. May be empty.
    value: []const u8,
};

/// Slices point into the bytes that the head was read from.
pub const Head = struct {
    start_line: []const u8,
    fields: []const Field,
    /// Where the bytes behind the head begin: the blank line is counted.
    size: usize,

    /// The value of the first field of this name.
    pub fn find(self: Head, name: []const u8) ?[]const u8 {
        for (self.fields) |field| {
            if (std.ascii.eqlIgnoreCase(field.name, name)) return field.value;
        }
        return null;
    }

    pub fn count(self: Head, name: []const u8) usize {
        var total: usize = 0;
        for (self.fields) |field| {
            if (std.ascii.eqlIgnoreCase(field.name, name)) total += 1;
        }
        return total;
    }

    /// The value of a field that must be there exactly once.
    pub fn findOnly(self: Head, name: []const u8) ?[]const u8 {
        return if (self.count(name) == 1) self.find(name) else null;
    }

    /// RFC 9112 6.3: these two fields do. Content-Length may say, once, that there is none.
    pub fn announcesBody(self: Head) bool {
        if (self.count("Transfer-Encoding") != 0) return true;
        return switch (self.count("Content-Length")) {
            0 => false,
            1 => !std.mem.eql(u8, self.find("Content-Length").?, "0"),
            else => true,
        };
    }

    /// Is `token` an element of the comma-separated lists in the fields of this name? Fields of one name are one list,
    /// RFC 9110 5.3.
    pub fn hasToken(self: Head, name: []const u8, token: []const u8) bool {
        for (self.fields) |field| {
            if (!std.ascii.eqlIgnoreCase(field.name, name)) continue;
            var elements = std.mem.splitScalar(u8, field.value, ',');
            while (elements.next()) |element| {
                if (std.ascii.eqlIgnoreCase(trim(element), token)) return true;
            }
        }
        return false;
    }
};

pub const HeadFailure = enum {
    too_large,
    too_many_fields,
    bad_line_ending,
    bad_start_line,
    obs_fold,
    bad_field_name,
    bad_field_value,
    /// Of an answer: answer.zig.
    too_many_interim,

    /// What a server answers: RFC 6585 5 where the head is too large.
    pub fn status(self: HeadFailure) u16 {
        return switch (self) {
            .too_large, .too_many_fields => 431,
            else => 400,
        };
    }

    pub fn message(self: HeadFailure) [:0]const u8 {
        return switch (self) {
            .too_large => std.fmt.comptimePrint("the HTTP head is larger than {d} bytes", .{head_size_max}),
            .too_many_fields => std.fmt.comptimePrint("the HTTP head has more than {d} header fields", .{field_count_max}),
            .bad_line_ending => "a line of the HTTP head does not end in CR LF",
            .bad_start_line => "the first line of the HTTP head is empty or has control characters",
            .obs_fold => "a header field is folded over several lines",
            .bad_field_name => "the name of a header field is empty or has characters that are not allowed there",
            .bad_field_value => "the value of a header field has control characters",
            .too_many_interim => std.fmt.comptimePrint("more than {d} interim answers (1xx) come before the answer", .{interim_count_max}),
        };
    }
};

/// Reads one head from bytes that arrive in pieces.
pub const HeadReader = extern struct {
    /// Every LF below this ends a line in CR LF, and none of them ends the head. The scan goes on here, so that a peer
    /// who sends single bytes costs no more than one who does not.
    scanned: usize = 0,

    pub const Result = union(enum) { need_more, head: Head, failure: HeadFailure };

    /// `bytes` begin with the first byte of the head; a later call has the same bytes (they may have moved) and more
    /// behind them. After a head or a failure the reader is used up. `fields` is where the head's fields are kept.
    pub fn next(self: *HeadReader, bytes: []const u8, fields: *[field_count_max]Field) Result {
        const visible = bytes[0..@min(bytes.len, head_size_max)];
        while (std.mem.findScalarPos(u8, visible, self.scanned, '\n')) |at| {
            // RFC 9112 2.2 lets a recipient take LF alone for a line ending, which is how requests are smuggled.
            if (at == 0 or visible[at - 1] != '\r') return .{ .failure = .bad_line_ending };
            self.scanned = at + 1;
            const is_blank_line = at == 1 or visible[at - 2] == '\n';
            if (is_blank_line) return parseHead(visible[0..self.scanned], fields);
        }
        self.scanned = visible.len;
        // With this many bytes and no end, none can come within the limit any more.
        if (visible.len == head_size_max) return .{ .failure = .too_large };
        return .need_more;
    }
};

/// `bytes` are lines in CR LF of which the last one, and no other, is empty.
fn parseHead(bytes: []const u8, fields: *[field_count_max]Field) HeadReader.Result {
    var lines = std.mem.splitSequence(u8, bytes[0 .. bytes.len - 2], "\r\n");
    const start_line = lines.first();
    if (std.mem.findScalar(u8, start_line, '\r') != null) return .{ .failure = .bad_line_ending };
    // RFC 9112 2.2 wants an empty line before a request to be ignored for the sake of connections that carry more than
    // one. Ours carries one.
    if (start_line.len == 0 or !isFieldValue(start_line)) return .{ .failure = .bad_start_line };

    var count: usize = 0;
    while (lines.next()) |line| {
        if (line.len == 0) break;
        if (count == fields.len) return .{ .failure = .too_many_fields };
        switch (parseField(line)) {
            .field => |field| fields[count] = field,
            .failure => |failure| return .{ .failure = failure },
        }
        count += 1;
    }
    return .{ .head = .{ .start_line = start_line, .fields = fields[0..count], .size = bytes.len } };
}

fn parseField(line: []const u8) union(enum) { field: Field, failure: HeadFailure } {
    if (std.mem.findScalar(u8, line, '\r') != null) return .{ .failure = .bad_line_ending };
    // RFC 9112 5.2: a server must reject a folded line or unfold it. For the line after the start line see 2.2.
    if (isWhitespace(line[0])) return .{ .failure = .obs_fold };
    const colon = std.mem.findScalar(u8, line, ':') orelse return .{ .failure = .bad_field_name };
    // RFC 9112 5.1: whitespace between name and colon must be rejected. It is not a character of a name.
    const name = line[0..colon];
    if (!isFieldName(name)) return .{ .failure = .bad_field_name };
    const value = trim(line[colon + 1 ..]);
    if (!isFieldValue(value)) return .{ .failure = .bad_field_value };
    return .{ .field = .{ .name = name, .value = value } };
}

pub const RequestLine = struct { method: []const u8, target: []const u8, version: []const u8 };

/// RFC 9112 3: method SP request-target SP HTTP-version, with single spaces. `version` is like "HTTP/1.1".
pub fn parseRequestLine(line: []const u8) ?RequestLine {
    var words = std.mem.splitScalar(u8, line, ' ');
    const method = words.first();
    const target = words.next() orelse return null;
    const version = words.next() orelse return null;
    if (words.next() != null) return null;
    if (!isToken(method) or !isRequestTarget(target) or !isVersion(version)) return null;
    return .{ .method = method, .target = target, .version = version };
}

pub const StatusLine = struct { version: []const u8, status: u16, reason: []const u8 };

/// RFC 9112 4: HTTP-version SP status-code SP [ reason-phrase ]. Servers that leave out the second space together with
/// the phrase are common enough to be understood.
pub fn parseStatusLine(line: []const u8) ?StatusLine {
    const version_size = "HTTP/1.1".len;
    const status_end = version_size + " 101".len;
    if (line.len < status_end or line[version_size] != ' ') return null;
    if (!isVersion(line[0..version_size])) return null;
    if (line.len > status_end and line[status_end] != ' ') return null;

    var status: u16 = 0;
    for (line[version_size + 1 .. status_end]) |digit| {
        if (!std.ascii.isDigit(digit)) return null;
        status = status * 10 + (digit - '0');
    }
    const reason = line[@min(status_end + 1, line.len)..];
    if (status < 100 or !isFieldValue(reason)) return null;
    return .{ .version = line[0..version_size], .status = status, .reason = reason };
}

/// RFC 9112 2.3: "HTTP/" DIGIT "." DIGIT, and the name is case-sensitive.
pub fn isVersion(bytes: []const u8) bool {
    return bytes.len == 8 and std.mem.startsWith(u8, bytes, "HTTP/") and
        std.ascii.isDigit(bytes[5]) and bytes[6] == '.' and std.ascii.isDigit(bytes[7]);
}

/// RFC 9110 5.1: a field name is a token.
pub fn isFieldName(bytes: []const u8) bool {
    return isToken(bytes);
}

/// RFC 9110 5.5: visible ASCII, bytes above it, space and tab. May be empty. CR, LF and NUL would end the field for
/// some reader, the other control characters are nobody's text.
pub fn isFieldValue(bytes: []const u8) bool {
    for (bytes) |byte| {
        if ((byte < ' ' and byte != '\t') or byte == 0x7F) return false;
    }
    return true;
}

/// RFC 9112 3.2, as far as it concerns framing: visible ASCII and at least one character. All else has to be
/// percent-encoded in a URI (RFC 3986 2.1).
pub fn isRequestTarget(bytes: []const u8) bool {
    for (bytes) |byte| {
        if (!std.ascii.isGraphical(byte)) return false;
    }
    return bytes.len > 0;
}

/// RFC 9110 5.6.2.
pub fn isToken(bytes: []const u8) bool {
    for (bytes) |byte| switch (byte) {
        'a'...'z', 'A'...'Z', '0'...'9' => {},
        '!', '#', '$', '%', '&', '\'', '*', '+', '-', '.', '^', '_', '`', '|', '~' => {},
        else => return false,
    };
    return bytes.len > 0;
}

/// Optional whitespace, RFC 9110 5.6.3.
fn isWhitespace(byte: u8) bool {
    return byte == ' ' or byte == '\t';
}

fn trim(bytes: []const u8) []const u8 {
    return std.mem.trim(u8, bytes, " \t");
}
