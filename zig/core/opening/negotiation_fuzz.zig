//! Any header value as offers and as an answer, with all wishes: choice and check are those of a reference that takes the
//! text apart at its signs. What a server answers, the client that offered it agrees to.
//!
//! Input: settings (bits 0 to 2: the server's wishes; bits 3 to 7: the client's offer), a byte for numbers, the header
//! value; bytes from 0x80 on stand for `pieces`.

const std = @import("std");
const corpus = @import("../testing/corpus_fuzz.zig");
const http = @import("../http/head.zig");
const negotiation = @import("negotiation.zig");
const Parameters = negotiation.Parameters;
const expect = std.testing.expect;
const expectEqual = std.testing.expectEqual;
const expectEqualStrings = std.testing.expectEqualStrings;

test "fuzz: negotiation" {
    try corpus.run("negotiation", check);
}

test "negotiation: random headers against the reference" {
    var prng: std.Random.DefaultPrng = .init(0x7692);
    var buffer: [14]u8 = undefined;
    for (0..20_000) |_| try check(corpus.randomInput(prng.random(), pieces.len, &buffer));
}

const pieces = [_][]const u8{
    "permessage-deflate",
    "permessage-deflate",
    "; server_no_context_takeover",
    "; client_no_context_takeover",
    "; server_max_window_bits=",
    "; client_max_window_bits",
    "; client_max_window_bits=",
    "8",
    "15",
    "\"9\"",
    "\"1\\0\"",
    "10",
    "07",
    "16",
    ", ",
    ";",
    "\\\"",
    "; unknown=1",
    "x-other",
};

fn check(input: []const u8) !void {
    const settings: corpus.Settings = .read(input);
    var buffer: [16_000]u8 = undefined;
    const text = corpus.expand(settings.rest, &pieces, &buffer);
    // As the reader of heads lets through.
    for (text) |byte| if ((byte < ' ' and byte != '\t') or byte == 0x7F) return;
    const head: http.Head = .{ .start_line = "", .size = 0, .fields = &.{
        .{ .name = "Sec-WebSocket-Extensions", .value = text },
    } };
    const wishes: negotiation.Wishes = .{
        .server_no_context_takeover = settings.bits & 1 != 0,
        .client_no_context_takeover = settings.bits & 2 != 0,
        .server_max_window_bits = @intCast(8 + (settings.seed & 7)),
        .client_max_window_bits = @intCast(8 + (settings.seed >> 3 & 7)),
        .requires_client_max_window_bits = settings.bits & 4 != 0,
    };
    const offer: ?Parameters = if (settings.bits & 0xF8 == 0) null else .{
        .server_no_context_takeover = settings.bits & 0x10 != 0,
        .client_no_context_takeover = settings.bits & 0x20 != 0,
        .server_max_window_bits = if (settings.bits & 0x40 != 0) wishes.server_max_window_bits else null,
        .client_max_window_bits = if (settings.bits & 0x80 == 0)
            null
        else if (settings.seed & 0x80 != 0) .any else .{ .bits = wishes.client_max_window_bits },
    };
    try checkServer(head, text, wishes);
    try checkClient(head, text, offer);
    if (offer) |parameters| try checkBoth(parameters, wishes);
}

fn checkServer(head: http.Head, text: []const u8, wishes: negotiation.Wishes) !void {
    const choice = negotiation.choose(head, wishes);
    var elements: [200]Element = undefined;
    const offers = takeApart(text, &elements) orelse return expectEqual(negotiation.Choice.malformed, choice);
    for (offers) |offer| {
        if (!offer.isGood()) continue;
        if (wishes.requires_client_max_window_bits and wishes.client_max_window_bits < 15 and offer.client_bits == null) continue;
        const accepted = choice.accepted;
        const server_bits = @min(wishes.server_max_window_bits, offer.server_bits orelse 15);
        try expectEqual(server_bits, accepted.agreement.server.window_bits);
        try expectEqual(wishes.server_no_context_takeover or offer.server_no > 0, !accepted.agreement.server.takeover);
        try expectEqual(wishes.client_no_context_takeover or offer.client_no > 0, !accepted.agreement.client.takeover);
        const client_bits = if (offer.client_bits) |bits| @min(wishes.client_max_window_bits, bits) else 15;
        try expectEqual(client_bits, accepted.agreement.client.window_bits);
        return;
    }
    try expectEqual(negotiation.Choice.declined, choice);
}

fn checkClient(head: http.Head, text: []const u8, offer: ?Parameters) !void {
    const checked = negotiation.check(head, offer, .refused);
    var elements: [200]Element = undefined;
    const answers = takeApart(text, &elements) orelse return expect(checked == .failure);
    if (answers.len == 0) return expectEqual(negotiation.Checked.declined, checked);
    const asked = offer orelse return expect(checked == .failure);
    const answer = answers[0];
    var is_good = answers.len == 1 and answer.isGood();
    if (asked.server_no_context_takeover and answer.server_no == 0) is_good = false;
    if (asked.server_max_window_bits) |bits| {
        if ((answer.server_bits orelse 99) > bits) is_good = false;
    }
    if (answer.client_bits) |bits| {
        if (!answer.client_bits_have_value or asked.client_max_window_bits == null) is_good = false;
        if (asked.client_max_window_bits) |mine| {
            if (mine == .bits and bits > mine.bits) is_good = false;
        }
    }
    try expectEqual(is_good, checked == .agreement);
}

