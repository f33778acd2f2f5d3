// Seeded random numbers that are the same everywhere: the distributions of
// <random> may differ between standard libraries, so the few that are needed
// are written out.
#pragma once

#include <cstdint>

namespace weir::analytics::simulation {

/// xoshiro256** 1.0 (Blackman, Vigna 2018), seeded by splitmix64. Streams of
/// one seed are independent for all practical purposes, so that adding a
/// machine does not change the others. Not thread-safe.
class random_stream {
public:
  random_stream(std::uint64_t seed, std::uint64_t stream);

  std::uint64_t next();

  /// In [0, 1), 53 bits.
  double uniform();
  double uniform(double low, double high);

  /// A whole number in [0, n). @pre n > 0
  std::uint64_t below(std::uint64_t n);

  /// Standard normal, by the polar method of Marsaglia.
  double normal();

  /// Waiting time to the next event of a Poisson process. @pre rate > 0
  double exponential(double rate);

private:
  std::uint64_t state_[4];
  double spare_ = 0.0;
  bool has_spare_ = false;
};

} // namespace weir::analytics::simulation
