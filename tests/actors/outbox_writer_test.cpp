// OUTBOX WRITER: checkpoints into a real outbox, by hand-moved time: records and the
// state they came from are on disk together, or neither.
#include "actors/outbox_writer.hpp"

#include "tests/support/actor_fixture.hpp"
#include "tests/support/temp_dir.hpp"
#include "transport/block_codec.hpp"

#include <catch2/catch.hpp>

#include <algorithm>

using namespace weir::actors;
using namespace std::chrono_literals;
namespace analytics = weir::analytics;
namespace storage = weir::storage;

namespace {

struct fixture : weir::test::actor_fixture {
  weir::test::temp_dir dir;
  analytics::series_table table{10};
  std::unique_ptr<storage::outbox> outbox
    = std::move(*storage::outbox::open({dir.path() / "outbox"}, 0));
  std::shared_ptr<writer_backlog> backlog = std::make_shared<writer_backlog>();
  std::shared_ptr<committed_cut> committed = std::make_shared<committed_cut>();
  std::vector<std::uint64_t> cuts_asked;
  std::vector<std::uint64_t> journal_numbers;
  std::uint64_t progress = 0;
  bool is_filling = false;
  outbox_writer_actor uut;

  fixture() {
    start({.commit_interval = 10ms, .cost_max = 1.0, .commit_records = 5});
  }

  void start(outbox_writer_config config) {
    outbox_writer_parts parts;
    parts.outbox = outbox.get();
    parts.series = &table;
    parts.shards = 2;
    parts.backlog = backlog;
    parts.committed = committed;
    parts.begin_cut = [this](std::uint64_t number) {
      cuts_asked.push_back(number);
      return cut_start{100 + number, "gate " + std::to_string(number), {}};
    };
    parts.progress = [this] { return progress; };
    parts.is_filling = [this] { return is_filling; };
    parts.node_parts = [](const node_state& node) {
      return std::vector<storage::state_part>{{"gate", node.gate.state}};
    };
    parts.on_committed = [this](std::uint64_t x) { journal_numbers.push_back(x); };
    parts.on_problem = [](const std::string& problem) { FAIL(problem); };
    if (uut)
      caf::anon_send_exit(uut, caf::exit_reason::kill);
    uut = spawn(outbox_writer, config, std::move(parts));
  }

  void send(std::size_t shard, std::size_t count) {
    auto output = std::make_shared<analytics::shard_output>();
    for (std::size_t i = 0; i < count; ++i) {
      analytics::summary x;
      x.series = *table.intern("m{source=\"a\"}");
      x.width_ns = 1;
      x.count = 1;
      output->summaries.push_back(x);
    }
    *backlog += record_bytes(*output);
    caf::anon_send(uut, shard_records{shard, output});
    run();
  }
  void reach_cut(std::size_t shard, std::uint64_t number) {
    caf::anon_send(
      uut,
      shard_cut{
        number, shard, storage::packed_state{"state of " + std::to_string(shard)}, {}});
    run();
  }
};

} // namespace

TEST_CASE_METHOD(
  fixture,
  "records are on disk when all shards have reached the cut, together with "
  "their state",
  "[actors]") {
  send(0, 1);
  send(1, 2);
  CHECK(cuts_asked.empty());
  advance(10ms);
  CHECK(cuts_asked == std::vector<std::uint64_t>{1});
  reach_cut(0, 1);
  CHECK(outbox->stats().records == 0);
  CHECK(*backlog == 3 * sizeof(analytics::summary));
  reach_cut(1, 1);
  CHECK(outbox->stats().records == 3);
  CHECK(*backlog == 0);
  CHECK(*committed == 1);
  CHECK(journal_numbers == std::vector<std::uint64_t>{101});
  auto saved = outbox->load_checkpoint();
  REQUIRE(saved);
  REQUIRE(*saved);
  CHECK((*saved)->journal_number == 101);
  auto has = [&](const std::string& name, const std::string& bytes) {
    const auto& parts = (*saved)->parts;
    return std::find(parts.begin(), parts.end(), storage::state_part{name, bytes})
           != parts.end();
  };
  CHECK((*saved)->parts.size() == 3);
  CHECK(has("gate", "gate 1"));
  CHECK(has("shard/0", "state of 0"));
  CHECK(has("shard/1", "state of 1"));
}

TEST_CASE_METHOD(fixture, "records behind a cut wait for the next one", "[actors]") {
  send(0, 1);
  advance(10ms);
  reach_cut(0, 1);
  send(0, 7); // Behind the cut of its shard...
  send(1, 2); // ...and before that of this one.
  reach_cut(1, 1);
  CHECK(outbox->stats().records == 3);
  CHECK(*backlog == 7 * sizeof(analytics::summary));
  advance(10ms);
  CHECK(cuts_asked.size() == 2);
  reach_cut(1, 2);
  reach_cut(0, 2);
  CHECK(outbox->stats().records == 10);
  CHECK(*backlog == 0);
}

