// When an event of simulated time is due on the wall clock. An absolute
// schedule: what one step took does not move the next, so nothing drifts.
#pragma once

#include <cstdint>

namespace weir::cli {

class pacer {
public:
  /// Simulated time `start_ns` is due at wall clock `wall_start_ns`; it then
  /// runs `speed` times as fast as the wall clock. speed 0: as fast as
  /// possible. `join_present`: never before the wall clock shows the time
  /// itself, so that whoever catches up with the present goes on at speed 1 and
  /// no event carries a time to come.
  pacer(std::int64_t start_ns, std::int64_t wall_start_ns, double speed,
        bool join_present = true)
    : start_ns_(start_ns), wall_start_ns_(wall_start_ns), speed_(speed),
      join_present_(join_present) {
  }

  /// The wall clock at which `time_ns` is due.
  std::int64_t due_ns(std::int64_t time_ns) const;

  /// Whether `time_ns` waits for the present rather than for its own speed.
  bool is_live(std::int64_t time_ns) const {
    return due_ns(time_ns) == time_ns;
  }

private:
  std::int64_t start_ns_;
  std::int64_t wall_start_ns_;
  double speed_;
  bool join_present_;
};

} // namespace weir::cli
