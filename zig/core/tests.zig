//! Root of the core's tests: every *_test.zig and *_fuzz.zig, and every declaration on the contents page.

const std = @import("std");
const core = @import("core.zig");

test {
    _ = @import("frame/close_fuzz.zig");
    _ = @import("frame/close_test.zig");
    _ = @import("frame/failure_test.zig");
    _ = @import("testing/feeder_test.zig");
    _ = @import("message/fragments_test.zig");
    _ = @import("message/permessage_test.zig");
    _ = @import("opening/extensions_test.zig");
    _ = @import("opening/negotiation_fuzz.zig");
    _ = @import("opening/negotiation_test.zig");
    _ = @import("deflate/bit_reader_test.zig");
    _ = @import("deflate/bit_writer_test.zig");
    _ = @import("deflate/block_test.zig");
    _ = @import("deflate/decode_table_test.zig");
    _ = @import("deflate/deflate_fuzz.zig");
    _ = @import("deflate/deflate_test.zig");
    _ = @import("deflate/format_test.zig");
    _ = @import("deflate/history_test.zig");
    _ = @import("deflate/inflate_codes_test.zig");
    _ = @import("deflate/inflate_fuzz.zig");
    _ = @import("deflate/inflate_test.zig");
    _ = @import("deflate/matcher_test.zig");
    _ = @import("deflate/prefix_code_test.zig");
    _ = @import("deflate/symbols_test.zig");
    _ = @import("message/message_test.zig");
    _ = @import("opening/handshake_fuzz.zig");
    _ = @import("opening/key_test.zig");
    _ = @import("opening/offer_test.zig");
    _ = @import("opening/request_test.zig");
    _ = @import("opening/response_test.zig");
    _ = @import("frame/header_fuzz.zig");
    _ = @import("frame/header_test.zig");
    _ = @import("http/answer_test.zig");
    _ = @import("http/head_fuzz.zig");
    _ = @import("http/head_test.zig");
    _ = @import("http/status_test.zig");
    _ = @import("http/write_test.zig");
    _ = @import("frame/keys_test.zig");
    _ = @import("frame/mask_test.zig");
    _ = @import("frame/opcode_test.zig");
    _ = @import("session/closing_test.zig");
    _ = @import("session/compression_fuzz.zig");
    _ = @import("session/compressor_test.zig");
    _ = @import("session/decompressor_test.zig");
    _ = @import("session/parser_fuzz.zig");
    _ = @import("session/parser_strict_test.zig");
    _ = @import("session/parser_test.zig");
    _ = @import("session/pings_test.zig");
    _ = @import("session/sending_test.zig");
    _ = @import("session/session_fuzz.zig");
    _ = @import("session/session_test.zig");
    _ = @import("text/utf8_fuzz.zig");
    _ = @import("text/utf8_test.zig");
    _ = @import("testing/wire_test.zig");
    _ = @import("frame/writer_test.zig");
}

test "every public declaration of the core compiles" {
    inline for (.{ core, core.opening }) |page| {
        inline for (comptime std.meta.declarations(page)) |name| {
            const declaration = @field(page, name);
            if (@TypeOf(declaration) == type) std.testing.refAllDecls(declaration);
        }
    }
}
