#include "storage/series_block.hpp"

#include "analytics/zstd_codec.hpp"
#include "storage/big_endian.hpp"
#include "storage/bit_stream.hpp"
#include "storage/crc32c.hpp"
#include "storage/failure.hpp"
#include "storage/float_column.hpp"
#include "storage/integer_column.hpp"
#include "storage/summary_columns.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

namespace weir::storage {

namespace {

// Head of a block: version (1 byte), kind (1), records (2), checksum (4) of the others
// and of what follows.
constexpr std::uint8_t block_version = 1;
constexpr std::size_t checked_head_bytes = 4;
constexpr std::size_t head_bytes = 8;

[[noreturn]] void malformed(const char* what) {
  throw failure(errc::malformed, std::string{"a series block "} + what
                                   + ". Restore it from a copy, or remove it.");
}

std::uint32_t checksum_of(std::string_view block) {
  return crc32c(block.substr(head_bytes), crc32c(block.substr(0, checked_head_bytes)));
}

std::string new_block(block_kind kind, std::size_t records) {
  std::string block;
  put_be(block, block_version);
  put_be(block, static_cast<std::uint8_t>(kind));
  put_be(block, static_cast<std::uint16_t>(records));
  put_be(block, std::uint32_t{0});
  return block;
}

void seal(std::string& block) {
  store_be(block.data() + checked_head_bytes, checksum_of(block));
}

block_facts take_head(std::string_view bytes) {
  auto in = byte_reader{bytes};
  auto version = in.take<std::uint8_t>();
  auto kind = in.take<std::uint8_t>();
  auto records = in.take<std::uint16_t>();
  auto checksum = in.take<std::uint32_t>();
  if (!in.ok() || version == 0)
    malformed("is cut off or none at all");
  // Before the checksum, which a newer version may have elsewhere.
  if (version > block_version)
    throw failure(errc::unsupported,
                  "a series block has version " + std::to_string(version)
                    + ", this program knows up to " + std::to_string(block_version)
                    + ". Start the newer program that wrote it.");
  if (checksum != checksum_of(bytes))
    malformed("is damaged: its checksum differs");
  if (kind != static_cast<std::uint8_t>(block_kind::samples)
      && kind != static_cast<std::uint8_t>(block_kind::summaries))
    malformed("is of no known kind");
  return {static_cast<block_kind>(kind), records};
}

/// Its columns; the records it has.
bit_reader columns_of(std::string_view bytes, block_kind kind, std::size_t& records) {
  auto facts = take_head(bytes);
  if (facts.kind != kind)
    malformed("holds another kind of records");
  records = facts.records;
  return bit_reader{bytes.substr(head_bytes)};
}

void decode(std::string_view bytes, sample_columns& out) {
  std::size_t records = 0;
  auto in = columns_of(bytes, block_kind::samples, records);
  out.time_ns.resize(records);
  out.value.resize(records);
  if (!decode_integers(in, out.time_ns) || !decode_floats(in, {}, out.value)
      || !in.rest().empty() || !in.ok())
    malformed("cannot be decoded");
}

/// Checked against the limit before anything of that size is made.
std::size_t total_of(std::span<const std::int64_t> sizes) {
  std::size_t total = 0;
  for (auto size : sizes) {
    if (size < 0 || static_cast<std::uint64_t>(size) > block_extended_bytes_max - total)
      malformed("has sizes above the limit");
    total += static_cast<std::size_t>(size);
  }
  return total;
}

void decode(std::string_view bytes, std::vector<analytics::summary>& out) {
  std::size_t records = 0;
  auto in = columns_of(bytes, block_kind::summaries, records);
  out.assign(records, {});
  std::vector<std::int64_t> sizes(records);
  if (!decode_summary_columns(in, out, sizes))
    malformed("cannot be decoded");
  auto packed = in.take_short(1) == 1;
  auto rest = in.rest();
  if (!in.ok())
    malformed("is cut off");
  auto size = total_of(sizes);
  std::string plain;
  if (packed) {
    if (!analytics::zstd_decompress(rest, size, plain))
      malformed("has compressed bytes that cannot be read");
    rest = plain;
  }
  if (rest.size() != size)
    malformed("is cut off, or has bytes left over");
  for (std::size_t i = 0; i < records; ++i) {
    out[i].extended = rest.substr(0, static_cast<std::size_t>(sizes[i]));
    rest.remove_prefix(static_cast<std::size_t>(sizes[i]));
  }
}

constexpr int fit_tries_max = 8;

/// Bisects, but where the sizes so far say that the limit is.
template <class Encode>
fitted_block fit(std::size_t records, std::size_t bytes_max, const Encode& encode) {
  if (records == 0)
    return {};
  fitted_block best;
  auto too_many = records + 1;
  auto count = records;
  for (int i = 0; i < fit_tries_max && best.records + 1 < too_many; ++i) {
    auto bytes = encode(count);
    auto size = static_cast<double>(bytes.size());
    if (bytes.size() <= bytes_max)
      best = {std::move(bytes), count};
    else
      too_many = count;
    auto guess = static_cast<double>(count) * static_cast<double>(bytes_max) / size;
    // A little below, so that the next try fits as a rule.
    count = std::clamp(static_cast<std::size_t>(guess * 0.995), best.records + 1,
                       std::max(too_many - 1, best.records + 1));
    if (best.records * 100 > too_many * 98)
      break; // Another try gains less than it costs.
  }
  if (best.records == 0)
    best = {encode(1), 1};
  return best;
}

} // namespace

std::string encode_block(std::span<const std::int64_t> time_ns,
                         std::span<const double> value) {
  assert(time_ns.size() == value.size() && time_ns.size() <= block_records_max);
  auto block = new_block(block_kind::samples, time_ns.size());
  bit_writer columns;
  encode_integers(time_ns, columns);
  encode_floats(value, {}, no_decimals, columns);
  columns.finish(block);
  seal(block);
  return block;
}

std::string encode_block(std::span<const analytics::summary> summaries, int level) {
  assert(summaries.size() <= block_records_max);
  auto block = new_block(block_kind::summaries, summaries.size());
  std::string extended;
  for (const auto& x : summaries)
    extended += x.extended;
  assert(extended.size() <= block_extended_bytes_max);
  std::string frame;
  auto packed = level != 0 && analytics::zstd_compress(extended, frame, level);
  bit_writer columns;
  encode_summary_columns(summaries, columns);
  columns.put(packed ? 1 : 0, 1);
  columns.finish(block);
  block += packed ? frame : extended;
  seal(block);
  return block;
}

fitted_block encode_fitting(std::span<const std::int64_t> time_ns,
                            std::span<const double> value, std::size_t bytes_max) {
  return fit(time_ns.size(), bytes_max, [&](std::size_t count) {
    return encode_block(time_ns.first(count), value.first(count));
  });
}

fitted_block encode_fitting(std::span<const analytics::summary> summaries,
                            std::size_t bytes_max, int level) {
  return fit(summaries.size(), bytes_max, [&](std::size_t count) {
    return encode_block(summaries.first(count), level);
  });
}

expected<void, error> decode_block(std::string_view bytes, sample_columns& out) {
  auto result = guarded([&] { decode(bytes, out); });
  if (!result) {
    out.time_ns.clear();
    out.value.clear();
  }
  return result;
}

expected<void, error> decode_block(std::string_view bytes,
                                   std::vector<analytics::summary>& out) {
  auto result = guarded([&] { decode(bytes, out); });
  if (!result)
    out.clear();
  return result;
}

expected<block_facts, error> inspect_block(std::string_view bytes) {
  return guarded([&] { return take_head(bytes); });
}

} // namespace weir::storage
