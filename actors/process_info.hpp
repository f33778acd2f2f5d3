// What a node knows of its own process and of the time.
#pragma once

#include <cstdint>

namespace weir::actors {

/// UTC, nanoseconds since the epoch.
std::int64_t wall_clock_ns();

/// Monotonic, from an arbitrary start.
std::int64_t steady_now_ns();

/// Of this start of the machine, never 0: instants of the steady clock can be compared
/// as long as it stays the same.
std::uint64_t boot_id();

/// Resident memory; 0 where it cannot be read.
std::uint64_t process_rss_bytes();

/// Gives what the allocator holds and nobody uses back to the system. Holds up every
/// thread that allocates, for some milliseconds.
void give_back_free_memory();

} // namespace weir::actors
