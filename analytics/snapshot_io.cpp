#include "analytics/snapshot_io.hpp"

#include <array>
#include <bit>

namespace weir::analytics {

std::uint64_t checksum(std::string_view bytes) {
  constexpr std::uint64_t odd1 = 0x9e3779b185ebca87ull;
  constexpr std::uint64_t odd2 = 0xc2b2ae3d27d4eb4full;
  std::array<std::uint64_t, 4> lanes{odd1, odd2, odd1 + odd2, odd1 - odd2};
  auto mix = [](std::uint64_t lane, std::uint64_t word) {
    return std::rotl(lane + word * odd2, 31) * odd1;
  };
  const auto* at = bytes.data();
  auto left = bytes.size();
  for (; left >= 32; left -= 32, at += 32)
    for (std::size_t i = 0; i < 4; ++i) {
      std::uint64_t word;
      std::memcpy(&word, at + i * 8, 8);
      lanes[i] = mix(lanes[i], word);
    }
  std::array<char, 32> rest{};
  if (left > 0)
    std::memcpy(rest.data(), at, left);
  std::uint64_t result = bytes.size();
  for (std::size_t i = 0; i < 4; ++i) {
    std::uint64_t word;
    std::memcpy(&word, rest.data() + i * 8, 8);
    result = mix(result ^ lanes[i], word);
  }
  result ^= result >> 33;
  result *= odd2;
  return result ^ (result >> 29);
}

} // namespace weir::analytics
