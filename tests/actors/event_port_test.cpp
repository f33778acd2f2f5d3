// EVENT PORT: payloads become events of the right shard; the rest is quarantined.
#include "actors/event_port.hpp"

#include "analytics/shard.hpp"

#include <catch2/catch.hpp>

using namespace weir::actors;
using weir::analytics::reject_reason;

namespace {

constexpr std::int64_t now_ns = 1'790'000'000'000'000'000;

struct fixture {
  weir::analytics::series_table table{4, 2};
  quarantine rejected;
  shard_inbox first{{}, [](shard_inbox::wake) {}};
  shard_inbox second{{}, [](shard_inbox::wake) {}};
  ingest_gate gate{{.held_events_max = 2}, gate_parts()};
  event_port uut{{.source = "test"}, {&table, &rejected, &gate, [] { return now_ns; }}};

  ingest_gate::parts gate_parts() {
    ingest_gate::parts result;
    result.series = &table;
    result.inboxes = {&first, &second};
    result.boot_id = 1;
    return result;
  }

  std::vector<weir::analytics::event> taken() {
    std::vector<weir::analytics::event> all;
    std::vector<weir::analytics::event> batch;
    std::size_t shard = 0;
    for (auto* inbox : {&first, &second}) {
      inbox->drain(batch);
      for (const auto& x : batch)
        CHECK(table.shard_of(x.series) == shard);
      all.insert(all.end(), batch.begin(), batch.end());
      ++shard;
    }
    return all;
  }
  std::uint64_t count(reject_reason reason) {
    return rejected.total()[static_cast<std::size_t>(reason)];
  }
};

} // namespace

TEST_CASE_METHOD(fixture, "a payload becomes events with series, time and value",
                 "[actors]") {
  uut.take("t", R"([{"type":"temp","source":"a","value":1.5,"timestamp":1790000000},
                    {"type":"temp","source":"b","value":2.5}])",
           {});
  auto events = taken();
  REQUIRE(events.size() == 2);
  for (const auto& x : events) {
    auto is_a = table.text(x.series) == "temp{source=\"a\"}";
    CHECK(x.value == (is_a ? 1.5 : 2.5));
    CHECK(x.time_ns == now_ns);
    CHECK(x.flags == (is_a ? 0u : weir::analytics::stamped_on_arrival));
  }
  CHECK(uut.counters().events == 2);
}

TEST_CASE_METHOD(fixture, "a topic template fills what the payload lacks", "[actors]") {
  auto pattern
    = weir::transport::topic_template::parse("plant/{line}/{source}/{metric}");
  REQUIRE(pattern);
  uut.take_topic("plant/L1/m-07/rpm", "1480.5", &*pattern);
  auto events = taken();
  REQUIRE(events.size() == 1);
  CHECK(table.text(events[0].series) == "rpm{source=\"m-07\",line=\"L1\"}");
  uut.take_topic("elsewhere", "1480.5", &*pattern);
  CHECK(count(reject_reason::unknown_topic) == 1);
}

TEST_CASE_METHOD(fixture, "absurd times are rejected, good events around them taken",
                 "[actors]") {
  uut.take("t", R"([{"type":"m","source":"a","value":1,"timestamp":1},
                    {"type":"m","source":"a","value":2,"timestamp":1790000299},
                    {"type":"m","source":"a","value":3,"timestamp":1790000301},
                    {"type":"m","source":"a","value":4,"timestamp":99999999999}])",
           {});
  auto events = taken();
  REQUIRE(events.size() == 1);
  CHECK(events[0].value == 2.0);
  CHECK(count(reject_reason::bad_time) == 3);
}

TEST_CASE_METHOD(fixture, "series beyond the limit are rejected and known ones go on",
                 "[actors]") {
  for (int i = 0; i < 10; ++i)
    uut.take(
      "t", "{\"type\":\"m\",\"source\":\"" + std::to_string(i) + "\",\"value\":1}", {});
  CHECK(taken().size() == 4);
  CHECK(count(reject_reason::series_limit) == 6);
  uut.take("t", R"({"type":"m","source":"0","value":1})", {});
  CHECK(taken().size() == 1);
}

