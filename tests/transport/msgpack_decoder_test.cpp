#include "tests/transport/recording_sink.hpp"
#include "transport/decoders.hpp"

#include <catch2/catch.hpp>
#include <msgpack.hpp>

#include <cmath>
#include <functional>
#include <limits>
#include <sstream>

using namespace weir::transport;
using weir::analytics::reject_reason;
using weir::transport::testing::recording_sink;

namespace {

using packer = msgpack::packer<std::stringstream>;

std::string packed(const std::function<void(packer&)>& write) {
  std::stringstream out;
  packer pk{out};
  write(pk);
  return out.str();
}

/// An event of type "t" and value 1 with one more field.
std::string event_with(const std::string& key,
                       const std::function<void(packer&)>& value) {
  return packed([&](packer& pk) {
    pk.pack_map(3);
    pk.pack("type");
    pk.pack("t");
    pk.pack("value");
    pk.pack(1);
    pk.pack(key);
    value(pk);
  });
}

recording_sink decode(std::string_view payload, const decode_context& context = {},
                      decode_limits limits = {}) {
  recording_sink sink;
  msgpack_decoder decoder{limits};
  decoder.decode(payload, context, sink);
  return sink;
}

weir::transport::testing::recorded_reject only_reject(const recording_sink& sink) {
  REQUIRE(sink.events.empty());
  REQUIRE(sink.rejects.size() == 1);
  CHECK(sink.rejects[0].detail.size() <= 200);
  return sink.rejects[0];
}

void write_event(packer& pk, const std::string& type, double value) {
  pk.pack_map(2);
  pk.pack("type");
  pk.pack(type);
  pk.pack("value");
  pk.pack(value);
}

} // namespace

TEST_CASE("a msgpack event with all its fields is read") {
  auto sink = decode(packed([](packer& pk) {
    pk.pack_map(7);
    pk.pack("time"), pk.pack(std::uint64_t{1700000000123});
    pk.pack("user_id"), pk.pack(-7);
    pk.pack("metric"), pk.pack("clicks");
    pk.pack("value"), pk.pack(2.5f);
    pk.pack("id"), pk.pack(std::uint64_t{12345678901234567890U});
    pk.pack("extra"), pk.pack(std::vector<int>{1, 2});
    pk.pack("dimensions");
    pk.pack_map(3);
    pk.pack("page"), pk.pack("home");
    pk.pack("ab"), pk.pack(true);
    pk.pack("n"), pk.pack(0.5);
  }));
  REQUIRE(sink.rejects.empty());
  REQUIRE(sink.events.size() == 1);
  const auto& event = sink.events[0];
  CHECK(event.metric == "clicks");
  CHECK(event.source == "-7");
  CHECK(event.value == 2.5);
  CHECK(event.id == "12345678901234567890");
  CHECK(event.time_ns == 1700000000123000000);
  CHECK(event.dimensions
        == std::map<std::string, std::string>{
          {"page", "home"}, {"ab", "true"}, {"n", "0.5"}});
}

TEST_CASE("every integer width of msgpack is read") {
  for (std::int64_t x :
       {0LL,      1LL,      127LL,         128LL,         255LL,
        256LL,    65535LL,  65536LL,       4294967295LL,  4294967296LL,
        -1LL,     -32LL,    -33LL,         -128LL,        -129LL,
        -32768LL, -32769LL, -2147483648LL, -2147483649LL, -9007199254740992LL}) {
    auto sink = decode(packed([x](packer& pk) {
      pk.pack_map(2);
      pk.pack("type"), pk.pack("t");
      pk.pack("value"), pk.pack(x);
    }));
    REQUIRE(sink.events.size() == 1);
    CHECK(sink.events[0].value == static_cast<double>(x));
  }
}

