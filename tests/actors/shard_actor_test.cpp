// SHARD: drains its inbox, hands on what comes out, leaves the inbox alone while the
// writer is behind. Everything on this thread, time moved by hand.
#include "actors/shard_actor.hpp"

#include "tests/support/actor_fixture.hpp"

#include <catch2/catch.hpp>

#include <optional>

using namespace weir::actors;
using namespace std::chrono_literals;
namespace analytics = weir::analytics;

namespace {

constexpr std::int64_t second_ns = 1'000'000'000;

struct recorded {
  std::vector<shard_output_ptr> to_writer;
  std::vector<shard_output_ptr> to_publisher;
  std::vector<shard_cut> cuts;
  std::vector<std::size_t> written_before_cut; ///< Of to_writer, by cut.
};
using record = std::shared_ptr<recorded>;

outbox_writer_actor::behavior_type recording_writer(outbox_writer_actor::pointer,
                                                    record log) {
  return {
    [log](const shard_records& x) { log->to_writer.push_back(x.records); },
    [](const rejection_batch&) {},
    [log](const shard_cut& x) {
      log->cuts.push_back(x);
      log->written_before_cut.push_back(log->to_writer.size());
    },
    [](commit) {},
    [](finish) { return outcome{}; },
  };
}

alert_publisher_actor::behavior_type recording_publisher(alert_publisher_actor::pointer,
                                                         record log) {
  return {[log](const shard_output_ptr& x) { log->to_publisher.push_back(x); }};
}

stream_program_ptr compile(analytics::stream_config config) {
  config.event_time.out_of_orderness_ns = 0;
  config.event_time.allowed_lateness_ns = 0;
  auto program = analytics::stream_program::compile(std::move(config));
  REQUIRE(program);
  return *program;
}

analytics::stream_config hot_config() {
  analytics::stream_config config;
  config.rules.push_back({.name = "hot", .limit = 90.0});
  return config;
}

struct fixture : weir::test::actor_fixture {
  analytics::series_table table{100};
  record log = std::make_shared<recorded>();
  quarantine rejected;
  shard_parts parts;
  shard_actor uut;
  analytics::series_id temp = *table.intern("temp{source=\"a\"}");

