// Whether the machine's wall clock is to be trusted. A gateway without a battery clock
// boots in 1970 or at the date of its image; what it stamps before the network has set
// its clock would lie decades off. Pure: the caller reads both clocks.
//
// "Wall" is UTC nanoseconds that may be set at any time; "steady" counts nanoseconds
// since some start, never back, and is not set.
#pragma once

#include "analytics/event.hpp"
#include "analytics/expected.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace weir::analytics {

struct node_clock_config {
  /// A wall clock before this has not been set. Best the date of the software's
  /// release or later: an image's own date lies before it. Default: 2025-01-01.
  std::int64_t trusted_after_ns = 1'735'689'600'000'000'000;

  /// The wall clock was set, not only slowed or hastened, when it advanced by more than
  /// this differently from the steady one.
  std::int64_t jump_ns = 2'000'000'000;

  /// Both clocks may run apart by this much without a jump, however long nobody looked:
  /// a time daemon corrects by at most 500 ppm.
  std::int64_t drift_ppm = 500;
};

expected<void, std::string> validate(const node_clock_config& config);

/// What both clocks showed at one instant.
struct clock_reading {
  std::int64_t wall_ns = 0;
  std::int64_t steady_ns = 0;
  bool trusted = false;

  /// Not 0: the wall clock was set since the reading before, forward by so much.
  std::int64_t jump_ns = 0;

  /// The wall time of another instant of the steady clock, by this reading. Of use only
  /// if it is trusted.
  std::int64_t wall_at(std::int64_t steady_then_ns) const;
};

/// Not thread-safe: one owner.
class node_clock {
public:
  /// @pre validate(config)
  explicit node_clock(const node_clock_config& config = {}) : config_(config) {
  }

  /// To be called with every batch. A jump is in the one reading that noticed it; a
  /// jump to before trusted_after_ns takes the trust away.
  clock_reading observe(std::int64_t wall_ns, std::int64_t steady_ns);

  /// The wall time of an instant that was recorded on the steady clock, by the last
  /// reading; nothing while that is not trusted.
  std::optional<std::int64_t> restamp(std::int64_t steady_ns) const;

  bool is_trusted() const {
    return last_ && last_->trusted;
  }
  std::uint64_t jumps() const {
    return jumps_;
  }

private:
  node_clock_config config_;
  std::optional<clock_reading> last_;
  std::uint64_t jumps_ = 0;
};

} // namespace weir::analytics