TEST_CASE("msgpack's own timestamps are read in all three sizes") {
  auto time_of = [](const std::string& data) {
    auto sink = decode(event_with("ts", [&](packer& pk) {
      pk.pack_ext(data.size(), -1);
      pk.pack_ext_body(data.data(), static_cast<std::uint32_t>(data.size()));
    }));
    REQUIRE(sink.events.size() + sink.rejects.size() == 1);
    return sink.events.empty() ? std::nullopt : sink.events[0].time_ns;
  };
  using namespace std::string_literals;
  CHECK(time_of("\x00\x00\x00\x05"s) == 5000000000);
  CHECK(time_of("\x00\x00\x00\x04\x00\x00\x00\x05"s) == 5000000001);
  CHECK(time_of("\x00\x00\x00\x01\xff\xff\xff\xff\xff\xff\xff\xff"s) == -999999999);
  CHECK_FALSE(time_of("\xff\xff\xff\xff\x00\x00\x00\x00\x00\x00\x00\x00"s).has_value());
  CHECK_FALSE(time_of("\x00\x05"s).has_value());
}

TEST_CASE("a bad msgpack event inside an array loses only itself") {
  auto bad = event_with("dimensions", [](packer& pk) { pk.pack(5); });
  auto sink = decode(packed([](packer& pk) {
                       pk.pack_array(5);
                       write_event(pk, "a", 1.5);
                     })
                     + bad + packed([](packer& pk) {
                         pk.pack(7);
                         pk.pack(std::vector<int>{1});
                         write_event(pk, "b", 2.5);
                       }));
  REQUIRE(sink.events.size() == 2);
  CHECK(sink.events[1].metric == "b");
  REQUIRE(sink.rejects.size() == 3);
  CHECK(sink.rejects[0].bytes == bad);
  CHECK(sink.rejects[0].detail.find("event 1: ") == 0);
  CHECK(sink.rejects[1].reason == reject_reason::wrong_type);
  CHECK(sink.rejects[2].detail.find("event 3: ") == 0);
}

TEST_CASE("msgpack that is cut off delivers what is whole and rejects the rest") {
  auto payload = packed([](packer& pk) {
    pk.pack_array(3);
    for (int i = 0; i < 3; ++i)
      write_event(pk, "a", 1.5);
  });
  auto event_bytes = (payload.size() - 1) / 3;
  for (std::size_t size = 1; size < payload.size(); ++size) {
    auto sink = decode(payload.substr(0, size));
    CHECK(sink.events.size() == (size - 1) / event_bytes);
    REQUIRE(sink.rejects.size() == 1);
    CHECK(sink.rejects[0].reason == reject_reason::malformed);
  }
}

TEST_CASE("bytes behind a msgpack value are malformed") {
  auto payload = packed([](packer& pk) { write_event(pk, "a", 1); });
  auto sink = decode(payload + "xyz");
  CHECK(sink.events.size() == 1);
  REQUIRE(sink.rejects.size() == 1);
  CHECK(sink.rejects[0].reason == reject_reason::malformed);
  CHECK(sink.rejects[0].bytes == "xyz");
}

TEST_CASE("msgpack floats that are not finite are rejected as such") {
  for (double x : {std::nan(""), HUGE_VAL, -HUGE_VAL})
    CHECK(
      only_reject(decode(packed([x](packer& pk) { write_event(pk, "a", x); }))).reason
      == reject_reason::not_finite);
  auto nan32 = packed([](packer& pk) {
    pk.pack_map(2);
    pk.pack("type"), pk.pack("t");
    pk.pack("value"), pk.pack(std::numeric_limits<float>::quiet_NaN());
  });
  CHECK(only_reject(decode(nan32)).reason == reject_reason::not_finite);
  auto nan_time = event_with("ts", [](packer& pk) { pk.pack(std::nan("")); });
  CHECK(only_reject(decode(nan_time)).reason == reject_reason::bad_time);
}

TEST_CASE("msgpack's count of a source's events is read") {
  auto with = [](auto value) {
    return decode(event_with("seq", [&](packer& pk) { pk.pack(value); }));
  };
  CHECK(with(std::uint64_t{0}).events.at(0).sequence == 0u);
  CHECK(with(77).events.at(0).sequence == 77u);
  CHECK(with(~std::uint64_t{0}).events.at(0).sequence == ~std::uint64_t{0});
  CHECK_FALSE(with(msgpack::type::nil_t{}).events.at(0).sequence);
  CHECK(only_reject(with(-1)).detail
        == "\"seq\" must be a whole number from 0 to 2^64 - 1, found a negative one");
  for (const auto& sink : {with(1.5), with(true), with("7")})
    CHECK(only_reject(sink).reason == reject_reason::wrong_type);
}

