//! What the socket did not take of a frame, as an object that the transport can keep.

const std = @import("std");
const c = @import("cpython").capi;
const o = @import("cpython").object;
const Chunk = @import("../memory/chunk.zig").Chunk;
const Object = o.Object;
const Error = o.Error;

/// From here on the transport is given a view of the chunk that the frame was built in. If it keeps the view, it has the
/// chunk; a copy of less costs less.
const share_size_min = 16 * 1024;

/// What a frame, of which a part may have been sent, consists of.
pub const Source = union(enum) {
    /// A chunk, and the size of what stands at its start.
    chunk: struct { *Chunk, usize },
    /// Memory of the caller's.
    copy: []const u8,
    /// An object that does not change, and where in it the rest begins.
    constant: struct { *Object, usize },
    /// An object of which nothing was sent.
    object: *Object,

    /// An object (a new reference) with what is left behind the first `sent` bytes.
    pub fn after(self: Source, sent: usize) Error!*Object {
        switch (self) {
            .object => |object| return o.incref(object),
            .copy => |bytes| return o.bytes(bytes[sent..]),
            .chunk => |part| {
                const chunk, const size = part;
                return if (size - sent < share_size_min) o.bytes(chunk.data[sent..size]) else chunk.view(sent, size);
            },
            .constant => |part| {
                const object, const start = part;
                const view = try o.check(c.PyMemoryView_FromObject(object));
                defer o.decref(view);
                return o.check(c.PySequence_GetSlice(view, @intCast(start), std.math.maxInt(c.Py_ssize_t)));
            },
        }
    }
};

/// A collection of garbage could run code that sends, and what that sends would stand inside of the frame in hand: neither making
/// an object of the rest nor the code of an event loop's transport is to begin one.
pub const CollectionPause = struct {
    was_enabled: bool,

    pub fn begin() CollectionPause {
        return .{ .was_enabled = c.PyGC_Disable() != 0 };
    }

    pub fn end(self: CollectionPause) void {
        if (self.was_enabled) _ = c.PyGC_Enable();
    }
};