/// Both sides of a handshake agree on the same.
fn checkBoth(offer: Parameters, wishes: negotiation.Wishes) !void {
    var buffer: [Parameters.text_size_max]u8 = undefined;
    var fields = [_]http.Field{.{ .name = "Sec-WebSocket-Extensions", .value = offer.write(&buffer) }};
    const head: http.Head = .{ .start_line = "", .size = 0, .fields = &fields };
    switch (negotiation.choose(head, wishes)) {
        .accepted => |accepted| {
            fields[0].value = accepted.answer.write(&buffer);
            try expectEqual(accepted.agreement, negotiation.check(head, offer, .refused).agreement);
        },
        .declined => try expect(wishes.requires_client_max_window_bits and offer.client_max_window_bits == null),
        .malformed => return error.TestUnexpectedResult,
    }
}

/// What the reference knows of an element: how often each parameter is there, and the numbers.
const Element = struct {
    is_ours: bool,
    has_wrong: bool = false,
    server_no: usize = 0,
    client_no: usize = 0,
    server: usize = 0,
    client: usize = 0,
    server_bits: ?u8 = null,
    client_bits: ?u8 = null,
    client_bits_have_value: bool = false,

    fn isGood(self: Element) bool {
        return self.is_ours and !self.has_wrong and self.server_no < 2 and self.client_no < 2 and
            self.server < 2 and self.client < 2;
    }

    fn add(self: *Element, name: []const u8, value: ?[]const u8) void {
        if (std.mem.eql(u8, name, "server_no_context_takeover")) {
            self.server_no += 1;
            if (value != null) self.has_wrong = true;
        } else if (std.mem.eql(u8, name, "client_no_context_takeover")) {
            self.client_no += 1;
            if (value != null) self.has_wrong = true;
        } else if (std.mem.eql(u8, name, "server_max_window_bits")) {
            self.server += 1;
            self.server_bits = bitsOf(value orelse "");
            if (self.server_bits == null) self.has_wrong = true;
        } else if (std.mem.eql(u8, name, "client_max_window_bits")) {
            self.client += 1;
            self.client_bits = bitsOf(value orelse "15");
            self.client_bits_have_value = value != null;
            if (self.client_bits == null) self.has_wrong = true;
        } else self.has_wrong = true;
    }
};

fn bitsOf(text: []const u8) ?u8 {
    for ([_][]const u8{ "8", "9", "10", "11", "12", "13", "14", "15" }, 8..) |number, bits| {
        if (std.mem.eql(u8, number, text)) return @intCast(bits);
    }
    return null;
}

/// Cuts at commas, semicolons and equal signs, none of which can stand in quotes, and looks at what is left.
fn takeApart(text: []const u8, elements: []Element) ?[]Element {
    var count: usize = 0;
    var parts = std.mem.splitScalar(u8, text, ',');
    while (parts.next()) |part| {
        if (trim(part).len == 0) continue;
        var words = std.mem.splitScalar(u8, part, ';');
        const name = trim(words.first());
        if (!isToken(name)) return null;
        elements[count] = .{ .is_ours = std.mem.eql(u8, name, "permessage-deflate") };
        while (words.next()) |word| {
            var sides = std.mem.splitScalar(u8, word, '=');
            const key = trim(sides.first());
            if (!isToken(key)) return null;
            const side = sides.next() orelse {
                elements[count].add(key, null);
                continue;
            };
            if (sides.next() != null) return null;
            var buffer: [16_000]u8 = undefined;
            elements[count].add(key, unquote(trim(side), &buffer) orelse return null);
        }
        count += 1;
    }
    return elements[0..count];
}

fn unquote(text: []const u8, buffer: []u8) ?[]const u8 {
    if (text.len == 0 or text[0] != '"') return if (isToken(text)) text else null;
    if (text.len < 3 or text[text.len - 1] != '"') return null;
    var size: usize = 0;
    var at: usize = 1;
    while (at < text.len - 1) : (at += 1) {
        if (text[at] == '\\') at += 1;
        if (at == text.len - 1) return null;
        buffer[size] = text[at];
        size += 1;
    }
    return if (isToken(buffer[0..size])) buffer[0..size] else null;
}

fn trim(text: []const u8) []const u8 {
    return std.mem.trim(u8, text, " \t");
}

fn isToken(text: []const u8) bool {
    for (text) |byte| {
        if (byte <= ' ' or byte >= 0x7F or std.mem.findScalar(u8, "\"(),/:;<=>?@[\\]{}", byte) != null) return false;
    }
    return text.len > 0;
}
