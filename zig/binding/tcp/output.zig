//! What a TCP transport could not send at once: objects whose bytes wait, in order, until the socket takes them.

const args = @import("cpython").args;
const c = @import("cpython").capi;
const errors = @import("cpython").errors;
const o = @import("cpython").object;
const linux = @import("net").linux;
const Object = o.Object;
const Error = o.Error;

/// As many pieces as one system call is given.
const pieces_max = 16;

pub const Output = extern struct {
    first: ?*Waiting = null,
    last: ?*Waiting = null,
    /// How many bytes wait in all.
    size: usize = 0,

    const Waiting = struct {
        next: ?*Waiting,
        buffer: c.Py_buffer,
        /// How much of it was sent.
        sent: usize,

        fn rest(self: *const Waiting) []const u8 {
            return args.slice(&self.buffer)[self.sent..];
        }
    };

    /// Keeps what is left of a bytes-like object behind its first `sent` bytes.
    pub fn append(self: *Output, data: *Object, sent: usize) Error!void {
        const memory = try o.allocateBytes(@sizeOf(Waiting));
        const waiting: *Waiting = @ptrCast(@alignCast(memory.ptr));
        waiting.next = null;
        waiting.sent = sent;
        errdefer o.freeBytes(memory);
        try o.checkStatus(c.PyObject_GetBuffer(data, &waiting.buffer, c.PyBUF_SIMPLE));
        errdefer c.PyBuffer_Release(&waiting.buffer);
        // It is asked for its memory a second time.
        if (sent > waiting.buffer.len) return errors.raise("BufferError", "an object shows fewer bytes than were already sent of it");
        if (self.last) |last| last.next = waiting else self.first = waiting;
        self.last = waiting;
        self.size += waiting.rest().len;
    }

    /// Gives the socket as much as it takes, until nothing waits. One that takes a part is full: trying again finds nothing.
    /// Returns the error of a socket that failed.
    pub fn flush(self: *Output, handle: linux.Handle) ?linux.E {
        while (self.size > 0) {
            var pieces: [pieces_max]linux.Piece = undefined;
            const given = self.gather(&pieces);
            switch (linux.send(handle, given)) {
                .count => |count| {
                    const is_full = count < sizeOf(given);
                    self.drop(count);
                    if (is_full) return null;
                },
                .not_ready => return null,
                .failed => |code| return code,
            }
        }
        return null;
    }

    fn gather(self: *Output, pieces: *[pieces_max]linux.Piece) []linux.Piece {
        var count: usize = 0;
        var next = self.first;
        while (next) |waiting| : (next = waiting.next) {
            if (count == pieces_max) break;
            const rest = waiting.rest();
            pieces[count] = .{ .base = rest.ptr, .len = rest.len };
            count += 1;
        }
        return pieces[0..count];
    }

    fn sizeOf(pieces: []const linux.Piece) usize {
        var size: usize = 0;
        for (pieces) |piece| size += piece.len;
        return size;
    }

    /// The first of what waits.
    pub fn front(self: *const Output) ?[]const u8 {
        return if (self.first) |waiting| waiting.rest() else null;
    }

    /// Lets go of bytes that were sent.
    pub fn drop(self: *Output, count: usize) void {
        self.size -= count;
        var left = count;
        while (self.first) |waiting| {
            const rest = waiting.rest().len;
            if (left < rest) {
                waiting.sent += left;
                return;
            }
            left -= rest;
            self.removeFirst(waiting);
        }
    }

    fn removeFirst(self: *Output, waiting: *Waiting) void {
        self.first = waiting.next;
        if (self.first == null) self.last = null;
        // Code that this runs finds the queue whole.
        c.PyBuffer_Release(&waiting.buffer);
        c.PyMem_Free(waiting);
    }

    pub fn clear(self: *Output) void {
        self.size = 0;
        while (self.first) |waiting| self.removeFirst(waiting);
    }
};
