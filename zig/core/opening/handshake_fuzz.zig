//! Any fields in a head that is one: the handshake's checks say what a reference says that reads the rules of
//! RFC 6455 4 slowly.
//!
//! Input: settings (bit 0: it is an answer, else a request; bit 1: its start line is part of the input), an unused
//! byte, then the fields; bytes from 0x80 on stand for `pieces`.

const std = @import("std");
const corpus = @import("../testing/corpus_fuzz.zig");
const http = @import("../http/head.zig");
const offers = @import("offer.zig");
const reference = @import("../http/head_fuzz.zig");
const request = @import("request.zig");
const response = @import("response.zig");
const expectEqual = std.testing.expectEqual;

test "fuzz: handshake" {
    try corpus.run("handshake", check);
}

test "handshake: random fields against the reference" {
    var prng: std.Random.DefaultPrng = .init(0x4_2_1);
    const random = prng.random();
    for (0..10_000) |_| {
        // What is right in any order, some of it replaced or doubled by what may be wrong.
        var fields = [_]u8{ 0x80, 0x81, 0x82, 0x83, 0x84, 0x85 };
        random.shuffle(u8, &fields);
        var input: [12]u8 = undefined;
        input[0] = random.int(u8) & 1;
        input[1] = 0;
        @memcpy(input[2..][0..fields.len], &fields);
        const extra = random.uintAtMost(usize, 4);
        for (input[8..][0..extra]) |*byte| byte.* = 0x80 + random.uintLessThan(u8, pieces.len);
        if (random.boolean()) input[random.intRangeLessThan(usize, 2, 8)] = 0x80 + random.uintLessThan(u8, pieces.len);
        try check(input[0 .. 8 + extra]);
    }
}

const key = "dGhlIHNhbXBsZSBub25jZQ=="; // RFC 6455 1.3
const accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

const pieces = [_][]const u8{
    "Host: a\r\n",
    "Upgrade: websocket\r\n",
    "Connection: Upgrade\r\n",
    "Sec-WebSocket-Version: 13\r\n",
    "Sec-WebSocket-Key: " ++ key ++ "\r\n",
    "Sec-WebSocket-Accept: " ++ accept ++ "\r\n",
    "host:\r\n",
    "UPGRADE: h2c ,\tWebSocket\r\n",
    "Upgrade: websocket2\r\n",
    "connection: keep-alive, upgrade\r\n",
    "Connection: close,,\r\n",
    "Connection: Upgrade d\r\n",
    "Sec-WebSocket-Version: 8\r\n",
    "Sec-WebSocket-Version: 13, 8\r\n",
    "sec-websocket-version:13\t\r\n",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=\r\n",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZR==\r\n",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZ===\r\n",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j-_==\r\n",
    "Sec-WebSocket-Accept: S3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n",
    "Content-Length: 0\r\n",
    "Content-Length: 00\r\n",
    "content-length: 1\r\n",
    "Transfer-Encoding:\r\n",
    "GET / HTTP/1.1\r\n",
    "GET / HTTP/1.0\r\n",
    "POST / HTTP/1.1\r\n",
    "get / HTTP/1.1\r\n",
    "HTTP/1.1 101\r\n",
    "HTTP/1.1 101 \r\n",
    "HTTP/1.0 101 a\r\n",
    "HTTP/1.1 200 OK\r\n",
    "Upgrade:",
    "Connection:",
    "Sec-WebSocket-Key:",
    "websocket",
    "Upgrade",
    ",",
    "\r\n",
    key,
    "HEAD / HTTP/1.1\r\n",
    "HEAD / HTTP/1.0\r\n",
};

fn check(input: []const u8) !void {
    const settings: corpus.Settings = .read(input);
    var buffer: [16_000]u8 = undefined;
    const start_line: []const u8 = if (settings.bits & 2 != 0)
        ""
    else if (settings.bits & 1 != 0)
        "HTTP/1.1 101 Switching Protocols\r\n"
    else
        "GET / HTTP/1.1\r\n";
    @memcpy(buffer[0..start_line.len], start_line);
    const fields_size = corpus.expand(settings.rest, &pieces, buffer[start_line.len .. buffer.len - 2]).len;
    const end = start_line.len + fields_size;
    buffer[end..][0..2].* = "\r\n".*;

    var fields: reference.Fields = undefined;
    var reader: http.HeadReader = .{};
    const head = switch (reader.next(buffer[0 .. end + 2], &fields)) {
        .head => |head| head,
        .need_more, .failure => return, // http_fuzz.zig's business
    };
    if (http.parseRequestLine(head.start_line)) |line| {
        try expectEqual(referenceHttp(line, head.fields), request.checkHttp(line, head));
        try expectEqual(referenceUpgrade(line, head.fields), request.checkUpgrade(line, head));
    }
    for ([_]bool{ false, true }) |strict| try expectEqual(referenceResponse(head, strict), response.check(head, accept, strict));
}

fn same(one: []const u8, other: []const u8) bool {
    if (one.len != other.len) return false;
    for (one, other) |a, b| {
        const difference = a ^ b;
        const is_letter = (a | 0x20) >= 'a' and (a | 0x20) <= 'z';
        if (difference != 0 and !(difference == 0x20 and is_letter)) return false;
    }
    return true;
}

