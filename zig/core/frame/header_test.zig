const std = @import("std");
const expect = std.testing.expect;
const expectEqual = std.testing.expectEqual;
const expectEqualSlices = std.testing.expectEqualSlices;
const header = @import("header.zig");
const Decoded = header.Decoded;
const Header = header.Header;
const wire = @import("../testing/wire_test.zig");

const sizes = [_]u64{
    0,             1,       2,       124,           125,     126,                  127,           128,
    255,           256,     32767,   65534,         65535,   65536,                (1 << 31) - 1, 1 << 31,
    (1 << 32) - 1, 1 << 32, 1 << 62, (1 << 63) - 1, 1 << 63, std.math.maxInt(u64),
};
const key = [4]u8{ 0x12, 0x00, 0xFF, 0x80 };

fn fitsForm(size: u64, form: wire.LengthForm) bool {
    return switch (form) {
        .in_7_bits => size <= 125,
        .in_16_bits => size <= 0xFFFF,
        .in_64_bits => true,
    };
}

/// The bits of the first byte are named here one by one, so that the order of `Flags` is tested and not repeated.
fn expected(first: u8, form: wire.LengthForm, size: u64, masking_key: ?[4]u8) Decoded {
    if (size >= 1 << 63) return .{ .failure = .length_over_63_bits };
    if (form != wire.shortestForm(size)) return .{ .failure = .non_minimal_length };
    return .{ .header = .{
        .opcode = @fromBackingInt(@as(u4, @intCast(first % 16))),
        .flags = .{
            .fin = first & 0b1000_0000 != 0,
            .rsv1 = first & 0b0100_0000 != 0,
            .rsv2 = first & 0b0010_0000 != 0,
            .rsv3 = first & 0b0001_0000 != 0,
        },
        .masking_key = masking_key,
        .payload_size = size,
    } };
}

/// Every prefix asks for more, the whole header is the answer, and a tail changes nothing.
fn checkDecode(first: u8, form: wire.LengthForm, size: u64, masking_key: ?[4]u8) !void {
    var list: wire.Bytes(20) = .{};
    list.header(first, form, size, masking_key);
    const header_size = list.size;
    list.bytes("\xFF\x00tail");
    const answer = expected(first, form, size, masking_key);
    for (0..header_size) |split| {
        const wanted: usize = if (split < 2) 2 else header_size;
        try expectEqual(Decoded{ .need_more = wanted }, header.decode(list.slice()[0..split]));
    }
    for (header_size..list.size + 1) |end| {
        try expectEqual(answer, header.decode(list.slice()[0..end]));
    }
    for (0..list.size + 1) |end| {
        const is_whole = answer == .header and end >= header_size and answer.header.payload_size <= end - header_size;
        try expectEqual(is_whole, header.startsWithFrame(list.slice()[0..end]));
    }
}

test "decode: every flag, opcode, length form, size and masking, cut at every point" {
    for (0..256) |first| {
        for (sizes) |size| {
            for (std.enums.values(wire.LengthForm)) |form| {
                if (!fitsForm(size, form)) continue;
                try checkDecode(@intCast(first), form, size, null);
                try checkDecode(@intCast(first), form, size, key);
            }
        }
    }
}

test "encode: every flag, opcode, size and masking, and not a byte behind the header" {
    for (0..256) |first| {
        for (sizes) |size| {
            if (size >= 1 << 63) continue;
            for ([_]?[4]u8{ null, key }) |masking_key| {
                var list: wire.Bytes(14) = .{};
                list.header(@intCast(first), wire.shortestForm(size), size, masking_key);
                const value = expected(@intCast(first), wire.shortestForm(size), size, masking_key).header;

                var buffer: [14]u8 = @splat(0xAA);
                try expectEqual(list.size, header.encode(value, &buffer));
                try expectEqualSlices(u8, list.slice(), buffer[0..list.size]);
                for (buffer[list.size..]) |byte| try expectEqual(0xAA, byte);
                try expectEqual(list.size, value.size());
                try expectEqual(list.size, header.sizeFor(size, masking_key != null));
            }
        }
    }
}

test "decode: the examples of RFC 6455 5.7" {
    const hello = header.decode(wire.rfc_examples.masked_text).header;
    try expectEqual(Header{
        .opcode = .text,
        .flags = .{ .fin = true },
        .masking_key = .{ 0x37, 0xfa, 0x21, 0x3d },
        .payload_size = 5,
    }, hello);
    try expectEqual(256, header.decode(wire.rfc_examples.header_of_256_bytes).header.payload_size);
    try expectEqual(65536, header.decode(wire.rfc_examples.header_of_64_kib).header.payload_size);
}

test "the sizes at which the length changes its form" {
    try expectEqual(2, header.sizeFor(125, false));
    try expectEqual(4, header.sizeFor(126, false));
    try expectEqual(4, header.sizeFor(65535, false));
    try expectEqual(10, header.sizeFor(65536, false));
    try expectEqual(6, header.sizeFor(0, true));
    try expectEqual(14, header.sizeFor((1 << 63) - 1, true));
}

test "startsWithFrame: a length that takes more bytes, and one that lies" {
    const size = 200;
    var list: wire.Bytes(4 + size) = .{};
    list.header(0x82, .in_16_bits, size, null);
    for (0..size) |_| list.bytes("x");
    try expect(header.startsWithFrame(list.slice()));
    try expect(!header.startsWithFrame(list.slice()[0 .. 3 + size]));
    try expect(!header.startsWithFrame("\x82\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF and more"));
}
