//! A connection after its opening handshake, for either role: `receive` makes events of bytes, `send` and its like make
//! plans of what is to be sent. It knows the rules of RFC 6455 and nothing else: who reads and writes, when, with which
//! masking keys and into which memory is the caller's business.
//!
//! The reader's contract is that of the parser: the bytes given to `receive` start where the last event ended, or are those
//! of the last `need_more` with more behind them. Only one frame is looked at a call.
//!
//! An event that wants an answer gets it from `answer`: a PONG for a PING, a CLOSE for a CLOSE, a CLOSE with the right code
//! for a failure. Nothing is sent unasked, so a caller may answer in another way (`close` with a code of its own), later,
//! or not at all.
//!
//! Wrong use is a `Misuse` and changes nothing. A peer that breaks the protocol is an event, once; then the input is over.

const std = @import("std");
const assert = std.debug.assert;
const closes = @import("../frame/close.zig");
const closings = @import("closing.zig");
const header = @import("../frame/header.zig");
const mask = @import("../frame/mask.zig");
const messages = @import("../message/message.zig");
const opcodes = @import("../frame/opcode.zig");
const parsers = @import("parser.zig");
const sending = @import("sending.zig");
const CloseCode = closes.CloseCode;
const Failure = @import("../frame/failure.zig").Failure;
const Fragments = @import("../message/fragments.zig").Fragments;
const Frame = parsers.Frame;
const Misuse = sending.Misuse;
const Opcode = opcodes.Opcode;
const ledger = @import("pings.zig");
const Plan = sending.Plan;

pub const Mode = enum(u8) {
    /// Frames as they come: reserved bits, the order of fragments and what is in TEXT are the caller's business, both ways.
    permissive,
    /// What is received follows all rules of RFC 6455, and `piece` tells of the message.
    strict,
    /// The same, and what is sent is held to the order of fragments too.
    messages,
};

pub const Options = struct {
    /// Ours.
    role: opcodes.Role,
    mode: Mode,
    /// The largest payload of one received frame.
    payload_size_max: u64,
    /// The largest received message, and how many frames it may have. Not looked at in `permissive` mode.
    message_size_max: u64 = std.math.maxInt(u64),
    message_frame_count_max: u32 = std.math.maxInt(u32),
    /// What the opening handshake has agreed upon. Not looked at in `permissive` mode.
    extensions: messages.Extensions = .{},
    /// Whether TEXT has to be UTF-8, RFC 6455 8.1. Not looked at in `permissive` mode. With permessage-deflate the order of
    /// fragments and the reserved bits have to be right, or nothing could be inflated; what is in TEXT need not.
    checks_text: bool = true,
    mask: mask.Kernel = mask.baseline,
};

pub const Event = union(enum) {
    /// Wants more bytes; see `parser.Result`.
    need_more: usize,
    /// TEXT, BINARY or CONTINUATION. `piece` says where in its message it is.
    data: Frame,
    /// `answer` gives the PONG.
    ping: Frame,
    pong: Pong,
    /// `answer` gives the CLOSE that echoes it. Nothing is received after it.
    close: PeerClose,
    /// The peer broke the protocol. `answer` gives the CLOSE that says so. Nothing is received after it.
    failure: Failure,
    /// The input is over: all bytes are to be dropped.
    ended,

    /// The next call of `receive` starts so many of the bytes further. What is not looked at any more is not counted.
    pub fn size(self: Event) usize {
        return switch (self) {
            .data, .ping => |frame| frame.size,
            .pong => |pong| pong.frame.size,
            .close => |theirs| theirs.frame.size,
            .need_more, .failure, .ended => 0,
        };
    }
};

pub const Pong = struct {
    frame: Frame,
    /// Whose PING it answers; null if nobody asked for it. `pings.nextAnswered` says whose others it answers too.
    who: ?ledger.Who,
};

pub const PeerClose = struct {
    frame: Frame,
    /// `.no_info` if it has none.
    code: CloseCode,
    /// Inside the payload.
    reason: []const u8,

    /// The payload without the reason.
    fn codeAlone(self: PeerClose) []const u8 {
        return self.frame.payload[0 .. self.frame.payload.len - self.reason.len];
    }
};

