#include "web/rate_limit.hpp"

#include <algorithm>

namespace weir::web {

double rate_limiter::level(const bucket& x, std::int64_t now_ns) const {
  auto passed_s
    = static_cast<double>(std::max<std::int64_t>(0, now_ns - x.at_ns)) / 1e9;
  return std::min(config_.burst, x.tokens + passed_s * config_.per_second);
}

bool rate_limiter::allows(const std::string& address, std::int64_t now_ns) const {
  auto found = buckets_.find(address);
  return found == buckets_.end() || level(found->second, now_ns) >= 1.0;
}

void rate_limiter::spend(const std::string& address, std::int64_t now_ns) {
  auto found = buckets_.find(address);
  if (found == buckets_.end()) {
    if (buckets_.size() >= config_.addresses_max)
      make_room(now_ns);
    found = buckets_.emplace(address, bucket{config_.burst, now_ns}).first;
  }
  auto left = std::max(0.0, level(found->second, now_ns) - 1.0);
  found->second = {left, now_ns};
}

void rate_limiter::make_room(std::int64_t now_ns) {
  // A full bucket says nothing that a missing one does not say.
  std::erase_if(
    buckets_, [&](const auto& x) { return level(x.second, now_ns) >= config_.burst; });
  while (buckets_.size() >= config_.addresses_max)
    buckets_.erase(std::max_element(
      buckets_.begin(), buckets_.end(), [&](const auto& a, const auto& b) {
        return level(a.second, now_ns) < level(b.second, now_ns);
      }));
}

} // namespace weir::web
