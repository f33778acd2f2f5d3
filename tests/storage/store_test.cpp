// The centre's STORE: positions, duplicates, gaps, revisions, series.
#include "storage/store.hpp"

#include "storage/big_endian.hpp"
#include "storage/lmdb_env.hpp"
#include "tests/storage/records.hpp"
#include "tests/storage/temp_directory.hpp"

#include <catch2/catch.hpp>

#include <limits>
#include <memory>
#include <string>
#include <thread>
#include <vector>

using namespace weir::storage;
using namespace weir::test;
using weir::analytics::summary;

namespace {

struct fixture {
  temp_directory directory;
  store_config config{directory / "store", 64 << 20};
  std::unique_ptr<store> uut;

  fixture() {
    reopen();
  }

  void reopen() {
    uut.reset();
    auto opened = store::open(config, 1);
    REQUIRE(opened);
    uut = std::move(*opened);
  }

  commit_report commit(const incoming_block& block) {
    auto report = uut->commit({&block, 1});
    REQUIRE(report);
    return *report;
  }

  commit_result result_of(const incoming_block& block) {
    return commit(block).outcomes.at(0).result;
  }

  std::vector<summary> all(stored_series_id id = 1) {
    auto limits = std::numeric_limits<std::int64_t>{};
    return uut->query(id, limits.min(), limits.max(), 1'000'000).value();
  }
};

incoming_block with_values(std::uint64_t first_seq, std::vector<double> values) {
  auto block = make_block(first_seq);
  for (double value : values)
    block.records.summaries.push_back(
      make_summary(static_cast<std::int64_t>(value) * 10 * second_ns, value));
  return block;
}

} // namespace

TEST_CASE_METHOD(fixture, "a block is stored once and reported with stored ids",
                 "[store]") {
  auto report = commit(with_values(1, {1, 2}));
  REQUIRE(report.outcomes.size() == 1);
  CHECK(report.outcomes[0].result == commit_result::stored);
  CHECK(report.outcomes[0].through_seq == 2);
  REQUIRE(report.new_series.size() == 1);
  CHECK(report.new_series[0].edge == "north");
  CHECK(report.new_series[0].text == "t{}");
  CHECK(report.new_series[0].last_start_ns == 20 * second_ns);
  REQUIRE(report.summaries.size() == 2);
  CHECK(report.summaries[0].series == report.new_series[0].id);
  CHECK(report.summaries[1].value.sum == 2.0);

  auto again = commit(with_values(1, {1, 2}));
  CHECK(again.outcomes[0].result == commit_result::duplicate);
  CHECK(again.outcomes[0].through_seq == 2);
  CHECK(again.summaries.empty());
  CHECK(again.new_series.empty());
  CHECK(all().size() == 2);
}

TEST_CASE_METHOD(fixture, "every field of a summary comes back bit by bit", "[store]") {
  auto x = make_summary(30 * second_ns, 0.1);
  x.count = 12;
  x.sum = 1.1;
  x.min = -0.0;
  x.max = 5e-324;
  x.mean = 1.0 / 3.0;
  x.m2 = 2e300;
  x.first = 0.7;
  x.last = -0.7;
  x.late_count = 3;
  x.revision = 4;
  x.early = true;
  x.extended = std::string("\0sketch\xff", 8);
  commit(make_block(1, x));
  x.series = 1;
  REQUIRE(all().size() == 1);
  CHECK(all()[0] == x);
  CHECK(std::signbit(all()[0].min));
  reopen();
  CHECK(all()[0] == x);
}

