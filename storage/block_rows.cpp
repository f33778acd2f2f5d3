#include "storage/block_rows.hpp"

#include "storage/big_endian.hpp"
#include "storage/crc32c.hpp"
#include "storage/series_block.hpp"

#include <algorithm>
#include <limits>
#include <span>
#include <utility>

namespace weir::storage {

namespace {

constexpr std::uint8_t block_version = 1;
constexpr std::size_t fixed_head_bytes = 1 + 8 + 8 + 2 + 4; // With its checksum.
constexpr std::size_t origin_bytes = 4 + 8 + 4;
constexpr std::size_t extended_bytes_max = block_extended_bytes_max / 2;
constexpr std::size_t origins_max = std::numeric_limits<std::uint16_t>::max();

/// How many rows from `from` on have the same origin.
std::size_t run_length(std::span<const row_origin> origins, std::size_t from) {
  auto end = from;
  while (end < origins.size() && origins[end] == origins[from])
    ++end;
  return end - from;
}

std::size_t count_runs(std::span<const row_origin> origins) {
  std::size_t result = 0;
  for (std::size_t i = 0; i < origins.size(); i += run_length(origins, i))
    ++result;
  return result;
}

std::string head_of(std::span<const analytics::summary> rows,
                    std::span<const row_origin> origins) {
  auto end_ns = rows.front().start_ns;
  for (const auto& x : rows)
    end_ns = std::max(end_ns, x.start_ns + x.width_ns);
  std::string out;
  put_be(out, block_version);
  put_be(out, biased(rows.back().start_ns));
  put_be(out, biased(end_ns));
  put_be(out, static_cast<std::uint16_t>(count_runs(origins)));
  for (std::size_t i = 0; i < origins.size();) {
    auto length = run_length(origins, i);
    put_be(out, static_cast<std::uint32_t>(length));
    put_be(out, origins[i].epoch);
    put_be(out, origins[i].run);
    i += length;
  }
  put_be(out, crc32c(out));
  return out;
}

struct parsed_block {
  block_head head;
  std::vector<std::pair<std::uint32_t, row_origin>> runs;
  std::string_view rows;
};

expected<parsed_block, error> parse(std::string_view value) {
  auto in = byte_reader{value};
  auto version = in.take<std::uint8_t>();
  if (in.ok() && version > block_version)
    return unexpected(
      error{errc::unsupported, "a block of version " + std::to_string(version)
                                 + ". Start the newer program that wrote it."});
  parsed_block result;
  result.head.last_start_ns = unbiased(in.take<std::uint64_t>());
  result.head.end_ns = unbiased(in.take<std::uint64_t>());
  auto runs = in.take<std::uint16_t>();
  for (std::size_t i = 0; i < runs && in.ok(); ++i) {
    auto length = in.take<std::uint32_t>();
    row_origin origin;
    origin.epoch = in.take<std::uint64_t>();
    origin.run = in.take<std::uint32_t>();
    if (length == 0 || length > block_records_max - result.head.rows)
      return unexpected(error{errc::malformed, "a block's runs are impossible."});
    result.head.rows += length;
    result.runs.emplace_back(length, origin);
  }
  auto head_bytes = value.size() - in.rest().size();
  auto sum = in.take<std::uint32_t>();
  result.rows = in.rest();
  if (!in.ok() || version == 0 || result.head.rows == 0
      || sum != crc32c(value.substr(0, head_bytes)))
    return unexpected(error{errc::malformed, "a block's head is damaged."});
  return result;
}

/// At least one, and what encode_block() takes at most.
std::size_t rows_to_try(std::span<const analytics::summary> rows, std::size_t likely) {
  auto limit = std::min({rows.size(), likely, origins_max});
  auto extended_bytes = rows[0].extended.size();
  std::size_t count = 1;
  while (count < limit
         && (extended_bytes += rows[count].extended.size()) < extended_bytes_max)
    ++count;
  return count;
}

} // namespace

row_set merged(row_set&& under, row_set&& over) {
  if (under.size() == 0)
    return std::move(over);
  row_set result;
  result.rows.reserve(under.size() + over.size());
  result.origins.reserve(under.size() + over.size());
  std::size_t i = 0;
  for (std::size_t k = 0; k < over.size(); ++k) {
    auto start_ns = over.rows[k].start_ns;
    for (; i < under.size() && under.rows[i].start_ns < start_ns; ++i)
      result.add(std::move(under.rows[i]), under.origins[i]);
    if (i < under.size() && under.rows[i].start_ns == start_ns)
      ++i;
    result.add(std::move(over.rows[k]), over.origins[k]);
  }
  for (; i < under.size(); ++i)
    result.add(std::move(under.rows[i]), under.origins[i]);
  return result;
}

std::vector<encoded_block> encode_rows(const row_set& rows, std::size_t bytes_max) {
  std::vector<encoded_block> result;
  auto all = std::span{rows.rows};
  auto origins = std::span{rows.origins};
  // What fits is found by trying, which costs an encoding each time: so many as the block
  // before had room for, and a little less.
  auto likely = std::size_t{384};
  for (std::size_t at = 0; at < all.size();) {
    auto count = rows_to_try(all.subspan(at), likely);
    auto head_bytes
      = fixed_head_bytes + origin_bytes * count_runs(origins.subspan(at, count));
    auto room = bytes_max > 2 * head_bytes ? bytes_max - head_bytes : bytes_max / 2;
    auto fitted = encode_fitting(all.subspan(at, count), room);
    bool may_more_fit = fitted.records == count && count == likely
                        && at + count < all.size()
                        && fitted.bytes.size() < room / 4 * 3;
    if (may_more_fit) {
      likely = std::max(count + 1, count * room / fitted.bytes.size() * 15 / 16);
      continue;
    }
    auto head
      = head_of(all.subspan(at, fitted.records), origins.subspan(at, fitted.records));
    result.push_back({all[at].start_ns, static_cast<std::uint32_t>(fitted.records),
                      std::move(head) + fitted.bytes});
    at += fitted.records;
    likely = std::max<std::size_t>(1, fitted.records * room
                                        / std::max<std::size_t>(fitted.bytes.size(), 1)
                                        * 31 / 32);
  }
  return result;
}

expected<block_head, error> decode_head(std::string_view value) {
  auto parsed = parse(value);
  if (!parsed)
    return unexpected(parsed.error());
  return parsed->head;
}

expected<void, error> decode_rows(std::string_view value, row_set& out) {
  out.clear();
  auto parsed = parse(value);
  if (!parsed)
    return unexpected(parsed.error());
  auto done = decode_block(parsed->rows, out.rows);
  if (!done)
    return done;
  if (out.rows.size() != parsed->head.rows) {
    out.clear();
    return unexpected(
      error{errc::malformed, "a block has another number of rows than it says."});
  }
  for (const auto& [length, origin] : parsed->runs)
    out.origins.insert(out.origins.end(), length, origin);
  return {};
}

} // namespace weir::storage
