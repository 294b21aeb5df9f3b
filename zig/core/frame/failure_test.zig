const std = @import("std");
const expect = std.testing.expect;
const expectEqual = std.testing.expectEqual;
const Failure = @import("failure.zig").Failure;
const close = @import("close.zig");
const CloseCode = close.CloseCode;
const reason_size_max = close.reason_size_max;

test "1009 for what is too big, 1007 for what is not UTF-8, 1002 for the rest" {
    for (std.enums.values(Failure)) |failure| {
        const code: CloseCode = switch (failure) {
            .frame_too_big, .message_too_big, .too_many_fragments => .message_too_big,
            .close_reason_not_utf8, .text_not_utf8 => .invalid_text,
            else => .protocol_error,
        };
        try expectEqual(code, failure.closeCode());
    }
}

test "a message is a fragment of one line that fits in a CLOSE frame, and no two are alike" {
    for (std.enums.values(Failure)) |failure| {
        const message = failure.message();
        try expect(message.len > 0 and message.len <= reason_size_max);
        for (message) |byte| try expect(std.ascii.isPrint(byte));
        try expect(message[message.len - 1] != '.');
        for (std.enums.values(Failure)) |other| {
            if (other != failure) try expect(!std.mem.eql(u8, message, other.message()));
        }
    }
}

test "the CLOSE that fails a connection says the code and the message" {
    for (std.enums.values(Failure)) |failure| {
        const decoded = close.decode(failure.closePayload()).close;
        try expectEqual(failure.closeCode(), decoded.code);
        try std.testing.expectEqualStrings(failure.message(), decoded.reason);
    }
}