TEST_CASE_METHOD(fixture, "of a block that overlaps only the rest is stored",
                 "[store]") {
  auto block = with_values(1, {1, 2});
  block.records.anomalies = {make_anomaly(5, 50.0)};
  block.records.alerts = {make_alert("a", weir::analytics::alert_state::firing, 9)};
  block.records.rejections = {make_rejection(1, "first")};
  auto known = GENERATE(0u, 1u, 2u, 3u, 4u);
  auto prefix = block;
  prefix.records.rejections.clear();
  if (known < 4)
    prefix.records.alerts.clear();
  if (known < 3)
    prefix.records.anomalies.clear();
  prefix.records.summaries.resize(std::min(known, 2u));
  commit(prefix);
  auto report = commit(block);
  CHECK(report.outcomes[0].result == commit_result::stored);
  CHECK(report.outcomes[0].through_seq == 5);
  CHECK(report.summaries.size() == 2 - std::min(known, 2u));
  CHECK(report.anomalies.size() == (known < 3 ? 1 : 0));
  CHECK(report.alerts.size() == (known < 4 ? 1 : 0));
  CHECK(report.rejections == 1);
  auto stats = uut->stats();
  CHECK(stats.summaries == 2);
  CHECK(stats.anomalies == 1);
  CHECK(stats.alerts == 1);
  CHECK(stats.rejections == 1);
  auto position = uut->position("north", 7).value();
  REQUIRE(position);
  CHECK(position->records_stored == 5);
  CHECK(position->records_duplicate == known);
}

TEST_CASE_METHOD(fixture, "a gap is refused and names what is missing", "[store]") {
  CHECK(result_of(with_values(2, {1})) == commit_result::gap);
  CHECK_FALSE(uut->position("north", 7).value());
  commit(with_values(1, {1}));
  auto report = commit(with_values(3, {3}));
  CHECK(report.outcomes[0].result == commit_result::gap);
  CHECK(report.outcomes[0].through_seq == 1);
  CHECK(report.summaries.empty());
  CHECK(all().size() == 1);
  CHECK(uut->position("north", 7).value()->gaps_refused == 1);
  CHECK(result_of(with_values(2, {2})) == commit_result::stored);
  auto far = with_values(std::numeric_limits<std::uint64_t>::max() - 1, {3});
  CHECK(result_of(far) == commit_result::gap);
}

TEST_CASE_METHOD(fixture, "blocks of one commit chain, each edge for itself",
                 "[store]") {
  auto south = with_values(1, {1});
  south.edge = "south";
  auto hole = with_values(9, {9});
  hole.edge = "west";
  auto blocks = std::vector{with_values(1, {1, 2}), south,
                            with_values(3, {3}),    hole,
                            with_values(3, {3}),    with_values(4, {4})};
  auto report = uut->commit(blocks).value();
  std::vector<commit_result> results;
  for (const auto& x : report.outcomes)
    results.push_back(x.result);
  using enum commit_result;
  CHECK(results == std::vector{stored, stored, stored, gap, duplicate, stored});
  CHECK(uut->position("north", 7).value()->through_seq == 4);
  CHECK(uut->position("south", 7).value()->through_seq == 1);
  CHECK_FALSE(uut->position("west", 7).value());
  CHECK(uut->positions().value().size() == 2);
}

TEST_CASE_METHOD(fixture, "a new epoch begins at 1 and keeps the old position",
                 "[store]") {
  commit(with_values(1, {1, 2, 3}));
  auto block = with_values(1, {4});
  block.epoch = 8;
  CHECK(result_of(block) == commit_result::stored);
  CHECK(uut->position("north", 7).value()->through_seq == 3);
  CHECK(uut->position("north", 8).value()->through_seq == 1);
  CHECK(uut->stats().series == 1);
}

TEST_CASE_METHOD(fixture, "a correction adds, and readers see a higher revision",
                 "[store]") {
  commit(make_block(1, make_summary(0, 1.0)));
  auto late = make_summary(0, 5.0, 1);
  late.correction = true;
  auto report = commit(make_block(2, late));
  REQUIRE(report.summaries.size() == 1);
  CHECK(report.summaries[0].value.sum == 6.0);
  late.revision = 2;
  commit(make_block(3, late));
  REQUIRE(all().size() == 1);
  CHECK(all()[0].count == 3);
  CHECK(all()[0].sum == 11.0);
  CHECK(all()[0].revision == 2);
  CHECK(all()[0].width_ns == make_summary(0, 0.0).width_ns);
}

