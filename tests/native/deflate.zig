//! The compression of the core as a shared library, for tests that compare it with zlib and for `benchmarks/deflate.py`.

const std = @import("std");
const core = @import("core");
const Deflate = core.deflate.Deflate;
const Inflate = core.inflate.Inflate;

pub const panic = std.debug.FullPanic(fatal);

/// Zig's own would need its runtime library, and libc's memcpy is what the extension has too.
fn fatal(_: []const u8, _: ?usize) noreturn {
    @trap();
}

const window_size_max = 1 << 15;

const Inflater = struct {
    inflate: Inflate,
    tables: core.inflate.Tables,
    window: [window_size_max]u8,
};

const Deflater = struct {
    deflate: Deflate,
    block: core.deflate.Block,
    memory: [1 << 18]u8 align(2),
};

export fn inflater_size() usize {
    return @sizeOf(Inflater);
}

export fn inflater_init(self: *Inflater, window_bits: u8) void {
    self.inflate = .init(@intCast(window_bits), &self.window);
}

/// Returns the status; `progress` is what was read, and how much is written now.
export fn inflater_run(self: *Inflater, in: [*]const u8, in_size: usize, out: [*]u8, room: usize, size: usize, progress: *[2]usize) c_int {
    const result = self.inflate.run(&self.tables, in[0..in_size], out[0..room], size);
    progress.* = .{ result.read, result.size };
    return @backingInt(result.status);
}

export fn inflater_keep(self: *Inflater, written: [*]const u8, size: usize) void {
    self.inflate.keep(written[0..size]);
}

export fn inflater_is_between_blocks(self: *const Inflater) bool {
    return self.inflate.isBetweenBlocks();
}

export fn deflater_size() usize {
    return @sizeOf(Deflater);
}

/// What a connection would have to keep.
export fn deflater_memory(level: u8, window_bits: u8) usize {
    return @sizeOf(Deflate) + Deflate.memorySize(.{ .level = @intCast(level), .window_bits = @intCast(window_bits) });
}

export fn inflater_memory(window_bits: u8) usize {
    return @sizeOf(Inflate) + (@as(usize, 1) << @intCast(window_bits));
}

export fn deflater_init(self: *Deflater, level: u8, window_bits: u8) void {
    const settings: core.deflate.Settings = .{ .level = @intCast(level), .window_bits = @intCast(window_bits) };
    self.deflate = .init(settings, self.memory[0..Deflate.memorySize(settings)]);
}

export fn deflate_bound(size: usize) usize {
    return Deflate.bound(size);
}

export fn deflater_run(self: *Deflater, bytes: [*]const u8, size: usize, out: [*]u8, room: usize, flush: c_int) usize {
    return self.deflate.run(&self.block, bytes[0..size], out[0..room], @fromBackingInt(@as(u2, @intCast(flush))));
}

export fn deflater_forget(self: *Deflater) void {
    self.deflate.forget();
}

/// Deflates messages one after the other, as `sizes` cuts `bytes`, and keeps what comes out, tail included.
export fn deflate_all(self: *Deflater, bytes: [*]const u8, sizes: [*]const usize, count: usize, out: [*]u8, out_sizes: [*]usize, takeover: bool) void {
    var at: usize = 0;
    var to: usize = 0;
    for (sizes[0..count], out_sizes) |size, *out_size| {
        if (!takeover) self.deflate.forget();
        out_size.* = self.deflate.run(&self.block, bytes[at..][0..size], out[to..][0..Deflate.bound(size)], .sync);
        at += size;
        to += out_size.*;
    }
}

/// The reverse; returns how many bytes came out of it.
export fn inflate_all(self: *Inflater, bytes: [*]const u8, sizes: [*]const usize, count: usize, out: [*]u8, room: usize, takeover: bool) usize {
    var at: usize = 0;
    var total: usize = 0;
    for (sizes[0..count]) |size| {
        const result = self.inflate.run(&self.tables, bytes[at..][0..size], out[0..room], 0);
        if (result.status != .need_input or !self.inflate.isBetweenBlocks()) return 0;
        if (takeover) self.inflate.keep(out[0..result.size]);
        at += size;
        total += result.size;
    }
    return total;
}

/// What two sides agree on: bits of the server's window and whether it keeps it, then the client's.
const Terms = [4]u8;

fn terms(agreement: core.permessage.Agreement) Terms {
    const server, const client = .{ agreement.server, agreement.client };
    return .{ server.window_bits, @intFromBool(server.takeover), client.window_bits, @intFromBool(client.takeover) };
}

fn headOf(fields: *[1]core.http.Field, value: []const u8) core.http.Head {
    fields[0] = .{ .name = "Sec-WebSocket-Extensions", .value = value };
    return .{ .start_line = "", .fields = fields, .size = 0 };
}

/// 1: agreed, 0: declined, -1: malformed. `answer` has room for any answer, and a zero behind it.
export fn negotiation_choose(value: [*]const u8, size: usize, flags: u8, server_bits: u8, client_bits: u8, agreed: *Terms, answer: *[200]u8) c_int {
    var fields: [1]core.http.Field = undefined;
    switch (core.negotiation.choose(headOf(&fields, value[0..size]), .{
        .server_no_context_takeover = flags & 1 != 0,
        .client_no_context_takeover = flags & 2 != 0,
        .requires_client_max_window_bits = flags & 4 != 0,
        .server_max_window_bits = @intCast(server_bits),
        .client_max_window_bits = @intCast(client_bits),
    })) {
        .declined => return 0,
        .malformed => return -1,
        .accepted => |accepted| {
            agreed.* = terms(accepted.agreement);
            const text = accepted.answer.write(answer[0..core.negotiation.Parameters.text_size_max]);
            answer[text.len] = 0;
            return 1;
        },
    }
}

/// The same of a client; bits are 0 if they are not offered, and a client's 1 if it offers them without a value.
export fn negotiation_check(value: [*]const u8, size: usize, flags: u8, server_bits: u8, client_bits: u8, agreed: *Terms) c_int {
    var fields: [1]core.http.Field = undefined;
    switch (core.negotiation.check(headOf(&fields, value[0..size]), .{
        .server_no_context_takeover = flags & 1 != 0,
        .client_no_context_takeover = flags & 2 != 0,
        .server_max_window_bits = if (server_bits == 0) null else @intCast(server_bits),
        .client_max_window_bits = switch (client_bits) {
            0 => null,
            1 => .any,
            else => .{ .bits = @intCast(client_bits) },
        },
    }, .refused)) {
        .declined => return 0,
        .failure => return -1,
        .agreement => |agreement| {
            agreed.* = terms(agreement);
            return 1;
        },
    }
}
