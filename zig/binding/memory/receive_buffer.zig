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

/// The least that a read into the shared chunk takes behind what was left over.
const read_size_min = 16 * 1024;
/// How long the delivery of one read should take at the most: others wait for it. Many small frames take long.
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
    /// The most that a read into the shared chunk takes: who sent a large frame may send another, and who sends many small ones
    /// has to leave time to others.
    read_size: usize = loops.chunk_size,

    /// The bytes received so far and not yet used, with a reference to the memory that they stand in.
    pub const Received = struct {
        chunk: *Chunk,
        bytes: []u8,
        /// The loop's chunk; the connection's, whose frame is not whole yet; or what was the connection's, whose frame is.
        from: enum { shared, own, whole },
    };

    /// Memory to receive into.
    pub fn room(self: *Input, loop: *LoopState) Error!Room {
        if (self.own == null) return loop.room(self.tail, @max(self.read_size, self.tail.len + read_size_min));
        if (self.own_size == self.own.?.capacity) try self.growOwn(loop);
        const chunk = self.own.?;
        // No byte behind the frame: it would have to be copied away again.
        return .{ .chunk = chunk, .start = self.own_size, .end = @min(chunk.capacity, self.frame_size) };
    }

    /// A peer's word about a frame's size allocates nothing: the buffer doubles as bytes really arrive.
    fn growOwn(self: *Input, loop: *LoopState) Error!void {
        const chunk = self.own.?;
        const capacity = @min(self.frame_size, 2 * chunk.capacity);
        if (!chunk.isExported()) return chunk.grow(capacity);
        // Somebody still holds an earlier view, so that memory may not move.
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
            // Nothing is received into it any more, whatever the callback does that is shown the frame.
            self.own = null;
            // One byte more, so that a read which takes no more than such a frame is seen to have taken all there was.
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

    /// The delivery of a read as large as it may be took so long: the next one takes less or more.
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

    /// The shared chunk itself if the frame has filled half of it, which costs nothing, else another one with a copy: so
    /// what a connection holds is bounded by twice what it received.
    fn ownFor(loop: *LoopState, shared: *Chunk, rest: []u8, frame_size: usize) Error!*Chunk {
        const fills_half = rest.ptr == shared.data and rest.len >= shared.capacity / 2;
        if (fills_half and loop.leave(shared)) return shared;
        const chunk = try loop.largeFor(frame_size, @max(loops.chunk_size, 2 * rest.len));
        @memcpy(chunk.data[0..rest.len], rest);
        return chunk;
    }

    /// Keeps bytes whose whole size is not known but is bounded well below the shared chunk's.
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

    /// Gives all memory back, to the loop where it is of use to it.
    pub fn giveUp(self: *Input, loop: *LoopState) void {
        self.freeTail();
        if (self.takeOwn()) |chunk| loop.keepLarge(chunk);
    }

    /// Frees all memory, in whatever thread the last reference to the connection was given up.
    pub fn deinit(self: *Input) void {
        self.freeTail();
        if (self.takeOwn()) |chunk| o.decref(chunk);
    }
};
