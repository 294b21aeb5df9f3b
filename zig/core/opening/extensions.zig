//! The header Sec-WebSocket-Extensions, RFC 6455 9.1: what an offer or an answer names, whatever extensions they are.
//!
//! Words and signs may have spaces and tabs between them, and a list may have elements without anything in them, RFC 9110
//! 5.6.1. A value in quotes has to be a token once it is out of them.

const std = @import("std");
const http = @import("../http/head.zig");

pub const field_name = "Sec-WebSocket-Extensions";

pub const Extension = struct {
    name: []const u8,
    /// The parameters, known to be well formed.
    text: []const u8,

    pub fn parameters(self: Extension) Parameters {
        return .{ .scanner = .{ .text = self.text } };
    }
};

pub const Parameter = struct { name: []const u8, value: ?Value };

pub const Value = struct {
    /// As it was written, without the quotes around it.
    text: []const u8,

    /// The value without backslashes, in `buffer`; null if it does not fit.
    pub fn copy(self: Value, buffer: []u8) ?[]u8 {
        var size: usize = 0;
        for (self.text) |byte| {
            if (byte == '\\') continue; // not a character of a token
            if (size == buffer.len) return null;
            buffer[size] = byte;
            size += 1;
        }
        return buffer[0..size];
    }
};

/// The elements of one header field, in their order.
pub const Extensions = struct {
    scanner: Scanner,

    pub fn init(value: []const u8) Extensions {
        return .{ .scanner = .{ .text = value } };
    }

    /// Null behind the last one. After an error the rest is not read.
    pub fn next(self: *Extensions) error{Malformed}!?Extension {
        const scanner = &self.scanner;
        while (scanner.skip(',')) {}
        if (scanner.isAtEnd()) return null;
        const name = scanner.token() orelse return error.Malformed;
        const start = scanner.at;
        while (scanner.skip(';')) _ = scanner.parameter() orelse return error.Malformed;
        const text = scanner.text[start..scanner.at];
        if (!scanner.isAtEnd() and !scanner.skip(',')) return error.Malformed;
        return .{ .name = name, .text = text };
    }
};

pub const Parameters = struct {
    scanner: Scanner,

    pub fn next(self: *Parameters) ?Parameter {
        if (!self.scanner.skip(';')) return null;
        return self.scanner.parameter();
    }
};

const Scanner = struct {
    text: []const u8,
    at: usize = 0,

    fn isAtEnd(self: *Scanner) bool {
        while (self.at < self.text.len and isSpace(self.text[self.at])) self.at += 1;
        return self.at == self.text.len;
    }

    fn skip(self: *Scanner, sign: u8) bool {
        if (self.isAtEnd() or self.text[self.at] != sign) return false;
        self.at += 1;
        return true;
    }

    fn token(self: *Scanner) ?[]const u8 {
        if (self.isAtEnd()) return null;
        const start = self.at;
        while (self.at < self.text.len and http.isToken(self.text[self.at..][0..1])) self.at += 1;
        return if (self.at > start) self.text[start..self.at] else null;
    }

    fn parameter(self: *Scanner) ?Parameter {
        const name = self.token() orelse return null;
        if (!self.skip('=')) return .{ .name = name, .value = null };
        const text = if (self.skip('"')) self.quoted() else self.token();
        return .{ .name = name, .value = .{ .text = text orelse return null } };
    }

    /// Up to the second quote. A backslash quotes the character behind it.
    fn quoted(self: *Scanner) ?[]const u8 {
        const start = self.at;
        while (self.at < self.text.len) : (self.at += 1) {
            if (self.text[self.at] == '"') {
                self.at += 1;
                const text = self.text[start .. self.at - 1];
                return if (text.len > 0) text else null;
            }
            if (self.text[self.at] == '\\') self.at += 1;
            if (self.at == self.text.len or !http.isToken(self.text[self.at..][0..1])) return null;
        }
        return null;
    }
};

fn isSpace(byte: u8) bool {
    return byte == ' ' or byte == '\t';
}
