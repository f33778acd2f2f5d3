#include "analytics/snapshot_io.hpp"

#include <algorithm>
#include <bit>

namespace weir::analytics {

namespace {

std::uint64_t mix(std::uint64_t lane, std::uint64_t word, std::uint64_t odd_1,
                  std::uint64_t odd_2) {
  return std::rotl(lane + word * odd_2, 31) * odd_1;
}

std::uint64_t word_at(const char* at) {
  std::uint64_t word;
  std::memcpy(&word, at, sizeof(word));
  return word;
}

} // namespace

void checksummer::mix_block(const char* block) {
  for (std::size_t i = 0; i < lanes_.size(); ++i)
    lanes_[i] = mix(lanes_[i], word_at(block + i * 8), odd_1, odd_2);
}

void checksummer::add(std::string_view bytes) {
  auto waiting = static_cast<std::size_t>(size_bytes_ % block_bytes);
  size_bytes_ += bytes.size();
  if (waiting > 0) {
    auto taken = std::min(block_bytes - waiting, bytes.size());
    std::copy_n(bytes.data(), taken, rest_.data() + waiting);
    bytes.remove_prefix(taken);
    if (waiting + taken < block_bytes)
      return;
    mix_block(rest_.data());
  }
  for (; bytes.size() >= block_bytes; bytes.remove_prefix(block_bytes))
    mix_block(bytes.data());
  std::copy_n(bytes.data(), bytes.size(), rest_.data());
}

std::uint64_t checksummer::value() const {
  auto rest = rest_;
  std::fill(rest.begin() + static_cast<std::ptrdiff_t>(size_bytes_ % block_bytes),
            rest.end(), '\0');
  auto result = size_bytes_;
  for (std::size_t i = 0; i < lanes_.size(); ++i)
    result = mix(result ^ lanes_[i], word_at(rest.data() + i * 8), odd_1, odd_2);
  result ^= result >> 33;
  result *= odd_2;
  return result ^ (result >> 29);
}

std::uint64_t checksum(std::string_view bytes) {
  checksummer result;
  result.add(bytes);
  return result.value();
}

} // namespace weir::analytics
