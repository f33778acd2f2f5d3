// The edge's OUTBOX: encoded record blocks, kept in LMDB until the centre has
// acknowledged them. Also keeps the edge's identity (epoch, run) and the window
// state saved at an ordered shutdown. Format: storage/FORMAT.md.
#pragma once

#include "storage/errors.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace weir::storage {

struct outbox_config {
  std::filesystem::path directory;

  /// Budget for blocks that wait. At the budget the oldest summary blocks are
  /// expired (counted, and told to the centre as a gap); blocks with alerts never.
  std::size_t size_bytes_max = 256ull << 20;
};

/// Who wins when the budget is used up.
enum class block_priority : std::uint8_t { summary = 1, alert = 2 };

/// A block as its maker hands it in: bytes of transport::encode_block.
struct new_block {
  std::string bytes;
  std::uint32_t record_count = 0;
  block_priority priority = block_priority::summary;
};

/// A block as it waits: its records have the sequence numbers
/// [first_seq, first_seq + record_count).
struct stored_block {
  std::uint64_t first_seq = 0;
  std::uint32_t record_count = 0;
  block_priority priority = block_priority::summary;
  std::string bytes;
};

struct outbox_stats {
  std::uint64_t blocks = 0;
  std::uint64_t records = 0;
  std::uint64_t size_bytes = 0; ///< Of the blocks' bytes.
  std::uint64_t next_seq = 1;   ///< The number the next record gets.
  std::uint64_t oldest_seq = 0; ///< 0: empty.
  std::uint64_t acknowledged_seq = 0;
  std::uint64_t expired_records = 0; ///< Since the database was made.
};

/// Thread-safe: one writer appends while the uplink reads and acknowledges. Every
/// call is one durable transaction (LMDB's default sync).
class outbox {
public:
  /// Opens or makes the database. A damaged one is set aside as
  /// `<directory>.damaged-<n>` and a new one is made (see was_damaged()).
  /// `unix_ns` is only used to name what is set aside.
  static expected<std::unique_ptr<outbox>, error> open(const outbox_config& config,
                                                       std::int64_t unix_ns);

  ~outbox();
  outbox(const outbox&) = delete;
  outbox& operator=(const outbox&) = delete;

  /// Random, not 0, made with the database: names this numbering of records.
  std::uint64_t epoch() const;

  /// Counts the starts on this database, from 1.
  std::uint32_t run() const;

  bool was_damaged() const;

  /// Appends all blocks in one transaction and gives them their sequence numbers.
  /// Returns the first one. Expires old summary blocks when over budget, and, if
  /// the map is full all the same, a quarter of them; if that does not help, the
  /// error is `map_full`. On error nothing is appended. A block without records is
  /// `malformed`.
  expected<std::uint64_t, error> append(std::span<const new_block> blocks);

  /// Blocks with first_seq > `after_seq`, oldest first, at least one if there is
  /// any, then as many as fit into `size_bytes_max`.
  expected<std::vector<stored_block>, error>
  read_after(std::uint64_t after_seq, std::size_t size_bytes_max) const;

  /// Removes every block whose last record is <= `through_seq`. Numbers that were
  /// never given count as the last one given.
  expected<void, error> acknowledge(std::uint64_t through_seq);

  /// Saves the node's window state at an ordered shutdown; replaces an older one.
  expected<void, error> save_state(std::string_view bytes);

  /// Returns the saved state and removes it in the same transaction, so that it
  /// can never be used twice.
  expected<std::optional<std::string>, error> take_state();

  outbox_stats stats() const;

private:
  struct impl;
  explicit outbox(std::unique_ptr<impl> state);
  std::unique_ptr<impl> impl_;
};

} // namespace weir::storage
