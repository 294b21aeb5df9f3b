//! TLS on a TCP transport. Ciphertext from the socket goes through the engine to the protocol. What the protocol sends goes
//! through the engine into the transport's output queue, which is the only queue. The handshake is in `handshake`.

const c = @import("cpython").capi;
const o = @import("cpython").object;
const asyncio = @import("../eventloop/asyncio.zig");
const engines = @import("../tls/engine.zig");
const errors = @import("cpython").errors;
const handshake = @import("handshake.zig");
const linux = @import("net").linux;
const protocols = @import("../opening/protocol.zig");
const timers = @import("../eventloop/timer.zig");
const watching = @import("watch.zig");
const writing = @import("writing.zig");
const Chunk = @import("../memory/chunk.zig").Chunk;
const Engine = engines.Engine;
const Output = @import("output.zig").Output;
const Own = @import("../connection/stream.zig").Own;
const Protocol = protocols.Protocol;
const TcpTransport = @import("tcp.zig").TcpTransport;
const Object = o.Object;
const Error = o.Error;

/// What a TCP transport has besides if it does TLS.
pub const Secure = struct {
    engine: Engine,
    /// A future of whoever waits for the end of the handshake. A server's has nobody.
    secured: ?*Object = null,
    /// The timer of a handshake with a limit of its own, or of the end.
    timer: ?*Object = null,
    /// How long the peer may take to end its side when we have ended ours.
    shutdown_seconds: f64,
    /// What cannot be encrypted before more was received (a renegotiation of TLS 1.2), or before what is being encrypted.
    plaintext: Output = .{},
    is_encrypting: bool = false,

    pub fn create(transport: *TcpTransport, tls: TcpTransport.Tls, secured: ?*Object) Error!*Secure {
        const memory = try o.allocateBytes(@sizeOf(Secure));
        errdefer o.freeBytes(memory);
        const self: *Secure = @ptrCast(@alignCast(memory.ptr));
        self.* = .{ .engine = undefined, .shutdown_seconds = tls.shutdown_seconds };
        const loop = transport.endpoint.loop_state;
        if (tls.wrap) |wrap| {
            try self.engine.create(loop, wrap, tls.kind);
            errdefer self.engine.destroy();
            if (tls.opened) |opened| try self.engine.runInside(opened);
        } else {
            self.engine.adopt(loop, tls.opened.?);
        }
        if (secured) |future| self.secured = o.incref(future);
        return self;
    }

    pub fn destroy(self: *Secure) void {
        self.plaintext.clear();
        self.engine.destroy();
        o.clear(&self.secured);
        o.clear(&self.timer);
        c.PyMem_Free(self);
    }

    pub fn visit(self: *const Secure, proc: c.visitproc, arg: ?*anyopaque) c_int {
        for ([_]?*Object{ self.secured, self.timer }) |object| {
            const status = o.visit(object, proc, arg);
            if (status != 0) return status;
        }
        return self.engine.visit(proc, arg);
    }
};

/// What a connection writes to it with.
pub const stream: Own = stream: {
    var own = writing.stream;
    own.encrypt = encryptFor;
    break :stream own;
};

fn encryptFor(transport: *Object, data: []const u8) Error!void {
    try encrypt(@ptrCast(@alignCast(transport)), data);
}

// Receiving.

pub fn readInto(self: *TcpTransport, protocol: *Protocol, to_the_end: bool) Error!void {
    const loop = self.endpoint.loop_state;
    const scratch = try loop.takeScratch(.received);
    defer loop.keepScratch(.received, scratch);
    const result = receive(self, protocol, scratch, to_the_end);
    try self.secure.?.engine.hold();
    try result;
}

fn receive(self: *TcpTransport, protocol: *Protocol, scratch: *Chunk, to_the_end: bool) Error!void {
    const engine = &self.secure.?.engine;
    // What was put aside when reading was paused, or is in the hands of a callback that runs the event loop.
    try advance(self, protocol);
    var reads: usize = 0;
    while (self.reading == .on) {
        switch (self.receive(protocol, scratch.data[0..scratch.capacity])) {
            .not_ready => return if (self.phase == .broken) self.end(c.none()),
            .failed => |code| return if (self.phase == .awaiting_end) self.end(c.none()) else self.fail(code),
            .count => |count| {
                if (count == 0) return ended(self, protocol);
                engine.feed(scratch.data[0..count]);
                const is_open = engine.phase == .open and !protocol.place.is_taken;
                try advance(self, protocol);
                if (is_open) try watching.settle(self);
                if (count < scratch.capacity) {
                    if (!to_the_end) return;
                    continue;
                }
                reads += 1;
                if (!protocols.pace(protocol) or reads == reads_max) return if (to_the_end) self.readLater();
            },
        }
    }
}

