// Chance that comes back: the same seed gives the same numbers, on every machine.
#pragma once

#include <cmath>
#include <cstdint>

namespace weir::simulation {

class seeded {
public:
  explicit seeded(std::uint64_t seed) : state_(seed) {
  }

  std::uint64_t next() { // splitmix64
    auto z = state_ += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }

  /// In [0, n); n > 0.
  std::uint64_t below(std::uint64_t n) {
    return next() % n;
  }

  /// In [low, high).
  std::int64_t between(std::int64_t low, std::int64_t high) {
    return low
           + static_cast<std::int64_t>(below(static_cast<std::uint64_t>(high - low)));
  }

  bool chance(double probability) {
    return unit() < probability;
  }

  /// Until the next of events that come by chance, `mean_ns` apart; at least 1.
  std::int64_t wait_ns(std::int64_t mean_ns) {
    auto wait = -std::log(1.0 - unit()) * static_cast<double>(mean_ns);
    return 1 + static_cast<std::int64_t>(wait);
  }

  /// A source of its own: what one part draws does not change what others get.
  seeded fork() {
    return seeded{next()};
  }

private:
  double unit() { // [0, 1)
    return static_cast<double>(next() >> 11) * 0x1.0p-53;
  }

  std::uint64_t state_;
};

} // namespace weir::simulation
