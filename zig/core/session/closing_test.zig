const std = @import("std");
const expect = std.testing.expect;
const expectEqual = std.testing.expectEqual;
const CloseCode = @import("../frame/close.zig").CloseCode;
const closings = @import("closing.zig");
const Closing = closings.Closing;
const Side = closings.Side;
const State = closings.State;

/// Each state, by what leads to it.
fn reach(state: State) Closing {
    var closing: Closing = .{};
    switch (state) {
        .open => {},
        .close_sent => closing.noteSent(.ok),
        .close_received => closing.noteReceived(.going_away),
        .closed_by_us => {
            closing.noteSent(.ok);
            closing.noteReceived(.going_away);
        },
        .closed_by_peer => {
            closing.noteReceived(.going_away);
            closing.noteSent(.ok);
        },
        .failing => closing.fail(),
        .failed => {
            closing.fail();
            closing.noteSent(.protocol_error);
        },
        .lost => closing.noteEnd(),
    }
    return closing;
}

test "what may be sent and what is looked at, in each state" {
    const rows = [_]struct { State, bool, bool, bool, ?Side, CloseCode }{
        // state, receiving, may send, may send CLOSE, whose CLOSE was first, close code
        .{ .open, true, true, true, null, .abnormal_closure },
        .{ .close_sent, true, false, false, .us, .abnormal_closure },
        .{ .close_received, false, true, true, .peer, .going_away },
        .{ .closed_by_us, false, false, false, .us, .going_away },
        .{ .closed_by_peer, false, false, false, .peer, .going_away },
        .{ .failing, false, false, true, null, .abnormal_closure },
        .{ .failed, false, false, false, .us, .abnormal_closure },
        .{ .lost, false, false, false, null, .abnormal_closure },
    };
    try expectEqual(std.enums.values(State).len, rows.len);
    for (rows) |row| {
        const closing = reach(row[0]);
        try expectEqual(row[0], closing.state);
        try expect(closing.invariants());
        try expectEqual(row[1], closing.state.isReceiving());
        try expectEqual(row[2], closing.state.maySend());
        try expectEqual(row[3], closing.state.maySendClose());
        try expectEqual(row[4], closing.first());
        try expectEqual(row[5], closing.closeCode());
    }
}

test "whatever happens next, what always holds does, and a CLOSE goes each way at most once" {
    for (std.enums.values(State)) |state| {
        for (0..4 * 4 * 4) |steps| {
            var closing = reach(state);
            for ([_]usize{ steps % 4, steps / 4 % 4, steps / 16 }) |step| {
                const before = closing;
                switch (step) {
                    0 => if (closing.state.maySendClose()) closing.noteSent(.no_info),
                    1 => if (closing.state.isReceiving()) closing.noteReceived(.no_info),
                    2 => closing.fail(),
                    else => closing.noteEnd(),
                }
                try expect(closing.invariants());
                if (before.sent) |code| try expectEqual(code, closing.sent.?);
                if (before.received) |code| try expectEqual(code, closing.received.?);
                // Nothing is looked at or sent again once it is not.
                try expect(before.state.isReceiving() or !closing.state.isReceiving());
                try expect(before.state.maySend() or !closing.state.maySend());
                if (before.first()) |side| try expectEqual(side, closing.first().?);
            }
        }
    }
}

test "a peer that closed can still be answered after it ended its side" {
    var closing = reach(.close_received);
    closing.noteEnd();
    try expectEqual(.close_received, closing.state);
    closing.noteSent(.ok);
    try expectEqual(.closed_by_peer, closing.state);
}

test "a peer that never answers our CLOSE is lost, and ours was first" {
    var closing = reach(.close_sent);
    closing.noteEnd();
    try expectEqual(.lost, closing.state);
    try expectEqual(Side.us, closing.first().?);
}

test "a failure after our CLOSE leaves nothing to send" {
    var closing = reach(.close_sent);
    closing.fail();
    try expectEqual(.failed, closing.state);
}
