#include "analytics/node_clock.hpp"

namespace weir::analytics {

namespace {

/// `a` - `b`, at the ends of int64 where it goes beyond: a clock may show anything.
std::int64_t difference(std::int64_t a, std::int64_t b) {
  if (b > 0 && a < INT64_MIN + b)
    return INT64_MIN;
  if (b < 0 && a > INT64_MAX + b)
    return INT64_MAX;
  return a - b;
}

std::int64_t magnitude(std::int64_t x) {
  return x < 0 ? difference(0, x) : x;
}

} // namespace

expected<void, std::string> validate(const node_clock_config& config) {
  auto wrong = [](const char* name, std::int64_t found, const char* accepted) {
    return unexpected(std::string{name} + ": found " + std::to_string(found)
                      + ", accepted: " + accepted);
  };
  if (config.trusted_after_ns < 0)
    return wrong("trusted_after_ns", config.trusted_after_ns, "a time from 1970 on");
  if (config.jump_ns < 1'000'000)
    return wrong("jump_ns", config.jump_ns, "1000000 (1 ms) or more");
  if (config.drift_ppm < 0 || config.drift_ppm > 100'000)
    return wrong("drift_ppm", config.drift_ppm, "a whole number from 0 to 100000");
  return {};
}

std::int64_t clock_reading::wall_at(std::int64_t steady_then_ns) const {
  return difference(wall_ns, difference(steady_ns, steady_then_ns));
}

clock_reading node_clock::observe(std::int64_t wall_ns, std::int64_t steady_ns) {
  clock_reading result{wall_ns, steady_ns, wall_ns >= config_.trusted_after_ns};
  if (last_) {
    auto elapsed_ns = difference(steady_ns, last_->steady_ns);
    auto apart_ns = difference(wall_ns, last_->wall_at(steady_ns));
    auto drift_ns = magnitude(elapsed_ns) / 1'000'000 * config_.drift_ppm;
    if (difference(magnitude(apart_ns), drift_ns) > config_.jump_ns) {
      result.jump_ns = apart_ns;
      ++jumps_;
    }
  }
  last_ = result;
  return result;
}

std::optional<std::int64_t> node_clock::restamp(std::int64_t steady_ns) const {
  if (!is_trusted())
    return std::nullopt;
  return last_->wall_at(steady_ns);
}

} // namespace weir::analytics
