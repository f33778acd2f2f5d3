// A time zone as plain data: when which offset to UTC began. Pure arithmetic; the data
// comes from configs/time_zones.
//
// A local time is the wall clock's reading as nanoseconds since 1970-01-01T00:00 on
// that clock, as if it were UTC.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace weir::analytics {

/// From `from_ns` (UTC) on, local time is UTC + `offset_s`.
struct zone_transition {
  std::int64_t from_ns = 0;
  std::int32_t offset_s = 0;

  bool operator==(const zone_transition&) const = default;
};

/// Immutable; any thread may ask.
class time_zone {
public:
  /// Offsets lie within a day and two hours of UTC, as POSIX has them; beyond are cut.
  static constexpr std::int32_t offset_max_s = 26 * 3600;

  /// UTC.
  time_zone();

  /// In any order; those that change nothing are left out. Before the first one its
  /// own offset holds, after the last one the last. None at all: UTC by another name.
  time_zone(std::string name, std::vector<zone_transition> transitions);

  /// The one that all share.
  static const std::shared_ptr<const time_zone>& utc();

  const std::string& name() const {
    return name_;
  }

  /// Sorted; the first holds since the beginning of time.
  const std::vector<zone_transition>& transitions() const {
    return transitions_;
  }

  std::int32_t offset_at(std::int64_t utc_ns) const;

  // Both @pre 1678 <= year <= 2261: what int64 nanoseconds hold, less the offset.

  std::int64_t to_local(std::int64_t utc_ns) const;

  /// The first instant at which the local clock shows `local_ns` or later. So a time
  /// that occurs twice (clocks go back) is the earlier of the two, and one that does
  /// not exist (clocks go forward) is the instant of the change. Never decreases when
  /// `local_ns` increases: what is cut at local times has no overlap.
  std::int64_t from_local(std::int64_t local_ns) const;

private:
  std::vector<zone_transition>::const_iterator segment_at(std::int64_t utc_ns) const;

  std::string name_;
  std::vector<zone_transition> transitions_; // Never empty.
  std::int64_t offset_max_ns_ = 0;           // The zone's largest.
};

} // namespace weir::analytics
