//! An echo server on the Zig package of picows: one connection after the other, with blocking sockets, so that there is
//! little to see but the protocol. echo_server.c beside it serves many at a time.

const std = @import("std");
const picows = @import("picows");
const net = std.Io.net;

const payload_size_max = 1 << 20;
const buffer_size = payload_size_max + picows.header_size_max;

pub fn main(init: std.process.Init) !void {
    const io = init.io;
    var args = init.minimal.args.iterate();
    _ = args.skip();
    const port = try std.fmt.parseInt(u16, args.next() orelse "9001", 10);
    const address: net.IpAddress = .{ .ip4 = .loopback(port) };
    var server = try address.listen(io, .{ .reuse_address = true });
    var text: [64]u8 = undefined;
    const line = try std.fmt.bufPrint(&text, "zig_echo listens on port {d}\n", .{server.socket.address.getPort()});
    try std.Io.File.stdout().writeStreamingAll(io, line);

    const buffer = try init.gpa.alloc(u8, buffer_size);
    defer init.gpa.free(buffer);
    while (true) {
        const stream = try server.accept(io);
        defer stream.close(io);
        var connection: Connection = .{ .io = io, .stream = stream, .buffer = buffer };
        connection.serve() catch |err| std.log.info("connection lost: {t}", .{err});
    }
}

const Connection = struct {
    io: std.Io,
    stream: net.Stream,
    buffer: []u8,
    /// Received and not used yet: buffer[0..size].
    size: usize = 0,

    fn serve(self: *Connection) !void {
        if (!try self.open()) return;
        var session: picows.Session = .init(.{ .role = .server, .mode = .messages, .payload_size_max = payload_size_max });
        while (true) {
            const event = session.receive(self.buffer[0..self.size]);
            switch (event) {
                .need_more => {
                    try self.receive();
                    continue;
                },
                .data => |frame| try self.send(try session.send(frame.opcode, frame.flags, frame.payload)),
                .ended => return self.end(),
                else => if (session.answer(event)) |plan| try self.send(plan),
            }
            self.drop(event.size());
        }
    }

    /// True if frames follow.
    fn open(self: *Connection) !bool {
        var reader: picows.http.HeadReader = .{};
        var fields: [picows.http.field_count_max]picows.http.Field = undefined;
        while (true) switch (reader.next(self.buffer[0..self.size], &fields)) {
            .need_more => try self.receive(),
            .failure => return false,
            .head => |head| {
                const line = picows.http.parseRequestLine(head.start_line) orelse return false;
                if (picows.opening.request.checkHttp(line, head) != null) return false;
                switch (picows.opening.request.checkUpgrade(line, head)) {
                    .failure => return false,
                    .accept => |accept| {
                        var answer: [picows.opening.response.acceptance_size_max]u8 = undefined;
                        var writer: picows.write.Writer = .{ .buffer = &answer };
                        try picows.opening.response.writeAcceptance(&writer, &accept);
                        try self.write(writer.finish().?);
                    },
                }
                self.drop(head.size);
                return true;
            },
        };
    }

    fn end(self: *Connection) !void {
        try self.stream.shutdown(self.io, .send);
        self.size = 0;
        while (true) : (self.size = 0) self.receive() catch return; // until the peer has ended too
    }

    fn send(self: *Connection, plan: picows.sending.Plan) !void {
        var header: [picows.header_size_max]u8 = undefined;
        try self.write(plan.writeHeader(&header, null));
        try self.write(plan.payload);
    }

    fn write(self: *Connection, bytes: []const u8) !void {
        var writer = self.stream.writer(self.io, &.{});
        try writer.interface.writeAll(bytes);
    }

    /// The session has made sure that a frame fits.
    fn receive(self: *Connection) !void {
        var reader = self.stream.reader(self.io, &.{});
        var room: [1][]u8 = .{self.buffer[self.size..]};
        self.size += try reader.interface.readVec(&room);
    }

    fn drop(self: *Connection, size: usize) void {
        std.mem.copyForwards(u8, self.buffer, self.buffer[size..self.size]);
        self.size -= size;
    }
};
