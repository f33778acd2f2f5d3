// INTERNAL: the value of a block in the store: rows of one series, tier and width, with
// the runs of the edges that they come from. Format: FORMAT.md, "Blocks". Pure.
#pragma once

#include "analytics/records.hpp"
#include "storage/errors.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace weir::storage {

/// The run of an edge that saw a window last; zeros in rollups.
struct row_origin {
  std::uint64_t epoch = 0;
  std::uint32_t run = 0;

  bool operator==(const row_origin&) const = default;
};

/// By start, each start once. Both have the same size.
struct row_set {
  std::vector<analytics::summary> rows;
  std::vector<row_origin> origins;

  std::size_t size() const {
    return rows.size();
  }
  void add(analytics::summary row, row_origin origin = {}) {
    rows.push_back(std::move(row));
    origins.push_back(origin);
  }
  void clear() {
    rows.clear();
    origins.clear();
  }
};

/// Both in one; of equal starts those of `over` stand.
row_set merged(row_set&& under, row_set&& over);

/// Of a block, read without the rows.
struct block_head {
  std::int64_t last_start_ns = 0;
  std::int64_t end_ns = 0; ///< When the last of its windows ends.
  std::uint32_t rows = 0;
};

struct encoded_block {
  std::int64_t first_start_ns = 0;
  std::uint32_t rows = 0;
  std::string value;
};

/// In blocks of about `bytes_max`. What a row does not need is left out: `series`.
std::vector<encoded_block> encode_rows(const row_set& rows, std::size_t bytes_max);

/// Errors: malformed, unsupported.
expected<block_head, error> decode_head(std::string_view value);
expected<void, error> decode_rows(std::string_view value, row_set& out);

} // namespace weir::storage
