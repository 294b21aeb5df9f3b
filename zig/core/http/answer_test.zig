//! Each answer is read whole and byte by byte.
const std = @import("std");
const answer = @import("answer.zig");
const http = @import("head.zig");
const expectEqual = std.testing.expectEqual;
const expectEqualDeep = std.testing.expectEqualDeep;
const expectEqualStrings = std.testing.expectEqualStrings;

const Fields = [http.field_count_max]http.Field;
const interim = "HTTP/1.1 100 Continue\r\n\r\n";
const hints = "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n";
const final = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n";

fn read(bytes: []const u8, fields: *Fields) !http.HeadReader.Result {
    var whole: answer.AnswerReader = .{};
    const result = whole.next(bytes, fields);
    var bytewise: answer.AnswerReader = .{};
    var other_fields: Fields = undefined;
    for (0..bytes.len + 1) |size| {
        const partial = bytewise.next(bytes[0..size], &other_fields);
        if (partial == .need_more and size < bytes.len) continue;
        try expectEqualDeep(result, partial);
        break;
    }
    return result;
}

fn expectAnswer(comptime before: []const u8, comptime line: []const u8) !void {
    var fields: Fields = undefined;
    const bytes = before ++ line ++ "\r\nA: b\r\n\r\n";
    const head = (try read(bytes ++ "\x81\x00", &fields)).head;
    try expectEqualStrings(line, head.start_line);
    try expectEqual(bytes.len, head.size);
    try expectEqual(1, head.fields.len);
}

test "interim answers are skipped" {
    try expectAnswer("", "HTTP/1.1 101 Switching Protocols");
    try expectAnswer(interim, "HTTP/1.1 101 Switching Protocols");
    try expectAnswer(interim ++ hints ++ "HTTP/1.1 199\r\n\r\n", "HTTP/1.1 403 Forbidden");
}

test "what is no interim answer is handed out" {
    try expectAnswer(interim, "HTTP/1.0 100 Continue");
    try expectAnswer(interim, "HTTP/1.1 200");
    try expectAnswer(interim, "SSH-2.0");
}

test "nothing but interim answers needs more" {
    var fields: Fields = undefined;
    try expectEqual(.need_more, try read("", &fields));
    try expectEqual(.need_more, try read(interim, &fields));
    try expectEqual(.need_more, try read(interim ++ hints ++ final[0 .. final.len - 1], &fields));
}

test "sixteen interim answers and no more" {
    var fields: Fields = undefined;
    var bytes: [17 * interim.len + final.len]u8 = undefined;
    for (0..17) |i| bytes[i * interim.len ..][0..interim.len].* = interim.*;
    bytes[17 * interim.len ..].* = final.*;
    try expectEqual(bytes.len - interim.len, (try read(bytes[interim.len..], &fields)).head.size);
    try expectEqualDeep(http.HeadReader.Result{ .failure = .too_many_interim }, try read(&bytes, &fields));
}

test "the limit of a head is for all of them together" {
    var fields: Fields = undefined;
    var bytes: [http.head_size_max + 1]u8 = @splat('x');
    const start = "HTTP/1.1 103\r\nA: ";
    bytes[0..start.len].* = start.*;
    for ([_]usize{ 0, 1 }) |more| {
        const size = http.head_size_max + more;
        bytes[size - final.len - 4 ..][0..4].* = "\r\n\r\n".*;
        bytes[size - final.len ..][0..final.len].* = final.*;
        const result = try read(bytes[0..size], &fields);
        if (more == 0) try expectEqual(size, result.head.size) else try expectEqual(http.HeadFailure.too_large, result.failure);
        @memset(bytes[start.len..], 'x');
    }
}

test "a fault of an interim answer is one of the answer" {
    var fields: Fields = undefined;
    try expectEqual(http.HeadFailure.obs_fold, (try read("HTTP/1.1 103\r\nA: b\r\n c\r\n\r\n" ++ final, &fields)).failure);
    try expectEqual(http.HeadFailure.bad_line_ending, (try read(interim ++ "HTTP/1.1 101\n", &fields)).failure);
}
