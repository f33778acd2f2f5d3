#include "transport/uplink_batch.hpp"

#include "analytics/zstd_codec.hpp"
#include "transport/block_codec.hpp"
#include "transport/msgpack_io.hpp"

#include <limits>
#include <utility>

namespace weir::transport {

namespace {

constexpr std::uint32_t entry_fields = 6;

/// About the numbers of an entry, as msgpack.
constexpr std::size_t entry_numbers_bytes = 24;

/// Small blocks are not compressed for themselves; together about four times smaller.
constexpr std::size_t usual_ratio = 4;

/// Below this, and below a quarter of the batch, compressing gains next to nothing.
constexpr std::size_t worth_compressing_bytes = 256;

std::size_t plain_bytes(const uplink_entry& x) {
  return entry_numbers_bytes + (is_compressed_block(x.bytes) ? 0 : x.bytes.size());
}

bool worth_compressing(const std::vector<uplink_entry>& entries,
                       std::size_t size_bytes) {
  std::size_t plain = 0;
  for (const auto& x : entries)
    plain += plain_bytes(x);
  return plain >= worth_compressing_bytes && plain >= size_bytes / 4;
}

tl::unexpected<error> wrong(std::string what, errc code = errc::malformed) {
  return unexpected(error{code, "uplink message batch: " + std::move(what)});
}

/// Why the entry cannot be, or nothing.
std::string_view problem_of(std::uint8_t kind, const uplink_entry& x,
                            std::uint64_t after_seq) {
  if (kind > static_cast<std::uint8_t>(entry_kind::shed))
    return "an unknown kind";
  if (x.first_seq <= after_seq)
    return "a first_seq that is 0 or not behind the entry before it";
  if (x.seq_span == 0
      || x.seq_span > std::numeric_limits<std::uint64_t>::max() - x.first_seq)
    return "a seq_span of 0 or beyond 64 bits";
  if (x.record_count > x.seq_span)
    return "more records than numbers";
  auto is_hole = kind != static_cast<std::uint8_t>(entry_kind::records);
  if (is_hole && (x.record_count > 0 || !x.bytes.empty()))
    return "records in a hole";
  if (!is_hole && x.bytes.empty())
    return "no bytes";
  if (x.bytes.size() > block_bytes_max)
    return "a block beyond 1 MiB";
  return {};
}

bool read_entry(msgpack_reader& in, std::uint8_t& kind, uplink_entry& x) {
  std::uint32_t fields = 0;
  std::string_view bytes;
  if (!in.array(fields) || fields != entry_fields || !in.natural(kind)
      || !in.natural(x.run) || !in.natural(x.first_seq) || !in.natural(x.seq_span)
      || !in.natural(x.record_count) || !in.binary(bytes))
    return false;
  x.kind = static_cast<entry_kind>(kind);
  x.bytes = bytes;
  return true;
}

expected<std::vector<uplink_entry>, error> read_entries(std::string_view bytes) {
  msgpack_reader in{bytes};
  std::uint32_t count = 0;
  if (!in.array(count) || count == 0 || count > batch_entries_max)
    return wrong("entries are no array of 1 to " + std::to_string(batch_entries_max));
  if (count > in.remaining() / (entry_fields + 1))
    return wrong("announces " + std::to_string(count) + " entries, but only "
                 + std::to_string(in.remaining()) + " bytes are left");
  std::vector<uplink_entry> result;
  result.reserve(count);
  std::uint64_t after_seq = 0;
  for (std::uint32_t i = 0; i < count; ++i) {
    auto& x = result.emplace_back();
    std::uint8_t kind = 0;
    if (!read_entry(in, kind, x))
      return wrong("entry " + std::to_string(i) + " is not "
                   + std::to_string(entry_fields) + " fields of the right kinds");
    if (auto problem = problem_of(kind, x, after_seq); !problem.empty())
      return wrong("entry " + std::to_string(i) + " has " + std::string{problem});
    after_seq = x.last_seq();
  }
  if (in.remaining() != 0)
    return wrong("bytes follow after the last entry");
  return result;
}

} // namespace

std::size_t batch_size_estimate(const uplink_entry& x) {
  return is_compressed_block(x.bytes) ? x.bytes.size() + entry_numbers_bytes
                                      : plain_bytes(x) / usual_ratio;
}

encoded_batch encode_entries(const std::vector<uplink_entry>& entries) {
  std::size_t size = 8;
  for (const auto& x : entries)
    size += x.bytes.size() + entry_numbers_bytes + 16;
  std::string plain;
  plain.reserve(size);
  msgpack_writer out{plain};
  out.array(entries.size());
  for (const auto& x : entries) {
    out.array(entry_fields);
    out.natural(static_cast<std::uint8_t>(x.kind));
    out.natural(x.run);
    out.natural(x.first_seq);
    out.natural(x.seq_span);
    out.natural(x.record_count);
    out.binary(x.bytes);
  }
  auto size_bytes = plain.size();
  std::string packed;
  if (worth_compressing(entries, size_bytes) && analytics::zstd_compress(plain, packed))
    return {batch_encoding::zstd, size_bytes, std::move(packed)};
  return {batch_encoding::plain, size_bytes, std::move(plain)};
}

expected<std::vector<uplink_entry>, error> decode_entries(std::uint8_t encoding,
                                                          std::uint64_t size_bytes,
                                                          std::string_view bytes) {
  if (size_bytes > batch_bytes_max)
    return wrong("announces " + std::to_string(size_bytes) + " bytes, at most "
                   + std::to_string(batch_bytes_max) + " are allowed",
                 errc::too_large);
  switch (static_cast<batch_encoding>(encoding)) {
  case batch_encoding::plain:
    if (bytes.size() != size_bytes)
      return wrong("size_bytes is not the number of bytes");
    return read_entries(bytes);
  case batch_encoding::zstd: {
    std::string plain;
    if (!analytics::zstd_decompress(bytes, size_bytes, plain))
      return wrong("its bytes are not one zstd frame of the size that it announces");
    return read_entries(plain);
  }
  }
  return wrong("encoding " + std::to_string(encoding) + " is unknown",
               errc::unsupported);
}

} // namespace weir::transport
