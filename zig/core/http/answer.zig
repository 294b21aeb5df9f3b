//! The answer to a client's request, RFC 9110 15.2: any number of interim answers (1xx) may come before it, and mean
//! nothing to a client that did not ask for them. Ours are bounded in number, and in size together with the answer.
const std = @import("std");
const http = @import("head.zig");
const statuses = @import("status.zig");

/// Reads the head of the answer from bytes that arrive in pieces.
pub const AnswerReader = extern struct {
    reader: http.HeadReader = .{},
    /// Where the head in hand begins: behind those of the interim answers.
    start: u32 = 0,
    interim_count: u32 = 0,

    /// As HeadReader.next(). `bytes` begin with the first interim answer, and the size of the head counts from there.
    pub fn next(self: *AnswerReader, bytes: []const u8, fields: *[http.field_count_max]http.Field) http.HeadReader.Result {
        const visible = bytes[0..@min(bytes.len, http.head_size_max)];
        while (true) {
            var head = switch (self.reader.next(visible[self.start..], fields)) {
                .head => |head| head,
                .need_more => return if (visible.len == http.head_size_max) .{ .failure = .too_large } else .need_more,
                .failure => |failure| return .{ .failure = failure },
            };
            head.size += self.start;
            if (!isInterim(head.start_line)) return .{ .head = head };
            if (self.interim_count == http.interim_count_max) return .{ .failure = .too_many_interim };
            self.interim_count += 1;
            self.start = @intCast(head.size);
            self.reader = .{};
        }
    }
};

/// HTTP/1.0 has no interim answers.
fn isInterim(start_line: []const u8) bool {
    const line = http.parseStatusLine(start_line) orelse return false;
    return statuses.isInterim(line.status) and std.mem.eql(u8, line.version, "HTTP/1.1");
}

comptime {
    std.debug.assert(http.head_size_max <= std.math.maxInt(u32));
}
