//! Flow control: how much may be queued, and what happens if more is.

const o = @import("cpython").object;
const MessageListener = @import("listener.zig").MessageListener;
const Object = o.Object;
const Error = o.Error;

/// Something was queued.
pub fn balance(self: *MessageListener) Error!void {
    if (!isOver(self)) return;
    switch (self.when_full) {
        .pause => if (!self.is_reading_paused and !isStarving(self)) try setReading(self, false),
        .drop_oldest => dropOldest(self),
        .close => if (!self.is_full_told) {
            self.is_full_told = true;
            try o.callMethodVoid(self.object(), self.state.names._on_full, .{});
        },
    }
}

/// Something was taken, or somebody began to wait.
pub inline fn relax(self: *MessageListener) Error!void {
    if (self.is_reading_paused) try goOn(self);
}

fn goOn(self: *MessageListener) Error!void {
    const limits = &self.limits;
    const is_low = self.queue.count() <= limits.count_low and self.queue.bytes <= limits.bytes_low;
    if (is_low or isStarving(self)) try setReading(self, true);
}

fn isOver(self: *const MessageListener) bool {
    return self.queue.count() > self.limits.count_high or self.queue.bytes > self.limits.bytes_high;
}

/// Somebody waits for a whole message and only the start of one is there. Its size has a limit of its own.
fn isStarving(self: *const MessageListener) bool {
    if (self.queue.whole_count > 0) return false;
    const receiver = self.receiver orelse return self.is_whole_wanted;
    return receiver.what != .frame;
}

/// The newest whole message stays, whatever it weighs.
fn dropOldest(self: *MessageListener) void {
    while (self.queue.whole_count > 1 and isOver(self)) {
        for (0..self.queue.firstLength()) |_| o.decref(self.queue.pop().object);
        self.dropped += 1;
    }
}

/// Messages that come from here on are dropped, so that the peer's CLOSE behind them is seen.
pub fn ignoreInput(self: *MessageListener) Error!void {
    self.is_leaving = true;
    if (self.is_reading_paused) try setReading(self, true);
}

fn setReading(self: *MessageListener, is_reading: bool) Error!void {
    const transport = self.transport orelse return;
    self.is_reading_paused = !is_reading;
    if (transport.is_disconnected != 0) return;
    const names = &self.state.names;
    try o.callMethodVoid(transport.underlying_transport, if (is_reading) names.resume_reading else names.pause_reading, .{});
}
