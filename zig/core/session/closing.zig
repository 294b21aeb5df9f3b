//! The close handshake, RFC 6455 5.5.1 and 7: whose CLOSE came first, what may still be sent, and whether what is received
//! is still looked at. One state says all of it.

const std = @import("std");
const CloseCode = @import("../frame/close.zig").CloseCode;

pub const State = enum(u8) {
    /// Frames go both ways.
    open,
    /// Our CLOSE was sent. The peer may go on until it sends its own.
    close_sent,
    /// The peer's CLOSE was received. We may go on until we send ours.
    close_received,
    /// Both were exchanged, ours first.
    closed_by_us,
    /// Both were exchanged, the peer's first.
    closed_by_peer,
    /// The peer broke the protocol, or we have had enough of what it sends. A CLOSE is all that may still be sent.
    failing,
    /// It was sent, or had been before.
    failed,
    /// The transport ended although the peer had sent no CLOSE.
    lost,

    /// Whether frames of the peer are still looked at. RFC 6455 5.5.1, 7.1.7
    pub fn isReceiving(self: State) bool {
        return switch (self) {
            .open, .close_sent => true,
            .close_received, .closed_by_us, .closed_by_peer, .failing, .failed, .lost => false,
        };
    }

    /// Whether data, PING and PONG may be sent: until our CLOSE was. RFC 6455 5.5.1
    pub fn maySend(self: State) bool {
        return switch (self) {
            .open, .close_received => true,
            .close_sent, .closed_by_us, .closed_by_peer, .failing, .failed, .lost => false,
        };
    }

    /// Whether a CLOSE may be sent: one, in all.
    pub fn maySendClose(self: State) bool {
        return self.maySend() or self == .failing;
    }
};

pub const Side = enum { us, peer };

pub const Closing = struct {
    state: State = .open,
    /// The codes of the CLOSE frames that were sent and received; `.no_info` is one without a code.
    sent: ?CloseCode = null,
    received: ?CloseCode = null,

    /// Our CLOSE is sent. It may be.
    pub fn noteSent(self: *Closing, code: CloseCode) void {
        self.state = switch (self.state) {
            .open => .close_sent,
            .close_received => .closed_by_peer,
            .failing => .failed,
            .close_sent, .closed_by_us, .closed_by_peer, .failed, .lost => unreachable,
        };
        self.sent = code;
    }

    /// The peer's CLOSE is there: nothing that follows is looked at.
    pub fn noteReceived(self: *Closing, code: CloseCode) void {
        self.state = switch (self.state) {
            .open => .close_received,
            .close_sent => .closed_by_us,
            .close_received, .closed_by_us, .closed_by_peer, .failing, .failed, .lost => unreachable,
        };
        self.received = code;
    }

    /// Nothing that the peer sends is looked at from now on.
    pub fn fail(self: *Closing) void {
        switch (self.state) {
            .open => self.state = .failing,
            .close_sent => self.state = .failed,
            .close_received, .closed_by_us, .closed_by_peer, .failing, .failed, .lost => {},
        }
    }

    /// The transport says that nothing more will come. A peer that sent its CLOSE before can still read ours.
    pub fn noteEnd(self: *Closing) void {
        switch (self.state) {
            .open, .close_sent => self.state = .lost,
            .close_received, .closed_by_us, .closed_by_peer, .failing, .failed, .lost => {},
        }
    }

    /// Whose CLOSE came first; null if there was none.
    pub fn first(self: Closing) ?Side {
        return switch (self.state) {
            .open, .failing => null,
            .close_sent, .closed_by_us, .failed => .us,
            .close_received, .closed_by_peer => .peer,
            .lost => if (self.sent != null) .us else null,
        };
    }

    /// The close code of the connection, RFC 6455 7.1.5: that of the peer's CLOSE, `.no_info` if it had none, and
    /// `.abnormal_closure` as long as there is no CLOSE of the peer.
    pub fn closeCode(self: Closing) CloseCode {
        return self.received orelse .abnormal_closure;
    }

    /// What always holds.
    pub fn invariants(self: Closing) bool {
        return switch (self.state) {
            .open, .failing => self.sent == null and self.received == null,
            .close_sent, .failed => self.sent != null and self.received == null,
            .close_received => self.sent == null and self.received != null,
            .closed_by_us, .closed_by_peer => self.sent != null and self.received != null,
            .lost => self.received == null,
        };
    }
};
