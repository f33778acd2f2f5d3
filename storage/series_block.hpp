// What the store keeps of one series over one span of time in one value: plain samples,
// or summaries, as columns. Lossless to the last bit. Format: FORMAT.md, "Series block".
//
// How large: LMDB gives a value of more than 2,038 bytes (with its key and 8 bytes)
// pages of its own, 4,096 bytes each, less 16 in the first. So a block is best just
// under `block_bytes_best`: one such page, full. That is about 2,000 samples of a sensor
// with two or three digits, or 400 summaries; halves of it are nearly as good (two in
// a page), and anything between wastes up to half the page.
//
// Blocks are not appended to in place: decode, add, encode takes tens of microseconds
// for 1,000 samples (`weir-bench-store codec`), less than the page's way to the disk. It
// is still the cost of the whole block for each record: let some come together, or keep
// a series' newest records plain until they fill a block.
//
// All functions are pure and thread-safe.
#pragma once

#include "analytics/records.hpp"
#include "analytics/zstd_codec.hpp"
#include "storage/errors.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace weir::storage {

/// A value of this size takes one page of its own. Smaller by what encryption adds.
inline constexpr std::size_t block_bytes_best = 4080;

/// The most records of a block; what decoding takes is bounded by it: 16 bytes for each
/// sample and as many while it works; 160 and 100 for each summary, and its `extended`.
inline constexpr std::size_t block_records_max = 65'535;

/// The most bytes of `extended` of all summaries of a block together.
inline constexpr std::size_t block_extended_bytes_max = 16 * 1024 * 1024;

enum class block_kind : std::uint8_t { samples = 1, summaries = 2 };

/// Sample i has time_ns[i] and value[i]. In the order of the caller, who may have
/// equal and descending times; ascending ones at one distance cost nothing.
struct sample_columns {
  std::vector<std::int64_t> time_ns;
  std::vector<double> value;

  std::size_t size() const {
    return time_ns.size();
  }
};

/// @pre both have the same size, at most block_records_max.
std::string encode_block(std::span<const std::int64_t> time_ns,
                         std::span<const double> value);

/// All fields but `series`: that is the key's. `level` is zstd's, 0 for none: of the
/// bytes of `extended`, if they get smaller. (The columns never do: 0.2 % at level 19.)
/// @pre at most block_records_max, and block_extended_bytes_max.
std::string encode_block(std::span<const analytics::summary> summaries,
                         int level = analytics::zstd_level);

struct fitted_block {
  std::string bytes;
  std::size_t records = 0; ///< So many from the first on are in it.
};

/// As many of the first records as fit into `bytes_max` (nearly: it tries a few times);
/// one at least, however large. None for no records. @pre no more than
/// block_records_max; see encode_block().
fitted_block encode_fitting(std::span<const std::int64_t> time_ns,
                            std::span<const double> value,
                            std::size_t bytes_max = block_bytes_best);
fitted_block encode_fitting(std::span<const analytics::summary> summaries,
                            std::size_t bytes_max = block_bytes_best,
                            int level = analytics::zstd_level);

/// Replaces `out`, whose memory is used again. Errors: malformed, unsupported (a newer
/// version); `out` is then empty. Times and values are any that a writer gave.
expected<void, error> decode_block(std::string_view bytes, sample_columns& out);

/// The same; `series` is 0.
expected<void, error> decode_block(std::string_view bytes,
                                   std::vector<analytics::summary>& out);

struct block_facts {
  block_kind kind = block_kind::samples;
  std::size_t records = 0;
};

/// From the head alone, after its checksum was compared.
expected<block_facts, error> inspect_block(std::string_view bytes);

} // namespace weir::storage