pub const Session = struct {
    parser: parsers.Parser,
    mode: Mode,
    closing: closings.Closing = .{},
    /// What we send, in `messages` mode.
    sent: Fragments = .{},
    /// Our PINGs. Its memory is the caller's; without any no PING is remembered.
    pings: ledger.Pings = .{},

    pub fn init(options: Options) Session {
        return .{
            .parser = .{
                .role = options.role,
                .strict = options.mode != .permissive,
                .text_check = if (options.checks_text) .all else .none,
                .payload_size_max = options.payload_size_max,
                .message = .{
                    .extensions = options.extensions,
                    .size_max = options.message_size_max,
                    .frame_count_max = options.message_frame_count_max,
                },
                .mask = options.mask,
            },
            .mode = options.mode,
        };
    }

    /// The opening handshake has agreed on permessage-deflate, before the first frame. From then on a permissive session holds
    /// the peer to the order of fragments and to reserved bits.
    pub fn beginCompression(self: *Session, message_size_max: u64, message_frame_count_max: u32) void {
        assert(self.parser.progress == null and !self.parser.message.fragments.open);
        if (self.mode == .permissive) {
            self.mode = .strict;
            self.parser.strict = true;
            self.parser.text_check = .none;
        }
        self.parser.message = .{
            .extensions = .{ .permessage_deflate = true },
            .size_max = message_size_max,
            .frame_count_max = message_frame_count_max,
        };
        self.check();
    }

    /// The first event in `bytes`, which may be unmasked in place.
    pub fn receive(self: *Session, bytes: []u8) Event {
        if (!self.closing.state.isReceiving()) return .ended;
        return if (self.parser.nextWhole(bytes)) |frame| .{ .data = frame } else self.receiveAny(bytes);
    }

    noinline fn receiveAny(self: *Session, bytes: []u8) Event {
        return switch (self.parser.nextAny(bytes)) {
            .frame => |frame| if (frame.opcode.isControl()) self.receiveControl(frame) else .{ .data = frame },
            .need_more => |size| .{ .need_more = size },
            .failure => |failure| self.fail(failure),
        };
    }

    fn receiveControl(self: *Session, frame: Frame) Event {
        switch (frame.opcode) {
            .ping => return .{ .ping = frame },
            .pong => return .{ .pong = .{ .frame = frame, .who = self.pings.pong(frame.payload) } },
            else => {
                const said = closes.decode(frame.payload).close; // the parser has checked it
                self.closing.noteReceived(said.code);
                self.check();
                return .{ .close = .{ .frame = frame, .code = said.code, .reason = said.reason } };
            },
        }
    }

    /// Where the frame of the last event, which was `data`, stands in its message. Not in `permissive` mode.
    pub fn piece(self: *const Session) messages.Piece {
        assert(self.mode != .permissive);
        return self.parser.message.piece();
    }

    /// Ends the input because of what the peer sent. For those who look further than a frame: an extension that cannot
    /// inflate a payload says so here. The event is to be treated as one from `receive`.
    pub fn fail(self: *Session, failure: Failure) Event {
        @branchHint(.cold);
        if (!self.closing.state.isReceiving()) return .ended;
        self.parser.failed = failure;
        self.drop();
        return .{ .failure = failure };
    }

    /// Ends the input for a reason of our own. `close` may still tell the peer.
    pub fn drop(self: *Session) void {
        self.closing.fail();
        self.check();
    }

    /// The transport says that nothing more will come.
    pub fn end(self: *Session) void {
        self.closing.noteEnd();
        self.check();
    }

    /// What RFC 6455 wants to be sent because of an event (5.5.1, 5.5.2, 7.1.7). Its payload is where that of the event is.
    /// Null: nothing is to be sent, or nothing may be sent any more.
    pub fn answer(self: *Session, event: Event) ?Plan {
        const planned = switch (event) {
            .ping => |frame| self.send(.pong, .{ .fin = true }, frame.payload),
            .close => |theirs| self.planClose(theirs.code, theirs.codeAlone()),
            .failure => |failure| self.planClose(failure.closeCode(), failure.closePayload()),
            .need_more, .data, .pong, .ended => return null,
        };
        return planned catch null; // our CLOSE was sent
    }

    /// A frame of any kind but CLOSE.
    pub fn send(self: *Session, opcode: Opcode, flags: header.Flags, payload: []const u8) Misuse!Plan {
        try self.checkSend(opcode, flags, payload.len);
        if (self.mode == .messages) assert(self.sent.accept(opcode, flags.fin) == null);
        if (opcode == .ping) _ = self.pings.sent(.user, payload); // it matters behind others alone
        return .{ .opcode = opcode, .flags = flags, .payload = payload };
    }

    /// A PING whose PONG `who` waits for.
    pub fn ping(self: *Session, who: ledger.Who, payload: []const u8) Misuse!Plan {
        try self.checkSend(.ping, .{ .fin = true }, payload.len);
        if (!self.pings.sent(who, payload)) return error.TooManyPings;
        return .{ .opcode = .ping, .flags = .{ .fin = true }, .payload = payload };
    }

    /// Our CLOSE: the first one or, after that of the peer, the answer. `.no_info` says nothing. The payload is made in
    /// `buffer`.
    pub fn close(self: *Session, code: CloseCode, reason: []const u8, buffer: *[opcodes.control_payload_size_max]u8) Misuse!Plan {
        try self.checkSendClose(code, reason);
        return self.planClose(code, closes.encode(code, reason, buffer));
    }

    /// What `send` would say; nothing changes.
    pub fn checkSend(self: *const Session, opcode: Opcode, flags: header.Flags, payload_size: usize) Misuse!void {
        try sending.checkFrame(opcode, flags, payload_size);
        if (!self.closing.state.maySend()) return error.AfterClose;
        if (self.mode == .messages) try self.checkOrder(opcode, flags);
    }

    /// What `close` would say; nothing changes.
    pub fn checkSendClose(self: *const Session, code: CloseCode, reason: []const u8) Misuse!void {
        try sending.checkClose(code, reason);
        if (!self.closing.state.maySendClose()) return error.AfterClose;
    }

    fn checkOrder(self: *const Session, opcode: Opcode, flags: header.Flags) Misuse!void {
        if (!self.parser.message.extensions.allow(opcode, flags)) return error.ReservedBits;
        var order = self.sent;
        const failure = order.accept(opcode, flags.fin) orelse return;
        return if (failure == .unexpected_continuation) error.UnexpectedContinuation else error.UnfinishedMessage;
    }

    fn planClose(self: *Session, code: CloseCode, payload: []const u8) Misuse!Plan {
        if (!self.closing.state.maySendClose()) return error.AfterClose;
        self.closing.noteSent(code);
        self.check();
        return .{ .opcode = .close, .flags = .{ .fin = true }, .payload = payload };
    }

    /// What always holds, between any two calls.
    pub fn invariants(self: *const Session) bool {
        const state = self.closing.state;
        return self.closing.invariants() and
            self.parser.strict == (self.mode != .permissive) and
            (self.parser.failed == null or state == .failing or state == .failed) and
            (self.mode == .messages or std.meta.eql(self.sent, Fragments{}));
    }

    /// Wherever the state may have changed; not for whole data frames, which change nothing of it.
    fn check(self: *const Session) void {
        assert(self.invariants());
    }
};
