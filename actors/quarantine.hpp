// The edge's QUARANTINE: counts every rejected payload and event by reason, and keeps
// a bounded, rate-limited sample of them to show to a person. The samples travel to
// the centre as records; the counters go with the edge's status.
#pragma once

#include "analytics/records.hpp"
#include "analytics/shard.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace weir::actors {

struct quarantine_config {
  double samples_per_s = 5.0;  ///< On average...
  double samples_burst = 50.0; ///< ...and at once.
  std::size_t first_bytes_max = 256;
  std::size_t sources_max = 100; ///< Further sources are counted as "other".
};

/// Thread-safe.
class quarantine {
public:
  using counts = std::array<std::uint64_t, analytics::reject_reason_count>;

  explicit quarantine(quarantine_config config = {}) : config_(config) {
  }

  /// `now_ns` is the wall clock. `source` is the ingest source ("mqtt plant"),
  /// `origin` the topic or client.
  void add(std::string_view source, std::string_view origin,
           analytics::reject_reason reason, std::string_view detail,
           std::string_view bytes, std::int64_t now_ns);

  /// Events of `source` (a device) that came too late for their windows.
  void add_late(std::string_view source, std::string_view series,
                const analytics::late_events& late, std::int64_t now_ns);

  /// The samples since the last call.
  std::vector<analytics::rejection> take_samples();

  counts total() const;
  std::map<std::string, counts, std::less<>> by_source() const;
  std::uint64_t sum() const;

private:
  counts& counts_of(std::string_view source);
  bool takes_sample(std::int64_t now_ns);

  const quarantine_config config_;
  mutable std::mutex mutex_;
  std::map<std::string, counts, std::less<>> by_source_;
  std::vector<analytics::rejection> samples_;
  double tokens_ = 0.0;
  std::int64_t refilled_ns_ = 0;
};

} // namespace weir::actors
