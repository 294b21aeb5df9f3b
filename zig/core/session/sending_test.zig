const std = @import("std");
const expectEqual = std.testing.expectEqual;
const expectEqualStrings = std.testing.expectEqualStrings;
const expectError = std.testing.expectError;
const mask = @import("../frame/mask.zig");
const Opcode = @import("../frame/opcode.zig").Opcode;
const sending = @import("sending.zig");
const wire = @import("../testing/wire_test.zig");

test "every opcode, flag and size is right or has its name" {
    for (0..16) |number| {
        const opcode: Opcode = @fromBackingInt(@as(u4, @intCast(number)));
        for ([_]bool{ false, true }) |fin| {
            for ([_]usize{ 0, 125, 126, 1 << 20 }) |size| {
                const result = sending.checkFrame(opcode, .{ .fin = fin, .rsv1 = true }, size);
                switch (number) {
                    0, 1, 2 => try result,
                    8 => try expectError(error.CloseHasItsOwnFunction, result),
                    9, 10 => if (!fin) {
                        try expectError(error.FragmentedControl, result);
                    } else if (size > 125) {
                        try expectError(error.OversizedControl, result);
                    } else try result,
                    else => try expectError(error.UnknownOpcode, result),
                }
            }
        }
    }
}

test "a CLOSE says a code that may be sent and a reason that fits, or nothing" {
    const long: [124]u8 = @splat('r');
    try sending.checkClose(.no_info, "");
    try sending.checkClose(.ok, "");
    try sending.checkClose(@fromBackingInt(4999), long[0..123]);
    try expectError(error.CloseReasonWithoutCode, sending.checkClose(.no_info, "why"));
    try expectError(error.CloseCodeNotAllowed, sending.checkClose(.abnormal_closure, ""));
    try expectError(error.CloseCodeNotAllowed, sending.checkClose(@fromBackingInt(5000), ""));
    try expectError(error.CloseReasonTooLong, sending.checkClose(.ok, &long));
    try expectError(error.CloseReasonNotUtf8, sending.checkClose(.ok, "\xE2\x82"));
}

test "a plan is the frame that it says, masked or not" {
    const key = wire.rfc_examples.masking_key;
    const plan: sending.Plan = .{ .opcode = .text, .flags = .{ .fin = true }, .payload = "Hello" };
    var buffer: [20]u8 = @splat(0xEE);
    try expectEqualStrings(wire.rfc_examples.unmasked_text, plan.write(&buffer, null, mask.scalar));
    try expectEqual(wire.rfc_examples.unmasked_text.len, plan.size(.server));
    try expectEqual(0xEE, buffer[plan.size(.server)]);
    try expectEqualStrings(wire.rfc_examples.masked_text, plan.write(&buffer, key, mask.scalar));
    try expectEqual(wire.rfc_examples.masked_text.len, plan.size(.client));
    var header: [14]u8 = undefined;
    try expectEqualStrings(wire.rfc_examples.masked_text[0..6], plan.writeHeader(&header, key));
    try expectEqualStrings(wire.rfc_examples.unmasked_text[0..2], plan.writeHeader(&header, null));
}
