// Stored values: whatever bytes a table holds, decoding ends in a value or an
// error.
#include "storage/store_values.hpp"

#include "tests/storage/records.hpp"
#include "tests/support/hex.hpp"

#include <catch2/catch.hpp>

#include <functional>
#include <random>
#include <string>
#include <utility>
#include <vector>

using namespace weir::storage;
using namespace weir::test;

namespace {

struct kind {
  const char* name;
  std::string value;
  std::function<void(std::string_view)> decode;
};

std::vector<kind> all_kinds() {
  auto window
    = stored_window{window_parts{1, 2, make_summary(0, 1), make_summary(0, 2)},
                    {window_version{3, 4, 5, make_summary(0, 6)}}};
  window.parts->current.extended = "12";
  window.parts->earlier->extended = "345";
  window.ahead[0].value.extended = "6789";
  auto range = ledger_range{3, 9, range_fate::coalesced, 2, 10, 11};
  auto alert = stored_alert{"n", "t{}", make_alert("a", {}, 1)};
  return {
    {"summary", to_value(window), [](auto x) { to_window({}, x); }},
    {"series", to_value(stored_series{1, "e", "t{}", 0, 0}),
     [](auto x) { to_series(series_key(1), x); }},
    {"position", to_value(edge_position{}),
     [](auto x) { to_position(position_key("e", 1), x); }},
    {"range", to_value(range), [](auto x) { to_range(range_key("e", 1, 3), x); }},
    {"event", to_value(ledger_event{}), [](auto x) { to_event(event_key("e", 1), x); }},
    {"counters", to_value(edge_counters{"e", 1, 2, 3, {4, 5}}),
     [](auto x) { to_counters("e", x); }},
    {"anomaly", to_value(make_anomaly(1, 2)), [](auto x) { to_anomaly({}, x); }},
    {"alert", to_value(alert), [](auto x) { to_alert(x); }},
    {"rejection", to_value(stored_rejection{"e", make_rejection(1, "why")}),
     [](auto x) { to_rejection(x); }},
  };
}

/// The error of decoding, or 0.
errc outcome(const kind& of, std::string_view value) {
  auto result = guarded([&] { of.decode(value); });
  return result ? errc{} : result.error().code;
}

} // namespace

