//! Where TLS records begin and end (RFC 8446 5.1). Their content is OpenSSL's affair.

const std = @import("std");

const header_size = 5;
/// TLS 1.2 allows more than 1.3 does (RFC 5246 6.2.3). Of longer ones OpenSSL says that they are too long.
const body_size_max = 16384 + 2048;

pub const Part = struct {
    /// So many of the bytes belong to the record in hand.
    size: usize,
    /// The record ends with them, or is none: OpenSSL has something to say.
    is_last: bool,
};

/// A reader of the bytes of records, which may come in any pieces.
pub const Framing = struct {
    header: [header_size]u8 = undefined,
    /// How much of the header, or of the record behind it, is still to come.
    header_left: usize = header_size,
    body_left: usize = 0,

    pub fn next(self: *Framing, data: []const u8) Part {
        var used: usize = 0;
        if (self.header_left > 0) {
            used = @min(self.header_left, data.len);
            @memcpy(self.header[header_size - self.header_left ..][0..used], data[0..used]);
            self.header_left -= used;
            if (self.header_left > 0) return .{ .size = used, .is_last = false };
            if (!self.isRecord()) return self.end(data.len);
            self.body_left = std.mem.readInt(u16, self.header[3..5], .big);
        }
        const size = @min(self.body_left, data.len - used);
        self.body_left -= size;
        used += size;
        return if (self.body_left == 0) self.end(used) else .{ .size = used, .is_last = false };
    }

    fn end(self: *Framing, size: usize) Part {
        self.header_left = header_size;
        self.body_left = 0;
        return .{ .size = size, .is_last = true };
    }

    fn isRecord(self: *const Framing) bool {
        const body_size = std.mem.readInt(u16, self.header[3..5], .big);
        return self.header[0] >= 20 and self.header[0] <= 24 and self.header[1] == 3 and body_size <= body_size_max;
    }
};
