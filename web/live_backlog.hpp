// What a WebSocket session has not been sent yet: while it waits for a
// snapshot, or while its client is too slow. Pure.
#pragma once

#include "web/live_frames.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

namespace weir::web {

/// Which window a point shows, and which revision of it. Early results of a window
/// have the revision of what follows them; the later of two has more events.
struct known_point {
  std::int64_t start_ns = 0;
  std::int64_t width_ns = 0;
  std::uint32_t revision = 0;
  bool early = false;
  std::uint64_t count = 0;
};

class live_backlog {
public:
  /// Adds what a delta has for the session. A point replaces an older revision
  /// of itself. With `newest_only` only the newest point of each series stays;
  /// returns how many points went.
  std::size_t add(live_delta delta, bool newest_only);

  /// Forgets points that a snapshot has shown. `known` is sorted by start.
  void drop_known(storage::stored_series_id series,
                  const std::vector<known_point>& known);

  /// Forgets points of series that are not in `wanted` (sorted).
  void keep_only(const std::vector<storage::stored_series_id>& wanted);

  bool empty() const {
    return points_.empty() && anomalies_.empty() && alerts_.empty() && new_series_ == 0;
  }
  std::size_t points() const {
    return points_.size();
  }

  /// About as many as it takes on the wire.
  std::size_t size_bytes() const;

  live_delta take();

private:
  std::size_t keep_newest();

  std::map<std::pair<storage::stored_series_id, std::int64_t>, live_point> points_;
  std::vector<named_anomaly> anomalies_;
  std::vector<storage::committed_alert> alerts_;
  std::uint64_t new_series_ = 0;
  std::size_t events_bytes_ = 0;
};

} // namespace weir::web
