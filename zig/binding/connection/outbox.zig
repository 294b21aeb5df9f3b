//! Outbox: the one way out of a connection. Bytes leave in the order in which they are sent, whichever way they take: with others
//! that the callbacks of one read send (`gather`), straight to the socket, or to the transport, which keeps what the socket
//! does not take. A frame of which the socket has taken a part is followed by its rest, and by nothing else.

const core = @import("core");
const c = @import("cpython").capi;
const check = @import("cpython").check;
const o = @import("cpython").object;
const clock = @import("../eventloop/clock.zig");
const errors = @import("cpython").errors;
const gather = @import("gather.zig");
const socket = @import("net").socket;
const remainder = @import("remainder.zig");
const streams = @import("stream.zig");
const Chunk = @import("../memory/chunk.zig").Chunk;
const CollectionPause = remainder.CollectionPause;
const Gathered = gather.Gathered;
const Source = remainder.Source;
const Stream = streams.Stream;
const WSTransport = @import("transport.zig").WSTransport;
const Object = o.Object;
const Error = o.Error;

/// Below this a copy behind the header costs less than having the kernel gather two pieces of memory.
const in_place_size_min = 4096;

/// Where a frame goes.
const Way = enum(u8) {
    /// To the socket: there is nothing that it could overtake.
    socket,
    /// Through TLS of our own, which keeps the order itself.
    tls,
    /// To the transport, behind what waits there.
    transport,
    /// Behind the frames that the callbacks of this read have sent.
    gathered,
    /// To the socket or to the transport, which is asked before each frame.
    ask,
    /// Nothing is sent any more.
    nowhere,
};

pub const Outbox = struct {
    stream: Stream,
    /// What follows from the fields below and from the stream; `update` is called when they change.
    way: Way = .ask,
    /// Whether bytes wait in the transport. `perhaps`: its user may have written to it, which nobody tells.
    waiting: enum(u8) { no, perhaps, yes } = .no,
    /// Whether the user has the event loop's transport, and may write to it.
    shared: enum(u8) { no, yes } = .no,
    /// Whether frames are gathered: while callbacks of a read run, if `coalesce_sends` asks for it.
    gathering: enum(u8) { off, on } = .off,
    /// `refusing`: the user has ended our side with write_eof(), so that the transport refuses whatever is sent. `ended`: nothing is
    /// sent any more.
    life: enum(u8) { open, refusing, ended } = .open,
    gathered: Gathered = .{},

    /// What always holds, between any two calls.
    pub fn invariants(self: *const Outbox) bool {
        const is_gathering = self.gathering == .on or self.gathered.size == 0;
        const is_ended = self.life != .ended or self.gathered.size == 0;
        return is_gathering and is_ended and self.way == self.find();
    }

    fn update(self: *Outbox) void {
        self.way = self.find();
        check.invariants(self);
    }

    fn find(self: *const Outbox) Way {
        return if (self.life != .ended and self.gathering == .on) .gathered else self.findNext();
    }

    /// The way of what is not gathered.
    fn findNext(self: *const Outbox) Way {
        if (self.life == .ended) return .nowhere;
        if (self.stream.encrypts()) return .tls;
        if (self.stream.socket == socket.none or self.life == .refusing) return .transport;
        return if (self.waiting == .no and self.stream.closed_by == .transport) .socket else .ask;
    }

    pub fn init(stream: Stream) Outbox {
        var self: Outbox = .{ .stream = stream };
        self.update();
        return self;
    }

    /// The transport's socket is known, and may be written to.
    pub fn useSocket(self: *Outbox, handle: socket.Handle) void {
        self.stream.socket = handle;
        self.update();
    }

    /// The socket is closed, or is somebody else's.
    pub fn forgetSocket(self: *Outbox) void {
        self.useSocket(socket.none);
    }

    /// Bytes wait in the transport, or may: somebody else gave it some.
    pub fn noteWaiting(self: *Outbox) void {
        self.waiting = .yes;
        self.update();
    }

    /// The transport says that our side has ended.
    fn refuse(self: *Outbox) void {
        self.life = .refusing;
        self.update();
    }

    /// Nothing is sent from here on.
    pub fn end(self: *Outbox) void {
        self.gathered.deinit();
        self.life = .ended;
        self.update();
    }
};

fn of(transport: *WSTransport) *Outbox {
    return &transport.connection().outbox;
}

// What is sent.

/// Sends a frame. Its payload is copied; what waits of it may stay in `constant`, the object that it belongs to.
pub fn frame(transport: *WSTransport, opcode: core.Opcode, flags: core.Flags, payload: []const u8, constant: ?*Object) Error!void {
    const is_client = transport.is_client_side != 0;
    const size = core.writer.frameSize(payload.len, is_client);
    const way = try wayOf(transport, size);
    if (way == .nowhere) return;
    transport.connection().sent_at = clock.now(transport.state);
    if (way == .gathered) return gatherFrame(transport, opcode, flags, payload, size);
    if (way == .socket and !is_client and payload.len >= in_place_size_min) return frameInPlace(transport, opcode, flags, payload, constant);
    const loop = transport.connection().endpoint.loop_state;
    const chunk = try loop.takeOutput(size);
    defer loop.keepOutput(chunk);
    build(transport, chunk.data[0..size], opcode, flags, payload);
    const sent = try sendNow(transport, way, chunk.data[0..size]);
    if (sent < size) try handOver(transport, sent, .{ .chunk = .{ chunk, size } });
}

