// The ledger of the store: fates, ranges, lanes, epochs, and its own check.
#include "storage/lmdb_env.hpp"
#include "storage/recent_tables.hpp"
#include "storage/store.hpp"
#include "storage/store_values.hpp"
#include "tests/storage/records.hpp"
#include "tests/storage/temp_directory.hpp"

#include <catch2/catch.hpp>

#include <memory>
#include <random>
#include <string>
#include <vector>

using namespace weir::storage;
using namespace weir::test;

namespace {

struct fixture {
  temp_directory directory;
  store_config config{.directory = directory / "store", .size_bytes_max = 64 << 20};
  std::unique_ptr<store> uut;

  fixture() {
    reopen();
  }

  void reopen() {
    uut.reset();
    uut = store::open(config, 1).value();
  }

  commit_report commit(const incoming_block& block, std::int64_t unix_ns = 1) {
    return uut->commit({&block, 1}, unix_ns).value();
  }

  epoch_ledger books(std::uint64_t epoch = 7) {
    auto all = uut->ledger("north", {.epoch = epoch}).value();
    REQUIRE(all.size() == 1);
    CHECK(all[0].violation.empty());
    return all[0];
  }
};

incoming_block summaries(std::uint64_t first_seq, std::size_t count,
                         std::uint64_t span = 0) {
  auto block = make_block(first_seq);
  block.seq_span = span;
  for (std::size_t i = 0; i < count; ++i)
    block.records.summaries.push_back(
      make_summary(static_cast<std::int64_t>(first_seq + i) * 10 * second_ns, 1.0));
  return block;
}

incoming_block live(incoming_block block) {
  block.live_lane = true;
  return block;
}

} // namespace

TEST_CASE_METHOD(fixture, "every number has a fate and the books balance", "[ledger]") {
  commit(summaries(1, 3), 100);
  commit(summaries(4, 2), 200);
  commit(summaries(6, 2, 10), 300);
  commit(make_hole(16, 19, range_fate::expired), 400);
  commit(make_hole(20, 20, range_fate::shed), 500);
  commit(make_hole(21, 22, range_fate::unreadable), 600);
  auto x = books();
  CHECK(x.position.through_seq == 22);
  CHECK(x.position.records_stored == 7);
  CHECK(x.position.records_coalesced == 8);
  CHECK(x.position.records_expired == 4);
  CHECK(x.position.records_shed == 1);
  CHECK(x.position.records_unreadable == 2);
  CHECK(x.position.accounted() == 22);
  CHECK(x.position.missing() == 0);
  CHECK(x.position.first_ns == 100);
  CHECK(x.position.last_ns == 600);
  REQUIRE(x.ranges.size() == 5); // Newest first; neighbours of one fate are one.
  CHECK(x.ranges[4] == ledger_range{1, 5, range_fate::stored, 5, 100, 200});
  CHECK(x.ranges[3] == ledger_range{6, 15, range_fate::coalesced, 2, 300, 300});
  CHECK(x.ranges[2] == ledger_range{16, 19, range_fate::expired, 0, 400, 400});
  CHECK(x.ranges[1].fate == range_fate::shed);
  CHECK(x.ranges[0].fate == range_fate::unreadable);
  reopen();
  CHECK(books().ranges == x.ranges);
}

TEST_CASE_METHOD(fixture, "a hole that overlaps what came gives its new numbers only",
                 "[ledger]") {
  commit(summaries(1, 5));
  auto outcome = commit(make_hole(4, 9, range_fate::expired)).outcomes.at(0);
  CHECK(outcome.result == commit_result::stored);
  CHECK(outcome.through_seq == 9);
  CHECK(commit(make_hole(4, 9, range_fate::expired)).outcomes.at(0).result
        == commit_result::duplicate);
  CHECK(commit(make_hole(11, 12, range_fate::expired)).outcomes.at(0).result
        == commit_result::gap);
  CHECK(books().position.records_expired == 4);
  CHECK(books().position.sent_seq == 12);
  CHECK(books().position.missing() == 3);
}

TEST_CASE_METHOD(fixture, "live data goes before the backlog and the ranges join",
                 "[ledger]") {
  commit(summaries(1, 2));
  auto opened = commit(live(summaries(10, 2))).outcomes.at(0);
  CHECK(opened.result == commit_result::stored);
  CHECK(opened.through_seq == 2);
  CHECK(opened.lane_first == 10);
  CHECK(opened.lane_through == 11);
  auto refused = commit(live(summaries(13, 1))).outcomes.at(0);
  CHECK(refused.result == commit_result::gap);
  CHECK(refused.live_lane);
  CHECK(refused.resend_from_seq() == 12);
  CHECK(commit(summaries(4, 1)).outcomes.at(0).resend_from_seq() == 3);
  auto x = books();
  CHECK(x.position.covered() == 4);
  CHECK(x.position.missing() == 9); // 13 was given; 3 to 9 and 12 are on their way.
  CHECK(x.ranges.size() == 2);
  reopen();
  // Both lanes in one commit.
  auto rest = std::vector{live(summaries(12, 1)), summaries(3, 3),
                          live(summaries(13, 1)), summaries(6, 4)};
  auto report = uut->commit(rest, 5).value();
  CHECK(report.violations.empty());
  CHECK(report.outcomes.back().through_seq == 13);
  CHECK(report.outcomes.back().lane_first == 0);
  x = books();
  REQUIRE(x.ranges.size() == 1);
  CHECK(x.ranges[0].last_seq == 13);
  CHECK(x.position.ranges == 1);
  CHECK(uut->stats().summaries == 13);
}

