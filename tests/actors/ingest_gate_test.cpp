// INGEST GATE: what it takes is in the journal and in the inboxes in one order, comes
// back by a replay, counts once, and adds up.
#include "actors/ingest_gate.hpp"

#include "tests/support/temp_dir.hpp"
#include "tests/support/wait_until.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <atomic>
#include <memory>
#include <thread>

using namespace weir::actors;
namespace analytics = weir::analytics;
using analytics::event;

namespace {

constexpr std::int64_t second_ns = 1'000'000'000;

/// One process: a table, two shards' inboxes, the journal of a directory.
struct process {
  analytics::series_table table{1000, 2};
  shard_inbox first{{.events_max = 100}, [](shard_inbox::wake) {}};
  shard_inbox second{{.events_max = 100}, [](shard_inbox::wake) {}};
  std::unique_ptr<weir::storage::journal> journal;
  std::vector<std::string> problems;
  std::atomic<int> told_filling{0};
  std::unique_ptr<ingest_gate> gate;
  std::uint32_t source = 0;
  bool sheds_ = false;
  ingest_payload payload{2};

  explicit process(const std::filesystem::path& directory, std::uint64_t boot = 1,
                   ingest_gate_config config = {}, bool sheds = false) {
    auto opened = weir::storage::journal::open(
      {.directory = directory, .size_bytes_max = 4 << 20, .segment_bytes = 64 << 10},
      0);
    REQUIRE(opened);
    journal = std::move(*opened);
    ingest_gate::parts parts;
    parts.series = &table;
    parts.inboxes = {&first, &second};
    parts.journal = journal.get();
    parts.boot_id = boot;
    parts.on_filling = [this] { ++told_filling; };
    parts.on_problem = [this](const std::string& x) { problems.push_back(x); };
    gate = std::make_unique<ingest_gate>(config, std::move(parts));
    source = gate->add_source("test");
    sheds_ = sheds;
  }

  void stage(const std::string& name, std::int64_t time_s, double value,
             std::uint64_t key = 0, std::optional<std::uint64_t> sequence = {}) {
    auto id = *table.intern("m{source=\"" + name + "\"}");
    auto& part = payload.parts[table.shard_of(id)];
    if (sequence)
      part.sequences.push_back(
        {static_cast<std::uint32_t>(part.events.size()), *sequence});
    part.events.push_back({time_s * second_ns, value, id, 0});
    part.keys.push_back(key);
  }
  bool take() {
    return gate->take(source, payload, sheds_);
  }
  bool take_one(const std::string& name, std::int64_t time_s, double value,
                std::uint64_t key = 0) {
    stage(name, time_s, value, key);
    return take();
  }

  using named_event = std::tuple<std::string, std::int64_t, double>;
  named_event named(const event& x) const {
    return {table.text(x.series), x.time_ns / second_ns, x.value};
  }
  /// By shard.
  std::vector<std::vector<named_event>> taken() {
    std::vector<std::vector<named_event>> result(2);
    std::vector<event> batch;
    for (std::size_t i = 0; i < 2; ++i) {
      (i == 0 ? first : second).drain(batch);
      for (const auto& x : batch)
        result[i].push_back(named(x));
    }
    return result;
  }
  std::vector<std::vector<named_event>> replayed(std::optional<std::uint64_t> from) {
    std::vector<std::vector<named_event>> result(2);
    auto report = gate->replay(from, [&](std::span<const event> events) {
      for (const auto& x : events)
        result[table.shard_of(x.series)].push_back(named(x));
    });
    REQUIRE(report);
    CHECK(report->unreadable == 0);
    return result;
  }
};

struct fixture {
  weir::test::temp_dir dir;
  std::filesystem::path journal = dir.path() / "journal";
};

} // namespace

TEST_CASE_METHOD(fixture, "what was taken comes back in the same order after a crash",
                 "[actors]") {
  std::vector<std::vector<process::named_event>> before;
  {
    process node{journal};
    for (int i = 0; i < 50; ++i) {
      node.stage("device-" + std::to_string(i % 7), i, i * 0.5);
      node.stage("device-" + std::to_string(i % 5), 100 + i, -i);
      CHECK(node.take());
    }
    before = node.taken();
  }
  process node{journal};
  CHECK(node.replayed(1) == before);
  CHECK(node.gate->payloads() > 0); // Worth a checkpoint.
  CHECK(node.gate->totals().accepted == 100);
  CHECK(node.gate->totals().received == 100);
}