/// Writes a whole frame to `place`. A client takes the next masking key.
inline fn build(transport: *WSTransport, place: []u8, opcode: core.Opcode, flags: core.Flags, payload: []const u8) void {
    const key: ?[4]u8 = if (transport.is_client_side != 0) transport.connection().endpoint.loop_state.nextKey() else null;
    _ = core.writer.copy(place, opcode, flags, payload, key, transport.state.mask);
}

/// Sends a server's large frame from where its payload stands. Only what waits is copied.
noinline fn frameInPlace(transport: *WSTransport, opcode: core.Opcode, flags: core.Flags, payload: []const u8, constant: ?*Object) Error!void {
    var buffer: [core.header_size_max]u8 = undefined;
    const message: core.writer.Message = .{ .opcode = opcode, .flags = flags, .payload_size = payload.len };
    const header = buffer[0..core.header.encode(message.header(null), &buffer)];
    const size = header.len + payload.len;
    const sent = streams.sendBoth(transport, header, payload);
    if (sent == size) return;
    if (constant) |object| if (sent > header.len) return handOver(transport, sent, .{ .constant = .{ object, sent - header.len } });
    errdefer if (sent > 0) abandon(transport);
    const loop = transport.connection().endpoint.loop_state;
    const chunk = try loop.takeOutput(size);
    defer loop.keepOutput(chunk);
    build(transport, chunk.data[0..size], opcode, flags, payload);
    try handOver(transport, sent, .{ .chunk = .{ chunk, size } });
}

/// Sends a whole frame that stands in memory of the caller's.
pub fn whole(transport: *WSTransport, bytes: []const u8) Error!void {
    const way = try wayOf(transport, bytes.len);
    if (way == .nowhere) return;
    transport.connection().sent_at = clock.now(transport.state);
    if (way == .gathered) {
        @memcpy(try of(transport).gathered.room(transport.connection().endpoint.loop_state, bytes.len), bytes);
        return gatheredMore(transport, bytes.len);
    }
    const sent = try sendNow(transport, way, bytes);
    if (sent < bytes.len) try handOver(transport, sent, .{ .copy = bytes });
}

/// A frame for several connections, at the start of a chunk.
pub const Built = struct {
    chunk: *Chunk,
    size: usize,
    /// The whole frame, for those whose sockets take nothing of it; made when first wanted. The caller lets it go.
    object: ?*Object = null,
};

/// Sends a frame that is built, behind what was gathered.
pub fn built(transport: *WSTransport, given: *Built, now: f64) Error!void {
    try flush(transport);
    const way = try nextWay(transport);
    if (way == .nowhere or isOver(transport)) return;
    transport.connection().sent_at = now;
    const sent = try sendNow(transport, way, given.chunk.data[0..given.size]);
    if (sent == given.size) return;
    if (sent > 0) return handOver(transport, sent, .{ .chunk = .{ given.chunk, given.size } });
    if (given.object == null) given.object = try (Source{ .chunk = .{ given.chunk, given.size } }).after(0);
    try handOver(transport, 0, .{ .object = given.object.? });
}

/// Sends what is no frame: the head of an opening handshake.
pub fn head(transport: *WSTransport, data: *Object) Error!void {
    try handOver(transport, 0, .{ .object = data });
}

/// How many bytes would stand in front of a frame that is sent now. What was gathered is written first.
pub fn waiting(transport: *WSTransport) Error!usize {
    try flush(transport);
    return askWaiting(transport);
}

/// Whether frames have no effect any more: our CLOSE was sent, or nothing is sent any more.
pub fn isOver(transport: *WSTransport) bool {
    return of(transport).life != .open or isEnded(transport) or !transport.connection().session.closing.state.maySend();
}

/// Whether nothing at all is sent any more.
pub fn isEnded(transport: *WSTransport) bool {
    return of(transport).life == .ended or transport.connection().isInherited();
}

// Which way it goes.

/// For something of `size` bytes: neither `ask`, nor, if it is too large, `gathered`.
inline fn wayOf(transport: *WSTransport, size: usize) Error!Way {
    const way = of(transport).way;
    return if (way == .gathered or way == .ask) findWay(transport, size) else way;
}

noinline fn findWay(transport: *WSTransport, size: usize) Error!Way {
    if (of(transport).way == .gathered) {
        if (size <= gather.frame_size_max) return .gathered;
        try flush(transport);
        // pause_writing() may have ended the connection.
        if (isOver(transport)) return .nowhere;
    }
    return nextWay(transport);
}

/// The way of what is not gathered. To ask may run code that sends and so changes the answer.
fn nextWay(transport: *WSTransport) Error!Way {
    const self = of(transport);
    const way = self.findNext();
    if (way != .ask) return way;
    if (try askWaiting(transport) == 0 and try streams.isClosedByLoop(transport)) self.forgetSocket();
    const now = self.findNext();
    if (now != .ask) return now;
    return if (self.waiting == .yes) .transport else .socket;
}

