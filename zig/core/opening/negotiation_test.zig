const std = @import("std");
const http = @import("../http/head.zig");
const negotiation = @import("negotiation.zig");
const permessage = @import("../message/permessage.zig");
const Parameters = negotiation.Parameters;
const expect = std.testing.expect;
const expectEqual = std.testing.expectEqual;
const expectEqualStrings = std.testing.expectEqualStrings;

fn headWith(fields: []const http.Field) http.Head {
    return .{ .start_line = "", .fields = fields, .size = 0 };
}

fn field(value: []const u8) http.Field {
    return .{ .name = "sec-websocket-EXTENSIONS", .value = value };
}

/// `expected` is the answer, or null if there is none.
fn expectAnswer(expected: ?[]const u8, offers: []const u8, wishes: negotiation.Wishes) !void {
    const choice = negotiation.choose(headWith(&.{field(offers)}), wishes);
    const text = expected orelse return expectEqual(negotiation.Choice.declined, choice);
    var buffer: [Parameters.text_size_max]u8 = undefined;
    try expectEqualStrings(text, choice.accepted.answer.write(&buffer));
    // The client of RFC 7692 agrees to the same.
    const offer = firstThat(offers, text);
    if (offer) |parameters| {
        const checked = negotiation.check(headWith(&.{field(text)}), parameters, .refused);
        try expectEqual(choice.accepted.agreement, checked.agreement);
    }
}

/// The offer, if there is a single one.
fn firstThat(offers: []const u8, answer: []const u8) ?Parameters {
    _ = answer;
    var all: @import("extensions.zig").Extensions = .init(offers);
    const only = (all.next() catch null) orelse return null;
    if ((all.next() catch null) != null) return null;
    return Parameters.read(only);
}

const plain = "permessage-deflate";

test "a server that wishes nothing takes what is offered" {
    try expectAnswer(plain, plain, .{});
    try expectAnswer(plain, plain ++ "; client_max_window_bits", .{});
    try expectAnswer(plain ++ "; server_no_context_takeover", plain ++ "; server_no_context_takeover", .{});
    try expectAnswer(plain ++ "; client_no_context_takeover", plain ++ "; client_no_context_takeover", .{});
    try expectAnswer(plain ++ "; server_max_window_bits=15", plain ++ "; server_max_window_bits=15", .{});
    try expectAnswer(plain ++ "; server_max_window_bits=8", plain ++ "; server_max_window_bits=8", .{});
    try expectAnswer(plain ++ "; client_max_window_bits=8", plain ++ "; client_max_window_bits=8", .{});
    try expectAnswer(plain, plain ++ "; client_max_window_bits=15", .{});
    try expectAnswer(plain ++ "; server_max_window_bits=10", plain ++ ";server_max_window_bits=\"1\\0\"", .{});
}

test "a server's wishes" {
    try expectAnswer(plain ++ "; server_no_context_takeover", plain, .{ .server_no_context_takeover = true });
    try expectAnswer(plain ++ "; client_no_context_takeover", plain, .{ .client_no_context_takeover = true });
    try expectAnswer(plain ++ "; server_max_window_bits=12", plain, .{ .server_max_window_bits = 12 });
    const limited: negotiation.Wishes = .{ .server_max_window_bits = 12, .client_max_window_bits = 12 };
    try expectAnswer(
        plain ++ "; server_max_window_bits=12; client_max_window_bits=12",
        plain ++ "; client_max_window_bits",
        limited,
    );
    try expectAnswer(
        plain ++ "; server_max_window_bits=9; client_max_window_bits=10",
        plain ++ "; client_max_window_bits=10; server_max_window_bits=9",
        limited,
    );
    try expectAnswer(
        plain ++ "; server_max_window_bits=12; client_max_window_bits=12",
        plain ++ "; client_max_window_bits=14; server_max_window_bits=14",
        limited,
    );
    // A client that cannot limit its window is told nothing about it, or not taken.
    try expectAnswer(plain ++ "; server_max_window_bits=12", plain, limited);
    var strict = limited;
    strict.requires_client_max_window_bits = true;
    try expectAnswer(null, plain, strict);
    try expectAnswer(
        plain ++ "; server_max_window_bits=12; client_max_window_bits=12",
        plain ++ ", " ++ plain ++ "; client_max_window_bits",
        strict,
    );
    strict.client_max_window_bits = 15;
    try expectAnswer(plain ++ "; server_max_window_bits=12", plain, strict);
}

test "offers that are declined, and the next one is tried" {
    for ([_][]const u8{
        "; unknown",                                                "; server_no_context_takeover=1",
        "; client_no_context_takeover=true",                        "; server_max_window_bits",
        "; server_max_window_bits=7",                               "; server_max_window_bits=16",
        "; server_max_window_bits=08",                              "; server_max_window_bits=+9",
        "; server_max_window_bits=1_0",                             "; server_max_window_bits=a",
        "; server_max_window_bits=100",                             "; server_max_window_bits=0",
        "; client_max_window_bits=7",                               "; client_max_window_bits=16",
        "; client_max_window_bits=\"015\"",                         "; client_max_window_bits; client_max_window_bits",
        "; client_max_window_bits=9; client_max_window_bits=9",     "; Server_Max_Window_Bits=9",
        "; server_max_window_bits=9; server_max_window_bits=9",     "; server_no_context_takeover; server_no_context_takeover",
        "; client_no_context_takeover; client_no_context_takeover",
    }) |parameters| {
        var buffer: [300]u8 = undefined;
        try expectAnswer(null, try std.fmt.bufPrint(&buffer, "{s}{s}", .{ plain, parameters }), .{});
        const two = try std.fmt.bufPrint(&buffer, "{s}{s}, {s}", .{ plain, parameters, plain });
        try expectAnswer(plain, two, .{});
    }
    try expectAnswer(null, "x-webkit-deflate-frame", .{});
    try expectAnswer(null, "", .{});
    try expectAnswer(null, "Permessage-Deflate", .{});
    try expectAnswer(plain, "x-webkit-deflate-frame; no_context_takeover, permessage-deflate", .{});
}

