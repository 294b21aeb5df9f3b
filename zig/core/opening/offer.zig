//! What a client offers, subprotocols and extensions by their names, and what an answer may take of it: RFC 6455 4.1 items 5
//! and 6 of the answer, 4.2.2 items 4 and 5. What an extension's parameters mean is for those who know it: negotiation.zig.

const std = @import("std");
const extensions = @import("extensions.zig");
const http = @import("../http/head.zig");
const Field = http.Field;

pub const subprotocol_field_name = "Sec-WebSocket-Protocol";

pub const Failure = enum { subprotocol, extension };

/// Whether these fields of a request are lists as RFC 6455 4.1 items 10 and 11 and 9.1 have them. Elements without anything
/// in them are none, RFC 9110 5.6.1.
pub fn checkOffer(fields: []const Field) ?Failure {
    for (fields) |field| {
        if (isNamed(field, subprotocol_field_name)) {
            var names = subprotocols(field.value);
            while (names.next()) |name| {
                if (name.len > 0 and !http.isToken(name)) return .subprotocol;
            }
        } else if (isNamed(field, extensions.field_name)) {
            var list: extensions.Extensions = .init(field.value);
            while (list.next() catch return .extension) |_| {}
        }
    }
    return null;
}

/// What an answer takes that was not offered, or cannot be read. Other fields than these two do not matter.
pub fn checkAnswer(offered: []const Field, answered: []const Field) ?Failure {
    var subprotocol_count: usize = 0;
    for (answered) |field| {
        if (isNamed(field, subprotocol_field_name)) {
            // RFC 6455 11.3.4: at most once, and then it is one name and no list.
            subprotocol_count += 1;
            if (subprotocol_count > 1 or !offersSubprotocol(offered, field.value)) return .subprotocol;
        } else if (isNamed(field, extensions.field_name)) {
            var list: extensions.Extensions = .init(field.value);
            while (list.next() catch return .extension) |extension| {
                if (!offersExtension(offered, extension.name)) return .extension;
            }
        }
    }
    return null;
}

fn offersSubprotocol(offered: []const Field, wanted: []const u8) bool {
    if (!http.isToken(wanted)) return false;
    for (offered) |field| {
        if (!isNamed(field, subprotocol_field_name)) continue;
        var names = subprotocols(field.value);
        while (names.next()) |name| {
            if (std.mem.eql(u8, name, wanted)) return true;
        }
    }
    return false;
}

fn offersExtension(offered: []const Field, wanted: []const u8) bool {
    for (offered) |field| {
        if (!isNamed(field, extensions.field_name)) continue;
        var list: extensions.Extensions = .init(field.value);
        while (list.next() catch null) |extension| {
            if (std.mem.eql(u8, extension.name, wanted)) return true;
        }
    }
    return false;
}

pub fn isOffer(field: Field) bool {
    return isNamed(field, subprotocol_field_name) or isNamed(field, extensions.field_name);
}

fn isNamed(field: Field, name: []const u8) bool {
    return std.ascii.eqlIgnoreCase(field.name, name);
}

const Subprotocols = struct {
    elements: std.mem.SplitIterator(u8, .scalar),

    fn next(self: *Subprotocols) ?[]const u8 {
        return std.mem.trim(u8, self.elements.next() orelse return null, " \t");
    }
};

fn subprotocols(value: []const u8) Subprotocols {
    return .{ .elements = std.mem.splitScalar(u8, value, ',') };
}

/// More than anybody sends.
pub const own_field_count_max = 64;

/// The fields with offers in a head of our own, which may be larger than those that are read. Those behind
/// `own_field_count_max` do not count.
pub fn findIn(head: []const u8, fields: *[own_field_count_max]Field) []const Field {
    var count: usize = 0;
    var lines = std.mem.splitSequence(u8, head, "\r\n");
    _ = lines.first();
    while (lines.next()) |line| {
        if (line.len == 0 or count == fields.len) break;
        const colon = std.mem.findScalar(u8, line, ':') orelse continue;
        const field: Field = .{ .name = line[0..colon], .value = std.mem.trim(u8, line[colon + 1 ..], " \t") };
        if (!isOffer(field)) continue;
        fields[count] = field;
        count += 1;
    }
    return fields[0..count];
}