/// How many times the scratch is filled to its end before others get their turn.
const reads_max = 4;

/// An end without close_notify: what a WebSocket peer has to say of its end, a CLOSE says.
fn ended(self: *TcpTransport, protocol: *Protocol) Error!void {
    if (self.phase == .awaiting_end) return finish(self);
    if (protocol.transport == null) return handshake.cut(self);
    engineOf(self).phase = .closing;
    try protocols.ended(protocol);
    return self.close();
}

/// The peer sent close_notify, and gets ours.
fn notified(self: *TcpTransport, protocol: *Protocol) Error!void {
    try shutdown(self);
    try ended(self, protocol);
}

fn engineOf(self: *TcpTransport) *Engine {
    return &self.secure.?.engine;
}

fn advance(self: *TcpTransport, protocol: *Protocol) Error!void {
    const engine = &self.secure.?.engine;
    if (engine.phase == .handshake and engine.hasInput()) try handshake.step(self);
    if (engine.phase == .open and engine.hasInput()) try drain(self, protocol);
    if (self.phase == .awaiting_end and engine.hasInput()) try skip(self, protocol);
}

/// Nobody wants what still comes behind our own end, but the peer's.
fn skip(self: *TcpTransport, protocol: *Protocol) Error!void {
    const engine = engineOf(self);
    while (self.phase == .awaiting_end) {
        var memory = try protocols.room(protocol);
        const chunk = o.incref(memory.chunk);
        defer o.decref(chunk);
        var size: usize = 0;
        const step = fill(engine, &memory, &size) catch {
            if (c.PyErr_ExceptionMatches(self.state.imports.SSLError) == 0) return error.Python;
            c.PyErr_Clear();
            return self.end(c.none());
        };
        if (step == .ended) return finish(self);
        if (step == .want_read) return;
    }
}

/// Decrypts what arrived and delivers it, a full memory at a time.
fn drain(self: *TcpTransport, protocol: *Protocol) Error!void {
    const engine = &self.secure.?.engine;
    while (self.reading == .on and engine.phase == .open) {
        var memory = try protocols.room(protocol);
        const chunk = o.incref(memory.chunk);
        defer o.decref(chunk);
        var size: usize = 0;
        const step = fill(engine, &memory, &size) catch {
            const exception = errors.fetch();
            defer o.decref(exception);
            return failed(self, protocol, size, exception);
        };
        // Before the listener sees what arrived: an answer that OpenSSL has, as to a change of keys.
        try flush(self);
        if (size > 0) try protocols.received(protocol, size);
        if (step == .ended and !self.phase.isEnding()) return notified(self, protocol);
        try resumeEncrypting(self);
        if (step == .want_read) return;
    }
}

/// Reads until the memory is full (`count`), nothing is left (`want_read`), or the peer has ended its side.
fn fill(engine: *Engine, memory: anytype, size: *usize) Error!engines.Step {
    while (memory.start < memory.end) {
        switch (try engine.read(memory.*)) {
            .count => |count| {
                memory.start += count;
                size.* += count;
            },
            // There is room again once it is flushed.
            .want_write => return .{ .count = 0 },
            else => |step| return step,
        }
    }
    return .{ .count = size.* };
}

/// TLS failed: what came before that is delivered, and the peer gets OpenSSL's alert.
fn failed(self: *TcpTransport, protocol: *Protocol, size: usize, exception: *Object) Error!void {
    if (errors.isFatal(exception)) return errors.restore(o.incref(exception));
    const reference = o.incref(exception);
    defer o.decref(reference);
    try flush(self);
    if (size > 0) try protocols.received(protocol, size);
    try self.end(exception);
}

/// Reading goes on: what was put aside comes first, for which no socket reports anything.
pub fn resumed(self: *TcpTransport) Error!void {
    if (self.secure.?.engine.hasInput()) try self.schedule("_resume", .{});
}

// Sending.

/// Sends bytes, or keeps them, in this form or the other. Those that come while others are in the works go behind them.
pub fn encrypt(self: *TcpTransport, data: []const u8) Error!void {
    const secure = self.secure.?;
    if (secure.engine.phase != .open or self.phase == .broken or self.isInherited()) return;
    if (secure.is_encrypting or secure.plaintext.size > 0) return keepPlaintext(self, data);
    const done = try encryptSome(self, data);
    if (done < data.len and secure.engine.phase == .open) try keepPlaintext(self, data[done..]);
    if (!secure.is_encrypting and secure.plaintext.size > 0 and done == data.len) try resumeEncrypting(self);
    try writing.pauseIfFull(self);
}