TEST_CASE_METHOD(fixture, "a replay begins where the cut was", "[actors]") {
  cut_start cut;
  {
    process node{journal};
    node.take_one("a", 1, 1.0);
    cut = node.gate->begin_cut(1);
    node.take_one("a", 2, 2.0);
    std::vector<event> batch;
    auto& inbox = node.table.shard_of(*node.table.intern("m{source=\"a\"}")) == 0
                    ? node.first
                    : node.second;
    CHECK(inbox.drain(batch) == 1);
    CHECK(batch.size() == 1);
    CHECK(inbox.drain(batch) == 0);
    CHECK(batch.size() == 1);
  }
  process node{journal};
  REQUIRE(node.gate->restore(cut.state));
  CHECK(node.gate->totals() == cut.totals);
  auto replayed = node.replayed(cut.journal_number);
  CHECK(replayed[0].size() + replayed[1].size() == 1);
  CHECK(node.gate->totals().accepted == 2);
  // Also what lies before the cut is known when it comes again.
  node.take_one("a", 1, 1.0);
  node.take_one("a", 2, 2.0);
  CHECK(node.gate->totals().accepted == 2);
  CHECK(node.gate->totals().duplicates == 2);
}

TEST_CASE_METHOD(fixture,
                 "without its checkpoint the journal itself knows what was covered",
                 "[actors]") {
  {
    process node{journal};
    node.take_one("a", 1, 1.0);
    node.gate->on_checkpoint(node.gate->begin_cut(1).journal_number);
    node.take_one("a", 2, 2.0);
  }
  process node{journal};
  auto replayed = node.replayed(std::nullopt);
  CHECK(replayed[0].size() + replayed[1].size() == 1);
}

TEST_CASE_METHOD(fixture,
                 "an event counts once: by its id, else by series, time and value",
                 "[actors]") {
  process node{journal};
  node.take_one("a", 1, 1.0);
  node.take_one("a", 1, 1.0);
  node.take_one("a", 1, 2.0);
  node.take_one("b", 1, 1.0);
  node.take_one("a", 1, 1.0, 42); // An id makes it another one...
  node.take_one("a", 9, 9.0, 42); // ...and this one the same.
  auto totals = node.gate->totals();
  CHECK(totals.accepted == 4);
  CHECK(totals.duplicates == 2);
  CHECK(totals.received == 6);
}

TEST_CASE_METHOD(fixture,
                 "events that got their time on arrival are never taken for the same",
                 "[actors]") {
  process node{journal};
  for (int i = 0; i < 2; ++i) {
    node.stage("a", 1, 1.0);
    for (auto& part : node.payload.parts)
      for (auto& x : part.events)
        x.flags = analytics::stamped_on_arrival;
    node.take();
  }
  CHECK(node.gate->totals().accepted == 2);
}

TEST_CASE_METHOD(fixture,
                 "of a payload with a duplicate the rest keeps its order and "
                 "its sequence numbers",
                 "[actors]") {
  process node{journal};
  node.take_one("a", 2, 2.0);
  for (int i = 1; i <= 3; ++i)
    node.stage("a", i, i, 0, 10 + i);
  node.take();
  auto taken = node.taken();
  auto& events = taken[0].empty() ? taken[1] : taken[0];
  REQUIRE(events.size() == 3);
  CHECK(std::get<1>(events[1]) == 1);
  CHECK(std::get<1>(events[2]) == 3);
  // 12 was a duplicate here, so it is missing: 11 and 13 came.
  CHECK(node.gate->upstream().missing == 1);
}

TEST_CASE_METHOD(fixture, "a full inbox makes its source wait, or sheds and counts",
                 "[actors]") {
  process node{journal, 1, {}, true};
  for (int i = 0; i < 200; ++i)
    node.take_one("a", i, i);
  auto totals = node.gate->totals();
  CHECK(totals.accepted == 75); // The last quarter is for sources that wait.
  CHECK(totals.shed == 125);
  CHECK(totals.received == 200);
}

TEST_CASE_METHOD(fixture,
                 "what comes behind the close is for the next start, and the next cut "
                 "lies before it",
                 "[actors]") {
  cut_start cut;
  {
    process node{journal};
    for (int i = 0; i < 100; ++i)
      node.take_one("a", i, i);
    std::atomic<bool> taken{false};
    std::thread source{[&] { taken = node.take_one("a", 500, 1.0); }};
    while (node.first.waits() + node.second.waits() == 0)
      std::this_thread::yield();
    node.gate->close();
    source.join();
    CHECK(taken);
    cut = node.gate->begin_cut(1);
    CHECK(cut.totals.accepted == 100);
    auto inboxes = node.taken();
    CHECK(inboxes[0].size() + inboxes[1].size() == 100);
  }
  process node{journal};
  REQUIRE(node.gate->restore(cut.state));
  auto replayed = node.replayed(cut.journal_number);
  auto& events = replayed[0].empty() ? replayed[1] : replayed[0];
  REQUIRE(events.size() == 1);
  CHECK(std::get<1>(events[0]) == 500);
  CHECK(node.gate->totals().accepted == 101);
}

