//! Masking keys, RFC 6455 5.3 and 10.3: each frame takes a fresh key that nobody can predict from the ones before it.
//!
//! The entropy comes from the caller, as does the decision to start anew after a fork: two processes with the same
//! stream would send the same keys.
const std = @import("std");

/// Eight rounds are the generator of Zig's std and of Go's runtime; no attack on more than seven is known, and a key is
/// on the wire in the clear as soon as it is used.
const ChaCha = std.crypto.stream.chacha.ChaCha8IETF;

pub const KeyStream = struct {
    /// The first 32 bytes are the seed of the next block, the keys are behind them.
    block: [block_size]u8,
    /// Keys in block[0..taken] are used up. Always at least `seed_size` and a multiple of 4 away from the end.
    taken: usize,

    pub const seed_size = ChaCha.key_length;
    const block_size = 1024;
    const key_size = 4;

    /// `seed` is uniform, secret and used for no other stream.
    pub fn init(seed: [seed_size]u8) KeyStream {
        var stream: KeyStream = .{ .block = undefined, .taken = undefined };
        stream.refill(seed);
        return stream;
    }

    pub fn next(self: *KeyStream) [key_size]u8 {
        if (self.taken == block_size) self.refill(self.block[0..seed_size].*);
        const key = self.block[self.taken..][0..key_size].*;
        self.taken += key_size;
        return key;
    }

    /// Overwrites the seed with the next one, so that whoever reads this memory later cannot compute older keys.
    fn refill(self: *KeyStream, seed: [seed_size]u8) void {
        // A seed is used for one block only, so counter and nonce never change.
        const nonce: [ChaCha.nonce_length]u8 = @splat(0);
        ChaCha.stream(&self.block, 0, seed, nonce);
        self.taken = seed_size;
    }

    comptime {
        std.debug.assert((block_size - seed_size) % key_size == 0);
    }
};