TEST_CASE("values decode to what they were", "[storage]") {
  auto key = window_key{3, 10 * second_ns, -20 * second_ns};
  auto part = make_summary(key.start_ns, 1.5, 2, 3);
  auto window = stored_window{window_parts{9, 4, part, {}}, {}};
  CHECK(to_window(key, to_value(window)) == window);
  window.parts->current.early = true;
  window.parts->current.extended = std::string("\0\xff", 2);
  CHECK(to_window(key, to_value(window)) == window);
  window.parts->earlier = make_summary(key.start_ns, 7.5, 6, 3);
  window.parts->earlier->extended = std::string(100'000, 'x');
  CHECK(to_window(key, to_value(window)) == window);
  window.ahead = {{9, 4, 100, part}, {9, 5, 101, part}};
  CHECK(to_window(key, to_value(window)) == window);
  window.parts.reset();
  CHECK(to_window(key, to_value(window)) == window);
  CHECK(to_window_key(to_key(key)).start_ns == key.start_ns);
  for (const auto& x : all_kinds()) {
    INFO(x.name);
    CHECK(outcome(x, x.value) == errc{});
  }
}

TEST_CASE("the examples of FORMAT.md are true", "[storage]") {
  CHECK(to_hex(series_key(1)) == "00000001");
  CHECK(to_hex(to_value(stored_series{1, "north", "t{}", 0, 0}))
        == "01000000056e6f72746800000003747b7d");
  auto window
    = stored_window{window_parts{7, 1, make_summary(20 * second_ns, 1.5), {}}, {}};
  CHECK(to_hex(to_key(window_key{1, 10 * second_ns, 20 * second_ns}))
        == "0000000180000002540be40080000004a817c800");
  CHECK(to_hex(to_value(window))
        == "0301000000000000000700000001"     // version, what follows, epoch, run
           "00000000000000000000000000000001" // revision, late, count
           "3ff80000000000003ff80000000000003ff8000000000000"
           "3ff800000000000000000000000000003ff8000000000000"
           "3ff800000000000000000004a817c80100000004a817c801"
           "0000000000"); // early, extended
  CHECK(to_hex(position_key("north", 7)) == "6e6f7274680000000000000007");
  auto position = edge_position{.edge = "north", .epoch = 7, .through_seq = 1};
  CHECK(to_hex(to_value(position)).substr(0, 34)
        == "0200000000000000010000000000000000");
  CHECK(to_hex(range_key("north", 7, 1))
        == "056e6f72746800000000000000070000000000000001");
  CHECK(to_hex(to_value(ledger_range{1, 1, range_fate::stored, 1, 5, 5}))
        == "010000000000000001000000000000000001"
           "00000000000000050000000000000005");
}

TEST_CASE("a summary of version 1 is read as it was written", "[storage]") {
  // As the program before `early` and `extended` wrote it: first one part, then two.
  const std::string part = "00000002000000050000000000000001"
                           "3ff80000000000003ff80000000000003ff8000000000000"
                           "3ff800000000000000000000000000003ff8000000000000"
                           "3ff800000000000000000004a817c80100000004a817c801";
  const std::string head = "01000000000000000700000001";
  auto key = window_key{1, 10 * second_ns, 20 * second_ns};
  auto parts = window_parts{7, 1, make_summary(20 * second_ns, 1.5, 2, 1), {}};
  parts.current.late_count = 5;
  auto expected = stored_window{parts, {}};
  CHECK(to_window(key, from_hex(head + part)) == expected);
  expected.parts->earlier = parts.current;
  CHECK(to_window(key, from_hex(head + part + part)) == expected);
  CHECK(to_value(expected)[0] == 3); // Written anew, it is of version 3.

  // As version 2 wrote it.
  const std::string tail = "010000000278ff";
  auto head_2 = "02" + head.substr(2);
  expected.parts->current.early = true;
  expected.parts->current.extended = "x\xff";
  CHECK(to_window(key, from_hex(head_2 + part + tail + part + "0000000000"))
        == expected);
}

TEST_CASE("a position of version 1 goes on as an epoch without ranges", "[storage]") {
  const std::string value = "01"
                            "0000000000000009"
                            "0000000000000006"
                            "0000000000000002"
                            "0000000000000003"
                            "0000000000000001";
  auto x = to_position(position_key("north", 7), from_hex(value));
  CHECK(x.through_seq == 9);
  CHECK(x.sent_seq == 9);
  CHECK(x.lane_first == 0);
  CHECK(x.records_stored == 6);
  CHECK(x.records_duplicate == 2);
  CHECK(x.records_expired == 3);
  CHECK(x.gaps_refused == 1);
  CHECK(x.ranges_from_seq == 10);
  CHECK(x.accounted() == x.covered());
  CHECK(to_position(position_key("north", 7), to_value(x)) == x);
}

TEST_CASE("both parts of a window are early if the last one is", "[storage]") {
  auto window
    = stored_window{window_parts{1, 2, make_summary(0, 1), make_summary(0, 2)}, {}};
  window.parts->earlier->early = true;
  CHECK_FALSE(merged(window).early);
  window.parts->current.early = true;
  window.parts->earlier->early = false;
  CHECK(merged(window).early);
}

TEST_CASE("a value of a newer version is unsupported, not misread", "[storage]") {
  for (auto& x : all_kinds()) {
    INFO(x.name);
    ++x.value[0];
    CHECK(outcome(x, x.value) == errc::unsupported);
    CHECK(outcome(x, std::string_view{x.value}.substr(0, 1)) == errc::unsupported);
  }
}

TEST_CASE("a value that is cut off or too long is malformed", "[storage]") {
  for (const auto& x : all_kinds()) {
    INFO(x.name);
    for (std::size_t size = 0; size < x.value.size(); ++size) {
      INFO("size " << size);
      auto cut = std::string_view{x.value}.substr(0, size);
      // A summary without the version that waits is whole again.
      bool whole = x.name == std::string{"summary"} && size == 14 + 93 + 2 + 93 + 3;
      CHECK(outcome(x, cut) == (whole ? errc{} : errc::malformed));
    }
    CHECK(outcome(x, x.value + "z") == errc::malformed);
  }
}

TEST_CASE("changed bytes give a value or an error", "[storage]") {
  for (unsigned seed = 1; seed <= 300; ++seed) {
    auto random = std::mt19937{seed};
    for (auto& x : all_kinds()) {
      for (int i = 0; i < 3; ++i)
        x.value[1 + random() % (x.value.size() - 1)] = static_cast<char>(random());
      auto code = outcome(x, x.value);
      INFO("seed " << seed << ", " << x.name);
      CHECK((code == errc{} || code == errc::malformed));
    }
  }
}
