//! TLS through Python's own objects: ssl.SSLObject and ssl.MemoryBIO. Works with whatever OpenSSL Python was built with.
//! A record is given to OpenSSL and read before the next one is: a MemoryBIO keeps the most memory that it ever needed, and
//! asking for a record that is not whole costs an exception.

const c = @import("cpython").capi;
const o = @import("cpython").object;
const errors = @import("cpython").errors;
const Framing = @import("record.zig").Framing;
const Pipe = @import("pipe.zig").Pipe;
const Room = @import("../memory/chunk.zig").Room;
const State = @import("../state/state.zig").State;
const Step = @import("step.zig").Step;
const Object = o.Object;
const Error = o.Error;

pub const Objects = struct {
    /// As much as one record carries.
    pub const record_size_max = 16 * 1024;

    state: *State,
    /// The ssl.SSLObject, which whoever made this holds.
    object: *Object,
    incoming: *Object,
    outgoing: *Object,
    framing: Framing = .{},
    /// OpenSSL has a whole record of which not all was read, as far as anybody knows.
    has_record: bool = false,
    /// Something may have been written that nobody took.
    has_output: bool = false,
    /// What is being sent.
    sent: ?*Object = null,

    pub fn handshake(self: *Objects, pipe: *Pipe) Error!Step {
        _ = try self.feed(pipe);
        self.has_output = true;
        const done = self.state.method_call.call(self.object, self.state.names.do_handshake, .{}) catch return Step.fromException(self.state);
        o.decref(done);
        return .{ .count = 0 };
    }

    /// Reads up to what `memory` has room for.
    pub fn read(self: *Objects, pipe: *Pipe, memory: Room) Error!Step {
        while (true) {
            if (!self.has_record) self.has_record = try self.feed(pipe);
            if (!self.has_record) return .want_read;
            switch (try self.readRecord(memory)) {
                // A record without data in it, as a ticket is. An answer may be due.
                .want_read => self.has_record = false,
                else => |step_| return step_,
            }
        }
    }

    fn readRecord(self: *Objects, memory: Room) Error!Step {
        const size = memory.end - memory.start;
        const size_object = try o.check(c.PyLong_FromSize_t(size));
        defer o.decref(size_object);
        const view = try memory.chunk.view(memory.start, memory.end);
        defer o.decref(view);
        const number = self.state.method_call.call(self.object, self.state.names.read, .{ size_object, view }) catch {
            self.has_output = true;
            if (c.PyErr_ExceptionMatches(self.state.imports.SSLZeroReturnError) == 0) return Step.fromException(self.state);
            c.PyErr_Clear();
            return .ended;
        };
        defer o.decref(number);
        const count = try countOf(number, size);
        // Where there was more room than that, there was no more in it.
        if (count < size) self.has_record = false;
        if (count > 0) return .{ .count = count };
        self.has_output = true;
        return .ended;
    }

    /// Writes as much of `data` as a record takes.
    pub fn write(self: *Objects, data: []const u8) Error!Step {
        const piece = try o.bytes(data[0..@min(data.len, record_size_max)]);
        defer o.decref(piece);
        self.has_output = true;
        const number = self.state.method_call.call(self.object, self.state.names.write, .{piece}) catch return Step.fromException(self.state);
        defer o.decref(number);
        return .{ .count = try countOf(number, @min(data.len, record_size_max)) };
    }

    /// Says that our side is over. What the peer says to that is not waited for.
    pub fn shutdown(self: *Objects) Error!void {
        self.has_output = true;
        o.callMethodVoid(self.object, self.state.names.unwrap, .{}) catch {
            // Want of what the peer says to that among them.
            if (c.PyErr_ExceptionMatches(self.state.imports.SSLError) == 0) return error.Python;
            c.PyErr_Clear();
        };
    }

    /// What is to be sent, until `taken`.
    pub fn output(self: *Objects) Error![]const u8 {
        if (self.sent == null) {
            if (!self.has_output) return "";
            self.has_output = false;
            self.sent = try self.state.method_call.call(self.outgoing, self.state.names.read, .{});
        }
        return o.bytesData(self.sent.?);
    }

    pub fn taken(self: *Objects) void {
        o.clear(&self.sent);
    }

    /// Gives OpenSSL what arrived of the record in hand; whether it has something to say about that.
    fn feed(self: *Objects, pipe: *Pipe) Error!bool {
        if (pipe.input.len == 0) return false;
        var framing = self.framing;
        const part = framing.next(pipe.input);
        const piece = try o.bytes(pipe.input[0..part.size]);
        defer o.decref(piece);
        o.decref(try self.state.method_call.call(self.incoming, self.state.names.write, .{piece}));
        self.framing = framing;
        pipe.input = pipe.input[part.size..];
        return part.is_last;
    }

    pub fn visit(self: *const Objects, proc: c.visitproc, arg: ?*anyopaque) c_int {
        const status = o.visit(self.incoming, proc, arg);
        return if (status != 0) status else o.visit(self.outgoing, proc, arg);
    }

    pub fn deinit(self: *Objects) void {
        o.clear(&self.sent);
        o.decref(self.incoming);
        o.decref(self.outgoing);
    }
};

/// What read() or write() returned, which a class derived from SSLObject may have in its hands.
fn countOf(number: *Object, size_max: usize) Error!usize {
    const count = c.PyLong_AsSsize_t(number);
    if (count == -1 and c.PyErr_Occurred() != null) return error.Python;
    if (count < 0 or count > size_max) return errors.raise("ValueError", "read() or write() of an SSLObject returned more bytes than there were");
    return @intCast(count);
}