/// How many bytes wait in the transport. Costs nothing where none do.
fn askWaiting(transport: *WSTransport) Error!usize {
    const self = of(transport);
    if (self.waiting == .no) return 0;
    // The call may run code that sends, and so has bytes wait again.
    self.waiting = if (self.shared == .yes) .perhaps else .no;
    self.update();
    errdefer self.noteWaiting();
    const size = try streams.waiting(transport);
    if (size > 0) self.noteWaiting();
    return size;
}

/// Sends bytes to the socket, or to TLS of our own, if that is the way. Returns how many of them are done with.
inline fn sendNow(transport: *WSTransport, way: Way, bytes: []const u8) Error!usize {
    if (way == .socket) return streams.send(transport, bytes);
    if (way != .tls) return 0;
    try streams.encrypt(transport, bytes);
    return bytes.len;
}

// What waits.

/// Gives the transport what the socket did not take. A frame whose rest cannot even be kept ends the connection: whatever
/// followed would be read as that rest.
noinline fn handOver(transport: *WSTransport, sent: usize, source: Source) Error!void {
    errdefer if (sent > 0) abandon(transport);
    const pause: CollectionPause = .begin();
    defer pause.end();
    const rest = try source.after(sent);
    defer o.decref(rest);
    of(transport).noteWaiting();
    // Where nothing was sent there may have been an error, which the transport meets when it tries.
    const result = if (sent == 0) streams.write(transport, rest) else streams.keep(transport, rest);
    result catch |failure| {
        if (streams.isRefusal() and of(transport).life == .open) of(transport).refuse();
        return failure;
    };
}

/// Something that nobody asked for could not be sent. That a transport refuses it whose user has ended our side is as it
/// should be.
pub fn surfaceUnlessRefused(transport: *WSTransport) void {
    if (of(transport).life == .refusing and streams.isRefusal()) c.PyErr_Clear() else transport.surface();
}

/// Ends a connection on which nothing can follow what was sent, or what was received.
pub fn abandon(transport: *WSTransport) void {
    const aside: errors.Aside = .begin();
    defer aside.end();
    transport.disconnect(false) catch transport.surface();
}

// What is gathered.

/// From here on the connection gathers. Returns whether it does so already, inside of a callback that runs the event loop.
pub fn startGathering(transport: *WSTransport) bool {
    const self = of(transport);
    const was_on = self.gathering == .on;
    self.gathering = .on;
    self.update();
    return was_on;
}

/// The callbacks are done, with `result`, which stays what it is if it is an error.
pub fn endGathering(transport: *WSTransport, was_on: bool, result: Error!void) Error!void {
    defer if (!was_on) stopGathering(of(transport));
    result catch |failure| {
        const aside: errors.Aside = .begin();
        defer aside.end();
        flush(transport) catch transport.surface();
        return failure;
    };
    try flush(transport);
}

fn stopGathering(self: *Outbox) void {
    self.gathering = .off;
    self.update();
}

noinline fn gatherFrame(transport: *WSTransport, opcode: core.Opcode, flags: core.Flags, payload: []const u8, size: usize) Error!void {
    const place = try of(transport).gathered.room(transport.connection().endpoint.loop_state, size);
    build(transport, place, opcode, flags, payload);
    try gatheredMore(transport, size);
}

/// One more frame stands there.
fn gatheredMore(transport: *WSTransport, size: usize) Error!void {
    const self = of(transport);
    self.gathered.size += size;
    if (self.gathered.isFull()) try flush(transport);
}

/// Writes what was gathered, also what code sends that this runs.
pub fn flush(transport: *WSTransport) Error!void {
    const self = of(transport);
    while (self.gathered.size > 0) {
        writeGathered(transport) catch |failure| {
            // Frames are lost of which the listener was told that they are sent.
            self.gathered.take().giveBack(transport.connection().endpoint.loop_state);
            abandon(transport);
            return failure;
        };
    }
}

fn writeGathered(transport: *WSTransport) Error!void {
    // Before the frames are taken: what code sends that this runs goes behind them.
    const way = try nextWay(transport);
    const taken = of(transport).gathered.take();
    const loop = transport.connection().endpoint.loop_state;
    defer taken.giveBack(loop);
    if (way == .nowhere or taken.size == 0) return;
    const chunk = taken.chunk.?;
    const sent = try sendNow(transport, way, chunk.data[0..taken.size]);
    if (sent < taken.size) try handOver(transport, sent, .{ .chunk = .{ chunk, taken.size } });
}

// Others.

/// The user gets the underlying transport, and may write to it: behind what was sent so far. Our own tells of that.
pub fn share(transport: *WSTransport) Error!void {
    const self = of(transport);
    if (self.stream.own != null) return;
    try flush(transport);
    if (self.gathering == .on) stopGathering(self);
    if (self.shared == .yes or self.stream.socket == socket.none) return;
    self.shared = .yes;
    if (self.waiting == .no) self.waiting = .perhaps;
    self.update();
}
