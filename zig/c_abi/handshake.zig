//! The opening handshake for C, and masking keys: the parts of picows.h with text in it, and with secrets.

const std = @import("std");
const core = @import("core");
const failures = @import("failures.zig");
const types = @import("types.zig");
const opening = core.opening;
const Result = types.Result;
const slice = types.slice;

pub fn keysInit(keys: ?*types.Keys, seed: ?*const [core.KeyStream.seed_size]u8) callconv(.c) Result {
    const out = keys orelse return .bad_argument;
    out.init(.init((seed orelse return .bad_argument).*));
    return .ok;
}

pub fn keysNext(keys: ?*types.Keys, key: ?*[4]u8) callconv(.c) Result {
    const out = key orelse return .bad_argument;
    const stream = (keys orelse return .bad_argument).get() orelse return .bad_argument;
    out.* = stream.next();
    return .ok;
}

pub fn keyEncode(nonce: ?*const [types.nonce_size]u8, key: ?*[types.key_size]u8) callconv(.c) Result {
    const out = key orelse return .bad_argument;
    out.* = opening.key.encode((nonce orelse return .bad_argument).*) ++ "\x00".*;
    return .ok;
}

pub fn acceptKey(key: ?[*]const u8, key_size: usize, accept: ?*[types.accept_size]u8) callconv(.c) Result {
    const out = accept orelse return .bad_argument;
    const in = slice(key, key_size) orelse return .bad_argument;
    out.* = opening.key.accept(in) ++ "\x00".*;
    return .ok;
}

pub fn headRead(reader: ?*types.HeadReader, bytes: ?[*]const u8, size: usize, head: ?*types.Head) callconv(.c) Result {
    const out = head orelse return .bad_argument;
    clear(out);
    const state = reader orelse return .bad_argument;
    const in = slice(bytes, size) orelse return .bad_argument;
    if (in.len < state.scanned) return .bad_argument;
    var core_reader: core.http.HeadReader = .{ .scanned = state.scanned };
    var fields: [core.http.field_count_max]core.http.Field = undefined;
    const result = core_reader.next(in, &fields);
    state.scanned = core_reader.scanned;
    return give(result, out);
}

pub fn responseRead(reader: ?*types.ResponseReader, bytes: ?[*]const u8, size: usize, head: ?*types.Head) callconv(.c) Result {
    const out = head orelse return .bad_argument;
    clear(out);
    const state = reader orelse return .bad_argument;
    const in = slice(bytes, size) orelse return .bad_argument;
    if (state.start > core.http.head_size_max or in.len < state.start) return .bad_argument;
    if (in.len - state.start < state.scanned) return .bad_argument;
    var core_reader: core.answer.AnswerReader = .{
        .reader = .{ .scanned = state.scanned },
        .start = state.start,
        .interim_count = state.interim_count,
    };
    var fields: [core.http.field_count_max]core.http.Field = undefined;
    const result = core_reader.next(in, &fields);
    state.* = .{ .scanned = core_reader.reader.scanned, .start = core_reader.start, .interim_count = core_reader.interim_count };
    return give(result, out);
}

fn give(result: core.http.HeadReader.Result, out: *types.Head) Result {
    switch (result) {
        .need_more => return .need_more,
        .failure => |failure| {
            out.failure = failures.Failure.of(failure);
            return .failure;
        },
        .head => |found| {
            out.start_line = found.start_line.ptr;
            out.start_line_size = found.start_line.len;
            out.size = found.size;
            out.field_count = found.fields.len;
            for (found.fields, out.fields[0..found.fields.len]) |field, *copy| copy.* = .{
                .name = field.name.ptr,
                .name_size = field.name.len,
                .value = field.value.ptr,
                .value_size = field.value.len,
            };
            return .ok;
        },
    }
}

/// All but the fields, of which `field_count` says that there are none.
fn clear(head: *types.Head) void {
    head.start_line = null;
    head.start_line_size = 0;
    head.size = 0;
    head.field_count = 0;
    head.failure = 0;
    head.reserved = @splat(0);
}

pub fn headFind(head: ?*const types.Head, name: ?[*:0]const u8) callconv(.c) ?*const types.Field {
    const in = head orelse return null;
    const wanted = std.mem.span(name orelse return null);
    if (in.field_count > in.fields.len) return null;
    for (in.fields[0..in.field_count]) |*field| {
        const found = slice(field.name, field.name_size) orelse return null;
        if (std.ascii.eqlIgnoreCase(found, wanted)) return field;
    }
    return null;
}

pub fn headHasToken(head: ?*const types.Head, name: ?[*:0]const u8, token: ?[*:0]const u8) callconv(.c) c_int {
    var fields: [core.http.field_count_max]core.http.Field = undefined;
    const in = inside(head, &fields) orelse return 0;
    const wanted = name orelse return 0;
    return @intFromBool(in.hasToken(std.mem.span(wanted), std.mem.span(token orelse return 0)));
}

/// The core's view of a head that C has kept.
fn inside(head: ?*const types.Head, fields: *[core.http.field_count_max]core.http.Field) ?core.http.Head {
    const in = head orelse return null;
    if (in.field_count > in.fields.len) return null;
    for (in.fields[0..in.field_count], fields[0..in.field_count]) |field, *copy| copy.* = .{
        .name = slice(field.name, field.name_size) orelse return null,
        .value = slice(field.value, field.value_size) orelse return null,
    };
    return .{
        .start_line = (in.start_line orelse return null)[0..in.start_line_size],
        .fields = fields[0..in.field_count],
        .size = in.size,
    };
}