TEST_CASE_METHOD(fixture, "gathered payloads share one way through the gate",
                 "[actors]") {
  for (int i = 0; i < 10; ++i)
    uut.gather("t" + std::to_string(i),
               R"([{"type":"temp","source":")" + std::to_string(i % 3)
                 + R"(","value":1,"timestamp":)" + std::to_string(1790000000 - i)
                 + R"(}, {"type":7}])",
               {});
  CHECK(taken().empty());
  CHECK(gate.payloads() == 0);
  CHECK(uut.flush());
  CHECK(taken().size() == 10);
  CHECK(gate.payloads() == 1);
  CHECK(gate.totals().quarantined() == 10);
  CHECK(rejected.take_samples().front().source == "test t0");
  CHECK(uut.counters().payloads == 10);
  CHECK(uut.counters().events == 10);
  CHECK(uut.flush()); // Nothing waits.
  CHECK(gate.payloads() == 1);
  // Many small ones do not wait for the flush all together.
  for (int i = 0; i < 5000; ++i)
    uut.gather("t",
               R"({"type":"temp","source":"a","value":2,"timestamp":)"
                 + std::to_string(1780000000 + i) + "}",
               {});
  CHECK(taken().size() == 4096);
  uut.flush();
  CHECK(taken().size() == 904);
}

TEST_CASE_METHOD(fixture, "rejections carry the source, the topic and the bytes",
                 "[actors]") {
  uut.take("some/topic", "{\"type\":", {});
  auto samples = rejected.take_samples();
  REQUIRE(samples.size() == 1);
  CHECK(samples[0].source == "test some/topic");
  CHECK(samples[0].reason == reject_reason::malformed);
  CHECK(samples[0].first_bytes == "{\"type\":");
  CHECK_FALSE(samples[0].detail.empty());
}

TEST_CASE_METHOD(fixture, "a closed gate without a journal is told to the source",
                 "[actors]") {
  gate.close();
  CHECK_FALSE(uut.take("t", R"({"type":"m","source":"0","value":1})", {}));
}

namespace {

/// A node that boots in 1970 and whose clock is set later.
struct clock_fixture : fixture {
  std::int64_t wall_ns = 60'000'000'000;
  std::int64_t steady_ns = 1'000'000'000;
  event_port port{{.source = "test"},
                  {&table, &rejected, &gate, [this] { return wall_ns; },
                   [this] { return steady_ns; }}};

  void wait(std::int64_t ns) {
    wall_ns += ns;
    steady_ns += ns;
  }
};

} // namespace

TEST_CASE_METHOD(clock_fixture,
                 "before the clock is set, events with a time of their own are taken",
                 "[actors]") {
  port.take("t", R"({"type":"temp","value":1,"timestamp":1790000000})", {});
  CHECK(taken().size() == 1);
  CHECK(rejected.sum() == 0);
}

TEST_CASE_METHOD(clock_fixture,
                 "before the clock is set, events without a time wait and then get the "
                 "time of their arrival",
                 "[actors]") {
  port.take("t", R"({"type":"temp","value":1})", {});
  wait(5'000'000'000);
  port.take("t", R"({"type":"temp","value":2})", {});
  CHECK(taken().empty());
  CHECK(gate.totals().held == 2);
  port.take("t", R"({"type":"temp","value":3})", {});
  CHECK(count(reject_reason::bad_time) == 1); // Only two may wait.
  wait(5'000'000'000);
  wall_ns = now_ns; // NTP.
  port.take("t", R"({"type":"temp","value":4})", {});
  auto events = taken();
  REQUIRE(events.size() == 3);
  CHECK(events[0].value == 1);
  CHECK(events[0].time_ns == now_ns - 10'000'000'000);
  CHECK(events[1].time_ns == now_ns - 5'000'000'000);
  CHECK(events[2].time_ns == now_ns);
  CHECK(gate.totals().restamped == 2);
  CHECK(port.counters().clock_jumps == 1);
  CHECK(gate.totals().held == 0);
}

TEST_CASE_METHOD(fixture,
                 "an event from the future is given its arrival where that is "
                 "configured",
                 "[actors]") {
  event_port port{{.source = "test", .restamp_future = true},
                  {&table, &rejected, &gate, [] { return now_ns; }}};
  port.take("t", R"({"type":"temp","value":1,"timestamp":1790086400})", {});
  auto events = taken();
  REQUIRE(events.size() == 1);
  CHECK(events[0].time_ns == now_ns);
  CHECK(port.counters().restamped == 1);
  CHECK(rejected.sum() == 0);
}

TEST_CASE_METHOD(fixture, "what became of a payload's events adds up at the gate",
                 "[actors]") {
  uut.take("t", R"([{"type":"m","source":"a","value":1,"timestamp":1790000000},
                    {"type":"m","source":"a","value":1,"timestamp":1790000000},
                    {"type":"m","source":"a","value":"x"},
                    {"type":"m","source":"a","id":"7","value":1},
                    {"type":"m","source":"a","id":"7","value":2}])",
           {});
  uut.reject("t", reject_reason::too_large, "larger than the limit", {});
  auto totals = gate.totals();
  CHECK(totals.received == 6);
  CHECK(totals.accepted == 2);
  CHECK(totals.duplicates == 2);
  CHECK(totals.quarantined() == 2);
  CHECK(rejected.sum() == 2);
}