const Values = struct { count: usize = 0, last: []const u8 = "" };

fn valuesOf(fields: []const http.Field, name: []const u8) Values {
    var values: Values = .{};
    for (fields) |field| {
        if (!same(field.name, name)) continue;
        values.count += 1;
        values.last = field.value;
    }
    return values;
}

/// RFC 9110 5.6.1: elements between commas, whitespace around them, character by character.
fn listHas(fields: []const http.Field, name: []const u8, token: []const u8) bool {
    for (fields) |field| {
        if (!same(field.name, name)) continue;
        var start: usize = 0;
        var size: usize = 0; // without whitespace at its end
        for (field.value, 0..) |byte, i| {
            if (byte == ',') {
                if (same(field.value[start..][0..size], token)) return true;
                start = i + 1;
                size = 0;
            } else if (byte != ' ' and byte != '\t') {
                size = i + 1 - start;
            } else if (size == 0) {
                start = i + 1;
            }
        }
        if (same(field.value[start..][0..size], token)) return true;
    }
    return false;
}

fn announcesBody(fields: []const http.Field) bool {
    const length = valuesOf(fields, "content-length");
    if (valuesOf(fields, "transfer-encoding").count > 0 or length.count > 1) return true;
    return length.count == 1 and !(length.last.len == 1 and length.last[0] == '0');
}

/// RFC 9112 3.2 and 6.3.
fn referenceHttp(line: http.RequestLine, fields: []const http.Field) ?request.Failure {
    const hosts = valuesOf(fields, "host").count;
    if (std.mem.eql(u8, line.version, "HTTP/1.0")) {
        if (!isGetOrHead(line.method)) return .method;
        if (hosts > 1) return .host;
    } else {
        if (!std.mem.eql(u8, line.version, "HTTP/1.1")) return .http_version;
        if (!isGetOrHead(line.method)) return .method;
        if (hosts != 1) return .host;
    }
    return if (announcesBody(fields)) .has_body else null;
}

fn isGetOrHead(method: []const u8) bool {
    return std.mem.eql(u8, method, "GET") or std.mem.eql(u8, method, "HEAD");
}

/// RFC 6455 4.2.1 items 1 and 3 to 6; 11.3.1 for one key.
fn referenceUpgrade(line: http.RequestLine, fields: []const http.Field) request.Upgrade {
    if (!std.mem.eql(u8, line.version, "HTTP/1.1")) return .{ .failure = .http_version };
    if (!std.mem.eql(u8, line.method, "GET")) return .{ .failure = .method };
    if (!listHas(fields, "upgrade", "websocket")) return .{ .failure = .upgrade };
    if (!listHas(fields, "connection", "upgrade")) return .{ .failure = .connection };
    const version = valuesOf(fields, "sec-websocket-version");
    if (version.count != 1 or !std.mem.eql(u8, version.last, "13")) return .{ .failure = .version };
    const sent = valuesOf(fields, "sec-websocket-key");
    if (sent.count != 1 or !isSixteenBytes(sent.last)) return .{ .failure = .key };
    if (offers.checkOffer(fields)) |failure| return .{
        .failure = switch (failure) { // judged in offer_test.zig
            .subprotocol => .subprotocols,
            .extension => .extensions,
        },
    };
    var digest: [20]u8 = undefined;
    var hashed: [24 + 36]u8 = undefined;
    hashed[0..24].* = sent.last[0..24].*;
    hashed[24..].* = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11".*;
    std.crypto.hash.Sha1.hash(&hashed, &digest, .{});
    return .{ .accept = encodeBase64(digest) };
}

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// 128 bits in digits of six: 21 whole ones, one with two bits, and padding to a multiple of four. RFC 4648 4
fn isSixteenBytes(text: []const u8) bool {
    if (text.len != 24 or text[22] != '=' or text[23] != '=') return false;
    for (text[0..22]) |digit| {
        for (alphabet) |letter| {
            if (letter == digit) break;
        } else return false;
    }
    return true;
}

/// All bits as one number, from which the digits are taken from the right.
fn encodeBase64(digest: [20]u8) [28]u8 {
    var number: u168 = 0;
    for (digest) |byte| number = number * 256 + byte;
    number *= 256; // as long as 28 digits, the last of which is padding
    var text: [28]u8 = undefined;
    for (0..28) |i| {
        text[27 - i] = alphabet[@intCast(number % 64)];
        number /= 64;
    }
    text[27] = '=';
    return text;
}

/// RFC 6455 4.1, items 1 to 4 of what a client checks.
fn referenceResponse(head: http.Head, strict: bool) ?response.Failure {
    const line = reference.referenceStatusLine(head.start_line) orelse return .status;
    if (line.status != 101 or !std.mem.eql(u8, line.version, "HTTP/1.1")) return .status;
    const upgrade = valuesOf(head.fields, "upgrade");
    if (upgrade.count != 1 or !same(upgrade.last, "websocket")) return .upgrade;
    if (!listHas(head.fields, "connection", "upgrade")) return .connection;
    const received = valuesOf(head.fields, "sec-websocket-accept");
    if (received.count != 1 or !std.mem.eql(u8, received.last, accept)) return .accept;
    return if (strict and announcesBody(head.fields)) .has_body else null;
}
