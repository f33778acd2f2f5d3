// An event as it travels through the edge: 24 bytes, no strings, so that batches
// are plain memory. The strings of its series stand once in the series_table.
#pragma once

#include <cstdint>

namespace weir::analytics {

/// Dense number of a series, given by the node's series_table in order of first
/// sight. Valid in one process only; what crosses a link carries the text.
using series_id = std::uint32_t;

/// Bits of event::flags.
enum event_flag : std::uint32_t {
  stamped_on_arrival = 1, ///< The sender gave no time; arrival time was used.
};

struct event {
  std::int64_t time_ns = 0; ///< Event time, UTC nanoseconds since the epoch.
  double value = 0.0;       ///< Always finite: decoders reject NaN and infinity.
  series_id series = 0;
  std::uint32_t flags = 0;

  bool operator==(const event&) const = default;
};

static_assert(sizeof(event) == 24);

} // namespace weir::analytics
