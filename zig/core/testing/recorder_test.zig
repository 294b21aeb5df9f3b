//! What happens at a `Session`, written down a line each, so that tests compare text:
//!
//!     data 1 8 "Hello"                opcode, flags and payload; not in permissive mode, where it stands in its message:
//!     data 1 8 "Hello" text 5 first last
//!     ping "x"    pong "x"    pong "x" for 7    close 1000 "bye"    failure text_not_utf8    ended
//!     send A "x"                      what was planned: opcode and payload
//!
//! Answers are sent at once unless told otherwise.

const std = @import("std");
const expect = std.testing.expect;
const sessions = @import("../session/session.zig");
const Plan = @import("../session/sending.zig").Plan;
const Session = sessions.Session;

pub fn Recorder(comptime capacity: usize) type {
    return struct {
        session: Session,
        answers: bool = true,
        text: [16 * capacity + 4096]u8 = undefined,
        text_size: usize = 0,
        /// What has arrived, and how much of it is used up.
        bytes: [capacity]u8 = undefined,
        size: usize = 0,
        start: usize = 0,
        is_ended: bool = false,

        const Self = @This();

        pub fn log(self: *const Self) []const u8 {
            return self.text[0..self.text_size];
        }

        pub fn note(self: *Self, comptime format: []const u8, arguments: anytype) void {
            const line = std.fmt.bufPrint(self.text[self.text_size..], format ++ "\n", arguments) catch unreachable;
            self.text_size += line.len;
        }

        pub fn notePlan(self: *Self, plan: Plan) void {
            self.note("send {X} \"{s}\"", .{ @backingInt(plan.opcode), plan.payload });
        }

        pub fn arrive(self: *Self, bytes: []const u8) void {
            @memcpy(self.bytes[self.size..][0..bytes.len], bytes);
            self.size += bytes.len;
        }

        /// More arrives, and all events that are complete are written down.
        pub fn feed(self: *Self, bytes: []const u8) !void {
            self.arrive(bytes);
            while (try self.step()) {}
        }

        /// The next event. False if there is none.
        pub fn step(self: *Self) !bool {
            const rest = self.bytes[self.start..self.size];
            const event = self.session.receive(rest);
            try expect(self.session.invariants());
            switch (event) {
                .need_more => |wanted| {
                    try expect(wanted > rest.len);
                    return false;
                },
                .ended => {
                    if (!self.is_ended) self.note("ended", .{});
                    self.is_ended = true;
                    return false;
                },
                .data => |frame| self.noteData(frame.payload, @backingInt(frame.opcode), @as(u4, @bitCast(frame.flags))),
                .ping => |frame| self.note("ping \"{s}\"", .{frame.payload}),
                .pong => |pong| if (pong.who) |who| {
                    self.note("pong \"{s}\" for {d}", .{ pong.frame.payload, @backingInt(who) });
                } else self.note("pong \"{s}\"", .{pong.frame.payload}),
                .close => |close| self.note("close {d} \"{s}\"", .{ @backingInt(close.code), close.reason }),
                .failure => |failure| self.note("failure {t}", .{failure}),
            }
            if (self.answers) if (self.session.answer(event)) |plan| self.notePlan(plan);
            self.start += event.size();
            return true;
        }

        fn noteData(self: *Self, payload: []const u8, opcode: u4, flags: u4) void {
            if (self.session.mode == .permissive) return self.note("data {X} {X} \"{s}\"", .{ opcode, flags, payload });
            const piece = self.session.piece();
            self.note("data {X} {X} \"{s}\" {t} {d}{s}{s}{s}", .{
                opcode,
                flags,
                payload,
                piece.opcode,
                piece.size,
                if (piece.is_compressed) " compressed" else "",
                if (piece.is_first) " first" else "",
                if (piece.is_last) " last" else "",
            });
        }
    };
}
