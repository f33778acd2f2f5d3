#include "analytics/simulation/random_stream.hpp"

#include <bit>
#include <cmath>

namespace weir::analytics::simulation {

namespace {

std::uint64_t splitmix64(std::uint64_t& state) {
  state += 0x9e3779b97f4a7c15u;
  auto z = state;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

} // namespace

random_stream::random_stream(std::uint64_t seed, std::uint64_t stream) {
  auto mixed = seed;
  auto state = splitmix64(mixed) ^ (stream * 0xd1342543de82ef95u);
  for (auto& word : state_)
    word = splitmix64(state);
}

std::uint64_t random_stream::next() {
  auto result = std::rotl(state_[1] * 5, 7) * 9;
  auto shifted = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= shifted;
  state_[3] = std::rotl(state_[3], 45);
  return result;
}

double random_stream::uniform() {
  return static_cast<double>(next() >> 11) * 0x1.0p-53;
}

double random_stream::uniform(double low, double high) {
  return low + (high - low) * uniform();
}

std::uint64_t random_stream::below(std::uint64_t n) {
  // Rejects the last, incomplete run of n numbers: no modulo bias.
  auto limit = UINT64_MAX - UINT64_MAX % n;
  auto drawn = next();
  while (drawn >= limit)
    drawn = next();
  return drawn % n;
}

double random_stream::normal() {
  if (has_spare_) {
    has_spare_ = false;
    return spare_;
  }
  double u = 0.0;
  double v = 0.0;
  double square = 0.0;
  do {
    u = uniform(-1.0, 1.0);
    v = uniform(-1.0, 1.0);
    square = u * u + v * v;
  } while (square >= 1.0 || square == 0.0);
  auto factor = std::sqrt(-2.0 * std::log(square) / square);
  spare_ = v * factor;
  has_spare_ = true;
  return u * factor;
}

double random_stream::exponential(double rate) {
  return -std::log1p(-uniform()) / rate;
}

} // namespace weir::analytics::simulation