/// Encrypts what had to wait, if it can be by now.
fn resumeEncrypting(self: *TcpTransport) Error!void {
    const secure = self.secure.?;
    if (secure.is_encrypting) return;
    while (secure.engine.phase == .open) {
        const first = secure.plaintext.front() orelse break;
        const done = try encryptSome(self, first);
        secure.plaintext.drop(done);
        if (done < first.len) break;
    }
}

/// Returns how much could be encrypted; the ciphertext is sent or queued. Calls nothing of the user's but what a context has.
fn encryptSome(self: *TcpTransport, data: []const u8) Error!usize {
    const secure = self.secure.?;
    const engine = &secure.engine;
    secure.is_encrypting = true;
    defer secure.is_encrypting = false;
    var done: usize = 0;
    while (done < data.len and engine.phase == .open) {
        const step = engine.write(data[done..]) catch {
            const exception = errors.fetch();
            defer o.decref(exception);
            try flush(self);
            try self.end(exception);
            break;
        };
        switch (step) {
            .count => |count| done += count,
            .want_write => {},
            .want_read, .ended => break,
        }
        if (step == .want_write or engine.isFull()) try flush(self);
    }
    try flush(self);
    return done;
}

fn keepPlaintext(self: *TcpTransport, data: []const u8) Error!void {
    if (data.len == 0) return;
    const kept = try o.bytes(data);
    defer o.decref(kept);
    try self.secure.?.plaintext.append(kept, 0);
    if (self.protocol) |protocol| protocols.queued(protocol);
}

/// Gives the socket, or the queue, what the engine has for it.
pub fn flush(self: *TcpTransport) Error!void {
    const engine = &self.secure.?.engine;
    defer engine.taken();
    const data = try engine.output();
    if (data.len == 0 or self.phase == .lost or self.phase == .broken or self.isInherited()) return;
    const sent = if (self.output.size > 0) 0 else switch (linux.send(self.handle, &.{.{ .base = data.ptr, .len = data.len }})) {
        .count => |count| count,
        .not_ready => 0,
        .failed => |code| return self.failWriting(code),
    };
    if (sent < data.len) keepCiphertext(self, data[sent..]) catch |failure| {
        // A record without its end: nothing can follow it.
        const exception = errors.fetch();
        self.end(exception) catch asyncio.surface(self.state, self.endpoint.loop, &self.ob);
        errors.restore(exception) catch {};
        return failure;
    };
}

fn keepCiphertext(self: *TcpTransport, data: []const u8) Error!void {
    const kept = try o.bytes(data);
    defer o.decref(kept);
    try self.output.append(kept, 0);
    if (self.protocol) |protocol| protocols.queued(protocol);
    try watching.update(self);
}

/// Says that our side is over, behind what waits.
pub fn shutdown(self: *TcpTransport) Error!void {
    const engine = engineOf(self);
    if (engine.phase != .open) return;
    engine.phase = .closing;
    if (self.phase == .broken or self.isInherited()) return;
    try engine.shutdown();
    try flush(self);
}

/// Closes a connection that is open. Who has agreed with the peer that it is over, by CLOSE frames, ends at once. Others wait
/// until the peer has read to our end: some lose what they did not read when a connection is closed.
pub fn close(self: *TcpTransport) Error!void {
    const secure = self.secure.?;
    const is_ours = secure.engine.phase == .open;
    try shutdown(self);
    if (self.phase.isEnding()) return;
    if (is_ours and self.phase != .broken and !isAgreed(self)) {
        self.reading = .on;
        self.enter(.awaiting_end);
        try timers.start(&secure.timer, self.state, self.endpoint.loop, secure.shutdown_seconds, handshake.timeOut, self);
        return watching.update(self);
    }
    try finish(self);
}

fn isAgreed(self: *TcpTransport) bool {
    const protocol = self.protocol orelse return true;
    const transport = protocol.transport orelse return true;
    const closing = transport.connection().session.closing;
    return closing.sent != null and closing.received != null;
}

/// The peer has ended its side as well, or need not: the end comes once what waits is sent.
fn finish(self: *TcpTransport) Error!void {
    self.reading = .off;
    self.enter(.closing);
    if (self.output.size == 0) return self.end(c.none());
    try watching.update(self);
}

/// How many bytes wait, in whatever form.
pub fn waiting(self: *const TcpTransport) usize {
    return self.output.size + if (self.secure) |secure| secure.plaintext.size else 0;
}
