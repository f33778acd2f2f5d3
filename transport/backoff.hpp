// Times between attempts: doubling from min to max, each drawn from its upper
// half, so that a fleet that lost its centre together does not come back
// together.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <random>

namespace weir::transport {

/// Differs between processes and calls.
inline std::uint64_t random_seed() {
  auto device = std::random_device{};
  return std::uint64_t{device()} << 32 | device();
}

class backoff {
public:
  using duration = std::chrono::milliseconds;

  /// The same seed gives the same times.
  backoff(duration min, duration max, std::uint64_t seed)
    : min_{std::max(min, duration{1})}, max_{std::max(max, min_)}, current_{min_},
      state_{seed} {
  }

  duration next() {
    auto half = current_.count() / 2;
    auto drawn = static_cast<duration::rep>(
      random() % static_cast<std::uint64_t>(current_.count() - half + 1));
    current_ = std::min(current_ * 2, max_);
    return duration{half + drawn};
  }

  /// After a success: begin at min again.
  void reset() {
    current_ = min_;
  }

  /// After a refusal: haste will not help.
  void slow_down() {
    current_ = max_;
  }

private:
  std::uint64_t random() { // splitmix64
    auto z = state_ += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }

  duration min_;
  duration max_;
  duration current_;
  std::uint64_t state_;
};

} // namespace weir::transport
