// MEMORY GOVERNOR: holds the process below its bound where the budgets of its stages
// (memory_budget) do not suffice: it looks at the resident memory and says how much of
// their room the inboxes may use, and when free memory is to be given back. Pure; its
// owner asks it a few times a second and does what it says.
#pragma once

#include <cstdint>

namespace weir::actors {

class memory_governor {
public:
  struct order {
    unsigned room_percent = 100; ///< Of their limit that inboxes may fill.
    bool drop_pages = false;  ///< Of files, now: cheap, they come back from the cache.
    bool give_back = false;   ///< Free memory to the system, now.
    bool is_pressed = false;  ///< The bound is near, or was within the last seconds.
    bool has_changed = false; ///< is_pressed is another than the last time.
  };

  /// Below this nothing is done; above it room shrinks, down to the least at the bound.
  /// Never 0: what a slow stage holds is only freed by going on.
  static constexpr unsigned near_percent = 70;
  static constexpr unsigned room_percent_min = 4;

  /// Giving back takes locks that every thread needs now and then.
  static constexpr std::int64_t give_back_interval_ns = 1'000'000'000;
  static constexpr std::int64_t calm_after_ns = 10'000'000'000;

  /// `bound_bytes` above 0.
  explicit memory_governor(std::uint64_t bound_bytes) : bound_bytes_(bound_bytes) {
  }

  /// `now_ns` is monotonic.
  order observe(std::uint64_t rss_bytes, std::int64_t now_ns);

private:
  const std::uint64_t bound_bytes_;
  bool pressed_ = false;
  bool gave_back_ = false;
  std::int64_t near_at_ns_ = 0;
  std::int64_t gave_back_at_ns_ = 0;
};

} // namespace weir::actors
