// Tumbling windows of one series in event time: aligned to multiples of the width,
// so that two nodes that see the same events cut them at the same places. Pure
// arithmetic: no clock, no thread, no actor, no I/O.
//
// The watermark is the largest event time seen minus the allowed out-of-orderness.
// A window closes when the watermark passes its end; an event for a closed window
// is late: counted, in no window.
#pragma once

#include "analytics/records.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace weir::analytics {

struct window_config {
  std::int64_t width_ns = 10'000'000'000;

  /// How far events of one series may be out of order before they are late.
  std::int64_t out_of_orderness_ns = 2'000'000'000;

  /// A series that is silent for this long (local clock) has its windows closed,
  /// so that a dead sensor's last window still arrives.
  std::int64_t idle_close_ns = 15'000'000'000;
};

/// The running aggregates of one open window.
///
/// Sums are kept relative to the window's first value: as exact as Welford's
/// method for values near each other, without its division per event.
struct open_window {
  std::int64_t start_ns = 0;
  std::uint64_t count = 0;
  double shift = 0.0; ///< The first value to arrive.
  double sum_shifted = 0.0;
  double sum_shifted_squares = 0.0;
  double min = 0.0;
  double max = 0.0;
  double first = 0.0;
  double last = 0.0;
  std::int64_t first_ns = 0;
  std::int64_t last_ns = 0;

  void add(std::int64_t time_ns, double value);
  summary close(series_id series, std::int64_t width_ns) const;
};

/// All open windows of one series: the newest inline, older ones (at most
/// out_of_orderness / width + 1) beside it.
class tumbling_window {
public:
  /// Adds one event; windows that it closes are appended to `closed`. Returns false
  /// if the event is late.
  bool add(const window_config& config, series_id series, std::int64_t time_ns,
           double value, std::vector<summary>& closed);

  /// Closes all open windows, oldest first.
  void flush(const window_config& config, series_id series,
             std::vector<summary>& closed);

  bool is_open() const {
    return newest_.count > 0;
  }

  /// For the node's snapshot: everything there is to know, as plain values.
  struct image {
    std::vector<open_window> open; ///< Oldest first.
    std::int64_t closed_until_ns;
    std::int64_t time_max_ns;
    std::uint32_t late_count;
  };
  image save() const;
  static tumbling_window load(const image& from);

private:
  bool add_older(const window_config& config, std::int64_t start_ns,
                 std::int64_t time_ns, double value);
  void emit(const window_config& config, series_id series, const open_window& window,
            std::vector<summary>& closed);
  void close_older(const window_config& config, series_id series,
                   std::int64_t watermark_ns, std::vector<summary>& closed);

  static constexpr std::int64_t never = INT64_MIN;

  open_window newest_;                              // count 0: nothing is open.
  std::unique_ptr<std::vector<open_window>> older_; // By start; rarely there.
  std::int64_t closed_until_ns_ = never;            // Events before it are late.
  std::int64_t time_max_ns_ = never;
  std::uint32_t late_count_ = 0; // Since the last summary.
};

/// Rounds towards negative infinity, also for times before 1970.
std::int64_t floor_to_multiple(std::int64_t time_ns, std::int64_t width_ns);

} // namespace weir::analytics