TEST_CASE_METHOD(fixture, "a higher revision replaces, a lower one is ignored",
                 "[store]") {
  commit(make_block(1, make_summary(0, 1.0, 1)));
  commit(make_block(2, make_summary(0, 2.0, 3)));
  CHECK(commit(make_block(3, make_summary(0, 9.0, 2))).summaries.empty());
  CHECK(commit(make_block(4, make_summary(0, 9.0, 3))).summaries.empty());
  REQUIRE(all().size() == 1);
  CHECK(all()[0].sum == 2.0);
  CHECK(all()[0].revision == 3);
  CHECK(uut->stats().summaries == 1);
}

TEST_CASE_METHOD(fixture, "a restart inside a window merges its two halves",
                 "[store]") {
  commit(make_block(1, make_summary(0, 1.0)));
  auto rest = make_block(2, make_summary(0, 5.0));
  rest.run = 2;
  auto report = commit(rest);
  REQUIRE(report.summaries.size() == 1);
  CHECK(report.summaries[0].value.count == 2);
  CHECK(report.summaries[0].value.sum == 6.0);
  CHECK(report.summaries[0].value.revision == 1);

  // Late data: the second run corrects what it saw, the first half stays.
  auto late = make_block(3, make_summary(0, 7.0, 1));
  late.run = 2;
  commit(late);
  CHECK(all()[0].sum == 8.0);
  CHECK(all()[0].min == 1.0);
  CHECK(all()[0].revision == 2);

  // A third run that knows nothing of the window adds to it as well.
  auto third = make_block(4, make_summary(0, 10.0));
  third.run = 3;
  commit(third);
  CHECK(all()[0].sum == 18.0);
  CHECK(all()[0].count == 3);

  // A run that carried the whole window over an ordered shutdown replaces it.
  auto complete = make_summary(0, 100.0, 9);
  complete.count = 4;
  auto whole = make_block(5, complete);
  whole.run = 4;
  commit(whole);
  CHECK(all()[0].sum == 100.0);
  CHECK(all()[0].revision == 9);
}

TEST_CASE_METHOD(fixture,
                 "late events that come after a crash add to their window, whatever "
                 "their revision",
                 "[store]") {
  auto before = make_summary(0, 100.0);
  before.count = 10;
  commit(make_block(1, before));
  auto late = make_block(2, make_summary(0, 5.0, 1));
  late.run = 2;
  commit(late);
  REQUIRE(all().size() == 1);
  CHECK(all()[0].count == 11);
  CHECK(all()[0].sum == 105.0);
}

TEST_CASE_METHOD(fixture,
                 "a window that its edge had forgotten and began anew adds to what is "
                 "there",
                 "[store]") {
  auto before = make_summary(0, 100.0);
  before.count = 10;
  commit(make_block(1, before));
  // A series that was evicted comes again within its window, and then late.
  commit(make_block(2, make_summary(0, 5.0)));
  CHECK(all()[0].count == 11);
  CHECK(all()[0].sum == 105.0);
  auto late = make_summary(0, 7.0, 1);
  late.count = 2;
  commit(make_block(3, late));
  REQUIRE(all().size() == 1);
  CHECK(all()[0].count == 12);
  CHECK(all()[0].sum == 107.0);
}

TEST_CASE_METHOD(fixture, "an early summary stands until a later one of its run comes",
                 "[store]") {
  auto early = make_summary(0, 1.0);
  early.early = true;
  commit(make_block(1, early));
  CHECK(all()[0].early);
  early.sum = 2.0;
  CHECK(commit(make_block(2, early)).summaries.size() == 1);
  CHECK(all()[0].sum == 2.0);

  // The final one has no higher revision: it was not sent before.
  commit(make_block(3, make_summary(0, 3.0)));
  CHECK(all()[0].sum == 3.0);
  CHECK_FALSE(all()[0].early);
  early.revision = 5;
  CHECK(commit(make_block(4, early)).summaries.empty());
  CHECK(all()[0].sum == 3.0);
  commit(make_block(5, make_summary(0, 4.0, 1)));
  CHECK(all()[0].sum == 4.0);
  CHECK(uut->stats().summaries == 1);
}

