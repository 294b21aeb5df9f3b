//! Pings of ours that are not answered yet, in the order in which they were sent, and which of them an answer is for.
//!
//! A PONG carries the payload of its PING. A peer may answer only the last of several PINGs, so a PONG answers those
//! before its own as well (RFC 6455 5.5.3). Among PINGs with one payload it is for the oldest. A message that an
//! application uses as a ping has nothing by which its answer could be told, so an answer is for the oldest of them.
//!
//! Contract: `sent` is called for every ping before anything is received that could answer it. `pong` and `answer` find
//! whom an answer is for and mark what it answers; `nextAnswered` then takes the marked ones out, until it returns null.
//! The memory is the caller's: `places` may be exchanged for a larger slice with the same `count` pings at its start.

const std = @import("std");

/// Who waits for an answer: a number of the caller's, or one of these.
pub const Who = enum(usize) {
    /// Nobody any more. The answer may still come, and is then for nobody else.
    nobody = 0,
    /// The user, who sent a PING himself and looks at PONGs himself. It counts because its PONG answers those before it.
    user = 1,
    _,
};

pub const Ping = struct {
    who: Who,
    /// What the PONG is known by: a hash of the payload. Null for a message.
    mark: ?u64,
    is_answered: bool = false,
    /// Since it was sent an answer came for an older ping that looks the same. It may have been the answer to this one.
    is_passed: bool = false,
};

pub const Pings = struct {
    places: []Ping = &.{},
    count: usize = 0,

    /// Notes a ping: a PING with its payload, or a message, for which `payload` is null. False if all places are taken
    /// by pings that somebody waits for; then nothing has changed.
    pub fn sent(self: *Pings, who: Who, payload: ?[]const u8) bool {
        // Nothing stands before it that its PONG could answer.
        if (who == .user and self.count == 0) return true;
        if (self.count == self.places.len and !self.forgetOne()) return who == .user;
        self.places[self.count] = .{ .who = who, .mark = if (payload) |bytes| markOf(bytes) else null };
        self.count += 1;
        return true;
    }

    /// The newest message turned out to be a PING with this payload. False if there is no message that waits.
    pub fn wasPing(self: *Pings, payload: []const u8) bool {
        var i = self.count;
        while (i > 0) {
            i -= 1;
            const ping = &self.places[i];
            if (ping.mark == null and !ping.is_answered) {
                ping.mark = markOf(payload);
                return true;
            }
        }
        return false;
    }

    /// Whom a PONG is for: the oldest PING with that payload, else the oldest message. Null if it answers nothing.
    pub fn pong(self: *Pings, payload: []const u8) ?Who {
        const index = self.oldest(markOf(payload)) orelse return self.answered(self.oldest(null) orelse return null);
        for (self.places[0..index]) |*ping| {
            if (ping.mark != null) ping.is_answered = true;
        }
        return self.answered(index);
    }

    /// Whom an answer is for that is no PONG: the oldest ping that is not the user's. Null if there is none.
    pub fn answer(self: *Pings) ?Who {
        for (self.places[0..self.count], 0..) |ping, index| {
            if (ping.who != .user and !ping.is_answered) return self.answered(index);
        }
        return null;
    }

    /// Takes out a ping that was answered, the oldest first.
    pub fn nextAnswered(self: *Pings) ?Who {
        for (self.places[0..self.count], 0..) |ping, index| {
            if (ping.is_answered) return self.remove(index);
        }
        return null;
    }

    /// `who` waits no longer. What the answer would be for stays, unless the answer may have come already: else a peer
    /// that left out one answer would be one behind for ever. False if `who` was not waiting.
    pub fn giveUp(self: *Pings, who: Who) bool {
        const index = self.waitingFor(who) orelse return false;
        if (self.places[index].is_passed) _ = self.remove(index) else self.places[index].who = .nobody;
        return true;
    }

    /// The ping of `who` could not be sent. A PING that was seen is out nevertheless.
    pub fn failed(self: *Pings, who: Who) bool {
        const index = self.waitingFor(who) orelse return false;
        if (self.places[index].mark == null) _ = self.remove(index) else self.places[index].who = .nobody;
        return true;
    }

    /// Takes out the oldest ping, when no answer can come any more.
    pub fn takeOldest(self: *Pings) ?Who {
        return if (self.count == 0) null else self.remove(0);
    }

    fn oldest(self: *const Pings, mark: ?u64) ?usize {
        for (self.places[0..self.count], 0..) |ping, index| {
            if (!ping.is_answered and std.meta.eql(ping.mark, mark)) return index;
        }
        return null;
    }

    fn waitingFor(self: *const Pings, who: Who) ?usize {
        for (self.places[0..self.count], 0..) |ping, index| {
            if (!ping.is_answered and ping.who == who) return index;
        }
        return null;
    }

    fn answered(self: *Pings, index: usize) Who {
        const ping = &self.places[index];
        ping.is_answered = true;
        for (self.places[index + 1 .. self.count]) |*later| {
            if (std.meta.eql(later.mark, ping.mark)) later.is_passed = true;
        }
        return ping.who;
    }

    /// Makes room at the cost of the oldest ping that nobody waits for.
    fn forgetOne(self: *Pings) bool {
        for (self.places[0..self.count], 0..) |ping, index| {
            if (ping.who == .nobody or ping.who == .user) {
                _ = self.remove(index);
                return true;
            }
        }
        return false;
    }

    fn remove(self: *Pings, index: usize) Who {
        const who = self.places[index].who;
        self.drop(index);
        // A PING of the user's that is not behind one of ours says nothing.
        while (self.count > 0 and self.places[0].who == .user) self.drop(0);
        return who;
    }

    fn drop(self: *Pings, index: usize) void {
        self.count -= 1;
        @memmove(self.places[index..self.count], self.places[index + 1 .. self.count + 1]);
    }
};

/// Payloads have up to 125 bytes. A peer that finds another with the same hash could have sent the right one as well.
fn markOf(payload: []const u8) u64 {
    return std.hash.Wyhash.hash(0, payload);
}
