#include "analytics/source_clock.hpp"

namespace weir::analytics {

void group_clock::observe(std::uint64_t source, std::int64_t watermark_ns,
                          std::int64_t local_ns) {
  members_.insert_or_assign(source, member{watermark_ns, local_ns});
  seen_ns_ = std::max(seen_ns_, local_ns);
}

void group_clock::update(std::int64_t local_ns) {
  auto least_active = time_forever;
  auto least = time_forever;
  auto most = time_never;
  idle_ = true;
  for (auto pos = members_.begin(); pos != members_.end();) {
    const auto& x = pos->second;
    auto silent_ns = local_ns - x.seen_ns;
    if (silent_ns >= std::max(limits_.retain_max_ns, limits_.idle_timeout_ns)) {
      pos = members_.erase(pos);
      continue;
    }
    most = std::max(most, x.watermark_ns);
    least = std::min(least, x.watermark_ns);
    if (silent_ns < limits_.idle_timeout_ns) {
      idle_ = false;
      least_active = std::min(least_active, x.watermark_ns);
    }
    ++pos;
  }
  if (most == time_never)
    return;
  auto held = idle_ ? most : std::max(least_active, most - limits_.hold_max_ns);
  clock_.watermark_ns = std::max(clock_.watermark_ns, std::min(held, most));
  // Sent windows stay open to the slowest source, silent ones included, within reason.
  auto horizon = std::max(least, most - limits_.retain_max_ns);
  clock_.horizon_ns
    = std::max(clock_.horizon_ns, std::min(horizon, clock_.watermark_ns));
}

} // namespace weir::analytics
