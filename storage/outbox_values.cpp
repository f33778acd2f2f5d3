#include "storage/outbox_values.hpp"

#include "storage/big_endian.hpp"
#include "storage/failure.hpp"

namespace weir::storage {

namespace {

constexpr std::uint8_t entry_version = 2;
constexpr std::uint8_t counters_version = 3;
constexpr std::uint8_t counters_version_2 = 2; // Without unsent_seq.
constexpr std::uint8_t ranges_version = 1;
constexpr std::uint8_t widths_version = 1;

enum class entry_kind : std::uint8_t { block = 1, hole = 2 };

constexpr std::size_t block_header_bytes = 20;

[[noreturn]] void refuse_entry(std::string_view value) {
  throw failure(errc::malformed, "the outbox holds a block that cannot be read ("
                                   + std::to_string(value.size())
                                   + " bytes). A restart sets the database aside.");
}

void read_version_1(byte_reader& in, entry_view& x) {
  auto priority = in.take<std::uint8_t>();
  x.record_count = in.take<std::uint32_t>();
  x.seq_span = x.record_count;
  x.priority = static_cast<block_priority>(priority);
  x.bytes = in.rest();
}

void read_block(byte_reader& in, entry_view& x) {
  x.priority = static_cast<block_priority>(in.take<std::uint8_t>());
  x.coalesced = in.take<std::uint8_t>();
  x.run = in.take<std::uint32_t>();
  x.record_count = in.take<std::uint32_t>();
  x.seq_span = in.take<std::uint64_t>();
  x.bytes = in.rest();
}

bool read_hole(byte_reader& in, entry_view& x) {
  auto reason = in.take<std::uint8_t>();
  x.is_hole = true;
  x.reason = static_cast<hole_reason>(reason);
  x.seq_span = in.take<std::uint64_t>();
  return in.complete() && reason >= 1 && reason <= 2;
}

bool is_valid(const entry_view& x) {
  if (x.first_seq == 0 || x.seq_span == 0 || x.first_seq + x.seq_span < x.first_seq)
    return false;
  return x.is_hole
         || (x.record_count > 0 && x.record_count <= x.seq_span
             && static_cast<std::size_t>(x.priority) < block_priority_count);
}

} // namespace

std::string entry_key(std::uint64_t first_seq) {
  std::string key;
  put_be(key, first_seq);
  return key;
}

std::string to_value(const entry_view& x) {
  std::string value;
  put_be(value, entry_version);
  if (x.is_hole) {
    put_be(value, static_cast<std::uint8_t>(entry_kind::hole));
    put_be(value, static_cast<std::uint8_t>(x.reason));
    put_be(value, x.seq_span);
    return value;
  }
  value.reserve(x.bytes.size() + block_header_bytes);
  put_be(value, static_cast<std::uint8_t>(entry_kind::block));
  put_be(value, static_cast<std::uint8_t>(x.priority));
  put_be(value, x.coalesced);
  put_be(value, x.run);
  put_be(value, x.record_count);
  put_be(value, x.seq_span);
  value.append(x.bytes);
  return value;
}

entry_view to_entry(std::string_view key, std::string_view value,
                    std::uint32_t run_of_version_1) {
  auto in = byte_reader{value};
  auto version = in.take<std::uint8_t>();
  if (in.ok() && version > entry_version)
    throw failure(errc::unsupported,
                  "the outbox holds a block of version " + std::to_string(version)
                    + ", this program knows up to " + std::to_string(entry_version)
                    + ". Start the newer program that wrote it.");
  if (!in.ok() || key.size() != 8 || version == 0)
    refuse_entry(value);
  entry_view x;
  x.first_seq = get_be<std::uint64_t>(key.data());
  x.run = run_of_version_1;
  bool known = true;
  if (version == 1)
    read_version_1(in, x);
  else if (auto kind = in.take<std::uint8_t>();
           kind == static_cast<std::uint8_t>(entry_kind::block))
    read_block(in, x);
  else
    known = kind == static_cast<std::uint8_t>(entry_kind::hole) && read_hole(in, x);
  if (!known || !in.ok() || !is_valid(x))
    refuse_entry(value);
  return x;
}

std::string to_value(const outbox_counters& x) {
  std::string value;
  put_be(value, counters_version);
  put_be(value, x.next_seq);
  put_be(value, x.acknowledged_seq);
  put_be(value, x.expired_records);
  put_be(value, x.coalesced_records);
  put_be(value, x.shed_records);
  put_be(value, x.first_start_seq);
  put_be(value, x.unsent_seq);
  return value;
}

outbox_counters to_counters(std::string_view value) {
  auto in = byte_reader{value};
  auto version = in.take<std::uint8_t>();
  outbox_counters x;
  x.next_seq = in.take<std::uint64_t>();
  x.acknowledged_seq = in.take<std::uint64_t>();
  x.expired_records = in.take<std::uint64_t>();
  x.coalesced_records = in.take<std::uint64_t>();
  x.shed_records = in.take<std::uint64_t>();
  x.first_start_seq = in.take<std::uint64_t>();
  bool is_known = version == counters_version || version == counters_version_2;
  x.unsent_seq = version == counters_version ? in.take<std::uint64_t>() : x.next_seq;
  if (!in.complete() || !is_known || x.next_seq == 0 || x.acknowledged_seq >= x.next_seq
      || x.unsent_seq == 0 || x.unsent_seq > x.next_seq)
    throw failure(errc::malformed, "the outbox's counters cannot be read.");
  return x;
}

std::string to_value(const number_ranges& x) {
  std::string value;
  put_be(value, ranges_version);
  for (const auto& range : x.ranges()) {
    put_be(value, range.first);
    put_be(value, range.last);
  }
  return value;
}

number_ranges to_ranges(std::string_view value) {
  auto in = byte_reader{value};
  auto version = in.take<std::uint8_t>();
  number_ranges result;
  while (in.ok() && !in.rest().empty()) {
    auto first = in.take<std::uint64_t>();
    auto last = in.take<std::uint64_t>();
    if (in.ok() && first <= last)
      result.add(first, last);
  }
  if (!in.complete() || version != ranges_version)
    throw failure(errc::malformed, "the outbox's list of sent numbers cannot be read.");
  return result;
}

std::string to_value(const analytics::width_ladder& x) {
  std::string value;
  put_be(value, widths_version);
  for (auto [width_ns, wide_ns] : x.steps()) {
    put_be(value, static_cast<std::uint64_t>(width_ns));
    put_be(value, static_cast<std::uint64_t>(wide_ns));
  }
  return value;
}

analytics::width_ladder to_ladder(std::string_view value) {
  auto in = byte_reader{value};
  auto version = in.take<std::uint8_t>();
  analytics::width_ladder result;
  while (in.ok() && !in.rest().empty()) {
    auto width_ns = in.take_time();
    result.restore(width_ns, in.take_time());
  }
  if (!in.complete() || version != widths_version)
    throw failure(errc::malformed, "the outbox's list of widths cannot be read.");
  return result;
}

outbox_counters to_counters_of_version_1(std::string_view value) {
  auto in = byte_reader{value};
  outbox_counters x;
  x.next_seq = in.take<std::uint64_t>();
  x.acknowledged_seq = in.take<std::uint64_t>();
  x.expired_records = in.take<std::uint64_t>();
  x.unsent_seq = x.next_seq; // It did not say: all may have been sent.
  if (!in.complete() || x.next_seq == 0 || x.acknowledged_seq >= x.next_seq)
    throw failure(errc::malformed, "the outbox's counters cannot be read.");
  return x;
}

} // namespace weir::storage
