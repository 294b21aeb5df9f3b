const std = @import("std");
const keys = @import("key.zig");
const expect = std.testing.expect;
const expectEqualStrings = std.testing.expectEqualStrings;

test "the sample of RFC 6455 1.3" {
    try expectEqualStrings("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", &keys.accept("dGhlIHNhbXBsZSBub25jZQ=="));
    try expectEqualStrings("dGhlIHNhbXBsZSBub25jZQ==", &keys.encode("the sample nonce".*));
}

test "what is encoded is a key" {
    for (0..256) |byte| try expect(keys.isValid(&keys.encode(@splat(@intCast(byte)))));
    try expect(!keys.isValid(""));
    try expect(!keys.isValid("dGhlIHNhbXBsZSBub25jZQ=="[1..]));
}