TEST_CASE_METHOD(fixture,
                 "an early part is kept after a crash, replaced after a restart",
                 "[store]") {
  auto early = make_summary(0, 1.0);
  early.early = true;
  commit(make_block(1, early));

  // A crash: run 2 has only what came later.
  auto rest = make_summary(0, 5.0);
  rest.early = true;
  rest.first_ns = rest.last_ns = early.last_ns + 1;
  auto block = make_block(2, rest);
  block.run = 2;
  commit(block);
  CHECK(all()[0].sum == 6.0);
  CHECK(all()[0].count == 2);
  CHECK(all()[0].early);

  // An ordered restart: run 3 closes what run 2 had kept; run 1's part stays.
  rest.early = false;
  rest.count = 2;
  rest.sum = 12.0;
  block = make_block(3, rest);
  block.run = 3;
  commit(block);
  CHECK(all()[0].sum == 13.0);
  CHECK(all()[0].count == 3);
  CHECK_FALSE(all()[0].early);
}

TEST_CASE_METHOD(fixture, "a lost outbox does not replace an early part", "[store]") {
  auto early = make_summary(0, 1.0);
  early.early = true;
  commit(make_block(1, early));
  auto block = make_block(1, make_summary(0, 2.0));
  block.epoch = 8;
  commit(block);
  CHECK(all()[0].sum == 3.0);
  CHECK_FALSE(all()[0].early);
}

TEST_CASE_METHOD(fixture,
                 "a lost outbox restarts the edge's numbering, not the "
                 "window",
                 "[store]") {
  auto before = make_block(1, make_summary(0, 1.0));
  before.run = 40;
  commit(before);
  auto after = make_block(1, make_summary(0, 2.0));
  after.epoch = 8;
  commit(after);
  CHECK(all()[0].sum == 3.0);
}

TEST_CASE_METHOD(fixture, "series keep their numbers and are found by name",
                 "[store]") {
  auto block = with_values(1, {1});
  block.records.series
    = {"temperature{source=\"oven\"}", "unused{}", "humidity{source=\"Oven\"}"};
  block.records.summaries.push_back(make_summary(0, 1.0, 0, 2));
  commit(block);
  auto other = block;
  other.edge = "south";
  commit(other);
  reopen();
  CHECK(uut->stats().series == 4); // Only what a record uses.
  CHECK(uut->find_series({}).value().size() == 4);
  CHECK(uut->find_series({"OVEN", "", 200}).value().size() == 4);
  CHECK(uut->find_series({"temp", "south", 200}).value().size() == 1);
  CHECK(uut->find_series({"", "", 3}).value().size() == 3);
  auto found = uut->series(1).value();
  CHECK(found.text == block.records.series[0]);
  CHECK(found.width_ns == 10 * second_ns);
  CHECK(found.last_start_ns == 10 * second_ns);
  CHECK(uut->series(5).error().code == errc::not_found);
  CHECK(uut->series(0).error().code == errc::not_found);
  other.first_seq = 3;
  CHECK(commit(other).new_series.empty());
}

