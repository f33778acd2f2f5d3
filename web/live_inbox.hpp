// Where the store writer's thread leaves what it committed, for the socket
// thread to fetch. Bounded: when the socket thread does not keep up, points are
// dropped and a resync is due, so that no screen is left with a hole.
#pragma once

#include "web/live_frames.hpp"
#include "web/web_counters.hpp"

#include <cstddef>
#include <functional>
#include <mutex>
#include <unordered_map>

namespace weir::web {

struct live_inbox_limits {
  std::size_t points_max = 200'000;
  std::size_t events_max = 20'000; ///< Anomalies and alerts.
  std::size_t names_max = 200'000; ///< Cached names of series.
};

class live_inbox {
public:
  /// Finds the name of a series that is not cached; runs on the caller of
  /// put().
  using name_lookup = std::function<expected<storage::stored_series, storage::error>(
    storage::stored_series_id)>;

  live_inbox(live_inbox_limits limits, name_lookup lookup, web_counters& counters)
    : limits_(limits), lookup_(std::move(lookup)), counters_(counters) {
  }

  /// Any thread.
  void put(const storage::commit_report& report);

  struct content {
    live_delta delta;
    bool resync = false; ///< Something was dropped before this.
  };
  /// Everything since the last take(). Any thread.
  content take();

private:
  named_anomaly name(const storage::committed_anomaly& x);

  const live_inbox_limits limits_;
  name_lookup lookup_;
  web_counters& counters_;
  std::mutex names_mutex_; // Held over a look-up; take() never waits for it.
  std::unordered_map<storage::stored_series_id, std::pair<std::string, std::string>>
    names_;
  std::mutex mutex_;
  content waiting_;
};

} // namespace weir::web
