// [ingest]: which events are taken, and how many wait. Read by the edge, and by whoever
// does with recorded events what an edge would do.
#pragma once

#include "configs/config_tree.hpp"
#include "transport/raw_event.hpp"

#include <cstddef>
#include <cstdint>

namespace weir::configs {

struct ingest_settings {
  transport::decode_limits limits;
  std::int64_t time_min_ns = 946'684'800'000'000'000; ///< 2000-01-01.
  std::int64_t future_tolerance_ns = 300'000'000'000;
  bool restamp_future = false; ///< Else what is beyond the tolerance is rejected.
  std::size_t series_max = 100'000;
  std::size_t inbox_events_max = 32'768;
  std::int64_t linger_ms = 2;
};

/// Reads the table [ingest] of `root`.
ingest_settings read_ingest(table_reader& root);

} // namespace weir::configs
