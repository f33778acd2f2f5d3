#include "storage/outbox_values.hpp"

#include "storage/big_endian.hpp"
#include "storage/failure.hpp"

namespace weir::storage {

namespace {

constexpr std::uint8_t block_version = 1;

} // namespace

std::string block_key(std::uint64_t first_seq) {
  std::string key;
  put_be(key, first_seq);
  return key;
}

std::string to_value(const new_block& block) {
  std::string value;
  value.reserve(block.bytes.size() + 6);
  put_be(value, block_version);
  put_be(value, static_cast<std::uint8_t>(block.priority));
  put_be(value, block.record_count);
  value.append(block.bytes);
  return value;
}

block_view to_block(std::string_view key, std::string_view value) {
  auto in = byte_reader{value};
  auto version = in.take<std::uint8_t>();
  if (in.ok() && version > block_version)
    throw failure(errc::unsupported,
                  "the outbox holds a block of version " + std::to_string(version)
                    + ", this program knows up to " + std::to_string(block_version)
                    + ". Start the newer program that wrote it.");
  auto priority = in.take<std::uint8_t>();
  auto count = in.take<std::uint32_t>();
  if (!in.ok() || key.size() != 8 || version == 0 || priority < 1 || priority > 2)
    throw failure(errc::malformed, "the outbox holds a block that cannot be "
                                   "read ("
                                     + std::to_string(value.size())
                                     + " bytes). A restart sets the database "
                                       "aside.");
  return {get_be<std::uint64_t>(key.data()), count,
          static_cast<block_priority>(priority), in.rest()};
}

std::string to_value(const outbox_counters& x) {
  std::string value;
  put_be(value, x.next_seq);
  put_be(value, x.acknowledged_seq);
  put_be(value, x.expired_records);
  return value;
}

outbox_counters to_counters(std::string_view value) {
  auto in = byte_reader{value};
  outbox_counters x;
  x.next_seq = in.take<std::uint64_t>();
  x.acknowledged_seq = in.take<std::uint64_t>();
  x.expired_records = in.take<std::uint64_t>();
  if (!in.complete() || x.next_seq == 0 || x.acknowledged_seq >= x.next_seq)
    throw failure(errc::malformed, "the outbox's counters cannot be read.");
  return x;
}

} // namespace weir::storage
