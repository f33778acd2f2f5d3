#include "analytics/time_zone.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace weir::analytics {

namespace {

constexpr std::int64_t ns_per_s = 1'000'000'000;

/// Of several at the same instant only the last one ever holds.
void drop_replaced(std::vector<zone_transition>& sorted) {
  auto is_same_instant = [](const zone_transition& a, const zone_transition& b) {
    return a.from_ns == b.from_ns;
  };
  auto first = std::unique(sorted.rbegin(), sorted.rend(), is_same_instant);
  sorted.erase(sorted.begin(), first.base());
}

} // namespace

time_zone::time_zone() : time_zone("UTC", {}) {
}

time_zone::time_zone(std::string name, std::vector<zone_transition> transitions)
  : name_(std::move(name)), transitions_(std::move(transitions)) {
  auto by_time = [](const zone_transition& a, const zone_transition& b) {
    return a.from_ns < b.from_ns;
  };
  auto is_no_change = [](const zone_transition& a, const zone_transition& b) {
    return a.offset_s == b.offset_s;
  };
  std::stable_sort(transitions_.begin(), transitions_.end(), by_time);
  for (auto& x : transitions_)
    x.offset_s = std::clamp(x.offset_s, -offset_max_s, offset_max_s);
  drop_replaced(transitions_);
  transitions_.erase(
    std::unique(transitions_.begin(), transitions_.end(), is_no_change),
    transitions_.end());
  if (transitions_.empty())
    transitions_.push_back({});
  transitions_.front().from_ns = INT64_MIN;
  offset_max_ns_ = INT64_MIN;
  for (const auto& x : transitions_)
    offset_max_ns_ = std::max(offset_max_ns_, x.offset_s * ns_per_s);
}

const std::shared_ptr<const time_zone>& time_zone::utc() {
  static const auto result = std::make_shared<const time_zone>();
  return result;
}

std::vector<zone_transition>::const_iterator
time_zone::segment_at(std::int64_t utc_ns) const {
  auto is_later = [](std::int64_t time_ns, const zone_transition& x) {
    return time_ns < x.from_ns;
  };
  // From the second on: the first one holds since the beginning of time.
  return std::prev(
    std::upper_bound(transitions_.begin() + 1, transitions_.end(), utc_ns, is_later));
}

std::int32_t time_zone::offset_at(std::int64_t utc_ns) const {
  return segment_at(utc_ns)->offset_s;
}

std::int64_t time_zone::to_local(std::int64_t utc_ns) const {
  return utc_ns + offset_at(utc_ns) * ns_per_s;
}

std::int64_t time_zone::from_local(std::int64_t local_ns) const {
  // Before this instant the clock shows less whatever the offset, so the first segment
  // that reaches local_ns is this one or one of the few behind it.
  auto pos = segment_at(local_ns - offset_max_ns_);
  for (;; ++pos) {
    auto utc_ns = local_ns - pos->offset_s * ns_per_s;
    auto next = pos + 1;
    if (next == transitions_.end() || utc_ns < next->from_ns)
      return std::max(utc_ns, pos->from_ns);
  }
}

} // namespace weir::analytics
