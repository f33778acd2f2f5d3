// The running plain aggregates of one open window (or pane, or run of events).
//
// Sums are kept relative to the first value to arrive: as exact as Welford's method
// for values near each other, without its division per event.
#pragma once

#include "analytics/records.hpp"

#include <algorithm>
#include <cstdint>

namespace weir::analytics {

struct open_window {
  std::int64_t start_ns = 0;
  std::uint64_t count = 0; ///< 0: nothing is open.
  double shift = 0.0;      ///< The first value to arrive.
  double sum_shifted = 0.0;
  double sum_shifted_squares = 0.0;
  double min = 0.0;
  double max = 0.0;
  double first = 0.0; ///< The value with the smallest time (earliest arrival wins).
  double last = 0.0;  ///< The value with the largest time (latest arrival wins).
  std::int64_t first_ns = 0;
  std::int64_t last_ns = 0;

  void begin(std::int64_t time_ns, double value) {
    count = 1;
    shift = min = max = first = last = value;
    sum_shifted = sum_shifted_squares = 0.0;
    first_ns = last_ns = time_ns;
  }

  /// @pre count > 0
  void add(std::int64_t time_ns, double value) {
    ++count;
    auto shifted = value - shift;
    sum_shifted += shifted;
    sum_shifted_squares += shifted * shifted;
    min = std::min(min, value);
    max = std::max(max, value);
    if (time_ns >= last_ns) {
      last_ns = time_ns;
      last = value;
    } else if (time_ns < first_ns) {
      first_ns = time_ns;
      first = value;
    }
  }

  void begin_or_add(std::int64_t time_ns, double value) {
    if (count == 0)
      begin(time_ns, value);
    else
      add(time_ns, value);
  }

  /// Folds in a neighbour; `start_ns` stays. @pre both have events.
  void merge(const open_window& other) {
    // Moves the other's sums to this one's shift: (x - a) = (x - b) + (b - a).
    auto n = static_cast<double>(other.count);
    auto moved = other.shift - shift;
    sum_shifted += other.sum_shifted + n * moved;
    sum_shifted_squares
      += other.sum_shifted_squares + moved * (2.0 * other.sum_shifted + n * moved);
    count += other.count;
    min = std::min(min, other.min);
    max = std::max(max, other.max);
    if (other.last_ns >= last_ns) {
      last_ns = other.last_ns;
      last = other.last;
    }
    if (other.first_ns < first_ns) {
      first_ns = other.first_ns;
      first = other.first;
    }
  }

  /// The summary of what is in it; series, late_count and revision are the caller's.
  /// @pre count > 0
  summary close(std::int64_t width_ns) const;
};

static_assert(sizeof(open_window) == 88);

} // namespace weir::analytics
