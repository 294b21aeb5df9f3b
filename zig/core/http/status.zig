//! HTTP status codes: their reason phrases, and which responses have content. RFC 9110 15

const std = @import("std");

/// The reason phrase of a registered status, as Python's `http.HTTPStatus` spells it; empty for others.
pub fn reason(status: u16) []const u8 {
    return switch (status) {
        100 => "Continue",
        101 => "Switching Protocols",
        102 => "Processing",
        103 => "Early Hints",
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        203 => "Non-Authoritative Information",
        204 => "No Content",
        205 => "Reset Content",
        206 => "Partial Content",
        207 => "Multi-Status",
        208 => "Already Reported",
        226 => "IM Used",
        300 => "Multiple Choices",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        305 => "Use Proxy",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        407 => "Proxy Authentication Required",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        411 => "Length Required",
        412 => "Precondition Failed",
        413 => "Request Entity Too Large",
        414 => "Request-URI Too Long",
        415 => "Unsupported Media Type",
        416 => "Requested Range Not Satisfiable",
        417 => "Expectation Failed",
        418 => "I'm a Teapot",
        421 => "Misdirected Request",
        422 => "Unprocessable Entity",
        423 => "Locked",
        424 => "Failed Dependency",
        425 => "Too Early",
        426 => "Upgrade Required",
        428 => "Precondition Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        451 => "Unavailable For Legal Reasons",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        506 => "Variant Also Negotiates",
        507 => "Insufficient Storage",
        508 => "Loop Detected",
        510 => "Not Extended",
        511 => "Network Authentication Required",
        else => "",
    };
}

/// Whether a response may go onto the wire with this status. RFC 9110 15
pub fn maySend(status: u16) bool {
    return status >= 100 and status <= 599;
}

/// Whether an answer is interim: another one follows. 101 is not, because it ends HTTP. RFC 9110 15.2
pub fn isInterim(status: u16) bool {
    return status < 200 and status != 101;
}

/// Whether a response can have content. RFC 9110 15.2, 15.3.5, 15.3.6, 15.4.5
pub fn mayHaveContent(status: u16) bool {
    return status >= 200 and status != 204 and status != 205 and status != 304;
}

/// Whether a response says how long its content is, zero included. RFC 9110 8.6
pub fn hasContentLength(status: u16) bool {
    return status >= 200 and status != 204 and status != 304;
}