TEST_CASE("texts that are not UTF-8 are rejected wherever they are used") {
  for (auto key : {"source", "id", "ts"})
    CHECK(
      only_reject(decode(event_with(key, [](packer& pk) { pk.pack("a\xff"); }))).reason
      == reject_reason::not_utf8);
  auto dimension = [](const std::string& key, const std::string& value) {
    return event_with("dimensions", [&](packer& pk) {
      pk.pack_map(1);
      pk.pack(key);
      pk.pack(value);
    });
  };
  CHECK(only_reject(decode(dimension("k", "\xc0\x80"))).reason
        == reject_reason::not_utf8);
  CHECK(only_reject(decode(dimension("\xed\xa0\x80", "v"))).reason
        == reject_reason::not_utf8);
  CHECK(decode(dimension("ключ", "значение")).events.size() == 1);
  CHECK(decode(event_with("other", [](packer& pk) { pk.pack("\xff"); })).events.size()
        == 1);
}

TEST_CASE("msgpack values of another type say which field") {
  auto reject = only_reject(decode(event_with("dimensions", [](packer& pk) {
    pk.pack_map(1);
    pk.pack("k"), pk.pack(std::vector<int>{1});
  })));
  CHECK(reject.reason == reject_reason::wrong_type);
  CHECK(reject.detail.find("\"k\"") == 0);
  auto binary = event_with("source", [](packer& pk) {
    pk.pack_bin(1);
    pk.pack_bin_body("x", 1);
  });
  CHECK(only_reject(decode(binary)).reason == reject_reason::wrong_type);
  auto number_key = event_with("dimensions", [](packer& pk) {
    pk.pack_map(1);
    pk.pack(1), pk.pack(1);
  });
  CHECK(only_reject(decode(number_key)).reason == reject_reason::wrong_type);
}

TEST_CASE("a bare msgpack number is no event: noise begins with one, too") {
  decode_context context{.metric = "m"};
  for (auto payload :
       {packed([](packer& pk) { pk.pack(-2.5); }),
        packed([](packer& pk) { pk.pack("text"); }), std::string{"\xff\xfe\xfd"}}) {
    auto sink = decode(payload, context);
    CHECK(sink.events.empty());
    REQUIRE_FALSE(sink.rejects.empty());
    CHECK(sink.rejects[0].reason == reject_reason::wrong_type);
  }
}

TEST_CASE("counts that announce gigabytes cost nothing") {
  using namespace std::string_literals;
  for (const auto& bomb :
       {"\xdd\x03\xff\xff\xff"s, "\xdf\xff\xff\xff\xff"s, "\xdb\xff\xff\xff\xff"s,
        "\xc6\xff\xff\xff\xff"s, "\xc9\xff\xff\xff\xff\x01"s, "\xc1"s, ""s}) {
    auto sink = decode(bomb);
    CHECK(sink.events.empty());
    REQUIRE(sink.rejects.size() == 1);
    CHECK(sink.rejects[0].reason == reject_reason::malformed);
  }
}

TEST_CASE("nesting of any depth is passed over without a stack") {
  std::string deep(200'000, '\x91');
  CHECK(decode(deep).rejects.size() == 1);
  deep += '\x01';
  auto sink
    = decode("\x92" + deep + packed([](packer& pk) { write_event(pk, "a", 1); }));
  CHECK(sink.events.size() == 1);
  REQUIRE(sink.rejects.size() == 1);
  auto field = event_with("x", [](packer&) {}) + deep;
  CHECK(only_reject(decode(field)).reason == reject_reason::too_large);
  auto key = "\x81" + deep + "\x01";
  CHECK(only_reject(decode(key)).reason == reject_reason::too_large);
}

TEST_CASE("msgpack events and payloads have limits") {
  decode_limits limits;
  limits.events_max = 2;
  auto payload = packed([](packer& pk) {
    pk.pack_array(3);
    for (int i = 0; i < 3; ++i)
      write_event(pk, "a", 1);
  });
  auto sink = decode(payload, {}, limits);
  CHECK(sink.events.size() == 2);
  REQUIRE(sink.rejects.size() == 1);
  CHECK(sink.rejects[0].reason == reject_reason::too_large);
  limits.payload_bytes_max = 10;
  CHECK(only_reject(decode(payload, {}, limits)).bytes == payload);
}
