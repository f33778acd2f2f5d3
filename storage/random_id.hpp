// INTERNAL: a random number to name a database by.
#pragma once

#include <cstdint>
#include <random>

namespace weir::storage {

/// 64 bits of the system's randomness, never 0.
inline std::uint64_t random_id() {
  std::random_device source;
  std::uint64_t id = 0;
  while (id == 0)
    id = (std::uint64_t{source()} << 32) | source();
  return id;
}

} // namespace weir::storage