TEST_CASE_METHOD(fixture, "a coalesced block over numbers that came is a violation",
                 "[ledger]") {
  commit(summaries(1, 5));
  auto report = commit(summaries(4, 2, 6));
  REQUIRE(report.violations.size() == 1);
  CHECK(report.violations[0].edge == "north");
  auto x = uut->position("north", 7).value();
  CHECK(x->through_seq == 9);
  CHECK(x->violations == 1);
  CHECK(x->accounted() == 9); // Nothing is lost, and it is said that more may be.
}

TEST_CASE_METHOD(fixture, "an epoch that begins anew for a known edge is an event",
                 "[ledger]") {
  CHECK(uut->note_hello({"north", 7, 1, 1}, 10).value().events.empty());
  commit(summaries(1, 3), 20);
  uut->note_hello({"north", 7, 1, 9}, 25).value();
  SECTION("its database was lost") {
    auto block = summaries(1, 1);
    block.epoch = 8;
    auto report = commit(block, 30);
    REQUIRE(report.events.size() == 1);
    CHECK(report.events[0]
          == ledger_event{"north", 30, epoch_cause::new_database, 7, 8, 1, 5, 3});
  }
  SECTION("its database was set back") {
    uut->note_hello({"north", 7, 1, 2}, 28).value();
    CHECK(uut->position("north", 7).value()->behind_seq == 1);
    auto report = uut->note_hello({"north", 8, 1, 1}, 30).value();
    REQUIRE(report.events.size() == 1);
    CHECK(report.events[0].cause == epoch_cause::renewed);
  }
  SECTION("its database was set back, and has made more since than it had lost") {
    uut->note_hello({"north", 7, 1, 30, 3}, 28).value();
    auto x = uut->position("north", 7).value();
    CHECK(x->behind_seq == 2);
    CHECK(x->sent_seq == 8); // What it has made belongs to the next epoch.
    auto report = uut->note_hello({"north", 8, 1, 22}, 30).value();
    REQUIRE(report.events.size() == 1);
    CHECK(report.events[0].cause == epoch_cause::renewed);
  }
  CHECK(uut->note_hello({"north", 8, 2, 5}, 40).value().events.empty());
  uut->note_hello({"nor", 9, 1, 5}, 40).value(); // Another edge.
  reopen();
  CHECK(uut->ledger_events("north").value().size() == 1);
  CHECK(uut->ledger_events("nor").value().empty());
  auto all = uut->ledger("north").value();
  REQUIRE(all.size() == 2);
  CHECK(all[0].position.epoch == 8);
  CHECK(all[1].position.missing() == 5); // They went with the old database.
}

TEST_CASE_METHOD(fixture, "an edge that has sent what the centre has is not behind",
                 "[ledger]") {
  commit(summaries(1, 3), 20);
  uut->note_hello({"north", 7, 1, 30, 4}, 28).value();
  uut->note_hello({"north", 7, 1, 40, 0}, 29).value(); // Not told.
  auto x = uut->position("north", 7).value();
  CHECK(x->behind_seq == 0);
  CHECK(x->sent_seq == 39);
}

TEST_CASE_METHOD(fixture,
                 "a hello that was overtaken by records makes no edge set back",
                 "[ledger]") {
  commit(summaries(1, 3), 20);
  uut->note_hello({"north", 7, 1, 30, 1}, 28).value();
  CHECK(uut->position("north", 7).value()->behind_seq == 1);
  commit(summaries(1, 3), 30); // Nothing new.
  CHECK(uut->position("north", 7).value()->behind_seq == 1);
  commit(summaries(4, 1), 40);
  CHECK(uut->position("north", 7).value()->behind_seq == 0);
}

TEST_CASE_METHOD(fixture, "of one edge the newest 100 events are kept", "[ledger]") {
  for (std::uint64_t epoch = 1; epoch <= 120; ++epoch)
    uut->note_hello({"north", epoch, 1, 1}, 5).value();
  auto events = uut->ledger_events("north").value();
  REQUIRE(events.size() == 100);
  CHECK(events.front().new_epoch == 120);
  CHECK(events.back().new_epoch == 21);
}

TEST_CASE_METHOD(fixture, "the oldest ranges beyond the limit are in the totals only",
                 "[ledger]") {
  config.ledger_ranges_max = 4;
  reopen();
  for (std::uint64_t seq = 1; seq <= 40; seq += 2) {
    commit(summaries(seq, 1));
    auto report = commit(make_hole(seq + 1, seq + 1, range_fate::shed));
    CHECK(report.violations.empty());
  }
  auto x = books();
  CHECK(x.position.ranges == 4);
  CHECK(x.position.ranges_from_seq == 37);
  CHECK(x.position.records_stored == 20);
  CHECK(x.position.records_shed == 20);
  CHECK(x.ranges.size() == 4);
  auto page = uut->ledger("north", {.before_seq = 39, .limit = 1}).value();
  REQUIRE(page[0].ranges.size() == 1);
  CHECK(page[0].ranges[0].first_seq == 38);
}

