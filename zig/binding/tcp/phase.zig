//! Where a TCP transport stands between its first byte and its end.

pub const Phase = enum(u8) {
    /// Bytes go both ways.
    open,
    /// Our side ends once what waits is sent. The peer's goes on.
    half_closed,
    /// A write failed: nothing is sent any more, and the end comes when what had arrived is read.
    broken,
    /// The end comes once what waits is sent. Nothing is read any more.
    closing,
    /// With TLS: our side has ended, and the peer's end is waited for.
    awaiting_end,
    /// The protocol will be told that the connection is lost, or was.
    lost,

    /// Whether the end was asked for, or has come.
    pub fn isEnding(self: Phase) bool {
        return switch (self) {
            .open, .half_closed, .broken => false,
            .closing, .awaiting_end, .lost => true,
        };
    }

    /// What else may be true of a transport in this phase, between any two calls.
    pub fn allows(self: Phase, reading: Reading, has_output: bool, has_tls: bool) bool {
        return switch (self) {
            .open, .half_closed => true,
            .broken => !has_output,
            .closing => reading == .off,
            .awaiting_end => reading == .on and has_tls,
            .lost => reading == .off and !has_output,
        };
    }

    /// Whether bytes of the protocol are still sent.
    pub fn maySend(self: Phase) bool {
        return self == .open or self == .half_closed;
    }
};

/// Whether bytes are wanted. The user may pause it; the end stops it.
pub const Reading = enum(u8) { off, on };

/// Whether the protocol was told that too much waits to be sent.
pub const Flow = enum(u8) { free, paused };
