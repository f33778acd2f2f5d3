// INTERNAL: the blocks of the store in their table: all rows of one series, tier and width
// lie one block behind the other, without overlapping. Format: FORMAT.md, "Blocks".
#pragma once

#include "storage/block_rows.hpp"
#include "storage/lmdb_env.hpp"
#include "storage/store.hpp"
#include "storage/tiers.hpp"

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::storage {

/// Where rows stand.
struct row_place {
  tier level = tier::raw;
  stored_series_id series = 0;
  std::int64_t width_ns = 0;

  auto operator<=>(const row_place&) const = default;
};

struct block_key {
  row_place place;
  std::int64_t first_start_ns = 0;

  bool operator==(const block_key&) const = default;
};
std::string to_key(const block_key& key);
/// Throws `malformed`.
block_key to_block_key(std::string_view key);

/// A block that cannot be read: it is passed over, and told.
using damage_sink = std::function<void(const block_key&, const error&)>;

/// Rows of one place from a time on, block by block.
class block_reader {
public:
  /// From the first row with start >= `from_ns` on. `txn` outlives it and does not write
  /// meanwhile.
  block_reader(const lmdb_txn& txn, lmdb_table blocks, const row_place& place,
               std::int64_t from_ns, damage_sink damaged);

  /// Replaces `out` by the rows of the next block, those before `from_ns` left out, with
  /// `series` set; false at the end. Those behind the caller's end are his to leave out.
  bool next(row_set& out, std::int64_t to_ns);

private:
  const row_place place_;
  const std::int64_t from_ns_;
  const damage_sink damaged_;
  lmdb_cursor cursor_;
  bool more_ = false;
};

/// The next width above `width_ns` of which this tier of a series has rows.
std::optional<std::int64_t> next_width(lmdb_cursor& blocks, tier level,
                                       stored_series_id series, std::int64_t width_ns);

/// Start of the last row of a place; none if it has no readable block at its end.
std::optional<std::int64_t> last_row_start(const lmdb_txn& txn, lmdb_table blocks,
                                           const row_place& place);

/// Finds the row with that start: its index in `rows`, which then holds its block. `at`
/// says which block `rows` holds from the last call, so that neighbours are quick.
std::optional<std::size_t> find_in_blocks(const lmdb_txn& txn, lmdb_table blocks,
                                          const row_place& place, std::int64_t start_ns,
                                          std::optional<block_key>& at, row_set& rows,
                                          const damage_sink& damaged);

/// Adds rows to a table of blocks in one transaction.
class block_writer {
public:
  /// `bytes_max` of a value.
  block_writer(lmdb_txn& txn, lmdb_table blocks, std::size_t bytes_max,
               damage_sink damaged);

  /// By start, each start once; they replace rows of the same start.
  void merge(const row_place& place, row_set&& rows);

  /// What merge() has added to the number of rows, by tier.
  const std::array<std::int64_t, tier_count>& rows_added() const {
    return rows_added_;
  }

private:
  struct neighbours {
    std::vector<block_key> joined; ///< Blocks that are to be one with the new rows.
    row_set before;                ///< What they hold.
    std::optional<std::int64_t> behind_start_ns;
  };

  neighbours look(const row_place& place, std::int64_t start_ns, std::size_t rows);
  void join(neighbours& near, const block_key& key, std::string_view value);
  void put(const row_place& place, const row_set& rows);

  lmdb_txn& txn_;
  const lmdb_table blocks_;
  const std::size_t bytes_max_;
  const damage_sink damaged_;
  std::array<std::int64_t, tier_count> rows_added_{};
};

} // namespace weir::storage
