// INTERNAL: bytes of the journal's segments (FORMAT.md, "Journal"). Pure: no files
// here, so that every damage can be tried on bytes in memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

namespace weir::storage {

/// What a record looks like to its reader; `payload` is borrowed.
struct journal_record {
  std::uint64_t number = 0;
  std::uint8_t kind = 0; ///< The writer's own; the journal does not look at it.
  std::string_view payload;
};

/// Records begin behind it: a page of its own, so that no write to records touches the
/// header again.
inline constexpr std::size_t segment_header_bytes = 4096;
inline constexpr std::size_t record_header_bytes = 24;

/// Of a record with its header and the padding to 8 bytes.
constexpr std::size_t record_bytes(std::size_t payload_bytes) {
  return (record_header_bytes + payload_bytes + 7) / 8 * 8;
}

/// One use of a file. The file of a segment that is not needed any more gets a new
/// header; what it held then counts no more, because the mark differs.
struct segment_header {
  std::uint64_t journal_id = 0;
  std::uint64_t segment = 0;     ///< Counts the uses of files, from 1.
  std::uint64_t base_number = 0; ///< No record here has a lower number.
  std::uint32_t mark = 0;        ///< Random, not 0: begins each record of this use.
};

enum class header_condition {
  unused, ///< Zeros: a fresh file.
  good,
  damaged,
  newer, ///< Sound, of a version that this build does not know.
};

/// The first bytes of the file; at most segment_header_bytes.
std::string encode(const segment_header& header);
header_condition decode(std::string_view bytes, segment_header& header);

/// Writes the record into `out`, which is cleared before.
void encode_record(std::string& out, std::uint32_t mark, std::uint8_t kind,
                   std::uint64_t number, std::span<const std::string_view> parts);

/// What is in the bytes of a segment.
struct segment_contents {
  std::uint64_t records = 0;
  std::uint64_t first_number = 0; ///< 0: no record.
  std::uint64_t last_number = 0;
  std::size_t end = segment_header_bytes; ///< Offset behind the last record.
  std::uint64_t damaged_regions = 0;      ///< With records behind them.
  std::uint64_t damaged_bytes = 0;
  std::uint64_t newer = 0; ///< Sound records of a newer version, passed over.
  bool torn = false;       ///< At `end` a record begins and is not whole.
};

/// Goes through `segment`, the whole file with its header, and hands each sound record
/// to `use`. Behind a damaged region it goes on where the mark begins a sound record.
/// Numbers always grow; a record that breaks that counts as damaged. Never reads past
/// the end, whatever the bytes are.
segment_contents scan_segment(std::string_view segment, const segment_header& header,
                              const std::function<void(const journal_record&)>& use);

} // namespace weir::storage
