//! The flags of a frame, from the arguments fin, rsv1, rsv2 and rsv3.

const core = @import("core");
const args = @import("cpython").args;
const o = @import("cpython").object;

pub fn read(values: *const [4]?*o.Object) o.Error!core.Flags {
    return .{
        .fin = try args.boolean(values[0], true),
        .rsv1 = try args.boolean(values[1], false),
        .rsv2 = try args.boolean(values[2], false),
        .rsv3 = try args.boolean(values[3], false),
    };
}
