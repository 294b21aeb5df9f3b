//! The masking kernel of this CPU, looked for once: asking the CPU takes microseconds, more under a hypervisor.
const std = @import("std");
const mask = @import("core").mask;
const cpu = @import("cpu");

/// The only state of the library. Threads that race here all store the same answer.
var chosen: std.atomic.Value(?mask.Kernel) = .init(null);

pub fn get() mask.Kernel {
    return chosen.load(.unordered) orelse choose();
}

fn choose() mask.Kernel {
    @branchHint(.cold);
    const kernel = cpu.maskKernel();
    chosen.store(kernel, .unordered);
    return kernel;
}
