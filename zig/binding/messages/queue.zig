//! The messages of a connection that nobody has taken yet, in order, and how much they weigh. Whole ones, and the fragments of
//! one that is not whole, or of all of them where fragments are kept as such.
//!
//! Invariant: entries from `head` to `tail` are in use; `whole_count` of them are the last of a message; `bytes` is what they
//! weigh together.

const std = @import("std");
const c = @import("cpython").capi;
const o = @import("cpython").object;
const Object = o.Object;
const Error = o.Error;

/// What an entry weighs besides its payload: the object's head and the entry itself.
const overhead = 64;
/// A queue that is empty keeps room for so many; a burst needs more for a moment.
const kept_capacity_max = 64;

pub const Kind = enum(u8) {
    /// The object is what the user gets.
    ready,
    /// Bytes that are to be text and are not UTF-8.
    bad_text,
    /// The object is an exception.
    failure,
};

pub const Entry = extern struct {
    /// Owned.
    object: *Object,
    /// Of the payload.
    size: usize,
    kind: Kind = .ready,
    is_text: bool,
    is_first: bool = true,
    is_last: bool = true,

    fn weight(self: Entry) usize {
        return self.size + overhead;
    }
};

pub const Queue = extern struct {
    places: [*]Entry = undefined,
    capacity: usize = 0,
    head: usize = 0,
    tail: usize = 0,
    whole_count: usize = 0,
    bytes: usize = 0,

    pub fn entries(self: *const Queue) []Entry {
        return if (self.capacity == 0) &.{} else self.places[self.head..self.tail];
    }

    pub fn count(self: *const Queue) usize {
        return self.tail - self.head;
    }

    /// Takes the object over, also if this fails.
    pub fn push(self: *Queue, entry: Entry) Error!void {
        if (self.tail == self.capacity) self.makeRoom() catch |failure| {
            o.decref(entry.object);
            return failure;
        };
        self.places[self.tail] = entry;
        self.tail += 1;
        self.whole_count += @intFromBool(entry.is_last);
        self.bytes += entry.weight();
    }

    /// The oldest entry, for the caller. There must be one.
    pub fn pop(self: *Queue) Entry {
        const entry = self.entries()[0];
        self.head += 1;
        self.forget(entry);
        if (self.head == self.tail) self.rest();
        return entry;
    }

    /// The newest entry, for the caller. There must be one.
    pub fn popLast(self: *Queue) Entry {
        const entry = self.entries()[self.count() - 1];
        self.tail -= 1;
        self.forget(entry);
        return entry;
    }

    fn forget(self: *Queue, entry: Entry) void {
        self.whole_count -= @intFromBool(entry.is_last);
        self.bytes -= entry.weight();
    }

    /// How many entries the oldest message has. It must be whole.
    pub fn firstLength(self: *const Queue) usize {
        for (self.entries(), 1..) |entry, length| if (entry.is_last) return length;
        unreachable;
    }

    fn makeRoom(self: *Queue) Error!void {
        const used = self.entries();
        if (self.head > self.capacity / 2) {
            std.mem.copyForwards(Entry, self.places[0..used.len], used);
        } else {
            const capacity = @max(2 * self.capacity, 8);
            const memory = try o.allocateBytes(capacity * @sizeOf(Entry));
            const places: [*]Entry = @ptrCast(@alignCast(memory.ptr));
            @memcpy(places[0..used.len], used);
            if (self.capacity > 0) c.PyMem_Free(self.places);
            self.places = places;
            self.capacity = capacity;
        }
        self.head = 0;
        self.tail = used.len;
    }

    /// Nothing is queued.
    fn rest(self: *Queue) void {
        self.head = 0;
        self.tail = 0;
        if (self.capacity <= kept_capacity_max) return;
        c.PyMem_Free(self.places);
        self.capacity = 0;
    }

    pub fn clear(self: *Queue) void {
        while (self.count() > 0) o.decref(self.pop().object);
    }

    pub fn deinit(self: *Queue) void {
        self.clear();
        if (self.capacity > 0) c.PyMem_Free(self.places);
        self.capacity = 0;
    }

    pub fn traverse(self: *const Queue, proc: c.visitproc, arg: ?*anyopaque) c_int {
        for (self.entries()) |entry| {
            const status = o.visit(entry.object, proc, arg);
            if (status != 0) return status;
        }
        return 0;
    }
};