TEST_CASE_METHOD(fixture, "a block that cannot be stored leaves all others out",
                 "[store]") {
  auto good = with_values(1, {1});
  auto bad = with_values(2, {2});
  SECTION("series out of range") {
    bad.records.summaries[0].series = 1;
  }
  SECTION("no edge") {
    bad.edge.clear();
  }
  SECTION("edge too long") {
    bad.edge.assign(256, 'e');
  }
  SECTION("numbers beyond 64 bits") {
    bad.first_seq = std::numeric_limits<std::uint64_t>::max();
  }
  SECTION("a number 0") {
    bad.first_seq = 0;
  }
  SECTION("fewer numbers than records") {
    bad.records.summaries.push_back(make_summary(0, 1.0));
    bad.seq_span = 1;
  }
  SECTION("records of numbers that were given up") {
    bad.fate = range_fate::shed;
  }
  SECTION("impossible width") {
    bad.records.summaries[0].width_ns = 0;
  }
  SECTION("impossible start") {
    bad.records.summaries[0].start_ns = std::numeric_limits<std::int64_t>::max();
  }
  SECTION("alert id too long") {
    bad.records.alerts
      = {make_alert(std::string(200, 'a'), weir::analytics::alert_state::firing, 1)};
  }
  auto result = uut->commit(std::vector{good, bad});
  REQUIRE_FALSE(result);
  CHECK(result.error().code == errc::malformed);
  CHECK_FALSE(uut->position("north", 7).value());
  CHECK(uut->stats().series == 0);
  CHECK(result_of(good) == commit_result::stored);
}

TEST_CASE_METHOD(fixture, "a full map is an error that leaves the store usable",
                 "[store]") {
  config.size_bytes_max = 1 << 20;
  config.directory = directory / "small";
  reopen();
  auto next = std::uint64_t{1};
  auto failed = errc{};
  while (failed == errc{} && next < 100'000) {
    auto block = make_block(next);
    for (int i = 0; i < 100; ++i)
      block.records.summaries.push_back(
        make_summary((static_cast<std::int64_t>(next) + i) * 10 * second_ns, 1.0));
    auto report = uut->commit({&block, 1});
    if (report)
      next += 100;
    else
      failed = report.error().code;
  }
  CHECK(failed == errc::map_full);
  CHECK(next > 1000);
  CHECK(all().size() == next - 1);
  CHECK(uut->stats().size_bytes <= config.size_bytes_max);
  config.size_bytes_max = 4 << 20;
  reopen();
  CHECK(result_of(with_values(next, {1})) == commit_result::stored);
}

TEST_CASE_METHOD(fixture, "a store of a newer version is refused", "[store]") {
  commit(with_values(1, {1}));
  uut.reset();
  {
    lmdb_env env{{config.directory, 64 << 20, {"meta"}}, 1};
    lmdb_txn txn{env, true};
    std::string version;
    put_be(version, std::uint32_t{3});
    txn.put(lmdb_table{0}, "format", version);
    txn.commit();
  }
  auto opened = store::open(config, 1);
  REQUIRE_FALSE(opened);
  CHECK(opened.error().code == errc::unsupported);
}

TEST_CASE_METHOD(fixture, "readers see whole commits while another thread writes",
                 "[store]") {
  // Windows stay rows, or move into blocks all the while.
  config.recent_rows_max = GENERATE(std::size_t{10'000}, std::size_t{30});
  reopen();
  commit(with_values(1, {0}));
  auto writer = std::thread{[this] {
    for (std::uint64_t i = 0; i < 200; ++i) {
      auto block = with_values(2 + 2 * i, {1, 2});
      block.records.summaries[0].start_ns
        = static_cast<std::int64_t>(2 * i + 1) * 10 * second_ns;
      block.records.summaries[1].start_ns
        = static_cast<std::int64_t>(2 * i + 2) * 10 * second_ns;
      static_cast<void>(uut->commit({&block, 1}));
      static_cast<void>(uut->maintain(10, 0));
    }
  }};
  bool whole = true;
  std::size_t seen = 0;
  auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{20};
  while (seen < 401 && std::chrono::steady_clock::now() < deadline) {
    auto before = seen;
    seen = all().size();
    whole = whole && seen % 2 == 1 && seen >= before;
    static_cast<void>(uut->find_series({"t", "", 10}));
    static_cast<void>(uut->stats());
  }
  writer.join();
  CHECK(whole);
  CHECK(all().size() == 401);
}
