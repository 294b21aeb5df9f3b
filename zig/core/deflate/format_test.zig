const std = @import("std");
const format = @import("format.zig");
const stream = @import("stream_test.zig");
const expectEqual = std.testing.expectEqual;

test "lengths and distances are those of the tables in RFC 1951 3.2.5" {
    for (format.match_size_min..format.match_size_max + 1) |size| {
        const expected = stream.lengthOf(size);
        const index = expected.symbol - format.first_length;
        try expectEqual(size, format.length_base[index] + expected.extra);
        try expectEqual(expected.extra_bits, format.length_extra[index]);
    }
    for (1..(1 << format.window_bits_max) + 1) |distance| {
        const expected = stream.distanceOf(distance);
        try expectEqual(distance, format.distance_base[expected.symbol] + expected.extra);
        try expectEqual(expected.extra_bits, format.distance_extra[expected.symbol]);
    }
}

test "the fixed codes are those of RFC 1951 3.2.6" {
    try expectEqual(stream.fixed_literals, format.fixed_literal_sizes);
    try expectEqual(stream.fixed_distances, format.fixed_distance_sizes);
}