TEST_CASE_METHOD(fixture, "counters of edges are kept and tell what was given",
                 "[ledger]") {
  commit(summaries(1, 3));
  auto north = edge_counters{"north", 7, 10, 99, {1, 2, 3}};
  auto west = edge_counters{"west", 1, 10, 99, {}};
  REQUIRE(uut->put_counters(std::vector{west, north}));
  reopen();
  CHECK(uut->counters().value() == std::vector{north, west});
  CHECK(uut->position("north", 7).value()->missing() == 7);
  CHECK_FALSE(uut->position("west", 1).value());
}

TEST_CASE_METHOD(fixture, "books that were changed by another hand are noticed",
                 "[ledger]") {
  commit(summaries(1, 3));
  commit(make_hole(4, 5, range_fate::expired));
  uut.reset();
  {
    lmdb_env env{{config.directory, 64 << 20, {"ledger"}}, 1};
    lmdb_txn txn{env, true};
    REQUIRE(txn.erase(lmdb_table{0}, range_key("north", 7, 4)));
    txn.commit();
  }
  reopen();
  CHECK_FALSE(uut->ledger("north").value().at(0).violation.empty());
  CHECK(commit(summaries(6, 1)).violations.empty()); // Cheap: looks at the end only.
  CHECK_FALSE(uut->ledger("north").value().at(0).violation.empty());
}

TEST_CASE("random blocks and holes in two lanes leave books that balance",
          "[ledger][model]") {
  for (unsigned seed = 1; seed <= 60; ++seed) {
    INFO("seed " << seed);
    fixture f;
    auto random = std::mt19937{seed};
    // What the edge has made: blocks, coalesced blocks and holes, 1 to 120.
    std::vector<incoming_block> made;
    for (std::uint64_t next = 1; next <= 120;) {
      auto count = 1 + random() % 5;
      auto kind = random() % 5;
      if (kind == 0)
        made.push_back(
          make_hole(next, next + count - 1, static_cast<range_fate>(2 + random() % 3)));
      else
        made.push_back(summaries(next, count, kind == 1 ? count + 3 : 0));
      next += kind == 1 ? count + 3 : count;
    }
    auto live_from = made.size() / 3 + random() % (made.size() / 2);
    std::size_t back = 0;
    std::size_t front = live_from;
    while (back < live_from || front < made.size()) {
      std::vector<incoming_block> some;
      for (auto i = random() % 6; i > 0; --i) {
        if (random() % 2 == 0 && front < made.size())
          some.push_back(live(made[front++]));
        else if (back < live_from)
          some.push_back(made[back++]);
        if (random() % 4 == 0 && !some.empty())
          some.push_back(some.front());
      }
      auto report = f.uut->commit(some, 1).value();
      CHECK(report.violations.empty());
      for (const auto& x : report.outcomes)
        CHECK(x.result != commit_result::gap);
    }
    auto x = f.books();
    CHECK(x.position.missing() == 0);
    CHECK(x.position.lane_first == 0);
    CHECK(x.position.accounted() == x.position.sent_seq);
    for (std::size_t i = 1; i < x.ranges.size(); ++i)
      CHECK(x.ranges[i].fate != x.ranges[i - 1].fate);
  }
}

TEST_CASE_METHOD(fixture, "a window that cannot be read is replaced, and it is said",
                 "[ledger]") {
  commit(summaries(1, 1));
  uut.reset();
  {
    lmdb_env env{{config.directory, 64 << 20, {"recent_a"}}, 1};
    lmdb_txn txn{env, true};
    auto key = recent_key({1, 10 * second_ns, 10 * second_ns});
    REQUIRE(txn.get(lmdb_table{0}, key));
    txn.put(lmdb_table{0}, key, "\x03 not a window");
    txn.commit();
  }
  reopen();
  auto again = summaries(2, 1);
  again.records.summaries[0].start_ns = 10 * second_ns;
  auto report = commit(again);
  CHECK(report.outcomes.at(0).result == commit_result::stored);
  CHECK(report.violations.size() == 1);
  CHECK(report.summaries.size() == 1);
  CHECK(uut->query(1, 0, 100 * second_ns, 10).value().size() == 1);
}

TEST_CASE_METHOD(fixture,
                 "a position that cannot be read is an error, and no block is "
                 "taken for bad",
                 "[ledger]") {
  commit(summaries(1, 1));
  uut.reset();
  {
    lmdb_env env{{config.directory, 64 << 20, {"positions"}}, 1};
    lmdb_txn txn{env, true};
    txn.put(lmdb_table{0}, position_key("north", 7), "\x02 not a position");
    txn.commit();
  }
  reopen();
  auto block = summaries(2, 1);
  CHECK(uut->commit({&block, 1}).error().code == errc::damaged);
}
