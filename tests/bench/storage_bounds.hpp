// What the machine can do at best: the disk's and the memory's own rates.
#pragma once

#include "tests/bench/measure.hpp"

namespace weir::bench {

/// Subcommand `bounds`: sequential write with a sync at the end, a small synced write
/// after another (what a commit cannot beat), memcpy.
void add_storage_bounds(CLI::App& parent, action& chosen);

} // namespace weir::bench
