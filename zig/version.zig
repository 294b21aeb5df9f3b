//! The version of picows, written down once: the Python package, the C header and the Zig package take it from here.
pub const version = "0.2.0";