TEST_CASE_METHOD(fixture, "many records ask for a checkpoint at once", "[actors]") {
  advance(10ms);
  send(0, 5);
  CHECK(cuts_asked.size() == 1);
}

TEST_CASE_METHOD(fixture,
                 "state is kept once an interval while something comes, else not",
                 "[actors]") {
  advance(1s);
  CHECK(cuts_asked.empty());
  progress = 1;
  advance(1s);
  REQUIRE(cuts_asked.size() == 1);
  reach_cut(0, 1);
  reach_cut(1, 1);
  advance(1s);
  advance(1s);
  CHECK(cuts_asked.size() == 1);
}

TEST_CASE_METHOD(fixture, "a large state is kept less often", "[actors]") {
  // 1 MB/s for a state of some tens of bytes is nothing; 10 bytes/s is seconds.
  start({.commit_interval = 10ms, .cost_max = 1.0, .write_bytes_per_s_max = 10});
  send(0, 1);
  advance(10ms);
  reach_cut(0, cuts_asked.back());
  reach_cut(1, cuts_asked.back());
  auto cuts = cuts_asked.size();
  send(0, 1);
  advance(100ms);
  CHECK(cuts_asked.size() == cuts);
  advance(10s);
  CHECK(cuts_asked.size() == cuts + 1);
}

TEST_CASE_METHOD(fixture, "cost counts until shards would have to wait for the writer",
                 "[actors]") {
  start({.commit_interval = 10ms,
         .cost_max = 0.05,
         .backlog_urgent_bytes = 10 * sizeof(analytics::summary)});
  send(0, 1);
  advance(10ms);
  advance(100ms); // What the cut took: 2 s of rest.
  reach_cut(0, cuts_asked.back());
  reach_cut(1, cuts_asked.back());
  auto cuts = cuts_asked.size();
  send(0, 9);
  advance(500ms);
  CHECK(cuts_asked.size() == cuts);
  send(0, 1);
  advance(10ms);
  CHECK(cuts_asked.size() == cuts + 1);
}

TEST_CASE_METHOD(fixture, "state is kept at once when the journal fills up",
                 "[actors]") {
  start({.checkpoint_interval = 60s, .commit_interval = 10ms, .cost_max = 0.001});
  progress = 1;
  advance(1s);
  CHECK(cuts_asked.empty());
  is_filling = true;
  caf::anon_send(uut, commit_v);
  run();
  REQUIRE(cuts_asked.size() == 1);
  advance(10ms); // 10 s of rest, for the cost.
  reach_cut(0, 1);
  reach_cut(1, 1);
  CHECK(journal_numbers.size() == 1);
  // It still does: only what else limits checkpoints counts.
  progress = 2;
  advance(10ms);
  CHECK(cuts_asked.size() == 2);
  is_filling = false;
  reach_cut(0, 2);
  reach_cut(1, 2);
  progress = 3;
  advance(20s);
  CHECK(cuts_asked.size() == 2);
}

TEST_CASE_METHOD(fixture, "finishing commits what waits together with the state",
                 "[actors]") {
  send(0, 1);
  caf::anon_send(uut, rejection_batch{analytics::rejection{}});
  run();
  auto pending = self->request(uut, caf::infinite, finish_v);
  run();
  REQUIRE(cuts_asked.size() == 1);
  reach_cut(0, 1);
  reach_cut(1, 1);
  pending.receive([](outcome& done) { CHECK(done.error.empty()); },
                  [](caf::error&) { FAIL("no answer"); });
  CHECK(outbox->stats().records == 2);
  CHECK(*outbox->load_checkpoint());
}

TEST_CASE_METHOD(
  fixture, "asked to finish while a checkpoint is under way, it makes another one",
  "[actors]") {
  send(0, 1);
  advance(10ms);
  auto pending = self->request(uut, caf::infinite, finish_v);
  run();
  reach_cut(0, 1);
  reach_cut(1, 1);
  CHECK(self->peek_at_next_mailbox_element() == nullptr);
  REQUIRE(cuts_asked.size() == 2);
  reach_cut(0, 2);
  reach_cut(1, 2);
  pending.receive([](outcome& done) { CHECK(done.error.empty()); },
                  [](caf::error&) { FAIL("no answer"); });
}

TEST_CASE_METHOD(fixture, "without checkpoints records are committed as they come",
                 "[actors]") {
  start({.checkpoints = false, .commit_interval = 10ms});
  send(0, 3);
  advance(10ms);
  CHECK(cuts_asked.empty());
  CHECK(outbox->stats().records == 3);
  CHECK(*backlog == 0);
  CHECK_FALSE(*outbox->load_checkpoint());
}
