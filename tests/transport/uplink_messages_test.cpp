#include "transport/block_codec.hpp"
#include "transport/msgpack_io.hpp"
#include "transport/uplink_messages.hpp"

#include <catch2/catch.hpp>

#include <limits>

using namespace weir::transport;

namespace {

constexpr auto u64_max = std::numeric_limits<std::uint64_t>::max();

edge_status full_status() {
  edge_status x;
  x.version = "0.1.0";
  x.epoch = u64_max;
  x.run = 3;
  x.time_ns = -1;
  x.started_ns = 5;
  x.events_total = 1'000'000'000'000;
  x.rejected_total = 2;
  x.late_total = 3;
  x.shed_total = 4;
  x.series_open = 5;
  x.anomalies_total = 6;
  x.alerts_firing = 7;
  x.outbox_records = 8;
  x.outbox_bytes = 9;
  x.expired_total = 10;
  x.rss_bytes = 11;
  x.rejected_by_reason = {0, 1, 2, 3, 4, 5, 6, 7, 8};
  x.rejecting_sources = {"plant", "tills"};
  x.rejected_by_source = {0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0};
  x.revisions_total = 12;
  x.filtered_total = 13;
  x.derived_total = 14;
  x.evicted_total = 15;
  x.series_known = 16;
  x.state_bytes = 17;
  x.restamped_total = 18;
  x.held_events = 19;
  x.clock_jumps_total = 20;
  std::uint64_t value = 21;
  for (const auto& field : edge_ledger_fields)
    x.ledger.*field.value = value++;
  return x;
}

std::vector<uplink_entry> some_entries() {
  return {{entry_kind::records, 8, 9, 10, 10, std::string("\x01\x00\xff", 3)},
          {entry_kind::records, 8, 19, 4, 1, "coalesced"},
          {entry_kind::expired, 8, 23, 1'000'000'000'000, 0, ""},
          {entry_kind::shed, 9, u64_max - 5, 5, 0, ""}};
}

/// Large enough to be compressed.
std::vector<uplink_entry> large_entries() {
  auto result = std::vector<uplink_entry>{};
  for (std::uint64_t i = 0; i < 50; ++i)
    result.push_back(
      {entry_kind::records, 1, 1 + i * 3, 3, 3, "a block " + std::to_string(i)});
  return result;
}

std::vector<uplink_message> one_of_each() {
  return {hello_message{2, u64_max, 2, 3, "0.1.0", 2},
          welcome_message{9, {4, 6, 7}, 65'536, -5, 1000},
          reject_message{reject_code::not_authorized, "this key is no edge's"},
          ack_message{14, {15, 0, 0}, u64_max},
          ack_message{14, {15, 17, u64_max}, 0},
          resend_message{16, 17, true},
          status_message{full_status()},
          pong_message{18, -19, 20},
          batch_message{7, true, some_entries()},
          batch_message{8, false, large_entries()}};
}

/// A frame of hand-written fields: integers as given.
std::string frame(std::uint8_t type, const std::vector<std::uint64_t>& fields,
                  std::size_t announced_extra = 0) {
  std::string out(type == 1 || type == 3 ? "\x01" : "\x02", 1);
  msgpack_writer writer{out};
  writer.array(fields.size() + 1 + announced_extra);
  writer.natural(type);
  for (auto x : fields)
    writer.natural(x);
  return out;
}

errc decode_error(std::string_view bytes) {
  auto result = decode_uplink(bytes);
  REQUIRE_FALSE(result.has_value());
  CHECK(result.error().message.find("uplink message") == 0);
  return result.error().code;
}

} // namespace

TEST_CASE("each uplink message comes back from its bytes as it was") {
  for (const auto& message : one_of_each()) {
    INFO(name_of(message));
    auto bytes = encode_uplink(message);
    auto result = decode_uplink(bytes);
    REQUIRE(result.has_value());
    CHECK(*result == message);
    CHECK(encode_uplink(*result) == bytes);
    auto greets = std::holds_alternative<hello_message>(message)
                  || std::holds_alternative<reject_message>(message);
    CHECK(bytes.front() == (greets ? 1 : 2));
  }
}

TEST_CASE("uplink messages have the bytes that WIRE.md shows") {
  CHECK(encode_uplink(ack_message{42, {9, 0, 0}, 65'536})
        == std::string("\x02\x96\x06\x2a\x09\x00\x00\xce\x00\x01\x00\x00", 12));
  CHECK(encode_uplink(hello_message{2, 42, 2, 3, "0.1.0", 2})
        == "\x01\x97\x01\x02\x2a\x02\x03\xa5"
           "0.1.0\x02");
  CHECK(encode_uplink(batch_message{42, true, {{entry_kind::expired, 2, 10, 5, 0, ""}}})
        == std::string("\x02\x96\x0a\x2a\x01\x00\x09\xc4\x09"
                       "\x91\x96\x01\x02\x0a\x05\x00\xc4\x00",
                       18));
}

TEST_CASE("an uplink message cut off anywhere is malformed") {
  for (const auto& message : one_of_each()) {
    auto bytes = encode_uplink(message);
    for (std::size_t size = 0; size < bytes.size(); ++size)
      CHECK(decode_error(std::string_view{bytes}.substr(0, size)) == errc::malformed);
    CHECK(decode_error(bytes + "x") == errc::malformed);
  }
}

TEST_CASE("another wire version and an unknown type are unsupported") {
  auto bytes = encode_uplink(ack_message{1, {2, 0, 0}, 3});
  for (char version : {'\0', '\1', '\3'}) {
    bytes[0] = version;
    CHECK(decode_error(bytes) == errc::unsupported);
  }
  CHECK(decode_error(frame(0, {1, 2})) == errc::unsupported);
  CHECK(decode_error(frame(4, {1, 1, 1, 1})) == errc::unsupported); // Of version 1.
  CHECK(decode_error(frame(11, {1, 2})) == errc::unsupported);
}

TEST_CASE("hello and reject are understood by version 1, and begin as it did") {
  auto hello = std::string{"\x01\x96\x01\x01\x2a\x02\x03\xa5"
                           "0.1.0"};
  auto result = decode_uplink(hello);
  REQUIRE(result.has_value());
  CHECK(*result == uplink_message{hello_message{1, 42, 2, 3, "0.1.0"}});
  hello[0] = 2;
  CHECK(decode_error(hello) == errc::malformed);
}

TEST_CASE("fields that a later version appends are passed over") {
  auto result = decode_uplink(frame(7, {1, 2, 1, 99, 100}));
  REQUIRE(result.has_value());
  CHECK(*result == uplink_message{resend_message{1, 2, true}});

  auto nested = frame(7, {1, 2, 0}, 1);
  msgpack_writer writer{nested};
  writer.array(2);
  writer.text("later");
  writer.array(0);
  result = decode_uplink(nested);
  REQUIRE(result.has_value());
  CHECK(*result == uplink_message{resend_message{1, 2, false}});
}

TEST_CASE("a status with more fields than this build knows is read") {
  auto bytes = encode_uplink(status_message{full_status()});
  // version, array of 2, type, array 16 of 54 fields: dc 00 36
  REQUIRE(bytes.substr(1, 5) == std::string("\x92\x08\xdc\x00\x36", 5));
  bytes[5] = 0x38;
  bytes += "\x07\xa1x";
  auto result = decode_uplink(bytes);
  REQUIRE(result.has_value());
  CHECK(*result == uplink_message{status_message{full_status()}});
}

TEST_CASE("a status of an older edge is read, and what it does not send is 0") {
  // The 35 newest fields are below 128: one byte each, at the end.
  for (std::size_t missing = 1; missing <= 35; ++missing) {
    auto bytes = encode_uplink(status_message{full_status()});
    bytes[5] = static_cast<char>(54 - missing);
    bytes.resize(bytes.size() - missing);
    auto expected = full_status();
    std::vector<std::uint64_t*> newest;
    for (auto i = edge_ledger_fields.rbegin(); i != edge_ledger_fields.rend(); ++i)
      newest.push_back(&(expected.ledger.*i->value));
    for (auto* x :
         {&expected.clock_jumps_total, &expected.held_events, &expected.restamped_total,
          &expected.state_bytes, &expected.series_known, &expected.evicted_total,
          &expected.derived_total, &expected.filtered_total, &expected.revisions_total})
      newest.push_back(x);
    REQUIRE(newest.size() == 35);
    for (std::size_t i = 0; i < missing; ++i)
      *newest[i] = 0;
    INFO(missing);
    auto result = decode_uplink(bytes);
    REQUIRE(result.has_value());
    CHECK(*result == uplink_message{status_message{expected}});
  }
  auto bytes = encode_uplink(status_message{full_status()});
  bytes[5] = 18;
  CHECK(decode_error(bytes) == errc::malformed);
}

TEST_CASE("an older centre finds its fields in front, in the order it knows") {
  // What a reader of 19 fields does: it reads those, and passes over the rest.
  auto bytes = encode_uplink(status_message{full_status()});
  msgpack_reader in{std::string_view{bytes}.substr(1)};
  std::uint32_t count = 0;
  std::uint8_t type = 0;
  REQUIRE(in.array(count));
  REQUIRE(in.natural(type));
  REQUIRE(in.array(count));
  REQUIRE(count >= 19);
  std::string_view version;
  REQUIRE(in.text(version));
  CHECK(version == "0.1.0");
  msgpack_token token;
  auto pass = [&] {
    REQUIRE(in.next(token));
    REQUIRE(in.skip(token, 4) == msgpack_reader::skip_result::skipped);
  };
  for (int i = 1; i < 15; ++i)
    pass();
  std::uint64_t rss_bytes = 0;
  REQUIRE(in.natural(rss_bytes));
  CHECK(rss_bytes == 11);
  for (std::uint32_t i = 16; i < count; ++i)
    pass();
  CHECK(in.remaining() == 0);
}

TEST_CASE("an appended field of the status that is no number is malformed") {
  auto bytes = encode_uplink(status_message{full_status()});
  bytes.back() = '\xc0';
  CHECK(decode_error(bytes) == errc::malformed);
}

TEST_CASE("a message with too few fields is malformed") {
  CHECK(decode_error(frame(6, {1})) == errc::malformed);
  CHECK(decode_error(frame(9, {})) == errc::malformed);
  CHECK(decode_error(std::string("\x02\x90", 2)) == errc::malformed);
  CHECK(decode_error(std::string("\x01\xc0", 2)) == errc::malformed);
}

TEST_CASE("numbers that cannot be are malformed") {
  CHECK(decode_error(encode_uplink(hello_message{1, 1, 1, 0, "v"})) == errc::malformed);
  CHECK(decode_error(encode_uplink(hello_message{1, 1, 1, 3, "v", 4}))
        == errc::malformed);
  CHECK(decode_error(encode_uplink(resend_message{1, 0, false})) == errc::malformed);
  CHECK(decode_error(frame(7, {1, 2, 2})) == errc::malformed); // No flag.
  // Lanes that overlap or touch what is before them, end before they begin, or are none.
  for (auto x : {uplink_position{5, 5, 9}, uplink_position{5, 6, 9},
                 uplink_position{5, 8, 7}, uplink_position{5, 0, 9}})
    CHECK(decode_error(encode_uplink(ack_message{1, x, 0})) == errc::malformed);
  // heartbeat_ms beyond 32 bits; a time beyond int64.
  CHECK(decode_error(frame(2, {1, 1, 0, 0, 1, 1, u64_max})) == errc::malformed);
  CHECK(decode_error(frame(9, {u64_max, 1, 1})) == errc::malformed);
}

TEST_CASE("a reject of an unknown code is unsupported") {
  CHECK(decode_error(encode_uplink(reject_message{static_cast<reject_code>(9), "why"}))
        == errc::unsupported);
}

TEST_CASE("uplink messages have limits") {
  CHECK(decode_error(std::string(uplink_message_bytes_max + 1, '\x01'))
        == errc::too_large);
  auto batch = batch_message{1, false, {{entry_kind::records, 1, 1, 1, 1, ""}}};
  auto& block = batch.entries.front().bytes;
  block.assign(block_bytes_max, '\0');
  for (auto i = std::uint32_t{1}; auto& x : block) // Nothing that can be compressed.
    x = static_cast<char>((i = i * 1'664'525 + 1'013'904'223) >> 24);
  auto bytes = encode_uplink(batch);
  CHECK(bytes.size() > block_bytes_max);
  CHECK(bytes.size() <= uplink_message_bytes_max);
  CHECK(decode_uplink(bytes).has_value());
  block += 'x';
  CHECK(decode_error(encode_uplink(batch)) == errc::malformed);

  auto long_text = frame(3, {1}, 1);
  msgpack_writer{long_text}.text(std::string(257, 'x'));
  CHECK(decode_error(long_text) == errc::too_large);
  auto bad_text = frame(3, {1}, 1);
  msgpack_writer{bad_text}.text("\xff");
  CHECK(decode_error(bad_text) == errc::malformed);
}

TEST_CASE("a text beyond its limit is cut between characters when encoded") {
  reject_message message{reject_code::malformed, std::string(255, 'x') + "ß"};
  auto result = decode_uplink(encode_uplink(message));
  REQUIRE(result.has_value());
  CHECK(std::get<reject_message>(*result).reason == std::string(255, 'x'));
}

TEST_CASE("counts that announce gigabytes are malformed") {
  using namespace std::string_literals;
  CHECK(decode_error("\x02\xdd\xff\xff\xff\xff\x06\x01\x02"s) == errc::malformed);
  CHECK(decode_error("\x02\x92\x08\xdd\xff\xff\xff\xff\xa0"s) == errc::malformed);
  CHECK(decode_error("\x02\x96\x0a\x01\x01\x01\x01\xc6\xff\xff\xff\xff"s)
        == errc::malformed);
}
