//! The vocabulary that every other file shares: what kind of frame, whose side, and the two limits of the format.

/// What a frame is, RFC 6455 5.2. Codes 0x3-0x7 (data) and 0xB-0xF (control) are reserved; they are representable
/// because a peer can put them on the wire, and `isKnown` tells them apart.
pub const Opcode = enum(u4) {
    continuation = 0x0,
    text = 0x1,
    binary = 0x2,
    close = 0x8,
    ping = 0x9,
    pong = 0xA,
    _,

    /// The top bit of an opcode says "control", for reserved ones too. RFC 6455 5.5
    pub fn isControl(self: Opcode) bool {
        return @backingInt(self) & 0x8 != 0;
    }

    pub fn isKnown(self: Opcode) bool {
        return known_bits >> @backingInt(self) & 1 != 0;
    }
};

/// Bit n is set when opcode n has a meaning. A lookup instead of six comparisons: the parser asks for every frame.
const known_bits: u16 = bits: {
    var bits: u16 = 0;
    for ([_]Opcode{ .continuation, .text, .binary, .close, .ping, .pong }) |opcode| {
        bits |= 1 << @backingInt(opcode);
    }
    break :bits bits;
};

/// Whose side of the connection we are. A client masks what it sends, a server receives masked frames. RFC 6455 5.1
pub const Role = enum { client, server };

/// A control frame carries at most this many bytes, so its length always fits the 7-bit form. RFC 6455 5.5
pub const control_payload_size_max = 125;

/// Two bytes, a 64-bit length and a masking key. RFC 6455 5.2
pub const header_size_max = 2 + 8 + 4;