TEST_CASE_METHOD(fixture, "the name of a series that was evicted is told again",
                 "[actors]") {
  {
    process node{journal};
    node.take_one("a", 1, 1.0);
    auto id = *node.table.intern("m{source=\"a\"}");
    node.table.retire(std::span{&id, 1});
    node.table.release(std::span{&id, 1});
    // The same number, another series; also the same time and value.
    std::string other;
    for (int i = 0; other.empty(); ++i)
      if (*node.table.intern("m{source=\"b" + std::to_string(i) + "\"}") == id)
        other = "b" + std::to_string(i);
    node.take_one(other, 1, 1.0);
    CHECK(node.gate->totals().duplicates == 0);
  }
  process node{journal};
  auto replayed = node.replayed(1);
  std::vector<std::string> names;
  for (const auto& shard : replayed)
    for (const auto& x : shard)
      names.push_back(std::get<0>(x));
  REQUIRE(names.size() == 2);
  CHECK(names[0] == "m{source=\"a\"}");
  CHECK(names[1].starts_with("m{source=\"b"));
}

TEST_CASE_METHOD(fixture, "a journal of many segments comes back whole", "[actors]") {
  {
    process node{journal};
    std::vector<event> batch;
    for (int i = 0; i < 5000; ++i) {
      node.take_one("device-" + std::to_string(i % 300), i, i);
      node.first.drain(batch);
      node.second.drain(batch);
    }
    CHECK(node.problems.empty());
  }
  process node{journal};
  auto replayed = node.replayed(1);
  CHECK(replayed[0].size() + replayed[1].size() == 5000);
}

namespace {

ingest_payload holding(process& node, double value, std::int64_t steady_ns) {
  ingest_payload result{2};
  auto id = *node.table.intern("m{source=\"a\"}");
  result.held.push_back({{0, value, id, analytics::stamped_on_arrival}, steady_ns, 0});
  return result;
}

} // namespace

TEST_CASE_METHOD(fixture, "events that wait for the clock survive a crash",
                 "[actors]") {
  {
    process node{journal};
    auto payload = holding(node, 5.0, 30 * second_ns);
    node.gate->take(node.source, payload);
    CHECK(node.gate->totals().held == 1);
    CHECK(node.gate->totals().received == 1);
  }
  SECTION("of the process") {
    process node{journal};
    node.replayed(1);
    CHECK(node.gate->totals().held == 1);
    node.payload.clock = {1000 * second_ns, 40 * second_ns, true, 0};
    node.take();
    auto taken = node.taken();
    auto& events = taken[0].empty() ? taken[1] : taken[0];
    REQUIRE(events.size() == 1);
    CHECK(std::get<1>(events[0]) == 990);
    CHECK(node.gate->totals().accepted == 1);
    CHECK(node.gate->totals().received == 1);
    CHECK(node.gate->totals().restamped == 1);
  }
  SECTION("but not of the machine, whose steady clock began anew: they are counted") {
    process node{journal, 2};
    node.replayed(1);
    CHECK(node.gate->totals().held == 0);
    CHECK(node.gate->totals().quarantined() == 1);
    CHECK(node.gate->totals().received == 1);
  }
}

TEST_CASE_METHOD(fixture, "half of the journal asks for a checkpoint, once",
                 "[actors]") {
  process node{journal};
  std::vector<event> batch;
  int taken = 0;
  auto take = [&] {
    node.take_one("a", taken, taken);
    node.first.drain(batch);
    node.second.drain(batch);
    ++taken;
  };
  auto needed = [&] { return node.journal->stats().needed_bytes; };
  while (!node.gate->is_filling())
    take();
  CHECK(needed() > (3 << 20) / 2); // Of 4 MB.
  CHECK(needed() < (5 << 20) / 2 + (1 << 20));
  auto cut = node.gate->begin_cut(1);
  for (int i = 0; i < 100; ++i)
    take();
  CHECK(node.told_filling == 1);
  node.gate->on_checkpoint(cut.journal_number);
  CHECK_FALSE(node.gate->is_filling());
  auto before = taken;
  while (!node.gate->is_filling())
    take();
  CHECK(node.told_filling == 2);
  CHECK(taken - before > before / 2);
}

TEST_CASE_METHOD(fixture, "a journal that is full makes sources wait for a checkpoint",
                 "[actors]") {
  process node{journal};
  std::atomic<int> taken{0};
  std::atomic<bool> stop{false};
  std::thread source{[&] {
    std::vector<event> batch;
    for (int i = 0; i < 400'000 && !stop; ++i) {
      if (!node.take_one("a", i, i))
        return;
      node.first.drain(batch);
      node.second.drain(batch);
      taken = i + 1;
    }
  }};
  auto fills = weir::test::wait_until(
    [&] {
      auto stats = node.journal->stats();
      return stats.refused_full > 0;
    },
    std::chrono::seconds{20});
  CHECK(fills);
  CHECK(node.told_filling == 1);
  auto before = taken.load();
  node.gate->on_checkpoint(node.gate->begin_cut(1).journal_number);
  CHECK(
    weir::test::wait_until([&] { return taken > before; }, std::chrono::seconds{5}));
  stop = true;
  node.gate->close();
  source.join();
  CHECK(node.problems.empty());
}