test "headers may repeat, and all of them have to be well formed" {
    const choice = negotiation.choose(headWith(&.{
        field("foo"),
        .{ .name = "Host", .value = ";;" },
        field(plain ++ "; server_max_window_bits=9"),
        field(plain),
    }), .{});
    try expectEqual(9, choice.accepted.agreement.server.window_bits);
    try expectEqual(negotiation.Choice.declined, negotiation.choose(headWith(&.{}), .{}));
    for ([_][]const u8{ ";", "permessage-deflate;", "a b" }) |bad| {
        const fields = [_]http.Field{ field(plain), field(bad) };
        try expectEqual(negotiation.Choice.malformed, negotiation.choose(headWith(&fields), .{}));
        try expectEqual(negotiation.Choice.malformed, negotiation.choose(headWith(fields[1..]), .{}));
    }
}

fn expectFailure(failure: negotiation.AnswerFailure, answer: []const u8, offer: ?Parameters) !void {
    try expectEqual(negotiation.Checked{ .failure = failure }, negotiation.check(headWith(&.{field(answer)}), offer, .refused));
}

test "a client fails on what it did not offer" {
    try expectFailure(.not_offered, plain, null);
    try expectFailure(.not_offered, "foo", null);
    try expectFailure(.not_offered, plain ++ ", foo", .{});
    try expectFailure(.not_offered, "foo; bar", .{});
    try expectFailure(.repeated, plain ++ ", " ++ plain, .{});
    try expectFailure(.malformed, plain ++ ";", .{});
    try expectFailure(.malformed, "foo bar", null);
    try expectFailure(.client_max_window_bits, plain ++ "; client_max_window_bits=10", .{});
    try expectEqual(negotiation.Checked.declined, negotiation.check(headWith(&.{}), .{}, .refused));
    try expectEqual(negotiation.Checked.declined, negotiation.check(headWith(&.{field("")}), null, .refused));
}

test "a client fails on answers that do not keep its offer" {
    try expectFailure(.server_no_context_takeover, plain, .{ .server_no_context_takeover = true });
    try expectFailure(.server_max_window_bits, plain, .{ .server_max_window_bits = 10 });
    try expectFailure(.server_max_window_bits, plain ++ "; server_max_window_bits=11", .{ .server_max_window_bits = 10 });
    const any: Parameters = .{ .client_max_window_bits = .any };
    try expectFailure(.client_max_window_bits, plain ++ "; client_max_window_bits", any);
    const ten: Parameters = .{ .client_max_window_bits = .{ .bits = 10 } };
    try expectFailure(.client_max_window_bits, plain ++ "; client_max_window_bits=11", ten);
    for ([_][]const u8{ "; x", "; server_max_window_bits=7", "; client_max_window_bits=9;client_max_window_bits=9" }) |wrong| {
        var buffer: [100]u8 = undefined;
        try expectFailure(.parameter, try std.fmt.bufPrint(&buffer, "{s}{s}", .{ plain, wrong }), any);
    }
}

test "what a client agrees to, hints of its own and the server's additions included" {
    const offer: Parameters = .{ .client_max_window_bits = .{ .bits = 11 }, .client_no_context_takeover = true };
    var agreement = negotiation.check(headWith(&.{field(plain)}), offer, .refused).agreement;
    try expectEqual(11, agreement.client.window_bits);
    try expect(!agreement.client.takeover and agreement.server.takeover);
    try expectEqual(15, agreement.server.window_bits);

    const answer = plain ++ "; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=8; client_max_window_bits=9";
    agreement = negotiation.check(headWith(&.{field(answer)}), .{ .client_max_window_bits = .any }, .refused).agreement;
    try expectEqual(9, agreement.sending(.client).window_bits);
    try expectEqual(8, agreement.receiving(.client).window_bits);
    try expectEqual(agreement.sending(.client), agreement.receiving(.server));
    try expectEqual(agreement.sending(.server), agreement.receiving(.client));
    try expect(!agreement.client.takeover and !agreement.server.takeover);
}

test "an offer as it is written" {
    var buffer: [Parameters.text_size_max]u8 = undefined;
    const all: Parameters = .{
        .server_no_context_takeover = true,
        .client_no_context_takeover = true,
        .server_max_window_bits = 15,
        .client_max_window_bits = .{ .bits = 15 },
    };
    try expectEqual(buffer.len, all.write(&buffer).len);
    const any: Parameters = .{ .client_max_window_bits = .any };
    try expectEqualStrings("permessage-deflate; client_max_window_bits", any.write(&buffer));
}

test "each failure says what it is, in a fragment that fits a log line" {
    for (std.enums.values(negotiation.AnswerFailure)) |failure| try expect(failure.message().len > 10);
}

test "other extensions are refused, or left to who offered them" {
    const answers = headWith(&.{ field("x-other; a=1"), field(plain) });
    try expectEqual(negotiation.AnswerFailure.not_offered, negotiation.check(answers, .{}, .refused).failure);
    try expectEqual(permessage.Agreement{}, negotiation.check(answers, .{}, .left).agreement);
    try expectEqual(negotiation.AnswerFailure.not_offered, negotiation.check(headWith(&.{field(plain)}), null, .left).failure);
}