  fixture() {
    parts.core = std::make_shared<analytics::shard>(compile(hot_config()), table);
    parts.gauge = std::make_shared<shard_gauge>();
    parts.backlog = std::make_shared<writer_backlog>();
    parts.routed = std::make_shared<routed_backlog>();
    parts.series = &table;
    parts.rejected = &rejected;
    parts.inbox
      = std::make_shared<shard_inbox>(shard_inbox_config{}, [this](shard_inbox::wake) {
          caf::anon_send(uut, drain_v);
        });
    uut = spawn(shard_behavior, shard_actor_config{.writer_backlog_max = 5000}, parts,
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
  CHECK(*parts.backlog == record_bytes(*log->to_writer[0]));
  CHECK(*parts.backlog == sizeof(analytics::summary));
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

TEST_CASE_METHOD(fixture,
                 "while the writer is behind no windows are closed by the clock either",
                 "[actors]") {
  feed(1, 20.0);
  *parts.backlog = 5001;
  for (int i = 0; i < 30; ++i)
    advance(1s);
  CHECK(log->to_writer.empty());
  *parts.backlog = 0;
  advance(20ms);
  CHECK(log->to_writer.size() == 1);
}

TEST_CASE_METHOD(fixture, "while the writer is behind events wait, and go on after",
                 "[actors]") {
  *parts.backlog = 5001;
  feed(1, 95.0);
  advance(20ms);
  CHECK(log->to_writer.empty());
  CHECK(parts.inbox->size() == 1);
  *parts.backlog = 0;
  advance(20ms);
  CHECK(log->to_writer.size() == 1);
  CHECK(parts.inbox->size() == 0);
}

TEST_CASE_METHOD(fixture, "a cut takes the state between two events", "[actors]") {
  analytics::event first{1 * second_ns, 20.0, temp, 0};
  analytics::event second{11 * second_ns, 30.0, temp, 0};
  static_cast<void>(parts.inbox->put({&first, 1}));
  auto when = parts.inbox->put_cut(7);
  static_cast<void>(parts.inbox->put({&second, 1}));
  parts.inbox->ring(when);
  run();
  REQUIRE(log->cuts.size() == 1);
  CHECK(log->cuts[0].number == 7);
  CHECK(log->cuts[0].status.inputs == 1);
  CHECK(log->written_before_cut[0] == 0); // The second event closes the window.
  CHECK(log->to_writer.size() == 1);
  CHECK(parts.inbox->size() == 0);
  analytics::series_table fresh_table{100};
  analytics::shard fresh{compile(hot_config()), fresh_table};
  analytics::shard_output out;
  auto report = fresh.restore(log->cuts[0].packed.unpack(), {}, out);
  REQUIRE(report);
  CHECK(report->series == 1);
  fresh.flush(out);
  REQUIRE(out.summaries.size() == 1);
  CHECK(out.summaries[0].count == 1);
  CHECK(fresh_table.text(out.summaries[0].series) == "temp{source=\"a\"}");
}

TEST_CASE_METHOD(fixture, "a cut is not held up by a writer that is behind",
                 "[actors]") {
  *parts.backlog = 5001;
  feed(1, 95.0);
  CHECK(parts.inbox->size() == 1);
  parts.inbox->ring(parts.inbox->put_cut(1));
  run();
  REQUIRE(log->cuts.size() == 1);
  CHECK(log->cuts[0].status.inputs == 1);
}

TEST_CASE_METHOD(fixture, "a late event is counted by its source and shown",
                 "[actors]") {
  feed(25, 20.0);
  feed(3, 21.0);
  feed(4, 22.0);
  auto counted = rejected.by_source();
  REQUIRE(counted.count("a") == 1);
  CHECK(counted["a"][static_cast<std::size_t>(analytics::reject_reason::late)] == 2);
  auto samples = rejected.take_samples();
  REQUIRE(samples.size() == 2);
  CHECK(samples[0].first_bytes == "temp{source=\"a\"} time_ns=3000000000 value=21");
  CHECK(samples[0].detail.substr(0, 10) == "22.000 s b");
}

TEST_CASE_METHOD(fixture, "a changed configuration is taken between two batches",
                 "[actors]") {
  feed(1, 20.0);
  auto wider = hot_config();
  wider.window->width_ns = 60 * second_ns;
  auto report = ask<analytics::change_report>(uut, compile(wider));
  REQUIRE(report);
  CHECK(report->closed == std::vector<std::string>{"the default windows"});
  REQUIRE(log->to_writer.size() == 1);
  feed(61, 20.0);
  feed(121, 20.0);
  REQUIRE(log->to_writer.size() == 2);
  CHECK(log->to_writer[1]->summaries.at(0).width_ns == 60 * second_ns);
}

namespace {

/// Two shards that share one group of all sources.
struct two_shards : weir::test::actor_fixture {
  stream_program_ptr program;
  analytics::series_table table{100, 2};
  record log = std::make_shared<recorded>();
  std::shared_ptr<std::vector<shard_actor>> peers
    = std::make_shared<std::vector<shard_actor>>();
  std::vector<shard_parts> parts;

  two_shards() {
    analytics::stream_config config;
    config.window.reset();
    analytics::view_config view;
    view.name = "all";
    view.group_by = {"metric"};
    config.views.push_back(view);
    program = compile(config);
    auto writer = spawn(recording_writer, log);
    auto publisher = spawn(recording_publisher, log);
    auto routed = std::make_shared<routed_backlog>();
    for (std::size_t i = 0; i < 2; ++i) {
      shard_parts x;
      x.core = std::make_shared<analytics::shard>(program, table, i);
      x.gauge = std::make_shared<shard_gauge>();
      x.backlog = std::make_shared<writer_backlog>();
      x.routed = routed;
      x.number = i;
      x.peers = peers;
      x.series = &table;
      x.inbox = std::make_shared<shard_inbox>(
        shard_inbox_config{},
        [this, i](shard_inbox::wake) { caf::anon_send((*peers)[i], drain_v); });
      parts.push_back(x);
      peers->push_back(
        spawn(shard_behavior, shard_actor_config{}, x, writer, publisher));
    }
  }

  void feed(const std::string& source, std::int64_t time_s) {
    auto id = *table.intern("temp{source=\"" + source + "\"}");
    analytics::event x{time_s * second_ns, 1.0, id, 0};
    parts[table.shard_of(id)].inbox->push({&x, 1});
    run();
  }
};

} // namespace

TEST_CASE_METHOD(two_shards, "events of all shards meet in the windows of a group",
                 "[actors]") {
  for (int i = 0; i < 16; ++i)
    feed("device-" + std::to_string(i), 1);
  CHECK(*parts[0].routed == 0);
  CHECK(parts[0].gauge->get().routed + parts[1].gauge->get().routed > 0);
  for (int i = 0; i < 16; ++i)
    feed("device-" + std::to_string(i), 11);
  advance(1s);
  std::uint64_t count = 0;
  for (const auto& x : log->to_writer)
    for (const auto& summary : x->summaries) {
      CHECK(table.text(summary.series) == "temp{source=\"\",view=\"all\"}");
      CHECK(summary.start_ns == 0);
      count += summary.count;
    }
  CHECK(count == 16);
}

TEST_CASE_METHOD(two_shards,
                 "what shards have sent each other before a cut is in the state of one "
                 "of them, what they send behind it is not",
                 "[actors]") {
  std::vector<analytics::event> events;
  for (int i = 0; i < 16; ++i) {
    auto id = *table.intern("temp{source=\"device-" + std::to_string(i) + "\"}");
    events.push_back({second_ns, 1.0, id, 0});
  }
  auto put_all = [&] {
    for (const auto& x : events)
      static_cast<void>(parts[table.shard_of(x.series)].inbox->put({&x, 1}));
  };
  put_all();
  std::vector<std::optional<shard_inbox::wake>> wakes;
  for (auto& x : parts)
    wakes.push_back(x.inbox->put_cut(1));
  put_all(); // Behind the cut.
  // The second shard starts only when the first has reached the cut and sent on.
  for (std::size_t i = 0; i < 2; ++i)
    parts[i].inbox->ring(wakes[i]);
  run();
  REQUIRE(log->cuts.size() == 2);
  CHECK(*parts[0].routed == 0);
  CHECK(parts[0].gauge->get().inputs + parts[1].gauge->get().inputs == 32);
  analytics::series_table fresh_table{100, 1};
  analytics::shard fresh{program, fresh_table};
  analytics::shard_output out;
  for (const auto& x : log->cuts)
    REQUIRE(fresh.restore(x.packed.unpack(), {}, out));
  fresh.flush(out);
  REQUIRE(out.summaries.size() == 1);
  CHECK(out.summaries[0].count == 16);
}
