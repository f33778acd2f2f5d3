// TIERS: the store keeps what it was given (raw), and the same rolled up to minutes, hours
// and days, which are kept longer and read faster. Pure.
//
// Windows as they came are of the CLASS of the finest tier that is not coarser than they:
// up to a minute, raw; up to an hour, minute (those of 5 minutes are kept as long as
// rollups of a minute, and are read beside them); up to a day, hour; above, day. A rollup
// is made of the rollups of the tier below it and of the windows of that tier's class. A
// window belongs to the bucket in which it begins. Buckets are in UTC and begin at
// multiples of their width. The bucket in which a series ends so far is open: it is made
// when it is asked for, and stored when a later one begins.
#pragma once

#include "analytics/records.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace weir::storage {

enum class tier : std::uint8_t { raw = 0, minute = 1, hour = 2, day = 3 };
inline constexpr std::size_t tier_count = 4;
inline constexpr std::array<tier, 3> rollup_tiers{tier::minute, tier::hour, tier::day};

/// Width of a tier's rows; 0 for raw, whose windows have widths of their own.
std::int64_t bucket_ns(tier x);

/// The class of windows of this width.
tier class_of(std::int64_t width_ns);

inline tier below(tier x) {
  return static_cast<tier>(static_cast<std::uint8_t>(x) - 1);
}
inline tier above(tier x) {
  return static_cast<tier>(static_cast<std::uint8_t>(x) + 1);
}

/// The multiple of `width_ns` at or before `time_ns`.
std::int64_t floor_to(std::int64_t time_ns, std::int64_t width_ns);
/// The one at or behind it.
std::int64_t ceil_to(std::int64_t time_ns, std::int64_t width_ns);

/// Makes of windows what a chart shows, or a rollup counts. Where fine windows lie in the
/// span of a coalesced one (a part of them had been sent before an outage), they are one:
/// nothing is counted twice and nothing is hidden. One of them that is early was sent
/// again as a part of it.
///
/// Give windows by start, of equal starts the widest first; then finish().
class shown_windows {
public:
  /// `use(const summary&)` returns false to stop; then add() does.
  template <class Use>
  bool add(analytics::summary&& x, Use& use) {
    if (wide_ && lies_in(x, *wide_)) {
      fold(x);
      return true;
    }
    bool more = !wide_ || use(*wide_);
    wide_ = std::move(x);
    return more;
  }

  template <class Use>
  void finish(Use& use) {
    if (wide_)
      use(*wide_);
    wide_.reset();
  }

  /// Whether `wide` may be what an outbox has made of windows like `x`, in the same span.
  /// Then each holds events that the other has not.
  static bool lies_in(const analytics::summary& x, const analytics::summary& wide);

private:
  void fold(const analytics::summary& x);

  std::optional<analytics::summary> wide_;
};

/// Makes rollups of rows (by start, of equal starts the widest first): one for each bucket
/// in which one begins. Of windows of one width that overlap (hopping ones: each event is
/// in several) those count that follow one another from the first of the bucket on.
std::vector<analytics::summary> roll_up(std::vector<analytics::summary> rows, tier to);

} // namespace weir::storage
