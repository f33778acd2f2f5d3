// RECORDED JSON: a file's lines and arrays as the edge's decoder takes them.
#include "cli/recorded_json.hpp"

#include <catch2/catch.hpp>

#include <sstream>
#include <string>
#include <vector>

using namespace weir;

namespace {

struct recorder final : transport::event_sink {
  std::vector<double> values;
  std::vector<std::string> rejected;

  void on_event(const transport::raw_event& event) override {
    values.push_back(event.value);
  }
  void on_reject(analytics::reject_reason, std::string_view detail,
                 std::string_view) override {
    rejected.emplace_back(detail);
  }

  explicit recorder(const std::string& text, transport::decode_limits limits = {}) {
    std::istringstream in{text};
    cli::recorded_json uut{in, limits, *this};
    CHECK(uut.read_all());
  }
};

std::string event(int value) {
  return R"({"type":"x","value":)" + std::to_string(value) + "}";
}

using numbers = std::vector<double>;

} // namespace

TEST_CASE("lines, arrays a line, arrays over lines, and any mixture", "[cli]") {
  CHECK(recorder{""}.values.empty());
  CHECK(recorder{"\n \r\n"}.values.empty());
  CHECK(recorder{event(1)}.values == numbers{1});
  CHECK(recorder{"\xef\xbb\xbf" + event(1) + "\r\n\n  " + event(2) + "\n"}.values
        == numbers{1, 2});
  CHECK(
    recorder{"[" + event(1) + "," + event(2) + "]\n[]\n[" + event(3) + "]\n" + event(4)}
      .values
    == numbers{1, 2, 3, 4});
  CHECK(recorder{"[\n  " + event(1) + ",\n\n  " + event(2) + "\n]\n"}.values
        == numbers{1, 2});
  recorder braces{R"([{"type":"]},\"{","value":5}, {"type":"a\\","value":6}])"};
  CHECK(braces.values == numbers{5, 6});
  CHECK(braces.rejected.empty());
}

TEST_CASE("what is rejected is told with its line in the file", "[cli]") {
  recorder uut{event(1) + "\n\n" + event(2) + "\n{\"type\":\"x\"}\nnonsense\n"
               + event(3) + "\n[" + event(4) + ",\n5]\n{"};
  CHECK(uut.values == numbers{1, 2, 3, 4});
  REQUIRE(uut.rejected.size() == 4);
  CHECK(uut.rejected[0].starts_with("line 4: no \"value\""));
  CHECK(uut.rejected[1].starts_with("line 5: "));
  CHECK(uut.rejected[2].starts_with("line 7, event 1: an event must be an object"));
  CHECK(uut.rejected[3].starts_with("line 9: "));
}

TEST_CASE("an array that never ends, or has a bracket too many, is told", "[cli]") {
  recorder open{"[" + event(1) + "," + event(2)};
  CHECK(open.values == numbers{1});
  REQUIRE(open.rejected.size() == 1);
  CHECK(open.rejected[0] == "line 1: the file ends inside an array, expected `]`");
  recorder closed{"[" + event(1) + "]]\n" + event(2) + "\n"};
  CHECK(closed.values == numbers{1, 2});
  CHECK(closed.rejected.size() == 1);
}

TEST_CASE("files larger than any buffer come through whole", "[cli]") {
  constexpr int count = 200'000;
  std::string lines;
  std::string array = "[";
  for (int i = 0; i < count; ++i) {
    lines += event(i) + (i % 3 == 0 ? "\r\n" : "\n");
    array += (i == 0 ? "" : ",\n") + event(i);
  }
  REQUIRE(lines.size() > 4'000'000);
  for (const auto& text : {lines, array + "]"}) {
    recorder uut{text};
    CHECK(uut.rejected.empty());
    REQUIRE(uut.values.size() == count);
    for (int i = 0; i < count; ++i)
      if (uut.values[static_cast<std::size_t>(i)] != i)
        FAIL(i);
  }
}

TEST_CASE("limits are the edge's, for each line and element alone", "[cli]") {
  transport::decode_limits limits;
  limits.payload_bytes_max = 64;
  limits.events_max = 3;
  auto large = R"({"type":")" + std::string(80, 'x') + R"(","value":1})";
  std::string lines;
  std::string array = "[";
  for (int i = 0; i < 10; ++i) {
    lines += (i == 4 ? large : event(i)) + "\n";
    array += (i == 0 ? "" : ",") + (i == 4 ? large : event(i));
  }
  for (const auto& text : {lines, array + "]\n"}) {
    recorder uut{text, limits};
    CHECK(uut.values == numbers{0, 1, 2, 3, 5, 6, 7, 8, 9});
    REQUIRE(uut.rejected.size() == 1);
    CHECK(uut.rejected[0].find("found more than 64 bytes") != std::string::npos);
  }
  // As long as is allowed.
  auto fits = R"({"type":")" + std::string(64 - 21, 'x') + R"(","value":1})";
  REQUIRE(fits.size() == 64);
  CHECK(recorder(fits + "\n" + fits + "\n", limits).values.size() == 2);
}
