// STORE WRITER: group commits into a real store, acknowledgements after them.
#include "actors/store_writer.hpp"

#include "tests/support/actor_fixture.hpp"
#include "tests/support/temp_dir.hpp"
#include "transport/block_codec.hpp"

#include <catch2/catch.hpp>

using namespace weir::actors;
using namespace std::chrono_literals;
namespace analytics = weir::analytics;

namespace {

struct fixture : weir::test::actor_fixture {
  weir::test::temp_dir dir;
  std::unique_ptr<weir::storage::store> store
    = std::move(*weir::storage::store::open({dir.path() / "store"}, 0));
  fleet_board fleet;
  central_counters counters;
  std::vector<std::string> answers;
  std::vector<std::string> problems;
  std::vector<commit_report_ptr> reports;
  store_writer_actor uut = spawn(
    store_writer, store_writer_config{.commit_interval = 5ms, .commit_records = 100},
    store_writer_parts{
      store.get(), &fleet, &counters,
      [this](const std::string& edge, std::uint64_t,
             const weir::storage::commit_outcome& at) {
        answers.push_back("ack " + edge + " " + std::to_string(at.through_seq));
        if (at.lane_first != 0)
          answers.back() += ", " + std::to_string(at.lane_first) + " to "
                            + std::to_string(at.lane_through);
      },
      [this](const std::string& edge, std::uint64_t, std::uint64_t from, bool live) {
        answers.push_back("resend " + edge + " " + std::to_string(from)
                          + (live ? " live" : ""));
      },
      [this](commit_report_ptr x) { reports.push_back(std::move(x)); },
      [this](const std::string& problem) { problems.push_back(problem); },
      [] { return std::int64_t{5'000'000'000}; }});

  static received_block block(const std::string& edge, std::uint64_t first_seq,
                              std::uint32_t count) {
    analytics::record_block records;
    records.series = {"m{source=\"a\"}"};
    for (std::uint32_t i = 0; i < count; ++i) {
      analytics::summary x;
      x.start_ns = static_cast<std::int64_t>(first_seq + i) * 1'000'000'000;
      x.width_ns = 1'000'000'000;
      x.count = 1;
      records.summaries.push_back(x);
    }
    received_block result;
    result.edge = edge;
    result.epoch = 7;
    result.run = 1;
    result.first_seq = first_seq;
    result.seq_span = result.record_count = count;
    result.bytes = weir::transport::encode_block(records);
    return result;
  }
  void send(received_block x) {
    caf::anon_send(uut, std::move(x));
    run();
  }
};

} // namespace

TEST_CASE_METHOD(fixture,
                 "blocks of several edges share a commit and each edge gets "
                 "one acknowledgement",
                 "[actors]") {
  send(block("a", 1, 2));
  send(block("b", 1, 1));
  send(block("a", 3, 1));
  CHECK(answers.empty());
  advance(5ms);
  CHECK(answers == std::vector<std::string>{"ack a 3", "ack b 1"});
  CHECK(counters.commits == 1);
  CHECK(counters.records_stored == 4);
  REQUIRE(reports.size() == 1);
  CHECK(reports[0]->summaries.size() == 4);
  CHECK(fleet.view(0).edges.size() == 2);
}

TEST_CASE_METHOD(fixture,
                 "a block that was stored before is acknowledged and "
                 "changes nothing",
                 "[actors]") {
  send(block("a", 1, 2));
  advance(5ms);
  send(block("a", 1, 2));
  advance(5ms);
  CHECK(answers == std::vector<std::string>{"ack a 2", "ack a 2"});
  CHECK(counters.blocks_duplicate == 1);
  CHECK(store->stats().summaries == 2);
}

TEST_CASE_METHOD(fixture, "a gap is answered with where to send from", "[actors]") {
  send(block("a", 1, 2));
  send(block("a", 5, 1));
  advance(5ms);
  CHECK(answers == std::vector<std::string>{"ack a 2", "resend a 3"});
  CHECK(store->stats().summaries == 2);
}

TEST_CASE_METHOD(fixture, "a gap is answered in its lane, what is stored in both",
                 "[actors]") {
  send(block("a", 1, 2));
  auto live = block("a", 50, 1);
  live.live_lane = true;
  send(live);
  live = block("a", 60, 1);
  live.live_lane = true;
  send(live);
  send(block("a", 3, 1));
  advance(5ms);
  CHECK(answers == std::vector<std::string>{"ack a 3, 50 to 50", "resend a 51 live"});
}

TEST_CASE_METHOD(fixture, "a coalesced block covers more numbers than it has records",
                 "[actors]") {
  auto coalesced = block("a", 1, 2);
  coalesced.seq_span = 10;
  send(coalesced);
  advance(5ms);
  CHECK(answers == std::vector<std::string>{"ack a 10"});
  CHECK(store->positions()->at(0).records_coalesced == 8);
}

TEST_CASE_METHOD(fixture, "an expired range moves the position on", "[actors]") {
  send(block("a", 1, 2));
  auto hole = block("a", 3, 0);
  hole.seq_span = 8;
  hole.fate = weir::storage::range_fate::expired;
  hole.bytes.clear();
  send(hole);
  send(block("a", 11, 1));
  advance(5ms);
  CHECK(answers.back() == "ack a 11");
  CHECK(store->positions()->at(0).records_expired == 8);
}

TEST_CASE_METHOD(fixture,
                 "a damaged block is passed over, counted, and does not hold "
                 "up its edge",
                 "[actors]") {
  send(block("a", 1, 2));
  auto cut = block("a", 3, 2);
  cut.bytes.resize(cut.bytes.size() / 2);
  send(cut);
  auto wrong_count = block("a", 5, 2);
  wrong_count.record_count = 3;
  wrong_count.seq_span = 3;
  send(wrong_count);
  send(block("a", 8, 1));
  advance(5ms);
  CHECK(answers.back() == "ack a 8");
  CHECK(counters.blocks_malformed == 2);
  auto position = store->positions()->at(0);
  CHECK(position.records_stored == 3);
  CHECK(position.records_unreadable == 5);
}

TEST_CASE_METHOD(fixture, "a block that the store refuses costs the others nothing",
                 "[actors]") {
  send(block("a", 1, 2));
  auto bad = block("a", 3, 1);
  bad.edge = std::string(300, 'x'); // No store takes such a name.
  send(bad);
  send(block("b", 1, 1));
  advance(5ms);
  CHECK(counters.blocks_malformed == 1);
  CHECK(store->stats().summaries == 3);
}

TEST_CASE_METHOD(fixture, "finishing commits what waits", "[actors]") {
  send(block("a", 1, 2));
  auto done = ask<outcome>(uut, finish_v);
  REQUIRE(done);
  CHECK(done->error.empty());
  CHECK(answers == std::vector<std::string>{"ack a 2"});
}

TEST_CASE_METHOD(fixture, "the counters of an edge are kept over a restart",
                 "[actors]") {
  weir::transport::edge_status status;
  status.epoch = 7;
  status.ledger.received = 12;
  status.ledger.mode = 4;
  status.ledger.next_seq = 101;
  fleet.on_status("a", status, 3);
  send(block("a", 1, 2));
  advance(9s);
  CHECK(store->counters()->empty());
  advance(1s);
  REQUIRE(store->counters()->size() == 1);
  CHECK(store->position("a", 7).value()->sent_seq == 100);
  fleet_board after_restart;
  after_restart.remember(store->counters()->at(0));
  auto view = after_restart.view(4).edges.at(0);
  CHECK(view.ledger == status.ledger);
  CHECK(view.ledger_epoch == 7);
  CHECK(view.ledger_ns == 3);
  CHECK(view.last_seen_ns == 0);
}

TEST_CASE_METHOD(fixture, "backlog behind a lane does not count as lag", "[actors]") {
  auto live = block("a", 50, 1);
  live.live_lane = true;
  send(live);
  send(block("a", 1, 2));
  advance(5ms);
  CHECK(fleet.view(0).edges.at(0).lag_ms == Approx(5000.0 - 51'000.0));
}

TEST_CASE("while nothing can be written, what waits is bounded and the rest is dropped",
          "[actors]") {
  struct small_fixture : fixture {
    weir::test::temp_dir small_dir;
    std::unique_ptr<weir::storage::store> small = std::move(
      *weir::storage::store::open({small_dir.path() / "store", 1 << 20}, 0));
    store_writer_actor writer = spawn(
      store_writer,
      store_writer_config{
        .commit_interval = 5ms, .commit_records = 1000, .waiting_bytes_max = 1 << 20},
      store_writer_parts{
        small.get(), &fleet, &counters,
        [](const std::string&, std::uint64_t, const weir::storage::commit_outcome&) {},
        [](const std::string&, std::uint64_t, std::uint64_t, bool) {},
        [](const commit_report_ptr&) {},
        [this](const std::string& problem) { problems.push_back(problem); },
        [] { return std::int64_t{5}; }});
  } f;
  for (std::uint64_t i = 0; i < 300; ++i) {
    caf::anon_send(f.writer, f.block("a", 1 + 100 * i, 100));
    f.run();
  }
  REQUIRE(f.problems.size() == 1);
  CHECK(f.problems[0].find("size limit") != std::string::npos);
  CHECK(f.counters.blocks_refused > 0);
  CHECK(f.counters.queue_bytes < (1 << 20) + 100'000);
  CHECK(f.counters.queue_bytes > 1 << 19);
}

TEST_CASE_METHOD(fixture, "while no block waits, windows move into blocks part by part",
                 "[actors]") {
  auto own = weir::storage::store::open(
               {.directory = dir.path() / "small", .recent_rows_max = 100}, 1)
               .value();
  auto small
    = spawn(store_writer,
            store_writer_config{
              .commit_interval = 5ms, .upkeep_interval = 100ms, .upkeep_rows = 10},
            store_writer_parts{own.get(), &fleet, &counters, [](auto&&...) {},
                               [](auto&&...) {}, [](auto&&...) {}, [](auto&&...) {},
                               [] { return std::int64_t{5'000'000'000}; }});
  caf::anon_send(small, block("a", 1, 60));
  caf::anon_send(small, block("b", 1, 60));
  run();
  advance(5ms);
  CHECK(own->stats().recent == 120);
  advance(200ms);
  CHECK(own->stats().recent == 0);
  CHECK(own->stats().summaries == 120);
  CHECK(own->stats().minutes == 2); // The minute that goes on is not stored yet.
}
