// Keys and values of the outbox's tables, byte for byte.
#include "storage/outbox_values.hpp"

#include "storage/failure.hpp"

#include <catch2/catch.hpp>

#include <optional>
#include <random>
#include <string>

using namespace weir::storage;

namespace {

std::string to_hex(std::string_view bytes) {
  std::string result;
  for (unsigned char x : bytes) {
    result += "0123456789abcdef"[x >> 4];
    result += "0123456789abcdef"[x & 15];
  }
  return result;
}

entry_view block(std::uint64_t first_seq, std::string_view bytes) {
  entry_view x;
  x.first_seq = first_seq;
  x.seq_span = 7;
  x.priority = block_priority::alert;
  x.coalesced = 2;
  x.run = 5;
  x.record_count = 3;
  x.bytes = bytes;
  return x;
}

std::optional<errc> refusal(std::string_view key, std::string_view value) {
  try {
    to_entry(key, value, 1);
    return std::nullopt;
  } catch (const failure& x) {
    return x.what_happened.code;
  }
}

} // namespace

TEST_CASE("the examples of FORMAT.md's outbox are true", "[outbox]") {
  auto first = block(1, "hello");
  first.seq_span = 3;
  first.coalesced = 0;
  first.run = 1;
  first.priority = block_priority::summary;
  CHECK(to_hex(entry_key(1)) == "0000000000000001");
  CHECK(to_hex(to_value(first))
        == "020101000000000100000003000000000000000368656c6c6f");
  entry_view hole;
  hole.is_hole = true;
  hole.seq_span = 10;
  hole.reason = hole_reason::shed;
  CHECK(to_hex(to_value(hole)) == "020202000000000000000a");
  outbox_counters counters;
  counters.next_seq = 4;
  counters.first_start_seq = 1;
  CHECK(to_hex(to_value(counters))
        == "03000000000000000400000000000000000000000000000000"
           "0000000000000000000000000000000000000000000000010000000000000001");
}

TEST_CASE("blocks and holes come back as they were", "[outbox]") {
  auto bytes = std::string("\0\xff b", 4);
  auto value = to_value(block(99, bytes)); // Its bytes are borrowed.
  auto x = to_entry(entry_key(99), value, 1);
  CHECK(x.first_seq == 99);
  CHECK(x.seq_span == 7);
  CHECK(x.priority == block_priority::alert);
  CHECK(x.coalesced == 2);
  CHECK(x.run == 5);
  CHECK(x.record_count == 3);
  CHECK(x.bytes == bytes);
  entry_view hole;
  hole.is_hole = true;
  hole.seq_span = 10;
  hole.reason = hole_reason::shed;
  x = to_entry(entry_key(7), to_value(hole), 1);
  CHECK(x.is_hole);
  CHECK(x.first_seq == 7);
  CHECK(x.seq_span == 10);
  CHECK(x.reason == hole_reason::shed);
}

TEST_CASE("a block of version 1 stands for its records", "[outbox]") {
  auto value = std::string("\x01\x02\0\0\0\x03hello", 11);
  auto x = to_entry(entry_key(1), value, 9);
  CHECK(x.seq_span == 3);
  CHECK(x.record_count == 3);
  CHECK(x.run == 9);
  CHECK(x.priority == block_priority::alert);
  CHECK(x.bytes == "hello");
}

TEST_CASE("what is no entry is refused", "[outbox]") {
  auto good = to_value(block(1, "hello"));
  CHECK_FALSE(refusal(entry_key(1), good));
  CHECK(refusal(entry_key(0), good) == errc::malformed);
  CHECK(refusal(entry_key(~std::uint64_t{0} - 2), good) == errc::malformed);
  CHECK(refusal("short", good) == errc::malformed);
  CHECK(refusal(entry_key(1), "\x03zz") == errc::unsupported);
  auto too_many = block(1, "hello");
  too_many.record_count = 8; // More than the numbers that it stands for.
  CHECK(refusal(entry_key(1), to_value(too_many)) == errc::malformed);
  for (std::size_t size = 0; size < good.size() - 5; ++size)
    CHECK(refusal(entry_key(1), std::string_view{good}.substr(0, size))
          == errc::malformed);
  auto random = std::mt19937{1};
  for (int i = 0; i < 2000; ++i) { // Any bytes: an entry or a refusal.
    std::string noise(random() % 30, '\0');
    for (auto& x : noise)
      x = static_cast<char>(random() % 4);
    static_cast<void>(refusal(entry_key(random() % 3), noise));
  }
}

TEST_CASE("counters and ranges come back as they were", "[outbox]") {
  auto x = outbox_counters{10, 9, 8, 7, 6, 5, 4};
  auto back = to_counters(to_value(x));
  CHECK(back.next_seq == 10);
  CHECK(back.acknowledged_seq == 9);
  CHECK(back.expired_records == 8);
  CHECK(back.coalesced_records == 7);
  CHECK(back.shed_records == 6);
  CHECK(back.first_start_seq == 5);
  CHECK(back.unsent_seq == 4);
  auto version_2 = to_value(x).substr(0, 1 + 6 * 8);
  version_2[0] = 2;
  CHECK(to_counters(version_2).unsent_seq == 10); // All may have been sent.
  x.unsent_seq = 11;
  CHECK_THROWS_AS(to_counters(to_value(x)), failure);
  x.unsent_seq = 10;
  x.acknowledged_seq = 10;
  CHECK_THROWS_AS(to_counters(to_value(x)), failure);
  CHECK_THROWS_AS(to_counters(""), failure);
  number_ranges ranges;
  ranges.add(1, 5);
  ranges.add(9, 9);
  CHECK(to_ranges(to_value(ranges)) == ranges);
  CHECK(to_ranges(to_value(number_ranges{})) == number_ranges{});
  CHECK_THROWS_AS(to_ranges(to_value(ranges) + "x"), failure);
}
