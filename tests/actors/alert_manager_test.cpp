// ALERT MANAGER: publishes what reaches the store, and notices silent edges.
#include "actors/alert_manager.hpp"

#include "tests/support/actor_fixture.hpp"

#include <catch2/catch.hpp>

using namespace weir::actors;
using namespace std::chrono_literals;
namespace analytics = weir::analytics;

namespace {

constexpr std::int64_t second_ns = 1'000'000'000;
using alert_log = std::shared_ptr<std::vector<weir::storage::stored_alert>>;

store_writer_actor::behavior_type recording_writer(store_writer_actor::pointer,
                                                   alert_log log) {
  return {
    [](const received_block&) {},
    [](const weir::storage::edge_hello&) {},
    [log](const weir::storage::stored_alert& x) { log->push_back(x); },
    [](commit) {},
    [](tick) {},
    [](compact) {},
    [](finish) { return outcome{}; },
  };
}

struct fixture : weir::test::actor_fixture {
  fleet_board fleet;
  central_counters counters;
  std::int64_t now_ns = 100 * second_ns;
  bool broker_takes = true;
  std::vector<std::string> topics;
  alert_log stored = std::make_shared<std::vector<weir::storage::stored_alert>>();
  alert_manager_actor uut
    = spawn(alert_manager, alert_manager_config{.edge_silent_after = 15s},
            alert_manager_parts{&fleet, &counters,
                                [this](std::string topic, std::string) {
                                  topics.push_back(std::move(topic));
                                  return broker_takes;
                                },
                                [this] { return now_ns; }},
            spawn(recording_writer, stored));

  void pass_seconds(int count) {
    for (int i = 0; i < count; ++i) {
      now_ns += second_ns;
      advance(1s);
    }
  }

  /// The edge says each second that it is in these modes.
  void hear(std::uint64_t mode, int seconds) {
    weir::transport::edge_status status;
    status.ledger.mode = mode;
    for (int i = 0; i < seconds; ++i) {
      fleet.on_status("a", status, now_ns);
      pass_seconds(1);
    }
  }

  /// What was raised and resolved so far, e.g. "+weir.disk -weir.disk ".
  std::string history() const {
    std::string result;
    for (const auto& x : *stored)
      result += (x.value.state == analytics::alert_state::firing ? "+" : "-")
                + x.value.rule + " ";
    return result;
  }
};

} // namespace

TEST_CASE_METHOD(fixture, "alerts of a commit are published under their edge and rule",
                 "[actors]") {
  auto report = std::make_shared<weir::storage::commit_report>();
  analytics::alert x;
  x.rule = "hot";
  report->alerts.push_back({"edge-1", "m{source=\"a\"}", x});
  caf::anon_send(uut, commit_report_ptr{report});
  run();
  CHECK(topics == std::vector<std::string>{"weir/central/alerts/edge-1/hot"});
  CHECK(counters.alerts_published == 1);
  broker_takes = false;
  caf::anon_send(uut, commit_report_ptr{report});
  run();
  CHECK(counters.alerts_publish_failed == 1);
}

TEST_CASE_METHOD(fixture,
                 "an edge that falls silent raises one alert, which is "
                 "resolved when it is heard",
                 "[actors]") {
  fleet.expect_edge("never-seen");
  fleet.on_status("a", {}, now_ns);
  pass_seconds(14);
  CHECK(stored->empty());
  pass_seconds(10);
  REQUIRE(stored->size() == 1);
  CHECK(stored->at(0).value.state == analytics::alert_state::firing);
  CHECK(stored->at(0).value.rule == "edge_silent");
  CHECK(stored->at(0).series_text == "edge{source=\"a\"}");
  fleet.on_status("a", {}, now_ns);
  pass_seconds(2);
  REQUIRE(stored->size() == 2);
  CHECK(stored->at(1).value.state == analytics::alert_state::resolved);
  CHECK(stored->at(1).value.id == stored->at(0).value.id);
}

TEST_CASE_METHOD(fixture, "what an edge cannot do now is an alert as long as it lasts",
                 "[actors]") {
  hear(weir::transport::edge_mode_disk_full, 3);
  REQUIRE(stored->size() == 1);
  CHECK(stored->at(0).edge == "central");
  CHECK(stored->at(0).value.rule == "weir.disk");
  CHECK(stored->at(0).value.state == analytics::alert_state::firing);
  hear(weir::transport::edge_mode_memory_only, 31);
  CHECK(history() == "+weir.disk +weir.memory_only -weir.disk ");
  CHECK(stored->at(2).value.id == stored->at(0).value.id);
}

