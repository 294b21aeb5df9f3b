//! The key of a request and what answers it: proof that who answers speaks WebSocket. RFC 6455 1.3

const std = @import("std");

const guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"; // RFC 6455 1.3
pub const nonce_size = 16;
/// Of a nonce in base64.
pub const size = 24;
/// Of a SHA-1 digest in base64.
pub const accept_size = 28;

/// The value of Sec-WebSocket-Accept for a Sec-WebSocket-Key, RFC 6455 4.2.2 item 5.
pub fn accept(key: []const u8) [accept_size]u8 {
    var sha1 = std.crypto.hash.Sha1.init(.{});
    sha1.update(key);
    sha1.update(guid);
    const digest = sha1.finalResult();
    var value: [accept_size]u8 = undefined;
    std.debug.assert(std.base64.standard.Encoder.encode(&value, &digest).len == accept_size);
    return value;
}

/// The value of Sec-WebSocket-Key for a random nonce, RFC 6455 4.1 item 7 of the request.
pub fn encode(nonce: [nonce_size]u8) [size]u8 {
    var key: [size]u8 = undefined;
    std.debug.assert(std.base64.standard.Encoder.encode(&key, &nonce).len == size);
    return key;
}

/// Sixteen bytes in base64: 22 digits, of which the last has four bits to spare, and two pads. RFC 4648 3.5 leaves it
/// to the reader whether the spare bits must be zero, and nothing is gained by refusing those who set them.
pub fn isValid(key: []const u8) bool {
    if (key.len != size or !std.mem.endsWith(u8, key, "==")) return false;
    for (key[0 .. size - "==".len]) |digit| switch (digit) {
        'A'...'Z', 'a'...'z', '0'...'9', '+', '/' => {},
        else => return false,
    };
    return true;
}
