// The part of the windows bench that runs the real shard actors.
#pragma once

#include <cstddef>

namespace weir::bench {

/// Million events a second from decoded batches of 512, through inboxes and shard
/// actors on all cores, to closed windows.
double actors_meps(std::size_t events);

} // namespace weir::bench
