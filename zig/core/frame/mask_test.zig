//! The template in every width on this target's own CPU, byte by byte against the oracle. Alignments, guard pages and the
//! kernels for newer CPUs are in zig/cpu/tests.zig.
const std = @import("std");
const mask = @import("mask.zig");
const expectEqual = std.testing.expectEqual;
const expectEqualSlices = std.testing.expectEqualSlices;

const key = [4]u8{ 0x37, 0xfa, 0x21, 0x3d };

test "the masked Hello of RFC 6455 5.7" {
    const masked = [_]u8{ 0x7f, 0x9f, 0x4d, 0x51, 0x58 };
    for ([_]mask.Kernel{ mask.scalar, mask.baseline }) |kernel| {
        var payload = "Hello".*;
        kernel(&payload, &payload, payload.len, key);
        try expectEqualSlices(u8, &masked, &payload);
        kernel(&payload, &payload, payload.len, key);
        try expectEqualSlices(u8, "Hello", &payload);
    }
}

test "the oracle takes byte i of the key for byte i mod 4 of the payload" {
    const zeros: [11]u8 = @splat(0);
    var out: [11]u8 = undefined;
    mask.scalar(&out, &zeros, zeros.len, "abcd".*);
    try expectEqualSlices(u8, "abcdabcdabc", &out);
}

test "every width masks every length, and no byte around it" {
    inline for (.{ 4, 8, 16, 32, 64 }) |width| {
        for (0..4 * width * 3) |len| try expectLikeOracle(width, len);
    }
}

const margin = 64;
const size_max = 4 * 64 * 3;

fn expectLikeOracle(comptime width: usize, len: usize) !void {
    var source: [margin + size_max + margin]u8 = undefined;
    for (&source, 0..) |*byte, at| byte.* = @truncate(at *% 167 +% at / 256);
    var expected = source;
    mask.scalar(expected[margin..].ptr, source[margin..].ptr, len, key);

    var in_place = source;
    mask.vector(width, in_place[margin..].ptr, in_place[margin..].ptr, len, key);
    try expectEqualSlices(u8, &expected, &in_place);

    var copied: [source.len]u8 = undefined;
    @memset(&copied, 0xEE);
    mask.vector(width, copied[margin..].ptr, source[margin..].ptr, len, key);
    try expectEqualSlices(u8, expected[margin..][0..len], copied[margin..][0..len]);
    for (copied[0..margin]) |byte| try expectEqual(0xEE, byte);
    for (copied[margin + len ..]) |byte| try expectEqual(0xEE, byte);
}

test "a payload masked in two parts is the payload masked at once" {
    const payload = "The quick brown fox jumps over the lazy dog, twice and then once more.";
    var whole: [payload.len]u8 = undefined;
    mask.baseline(&whole, payload, payload.len, key);
    for (0..payload.len + 1) |cut| {
        var parts: [payload.len]u8 = undefined;
        mask.baseline(&parts, payload, cut, key);
        mask.baseline(parts[cut..].ptr, payload[cut..].ptr, payload.len - cut, mask.rotate(key, cut));
        try expectEqualSlices(u8, &whole, &parts);
    }
}

test "rotate" {
    try expectEqual("abcd".*, mask.rotate("abcd".*, 0));
    try expectEqual("bcda".*, mask.rotate("abcd".*, 1));
    try expectEqual("cdab".*, mask.rotate("abcd".*, 2));
    try expectEqual("dabc".*, mask.rotate("abcd".*, 3));
    try expectEqual("abcd".*, mask.rotate("abcd".*, 4));
    try expectEqual("dabc".*, mask.rotate("abcd".*, std.math.maxInt(usize)));
}
