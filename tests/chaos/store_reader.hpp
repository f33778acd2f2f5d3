// The centre's store, read by storage/FORMAT.md alone: with lmdb.h and none of the
// product's code, so that a mistake there cannot hide itself here.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace weir::chaos {

struct read_series {
  std::string edge;
  std::string canonical; ///< metric{source="...",k="v"}
};

/// A stored window: its parts together.
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

struct read_position {
  std::string edge;
  std::uint64_t epoch = 0;
  std::uint64_t through_seq = 0;
};

struct read_store {
  std::map<std::uint32_t, read_series> series;
  std::vector<read_window> windows; ///< In order of (series, width, start).
  std::vector<read_position> positions;
  std::uint64_t quarantined = 0; ///< Samples, not events.
};

/// Reads the whole database in `directory`. Throws std::runtime_error with what is
/// wrong: a file or value that cannot be read is a finding, too.
read_store read_whole_store(const std::filesystem::path& directory);

/// Blocks that wait in the edge's outbox in `directory`.
std::uint64_t count_outbox_blocks(const std::filesystem::path& directory);

} // namespace weir::chaos
