// The centre's store, read by storage/FORMAT.md: with lmdb.h and none of the product's
// code, so that a mistake there cannot hide itself here; but for the codec of blocks.
#pragma once

#include "tests/chaos/stored_window.hpp"

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace weir::chaos {

struct read_series {
  std::string edge;
  std::string canonical; ///< metric{source="...",k="v"}
};

/// What became of an epoch's sequence numbers, by the centre's own books.
struct read_books {
  std::uint64_t sent_seq = 0;
  std::uint64_t stored = 0;
  std::uint64_t coalesced = 0;
  std::uint64_t expired = 0;
  std::uint64_t shed = 0;
  std::uint64_t unreadable = 0;
  std::uint64_t violations = 0;

  std::uint64_t sum() const {
    return stored + coalesced + expired + shed + unreadable;
  }
};

struct read_position {
  std::string edge;
  std::uint64_t epoch = 0;
  std::uint64_t through_seq = 0;
  std::uint64_t lane_numbers = 0;  ///< Stored ahead of a backlog.
  std::optional<read_books> books; ///< Not in old formats.
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
