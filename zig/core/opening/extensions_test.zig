const std = @import("std");
const extensions = @import("extensions.zig");
const expect = std.testing.expect;
const expectEqual = std.testing.expectEqual;
const expectEqualStrings = std.testing.expectEqualStrings;

/// Writes what was read as plainly as it can be said: a|b=1|c,d
fn expectRead(expected: []const u8, text: []const u8) !void {
    var buffer: [300]u8 = undefined;
    var writer: std.Io.Writer = .fixed(&buffer);
    var all: extensions.Extensions = .init(text);
    while (try all.next()) |extension| {
        if (writer.end > 0) try writer.writeAll(",");
        try writer.writeAll(extension.name);
        var parameters = extension.parameters();
        while (parameters.next()) |parameter| {
            try writer.print("|{s}", .{parameter.name});
            var value: [100]u8 = undefined;
            if (parameter.value) |found| try writer.print("={s}", .{found.copy(&value).?});
        }
    }
    try expectEqualStrings(expected, writer.buffered());
}

fn expectMalformed(text: []const u8) !void {
    var all: extensions.Extensions = .init(text);
    while (all.next() catch return) |_| {}
    std.debug.print("not refused: {s}\n", .{text});
    return error.TestUnexpectedResult;
}

test "the examples of RFC 6455 9.1 and RFC 7692 7.1" {
    try expectRead("foo", "foo");
    try expectRead("bar|baz=2", "bar; baz=2");
    try expectRead("foo,bar|baz=2", "foo, bar; baz=2");
    try expectRead("deflate-stream", "deflate-stream");
    try expectRead("mux|max-channels=4|flow-control,deflate-stream", "mux; max-channels=4; flow-control, deflate-stream");
    try expectRead("private-extension", "private-extension");
    try expectRead(
        "permessage-deflate|client_max_window_bits|server_max_window_bits=10,permessage-deflate|client_max_window_bits",
        "permessage-deflate; client_max_window_bits; server_max_window_bits=10, permessage-deflate; client_max_window_bits",
    );
}

test "values in quotes are those without" {
    try expectRead("a|b=10", "a; b=\"10\"");
    try expectRead("a|b=10", "a; b=\"1\\0\"");
    try expectRead("a|b=10|c", "a;b=\"\\1\\0\";c");
    try expectRead("a|b=x!#$%&'*+-.^_`|~", "a; b=\"x!#$%&'*+-.^_`|~\"");
}

test "spaces and empty elements" {
    try expectRead("a|b=1,c", " a\t;  b =\t1 , c ");
    try expectRead("a,b", ",, a ,\t, b,,");
    try expectRead("", "");
    try expectRead("", " , ,\t");
}

test "what is no list of extensions" {
    for ([_][]const u8{
        ";",         "=",          "a;",          "a;;b",        "a; ;b",       "a;=1",        "a;b=",
        "a;b=,c",    "a b",        "a;b c",       "a;b=1 2",     "a;b=\"",      "a;b=\"\"",    "a;b=\"1",
        "a;b=\"\\",  "a;b=\"\\\"", "a;b=\"1 2\"", "a;b=\"1,2\"", "a;b=\"1\"x",  "a;b=\"\\ \"", "\"a\"",
        "a;\"b\"=1", "a=1",        "a/b",         "a;b=1/2",     "\x80",        "a;b=\x01",    "a;b=\"\\\"\"",
        "a,b;",      "a, ;",       "a\nb",        "a;b==1",      "a;b=\"1\"=2", "(a)",         "a;b='1\"",
    }) |text| try expectMalformed(text);
}

test "a value that is longer than the memory for it" {
    const value: extensions.Value = .{ .text = "\\1\\2" };
    var buffer: [2]u8 = undefined;
    try expectEqual(null, value.copy(buffer[0..1]));
    try expectEqualStrings("12", value.copy(&buffer).?);
}
