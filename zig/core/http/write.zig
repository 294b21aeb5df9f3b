//! Writes the head of an HTTP/1.1 message, RFC 9112: a start line, fields, a blank line. What could be read differently
//! from how it was meant does not get onto the wire: each part is checked before it is written.
//!
//! The writer counts on where there is no room, so a first run over an empty buffer says how much is wanted.

const std = @import("std");
const head = @import("head.zig");
const statuses = @import("status.zig");

pub const Error = error{
    /// Not a token. RFC 9110 9.1
    BadMethod,
    /// Empty, or with a space or another character that is not visible ASCII. RFC 9112 3.2
    BadTarget,
    /// Not like "HTTP/1.1". RFC 9112 2.3
    BadVersion,
    /// Not from 100 to 599. RFC 9110 15
    BadStatus,
    /// Not a token. RFC 9110 5.1
    BadFieldName,
    /// With CR, LF, NUL or another control character. RFC 9110 5.5
    BadFieldValue,
};

pub const Writer = struct {
    buffer: []u8,
    /// How much the head takes so far. Invariant: if this is more than the buffer has, what is in the buffer is no head.
    size: usize = 0,

    /// RFC 9112 3
    pub fn requestLine(self: *Writer, method: []const u8, target: []const u8) Error!void {
        if (!head.isFieldName(method)) return error.BadMethod; // a token, as a name is
        if (!head.isRequestTarget(target)) return error.BadTarget;
        self.add(&.{ method, " ", target, " HTTP/1.1\r\n" });
    }

    /// With the status's own reason phrase, which may be empty; the space in front of it is always there. RFC 9112 4
    pub fn statusLine(self: *Writer, version: []const u8, status: u16) Error!void {
        if (!head.isVersion(version)) return error.BadVersion;
        if (!statuses.maySend(status)) return error.BadStatus;
        var digits: [3]u8 = undefined;
        _ = std.fmt.printInt(&digits, status, 10, .lower, .{});
        self.add(&.{ version, " ", &digits, " ", statuses.reason(status), "\r\n" });
    }

    /// RFC 9112 5
    pub fn field(self: *Writer, name: []const u8, value: []const u8) Error!void {
        if (!head.isFieldName(name)) return error.BadFieldName;
        if (!head.isFieldValue(value)) return error.BadFieldValue;
        self.add(&.{ name, ": ", value, "\r\n" });
    }

    /// The blank line. Returns the whole head, or null if there was no room: then `size` says how much is wanted.
    pub fn finish(self: *Writer) ?[]u8 {
        self.add(&.{"\r\n"});
        return if (self.size <= self.buffer.len) self.buffer[0..self.size] else null;
    }

    fn add(self: *Writer, parts: []const []const u8) void {
        for (parts) |part| {
            if (self.size <= self.buffer.len and part.len <= self.buffer.len - self.size) {
                @memcpy(self.buffer[self.size..][0..part.len], part);
            }
            // Sizes of slices in memory: their sum fits, and if it did not, no buffer would.
            self.size +|= part.len;
        }
    }
};
