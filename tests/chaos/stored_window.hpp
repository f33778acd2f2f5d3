// One value of the centre's tables of recent windows, by storage/FORMAT.md, "Windows" and
// "Lanes", written a second time: what it says is what a reader of the store must get.
#pragma once

#include <cstdint>
#include <string_view>

namespace weir::chaos {

/// A stored window: its parts together, and the versions that wait put on top.
struct read_window {
  std::uint32_t series = 0;
  std::int64_t width_ns = 0;
  std::int64_t start_ns = 0;
  std::uint64_t count = 0;
  double sum = 0;
  double min = 0;
  double max = 0;
  bool early = false;
};

/// Throws std::runtime_error.
read_window parse_window(std::string_view key, std::string_view value);

} // namespace weir::chaos
