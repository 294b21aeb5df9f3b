//! The TLS handshake of a TCP transport. The protocol gets the connection when the handshake is done. A server counts the
//! connection among its pending handshakes from accept on.

const asyncio = @import("../eventloop/asyncio.zig");
const c = @import("cpython").capi;
const o = @import("cpython").object;
const errors = @import("cpython").errors;
const interface = @import("interface.zig");
const log = @import("../eventloop/log.zig");
const pending = @import("../opening/pending.zig");
const timers = @import("../eventloop/timer.zig");
const protocols = @import("../opening/protocol.zig");
const secure = @import("secure.zig");
const TcpTransport = @import("tcp.zig").TcpTransport;
const Object = o.Object;
const Error = o.Error;

/// A client speaks first. `seconds` for a server's TLS handshake that has less time than the opening handshake after it.
pub fn begin(self: *TcpTransport, seconds: ?f64) Error!void {
    if (self.endpoint.is_client) return step(self);
    const protocol = self.protocol.?;
    protocol.watcher = o.incref(&self.ob);
    if (seconds) |limit| {
        try timers.start(&self.secure.?.timer, self.state, self.endpoint.loop, limit, timeOut, self);
    }
    try pending.begin(protocol);
}

/// Goes on with what arrived.
pub fn step(self: *TcpTransport) Error!void {
    const engine = &self.secure.?.engine;
    while (engine.phase == .handshake) {
        const outcome = engine.handshake() catch return failed(self);
        // What goes with the end of it goes with the first bytes of the protocol.
        if (outcome == .count) return done(self);
        // The proxy's end of the TLS around this.
        if (outcome == .ended) return cut(self);
        try secure.flush(self);
        if (outcome == .want_read and !engine.hasInput()) return;
    }
}

fn done(self: *TcpTransport) Error!void {
    const own = self.secure.?;
    const protocol = o.incref(self.protocol orelse return);
    defer o.decref(protocol);
    own.engine.phase = .open;
    timers.cancel(&own.timer, self.state, self.endpoint.loop);
    o.clear(&protocol.watcher);
    try protocols.connectionMade(protocol, &self.ob, &secure.stream);
    try secure.flush(self);
    const future = own.secured orelse return;
    own.secured = null;
    defer o.decref(future);
    try asyncio.setResult(self.state, future, c.none());
}

fn failed(self: *TcpTransport) Error!void {
    const exception = errors.fetch();
    defer o.decref(exception);
    if (errors.isFatal(exception)) return errors.restore(o.incref(exception));
    // The alert.
    try secure.flush(self);
    try self.end(exception);
}

/// The connection ended in the middle.
pub fn cut(self: *TcpTransport) Error!void {
    errors.raise("ConnectionResetError", "the connection was lost during the TLS handshake") catch {};
    const exception = errors.fetch();
    defer o.decref(exception);
    try self.end(exception);
}

/// It took longer than a limit of its own, or the peer does not end its side.
pub fn timeOut(self: *TcpTransport) Error!void {
    const own = self.secure orelse return;
    o.clear(&own.timer);
    if (self.phase == .awaiting_end) return self.end(c.none());
    if (own.engine.phase != .handshake) return;
    errors.raise("ConnectionAbortedError", "the TLS handshake took too long") catch {};
    const exception = errors.fetch();
    defer o.decref(exception);
    try self.end(exception);
}

/// The connection is lost, by an exception or None: whoever waits for the handshake is told, or the log.
pub fn lost(self: *TcpTransport, protocol: *protocols.Protocol, cause: *Object) Error!void {
    const own = self.secure orelse return;
    timers.cancel(&own.timer, self.state, self.endpoint.loop);
    o.clear(&protocol.watcher);
    if (own.secured) |future| {
        own.secured = null;
        defer o.decref(future);
        return tell(self, future, cause);
    }
    if (self.endpoint.is_client or protocol.transport != null or o.isNone(cause)) return;
    if (!o.isInstance(cause, c.exception("OSError"))) return asyncio.report(self.state, self.endpoint.loop, "the TLS context raised an exception", cause);
    if (!log.isInfoEnabled(self.endpoint)) return;
    const peer = try interface.peerName(self);
    defer o.decref(peer);
    log.write(self.endpoint, self.state.names.info, "no TLS with %s: %r", .{ peer, cause });
}

fn tell(self: *TcpTransport, future: *Object, cause: *Object) Error!void {
    if (!o.isNone(cause)) return asyncio.setException(self.state, future, cause);
    errors.raise("ConnectionAbortedError", "the connection was ended during the TLS handshake") catch {};
    const exception = errors.fetch();
    defer o.decref(exception);
    try asyncio.setException(self.state, future, exception);
}
