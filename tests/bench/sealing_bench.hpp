// What encryption at rest costs: see `run` for what it prints.
#pragma once

namespace weir::bench {

/// weir-bench-store sealing [VALUE_BYTES]
/// Seals and opens values (4,000 bytes each) on one core, beside the bounds: the same
/// bytes copied, and libsodium's own call with everything in the cache. A table, then
/// one line of JSON.
int run_sealing_bench(int argc, char** argv);

} // namespace weir::bench
