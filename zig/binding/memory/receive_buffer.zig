//! Where the bytes of a connection are between two reads. Most of the time there are none, and the connection owns no memory: it
//! receives into the chunk that all connections of an event loop share. The start of a small frame is set aside and
//! copied in front of the next read. A large frame gets a chunk of its own, which the kernel fills in place.

const o = @import("cpython").object;
const errors = @import("cpython").errors;
const chunks = @import("chunk.zig");
const loops = @import("loop_state.zig");
const Chunk = chunks.Chunk;
const Room = chunks.Room;
const LoopState = loops.LoopState;
const Error = o.Error;

/// A read into the shared chunk has room for at least this much behind the left-over bytes.
const read_size_min = 16 * 1024;
/// The longest that the delivery of one read should take, because other connections wait meanwhile. Many small frames take long.
pub const slice_seconds = 0.002;

/// Frames up to this size are completed in the shared chunk: copying their start twice is cheaper than a read of its own.
const shared_frame_size_max = 64 * 1024;

pub const Input = struct {
    /// The start of a frame, or of the opening handshake; owned.
    tail: []u8 = &.{},
    /// The buffer of a large frame, how much of it is filled, and the size of the frame.
    own: ?*Chunk = null,
    own_size: usize = 0,
    frame_size: usize = 0,
    /// The most that a read into the shared chunk takes. It grows when a peer sends a large frame, because another one may
    /// follow. It shrinks when a peer sends many small ones, to leave time to others.
    read_size: usize = loops.chunk_size,

    /// The bytes received so far and not yet used, with a reference to the memory that they stand in.
    pub const Received = struct {
        chunk: *Chunk,
        bytes: []u8,
        /// One of three: the loop's chunk, the connection's own while its large frame is incomplete, or the one that was the
        /// connection's until now, when the frame is complete.
        from: enum { shared, own, whole },
    };

    /// Memory to receive into.
    pub fn room(self: *Input, loop: *LoopState) Error!Room {
        if (self.own == null) return loop.room(self.tail, @max(self.read_size, self.tail.len + read_size_min));
        if (self.own_size == self.own.?.capacity) try self.growOwn(loop);
        const chunk = self.own.?;
        // Do not read beyond the frame: those bytes would have to be copied away again.
        return .{ .chunk = chunk, .start = self.own_size, .end = @min(chunk.capacity, self.frame_size) };
    }

    /// The announced size of a frame allocates nothing. The buffer doubles as bytes arrive.
    fn growOwn(self: *Input, loop: *LoopState) Error!void {
        const chunk = self.own.?;
        const capacity = @min(self.frame_size, 2 * chunk.capacity);
        if (!chunk.isExported()) return chunk.grow(capacity);
        // Somebody still holds an earlier view, so the memory must not move.
        const larger = try Chunk.create(loop.state, capacity);
        @memcpy(larger.data[0..self.own_size], chunk.data[0..self.own_size]);
        self.own = larger;
        o.decref(chunk);
    }

    /// Takes over what was received into the memory that `room` gave out. `giveBack` ends the use of the result.
    pub fn take(self: *Input, loop: *LoopState, count: usize) Error!Received {
        if (self.own) |chunk| {
            if (count > @min(chunk.capacity, self.frame_size) - self.own_size) return unexpected();
            self.own_size += count;
            const bytes = chunk.data[0..self.own_size];
            if (self.own_size < self.frame_size) return .{ .chunk = o.incref(chunk), .bytes = bytes, .from = .own };
            // Nothing more is received into it, whatever the callback does that gets the frame.
            self.own = null;
            // One byte more: a read of exactly such a frame then does not fill the memory, which shows that nothing else was
            // there.
            self.read_size = @min(@max(self.read_size, self.frame_size + 1), loops.kept_size_max);
            return .{ .chunk = chunk, .bytes = bytes, .from = .whole };
        }
        const shared = loop.chunk orelse return unexpected();
        if (count > shared.capacity -| self.tail.len or self.tail.len > shared.capacity) return unexpected();
        const size = self.tail.len + count;
        const chunk = loop.lend();
        self.freeTail();
        return .{ .chunk = chunk, .bytes = chunk.data[0..size], .from = .shared };
    }

    /// The delivery of a full read took `seconds`. Depending on that, the next read takes less or more.
    pub fn pace(self: *Input, seconds: f64) void {
        if (self.read_size > loops.chunk_size) return;
        if (seconds > slice_seconds) self.read_size = @max(self.read_size / 2, read_size_min);
        if (seconds < slice_seconds / 4.0) self.read_size = @min(self.read_size * 2, loops.chunk_size);
    }

    fn unexpected() Error {
        return errors.raise("RuntimeError", "buffer_updated() reports more than get_buffer() had room for");
    }

    pub fn giveBack(received: Received, loop: *LoopState) void {
        switch (received.from) {
            .shared => loop.giveBack(received.chunk),
            .own => o.decref(received.chunk),
            .whole => loop.keepLarge(received.chunk),
        }
    }

    /// Keeps the bytes of an unfinished frame of (at least) `frame_size` bytes for the next read.
    pub fn keep(self: *Input, loop: *LoopState, received: Received, rest: []u8, frame_size: usize) Error!void {
        if (received.from == .own) return;
        if (frame_size <= shared_frame_size_max) return self.keepTail(rest);
        self.own = try ownFor(loop, received.chunk, rest, frame_size);
        self.own_size = rest.len;
        self.frame_size = frame_size;
    }

    /// If the frame has filled half of the shared chunk, the connection takes that chunk, without a copy. Otherwise it takes
    /// another one and copies. So a connection holds at most twice what it received.
    fn ownFor(loop: *LoopState, shared: *Chunk, rest: []u8, frame_size: usize) Error!*Chunk {
        const fills_half = rest.ptr == shared.data and rest.len >= shared.capacity / 2;
        if (fills_half and loop.leave(shared)) return shared;
        const chunk = try loop.largeFor(frame_size, @max(loops.chunk_size, 2 * rest.len));
        @memcpy(chunk.data[0..rest.len], rest);
        return chunk;
    }

    /// Keeps bytes of which the final size is not known. It is known to stay well below that of the shared chunk.
    pub fn keepTail(self: *Input, rest: []const u8) Error!void {
        self.freeTail();
        if (rest.len == 0) return;
        const tail = try o.allocateBytes(rest.len);
        @memcpy(tail, rest);
        self.tail = tail;
    }

    /// Puts bytes in front of those that are kept.
    pub fn keepInFront(self: *Input, bytes: []const u8) Error!void {
        const tail = try o.allocateBytes(bytes.len + self.tail.len);
        @memcpy(tail[0..bytes.len], bytes);
        @memcpy(tail[bytes.len..], self.tail);
        self.freeTail();
        self.tail = tail;
    }

    fn freeTail(self: *Input) void {
        if (self.tail.len > 0) o.freeBytes(self.tail);
        self.tail = &.{};
    }

    /// Takes the memory of a large frame away.
    fn takeOwn(self: *Input) ?*Chunk {
        defer self.own = null;
        self.own_size = 0;
        return self.own;
    }

    /// Gives all memory back. The loop keeps what it can use.
    pub fn giveUp(self: *Input, loop: *LoopState) void {
        self.freeTail();
        if (self.takeOwn()) |chunk| loop.keepLarge(chunk);
    }

    /// Frees all memory. It may run in any thread: the one that gave up the last reference to the connection.
    pub fn deinit(self: *Input) void {
        self.freeTail();
        if (self.takeOwn()) |chunk| o.decref(chunk);
    }
};
