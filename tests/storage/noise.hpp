// Bytes that no compressor makes smaller, the same for each seed.
#pragma once

#include <cstddef>
#include <random>
#include <string>

namespace weir::test {

inline std::string noise(std::size_t size_bytes, unsigned seed) {
  auto random = std::minstd_rand{seed + 1};
  std::string result(size_bytes, '\0');
  for (auto& x : result)
    x = static_cast<char>(random() >> 8);
  return result;
}

} // namespace weir::test
