// INTERNAL: which windows stand in a table of recent rows, by series. The table itself is
// in the order of time, so that a commit only touches its end; this finds a series in it.
// It may know rows that are not there (of a commit that failed, or is not seen yet): a
// reader passes over them.
#pragma once

#include "storage/store.hpp"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <mutex>
#include <shared_mutex>
#include <unordered_map>
#include <vector>

namespace weir::storage {

struct recent_window {
  std::int64_t start_ns = 0;
  std::int64_t width_ns = 0;

  bool operator==(const recent_window&) const = default;
};

/// By start, of equal starts the widest first: the order in which windows are shown.
inline bool is_shown_before(const recent_window& a, const recent_window& b) {
  return a.start_ns != b.start_ns ? a.start_ns < b.start_ns : a.width_ns > b.width_ns;
}

/// Thread-safe.
class recent_index {
public:
  /// In any order; none that is there.
  void add(stored_series_id series, const recent_window& window);

  /// Nothing is added from here on, and contains() may be asked.
  void freeze();

  bool contains(stored_series_id series, const recent_window& window) const;

  /// All that start behind this are not there. @pre freeze() was called.
  std::int64_t last_start_ns() const {
    return last_start_ns_;
  }

  /// Those with start in [from_ns, to_ns), in the order in which they are shown.
  std::vector<recent_window> of(stored_series_id series, std::int64_t from_ns,
                                std::int64_t to_ns) const;

  /// All that have some, ascending.
  std::vector<stored_series_id> series() const;

  std::size_t size() const;

private:
  mutable std::shared_mutex mutex_;
  std::unordered_map<stored_series_id, std::vector<recent_window>> windows_;
  std::size_t size_ = 0;
  std::int64_t last_start_ns_ = std::numeric_limits<std::int64_t>::min();
};

} // namespace weir::storage
