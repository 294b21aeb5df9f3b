//! Contents page of the core: bytes in, frames out; frames in, bytes out. It imports std alone and knows no Python,
//! socket, clock, allocator or randomness; masking keys and memory are arguments.
//!
//! RFC 6455 (WebSocket) throughout; RFC 9112 and 9110 (HTTP/1.1) for `http` and `opening`.

// Frames: what they are made of.
pub const Opcode = @import("frame/opcode.zig").Opcode;
pub const Role = @import("frame/opcode.zig").Role;
pub const control_payload_size_max = @import("frame/opcode.zig").control_payload_size_max;
pub const header_size_max = @import("frame/opcode.zig").header_size_max;

/// The header codec: `Header`, `Flags`, `decode`, `encode`, `sizeFor`.
pub const header = @import("frame/header.zig");
pub const Header = header.Header;
pub const Flags = header.Flags;

/// Masking: `Kernel`, `scalar`, `vector`, `baseline`, `rotate`.
pub const mask = @import("frame/mask.zig");

/// Masking keys from a seed: `KeyStream`.
pub const keys = @import("frame/keys.zig");
pub const KeyStream = keys.KeyStream;

// Receiving.
/// The frame parser: `Parser`, `Result`, `Frame`.
pub const parser = @import("session/parser.zig");
pub const Parser = parser.Parser;
pub const Frame = parser.Frame;

/// The message that frames belong to: `Message`, `Piece`, `Extensions`.
pub const message = @import("message/message.zig");

/// The order of fragments.
pub const Fragments = @import("message/fragments.zig").Fragments;

/// UTF-8, whole or in pieces: `Validator`, `isValid`.
pub const utf8 = @import("text/utf8.zig");

/// How a peer can break the protocol, with close code and text for each.
pub const Failure = @import("frame/failure.zig").Failure;

/// Which ping of ours an answer is for: `Pings`, `Ping`, `Who`.
pub const pings = @import("session/pings.zig");

// Sending.
/// Frames into bytes: `headerInFront`, `copy`, `frameSize`, `Message`.
pub const writer = @import("frame/writer.zig");

// Closing.
/// CLOSE payloads: `CloseCode`, `Close`, `decode`, `encode`, `reason_size_max`.
pub const close = @import("frame/close.zig");
pub const CloseCode = close.CloseCode;
pub const Close = close.Close;

// A whole connection, but for its opening handshake.
/// Events of bytes, plans of what is to be sent: `Session`, `Options`, `Mode`, `Event`.
pub const session = @import("session/session.zig");
pub const Session = session.Session;

/// What may be sent: `Plan`, `Misuse`.
pub const sending = @import("session/sending.zig");

/// The close handshake: `Closing`, `State`, `Side`.
pub const closing = @import("session/closing.zig");

// Opening.
/// The bounded reader of an HTTP/1.1 head: `HeadReader`, `Head`, `Field`, `HeadFailure`, request and status lines.
pub const http = @import("http/head.zig");

/// Status codes: `reason`, `maySend`, `isInterim`, `mayHaveContent`, `hasContentLength`.
pub const status = @import("http/status.zig");

/// Writes the head of a request or of an answer: `Writer`.
pub const write = @import("http/write.zig");

/// The answer to a request, behind its interim ones: `AnswerReader`.
pub const answer = @import("http/answer.zig");

/// The opening handshake: `key`, `request`, `response`.
pub const opening = struct {
    /// `accept`, `encode`, `isValid`.
    pub const key = @import("opening/key.zig");
    /// Subprotocols and extensions, offered and taken: `checkOffer`, `checkAnswer`, `findIn`.
    pub const offer = @import("opening/offer.zig");
    /// What makes a request an upgrade: `checkHttp`, `checkUpgrade`, `writeTo`.
    pub const request = @import("opening/request.zig");
    /// What makes an answer its acceptance: `check`, `writeAcceptance`, `writeRefusal`.
    pub const response = @import("opening/response.zig");
};

// Compression.
/// Received frames of compressed messages, made plain: `Decompressor`, `Options`, `Result`.
pub const decompressor = @import("session/decompressor.zig");
pub const Decompressor = decompressor.Decompressor;

/// Sent messages, compressed: `Compressor`, `Options`.
pub const compressor = @import("session/compressor.zig");
pub const Compressor = compressor.Compressor;

/// Inflate for streams that may stop anywhere: `Inflate`, `Tables`, `Status`, `Fault`.
pub const inflate = @import("deflate/inflate.zig");

/// Deflate for messages: `Deflate`, `Settings`, `Block`, `Flush`.
pub const deflate = @import("deflate/deflate.zig");

/// Compressed messages, RFC 7692: `Agreement`, `Receiver`, `Sender`.
pub const permessage = @import("message/permessage.zig");

/// The header Sec-WebSocket-Extensions: `Extensions`, `Parameters`.
pub const extensions = @import("opening/extensions.zig");

/// Agreeing on permessage-deflate: `Parameters`, `Wishes`, `choose`, `check`.
pub const negotiation = @import("opening/negotiation.zig");