TEST_CASE_METHOD(fixture, "an edge that is short of memory is an alert", "[actors]") {
  hear(weir::transport::edge_mode_memory_short, 5);
  REQUIRE(history() == "+weir.memory ");
  CHECK(stored->at(0).value.severity == analytics::severity::high);
  CHECK(stored->at(0).series_text == "edge{source=\"a\"}");
  hear(0, 31);
  CHECK(history() == "+weir.memory -weir.memory ");
  CHECK(stored->at(1).value.message == "Edge a has memory to spare again");
}

TEST_CASE_METHOD(fixture, "a mode that comes and goes is one alert until it is calm",
                 "[actors]") {
  for (int i = 0; i < 10; ++i) {
    hear(weir::transport::edge_mode_memory_short, 1);
    hear(0, 29);
  }
  CHECK(history() == "+weir.memory ");
  SECTION("the edge is calm for 30 s") {
    hear(0, 2);
    CHECK(history() == "+weir.memory -weir.memory ");
    hear(weir::transport::edge_mode_memory_short, 1); // And then it is a new one.
    CHECK(history() == "+weir.memory -weir.memory +weir.memory ");
  }
  SECTION("of an edge that is silent nobody knows") {
    pass_seconds(60);
    CHECK(history() == "+weir.memory +edge_silent ");
  }
  SECTION("the centre's clock is set back") {
    now_ns -= 50 * second_ns;
    hear(0, 30);
    CHECK(history() == "+weir.memory ");
    hear(0, 1);
    CHECK(history() == "+weir.memory -weir.memory ");
  }
}

TEST_CASE_METHOD(fixture, "books that do not balance are an alert that ends by itself",
                 "[actors]") {
  auto report = std::make_shared<weir::storage::commit_report>();
  report->violations.push_back({"a", 7, "It does not balance."});
  for (int i = 0; i < 5; ++i) {
    caf::anon_send(uut, commit_report_ptr{report});
    pass_seconds(1);
  }
  REQUIRE(stored->size() == 1); // Once, though each commit says so.
  CHECK(stored->at(0).value.rule == "weir.ledger");
  CHECK(stored->at(0).value.message == "It does not balance.");
  now_ns += 3600 * second_ns;
  pass_seconds(1);
  REQUIRE(stored->size() == 2);
  CHECK(stored->at(1).value.state == analytics::alert_state::resolved);
}

TEST_CASE_METHOD(fixture, "an edge that counts anew or sets files aside is an alert",
                 "[actors]") {
  auto report = std::make_shared<weir::storage::commit_report>();
  report->events.push_back(
    {"a", now_ns, weir::storage::epoch_cause::new_database, 7, 8, 1, 12, 30});
  caf::anon_send(uut, commit_report_ptr{report});
  run();
  REQUIRE(stored->size() == 1);
  CHECK(stored->at(0).value.rule == "weir.epoch");
  CHECK(stored->at(0).value.severity == analytics::severity::high);
  weir::transport::edge_status status;
  status.ledger.files_set_aside = 2;
  fleet.on_status("a", status, now_ns);
  pass_seconds(2);
  REQUIRE(stored->size() == 2);
  CHECK(stored->at(1).value.rule == "weir.files");
}

TEST_CASE_METHOD(fixture, "own alerts that were open go on after a restart",
                 "[actors]") {
  weir::storage::stored_alert open;
  open.edge = "central";
  open.series_text = "edge{source=\"a\"}";
  open.value.id = "0123456789abcdef";
  open.value.rule = "weir.disk";
  open.value.state = analytics::alert_state::firing;
  auto after_restart = spawn(
    alert_manager, alert_manager_config{},
    alert_manager_parts{&fleet, &counters, nullptr, [this] { return now_ns; }, {open}},
    spawn(recording_writer, stored));
  hear(0, 30);
  CHECK(stored->empty());
  hear(0, 1);
  REQUIRE(stored->size() == 1);
  CHECK(stored->at(0).value.id == open.value.id);
  CHECK(stored->at(0).value.state == analytics::alert_state::resolved);
}