pub fn requestCheck(head: ?*const types.Head, request: ?*types.Request) callconv(.c) Result {
    const out = request orelse return .bad_argument;
    out.* = std.mem.zeroes(types.Request);
    var fields: [core.http.field_count_max]core.http.Field = undefined;
    const in = inside(head, &fields) orelse return .bad_argument;
    const line = core.http.parseRequestLine(in.start_line) orelse {
        out.failure = @backingInt(failures.Failure.request_line);
        return .failure;
    };
    if (opening.request.checkHttp(line, in)) |failure| {
        out.failure = failures.Failure.of(failure);
        return .failure;
    }
    const upgrade = opening.request.checkUpgrade(line, in);
    // Who answers a GET of HTTP/1.1 by its target may know nothing of HEAD.
    const is_usual = upgrade == .accept or (upgrade.failure != .http_version and upgrade.failure != .method);
    if (is_usual) {
        out.target = line.target.ptr;
        out.target_size = line.target.len;
    }
    switch (upgrade) {
        .failure => |failure| {
            out.failure = failures.Failure.of(failure);
            return .failure;
        },
        .accept => |accept| {
            out.accept = accept ++ "\x00".*;
            return .ok;
        },
    }
}

pub fn responseCheck(
    head: ?*const types.Head,
    key: ?[*]const u8,
    key_size: usize,
    strict: c_int,
    failure: ?*i32,
) callconv(.c) Result {
    const out = failure orelse return .bad_argument;
    out.* = 0;
    var fields: [core.http.field_count_max]core.http.Field = undefined;
    const in = inside(head, &fields) orelse return .bad_argument;
    const sent = slice(key, key_size) orelse return .bad_argument;
    const found = opening.response.check(in, &opening.key.accept(sent), strict != 0) orelse return .ok;
    out.* = failures.Failure.of(found);
    return .failure;
}

pub fn responseCheckOffer(head: ?*const types.Head, fields: ?[*]const types.Field, count: usize, failure: ?*i32) callconv(.c) Result {
    const out = failure orelse return .bad_argument;
    out.* = 0;
    var answered: [core.http.field_count_max]core.http.Field = undefined;
    const in = inside(head, &answered) orelse return .bad_argument;
    var offered: [opening.offer.own_field_count_max]core.http.Field = undefined;
    var offered_count: usize = 0;
    if (count > 0) for ((fields orelse return .bad_argument)[0..count]) |field| {
        const own: core.http.Field = .{
            .name = slice(field.name, field.name_size) orelse return .bad_argument,
            .value = slice(field.value, field.value_size) orelse return .bad_argument,
        };
        if (!opening.offer.isOffer(own) or offered_count == offered.len) continue;
        offered[offered_count] = own;
        offered_count += 1;
    };
    const found = opening.response.checkTaken(in, offered[0..offered_count]) orelse return .ok;
    out.* = failures.Failure.of(found);
    return .failure;
}

pub fn requestWrite(options: ?*const types.RequestOptions, buffer: ?[*]u8, buffer_size: usize, size: ?*usize) callconv(.c) Result {
    const written = size orelse return .bad_argument;
    written.* = 0;
    const in = options orelse return .bad_argument;
    if (in.size < @sizeOf(types.RequestOptions)) return .bad_argument;
    const target = std.mem.span(in.target orelse return .bad_argument);
    const host = std.mem.span(in.host orelse return .bad_argument);
    const key = std.mem.span(in.key orelse return .bad_argument);
    if (host.len == 0 or key.len != opening.key.size) return .bad_argument;
    var writer: core.write.Writer = .{ .buffer = slice(buffer, buffer_size) orelse return .bad_argument };
    opening.request.writeTo(&writer, target, host, key) catch return .bad_argument;
    if (!addFields(&writer, in.fields, in.field_count)) return .bad_argument;
    return finish(&writer, written);
}

pub fn responseWrite(
    accept: ?[*:0]const u8,
    fields: ?[*]const types.Field,
    field_count: usize,
    buffer: ?[*]u8,
    buffer_size: usize,
    size: ?*usize,
) callconv(.c) Result {
    const written = size orelse return .bad_argument;
    written.* = 0;
    const value = std.mem.span(accept orelse return .bad_argument);
    if (value.len != opening.key.accept_size) return .bad_argument;
    var writer: core.write.Writer = .{ .buffer = slice(buffer, buffer_size) orelse return .bad_argument };
    opening.response.writeAcceptance(&writer, value) catch return .bad_argument;
    if (!addFields(&writer, fields, field_count)) return .bad_argument;
    return finish(&writer, written);
}

pub fn refusalWrite(failure: i32, buffer: ?[*]u8, buffer_size: usize, size: ?*usize) callconv(.c) Result {
    const written = size orelse return .bad_argument;
    written.* = 0;
    var writer: core.write.Writer = .{ .buffer = slice(buffer, buffer_size) orelse return .bad_argument };
    // Zero, which is no status, for what is no failure of a request.
    opening.response.writeRefusal(&writer, failures.status(failure)) catch return .bad_argument;
    return finish(&writer, written);
}

/// False if one of the fields may not go onto the wire.
fn addFields(writer: *core.write.Writer, fields: ?[*]const types.Field, count: usize) bool {
    if (count == 0) return true;
    for ((fields orelse return false)[0..count]) |field| {
        const name = slice(field.name, field.name_size) orelse return false;
        const value = slice(field.value, field.value_size) orelse return false;
        writer.field(name, value) catch return false;
    }
    return true;
}

fn finish(writer: *core.write.Writer, written: *usize) Result {
    const head = writer.finish() orelse return .no_room;
    written.* = head.len;
    return .ok;
}
