// SHARD: drains its inbox, hands on what comes out, leaves the inbox alone while the
// writer is behind. Everything on this thread, time moved by hand.
#include "actors/shard_actor.hpp"

#include "tests/support/actor_fixture.hpp"

#include <catch2/catch.hpp>

using namespace weir::actors;
using namespace std::chrono_literals;
namespace analytics = weir::analytics;

namespace {

constexpr std::int64_t second_ns = 1'000'000'000;

struct recorded {
  std::vector<shard_output_ptr> to_writer;
  std::vector<shard_output_ptr> to_publisher;
};
using record = std::shared_ptr<recorded>;

outbox_writer_actor::behavior_type recording_writer(outbox_writer_actor::pointer,
                                                    record log) {
  return {
    [log](const shard_output_ptr& x) { log->to_writer.push_back(x); },
    [](const rejection_batch&) {},
    [](commit) {},
    [](finish, const node_snapshot&) { return outcome{}; },
  };
}

alert_publisher_actor::behavior_type recording_publisher(alert_publisher_actor::pointer,
                                                         record log) {
  return {[log](const shard_output_ptr& x) { log->to_publisher.push_back(x); }};
}

struct fixture : weir::test::actor_fixture {
  analytics::series_table table{100};
  record log = std::make_shared<recorded>();
  shard_parts parts;
  shard_actor uut;
  analytics::series_id temp = *table.intern("temp{source=\"a\"}");

  fixture() {
    analytics::shard_config config;
    config.window = {10 * second_ns, 0, 15 * second_ns};
    config.rules.push_back({.name = "hot", .limit = 90.0});
    parts.core = std::make_shared<analytics::shard>(config, table);
    parts.gauge = std::make_shared<shard_gauge>();
    parts.backlog = std::make_shared<writer_backlog>();
    parts.inbox
      = std::make_shared<shard_inbox>(shard_inbox_config{}, [this](shard_inbox::wake) {
          caf::anon_send(uut, drain_v);
        });
    uut = spawn(shard_behavior, shard_actor_config{.writer_backlog_max = 5}, parts,
                spawn(recording_writer, log), spawn(recording_publisher, log));
  }

  void feed(std::int64_t time_s, double value) {
    analytics::event x{time_s * second_ns, value, temp, 0};
    parts.inbox->push({&x, 1});
    run();
  }
};

} // namespace

TEST_CASE_METHOD(fixture,
                 "closed windows go to the writer and nothing to the "
                 "publisher",
                 "[actors]") {
  feed(1, 20.0);
  feed(11, 20.0);
  REQUIRE(log->to_writer.size() == 1);
  CHECK(log->to_writer[0]->summaries.at(0).count == 1);
  CHECK(log->to_publisher.empty());
  CHECK(parts.gauge->get().events == 2);
  CHECK(*parts.backlog == 1);
}

TEST_CASE_METHOD(fixture, "an alert goes to both in the same instant", "[actors]") {
  feed(1, 95.0);
  REQUIRE(log->to_publisher.size() == 1);
  CHECK(log->to_publisher[0]->alerts.at(0).rule == "hot");
  CHECK(log->to_writer.size() == 1);
}

TEST_CASE_METHOD(fixture, "a silent series' window is closed by the tick", "[actors]") {
  feed(1, 20.0);
  advance(14s);
  CHECK(log->to_writer.empty());
  // CAF's clock may deliver ticks in one go: two seconds more are enough.
  advance(1s);
  advance(1s);
  CHECK(log->to_writer.size() == 1);
}

TEST_CASE_METHOD(fixture, "while the writer is behind events wait, and go on after",
                 "[actors]") {
  *parts.backlog = 6;
  feed(1, 95.0);
  advance(20ms);
  CHECK(log->to_writer.empty());
  CHECK(parts.inbox->size() == 1);
  *parts.backlog = 0;
  advance(20ms);
  CHECK(log->to_writer.size() == 1);
  CHECK(parts.inbox->size() == 0);
}

TEST_CASE_METHOD(fixture, "save takes what waits and returns the state of all series",
                 "[actors]") {
  *parts.backlog = 6;
  feed(1, 20.0);
  auto saved = ask<shard_snapshot>(uut, save_v);
  REQUIRE(saved);
  int entries = 0;
  CHECK(analytics::for_each_snapshot_entry(
    saved->bytes, [&](std::string_view text, std::string_view) {
      CHECK(text == "temp{source=\"a\"}");
      ++entries;
    }));
  CHECK(entries == 1);
  CHECK(parts.gauge->get().events == 1);
}
