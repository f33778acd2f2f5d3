// Events into messages: by topic, in order, never too many.
#include "cli/event_batcher.hpp"
#include "tests/cli/recording_sink.hpp"

#include <catch2/catch.hpp>

using namespace weir::cli;
using weir::test::recording_sink;

namespace {

outgoing_series series(std::string metric, std::string source) {
  return {std::move(metric), std::move(source), "device_id", {{"line", "A/1"}}};
}

} // namespace

TEST_CASE("topics are filled in, and what MQTT reserves is replaced", "[cli]") {
  auto x = series("rpm", "m+1");
  CHECK(render_topic("plant/{source}/{metric}", x) == "plant/m_1/rpm");
  CHECK(render_topic("plant/{line}", x) == "plant/A_1");
  CHECK(render_topic("plant/all", x) == "plant/all");
}

TEST_CASE("a topic that asks for what the series does not have is refused", "[cli]") {
  auto missing = render_topic("plant/{hall}", series("rpm", "m"));
  REQUIRE(!missing);
  CHECK(missing.error().find("{hall}") != std::string::npos);
  CHECK_FALSE(render_topic("plant/{source", series("rpm", "m")));
}

TEST_CASE("a batch of one is a single object", "[cli]") {
  recording_sink sink;
  event_batcher uut{sink, "t/{source}", 1};
  auto index = uut.add_series(series("rpm", "m-1")).value();
  uut.add(index, {0, 5.0, 0});
  REQUIRE(sink.messages.size() == 1);
  CHECK(sink.messages[0].first == "t/m-1");
  CHECK(sink.messages[0].second.front() == '{');
}

TEST_CASE("events of one topic share messages across steps until they are full",
          "[cli]") {
  recording_sink sink;
  event_batcher uut{sink, "all", 3};
  auto one = uut.add_series(series("rpm", "m-1")).value();
  auto two = uut.add_series(series("rpm", "m-2")).value();
  for (int step = 0; step < 2; ++step) {
    uut.add(one, {step, 1.0, 0});
    uut.add(two, {step, 2.0, 0});
    uut.end_step();
  }
  CHECK(sink.messages.size() == 1);
  CHECK(uut.events() == 3);
  uut.flush();
  REQUIRE(sink.messages.size() == 2);
  CHECK(sink.messages[0].second.front() == '[');
  CHECK(sink.messages[0].second.back() == ']');
  CHECK(sink.messages[1].second.front() == '{');
  CHECK(uut.events() == 4);
  CHECK(uut.messages() == 2);
}

TEST_CASE("with several topics every step is sent, so that none falls behind",
          "[cli]") {
  recording_sink sink;
  event_batcher uut{sink, "t/{source}", 100};
  auto one = uut.add_series(series("rpm", "m-1")).value();
  auto two = uut.add_series(series("rpm", "m-2")).value();
  auto also_one = uut.add_series(series("current", "m-1")).value();
  uut.add(one, {0, 1.0, 0});
  uut.add(two, {0, 2.0, 0});
  uut.add(also_one, {0, 3.0, 0});
  CHECK(sink.messages.empty());
  uut.end_step();
  REQUIRE(sink.messages.size() == 2);
  CHECK(sink.messages[0].first == "t/m-1");
  CHECK(sink.messages[1].first == "t/m-2");
}

TEST_CASE("what could not be sent is not counted as sent", "[cli]") {
  recording_sink sink;
  sink.answer = send_result::stopped;
  event_batcher uut{sink, "all", 1};
  auto index = uut.add_series(series("rpm", "m-1")).value();
  CHECK(uut.add(index, {0, 1.0, 0}) == send_result::stopped);
  CHECK(uut.events() == 0);
}
