// Recent windows, blocks and rollups together: whatever was moved when, a query answers as
// if every window had stayed as it came.
#include "storage/store.hpp"

#include "storage/block_rows.hpp"
#include "storage/lmdb_env.hpp"
#include "storage/tiers.hpp"
#include "tests/storage/records.hpp"
#include "tests/storage/temp_directory.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

using namespace weir::storage;
using namespace weir::test;
using weir::analytics::summary;

namespace {

constexpr std::int64_t minute_ns = 60 * second_ns;
constexpr std::int64_t hour_ns = 60 * minute_ns;
constexpr std::int64_t day_ns = 24 * hour_ns;
constexpr std::int64_t begin_ns = 1'700'000'000 * second_ns / day_ns * day_ns;

summary make_window(std::int64_t start_ns, std::int64_t width_ns, double value,
                    std::uint64_t count = 1) {
  auto x = make_summary(start_ns, value);
  x.width_ns = width_ns;
  x.count = count;
  x.sum = value * static_cast<double>(count);
  return x;
}

struct totals {
  std::uint64_t count = 0;
  double sum = 0;
  double min = 1e300;
  double max = -1e300;

  void add(const summary& x) {
    count += x.count;
    sum += x.sum;
    min = std::min(min, x.min);
    max = std::max(max, x.max);
  }
  bool operator==(const totals&) const = default;
};

/// What a series was given, by start and width.
using oracle = std::map<std::pair<std::int64_t, std::int64_t>, summary>;

totals of_span(const oracle& rows, std::int64_t from_ns, std::int64_t to_ns) {
  totals result;
  for (auto at = rows.lower_bound({from_ns, 0});
       at != rows.end() && at->first.first < to_ns; ++at)
    result.add(at->second);
  return result;
}

class history {
public:
  explicit history(unsigned seed, retention keep = {0, 0, 0, 0}) : random(seed) {
    config.recent_rows_max = 1 + random() % 300;
    config.keep = keep;
    reopen();
  }

  std::size_t below(std::size_t limit) {
    return random() % limit;
  }

  void reopen() {
    uut.reset();
    uut = store::open(config, now_ns).value();
  }

  void commit(const std::vector<std::pair<std::size_t, summary>>& windows) {
    auto block = make_block(next_seq);
    block.records.series = {"a{}", "b{}", "c{}"};
    for (auto [series, x] : windows) {
      x.series = static_cast<std::uint32_t>(series);
      block.records.summaries.push_back(x);
      auto [at, is_new] = rows[series].try_emplace({x.start_ns, x.width_ns}, x);
      if (!is_new)
        weir::analytics::merge(at->second, x);
    }
    next_seq += windows.size();
    REQUIRE(uut->commit({&block, 1}, now_ns));
  }

  /// Some windows one behind another, with corrections of older ones.
  void advance() {
    std::vector<std::pair<std::size_t, summary>> windows;
    auto series = below(3);
    for (auto n = 1 + below(200); n > 0; --n) {
      auto& at = ends[series];
      windows.emplace_back(series,
                           make_window(begin_ns + at, widths[series],
                                       static_cast<double>(below(1000)), 1 + below(5)));
      at += widths[series] * static_cast<std::int64_t>(below(20) == 0 ? below(100) : 1);
      at += at == ends[series] ? widths[series] : 0;
    }
    for (auto n = below(6); n > 0 && !rows[series].empty(); --n) {
      auto late = std::next(rows[series].begin(),
                            static_cast<std::ptrdiff_t>(below(rows[series].size())))
                    ->second;
      auto x
        = make_window(late.start_ns, late.width_ns, static_cast<double>(below(1000)));
      x.correction = true;
      x.revision = late.revision + 1;
      windows.emplace_back(series, x);
    }
    now_ns = std::max(now_ns, begin_ns + ends[series]);
    // A window twice in a block keeps the order of its versions.
    commit(windows);
  }

  void check_query(std::size_t series, std::int64_t from_ns, std::int64_t to_ns,
                   std::size_t points_max) {
    if (rows[series].empty())
      return;
    auto id = id_of(series);
    auto found = uut->query(id, from_ns, to_ns, points_max).value();
    CAPTURE(series, from_ns - begin_ns, to_ns - begin_ns, points_max, found.size());
    CHECK(found.size() <= points_max + 2);
    totals all;
    for (std::size_t i = 0; i < found.size(); ++i) {
      all.add(found[i]);
      REQUIRE((i == 0 || found[i - 1].start_ns < found[i].start_ns));
      totals row;
      row.add(found[i]);
      REQUIRE(row
              == of_span(rows[series], std::max(from_ns, found[i].start_ns),
                         std::min(to_ns, found[i].start_ns + found[i].width_ns)));
    }
    CHECK(all == of_span(rows[series], from_ns, to_ns));
  }

  stored_series_id id_of(std::size_t series) {
    auto all = uut->find_series({}).value();
    for (const auto& x : all)
      if (x.text == std::string{"abc"[series]} + "{}")
        return x.id;
    return 0;
  }

  std::mt19937 random;
  temp_directory directory;
  store_config config{.directory = directory / "store", .size_bytes_max = 256 << 20};
  std::unique_ptr<store> uut;
  std::vector<oracle> rows{3};
  std::vector<std::int64_t> widths{second_ns, 10 * second_ns, 300 * second_ns};
  std::vector<std::int64_t> ends{0, 0, 0};
  std::int64_t now_ns = begin_ns;
  std::uint64_t next_seq = 1;
};

} // namespace

TEST_CASE("queries of any range and number of points answer as from the windows alone",
          "[store][tiers]") {
  for (unsigned seed = 1; seed <= 12; ++seed) {
    INFO("seed " << seed);
    history x{seed};
    for (int step = 0; step < 60; ++step) {
      auto dice = x.below(10);
      if (dice < 6)
        x.advance();
      else if (dice < 8)
        REQUIRE(x.uut->maintain(1 + x.below(300), x.now_ns));
      else if (dice == 8)
        REQUIRE(x.uut->flush(x.now_ns));
      else
        x.reopen();
      auto series = x.below(3);
      auto length = static_cast<std::size_t>(x.ends[series] / second_ns + 1);
      auto from_ns = begin_ns + static_cast<std::int64_t>(x.below(length)) * second_ns;
      x.check_query(series, from_ns,
                    from_ns + static_cast<std::int64_t>(x.below(length)) * second_ns,
                    1 + x.below(step % 2 == 0 ? 5 : 500));
      x.check_query(series, 0, 2 * begin_ns, 1 + x.below(50));
    }
    CHECK(x.uut->damaged_spans().empty());
  }
}

TEST_CASE("what is past a tier's retention is in the rollups, late events too",
          "[store][tiers]") {
  for (unsigned seed = 1; seed <= 6; ++seed) {
    INFO("seed " << seed);
    history x{seed, {day_ns / 24, 2 * day_ns, 5 * day_ns, 0}};
    x.widths = {60 * second_ns, 300 * second_ns, 3600 * second_ns};
    for (int step = 0; step < 80; ++step) {
      x.advance();
      if (x.below(2) == 0)
        REQUIRE(x.uut->flush(x.now_ns));
      // Long enough that a round of retention begins.
      x.now_ns += hour_ns;
      for (int i = 0; i < 20; ++i)
        REQUIRE(x.uut->maintain(1000, x.now_ns));
      for (std::size_t series = 0; series < 3; ++series) {
        if (x.rows[series].empty())
          continue;
        totals all;
        auto found = x.uut->query(x.id_of(series), 0, 2 * begin_ns, 100).value();
        for (const auto& row : found)
          all.add(row);
        auto expected = of_span(x.rows[series], 0, 2 * begin_ns);
        CAPTURE(step, series, (x.now_ns - begin_ns) / hour_ns);
        CHECK(all.count == expected.count);
        REQUIRE(all == expected);
      }
    }
    auto stats = x.uut->stats();
    std::size_t given = 0;
    for (const auto& rows : x.rows)
      given += rows.size();
    CHECK(stats.summaries < given);
    CHECK(stats.days > 0);
  }
}

TEST_CASE(
  "in two lanes, with windows that move meanwhile, all is as if it came in order",
  "[store][tiers]") {
  for (unsigned seed = 1; seed <= 60; ++seed) {
    INFO("seed " << seed);
    auto random = std::mt19937{seed};
    temp_directory directory;
    auto ordered = store::open({directory / "ordered", 64 << 20}, 1).value();
    auto uut = store::open({.directory = directory / "lanes",
                            .size_bytes_max = 64 << 20,
                            .recent_rows_max = 1 + random() % 5},
                           1)
                 .value();
    std::vector<incoming_block> made;
    std::vector<int> sent(12, 0); // Of each window: nothing, early, all, corrections.
    for (std::uint64_t seq = 1; seq <= 80;) {
      auto block = make_block(seq);
      for (auto i = 1 + random() % 3; i > 0; --i, ++seq) {
        auto number = random() % sent.size();
        auto x = make_summary(static_cast<std::int64_t>(number) * 10 * second_ns,
                              static_cast<double>(random() % 100));
        x.first_ns = x.last_ns = x.start_ns + static_cast<std::int64_t>(seq);
        x.early = sent[number] < 2 && random() % 3 == 0;
        x.correction = sent[number] >= 2;
        x.revision = x.correction ? static_cast<std::uint32_t>(++sent[number]) : 0;
        sent[number] = std::max(sent[number], x.early ? 1 : 2);
        block.records.summaries.push_back(x);
      }
      made.push_back(block);
      REQUIRE(ordered->commit({&block, 1}));
    }
    auto front = 1 + random() % (made.size() - 1);
    std::size_t back = 0;
    auto live_from = front;
    while (back < live_from || front < made.size()) {
      auto dice = random() % 6;
      if (dice < 2 && front < made.size()) {
        auto block = made[front++];
        block.live_lane = true;
        REQUIRE(uut->commit({&block, 1}));
      } else if (dice < 4 && back < live_from) {
        REQUIRE(uut->commit({&made[back++], 1}));
      } else {
        REQUIRE((dice == 4 ? uut->maintain(1 + random() % 3, 0).has_value()
                           : uut->flush(0).has_value()));
      }
    }
    REQUIRE(uut->position("north", 7).value()->through_seq
            == ordered->position("north", 7).value()->through_seq);
    auto found = uut->query(1, 0, 200 * second_ns, 100).value();
    auto expected = ordered->query(1, 0, 200 * second_ns, 100).value();
    REQUIRE(found.size() == expected.size());
    for (std::size_t i = 0; i < found.size(); ++i) {
      CHECK(found[i].start_ns == expected[i].start_ns);
      CHECK(found[i].count == expected[i].count);
      CHECK(found[i].sum == expected[i].sum);
      CHECK(found[i].first == expected[i].first);
      CHECK(found[i].early == expected[i].early);
    }
  }
}

TEST_CASE("a damaged block is told by series and time, all others are read",
          "[store][tiers]") {
  history x{1};
  x.config.recent_rows_max = 100'000;
  x.reopen();
  std::vector<std::pair<std::size_t, summary>> windows;
  for (std::int64_t i = 0; i < 3000; ++i)
    windows.emplace_back(0, make_window(begin_ns + i * second_ns, second_ns,
                                        static_cast<double>(x.below(100'000)) / 7));
  x.commit(windows);
  REQUIRE(x.uut->flush(x.now_ns));
  auto id = x.id_of(0);
  x.uut.reset();
  std::size_t lost = 0;
  {
    lmdb_env env{{x.config.directory, 64 << 20, {"blocks"}}, 1};
    lmdb_txn txn{env, true};
    std::string key;
    std::string value;
    {
      lmdb_cursor cursor{txn, lmdb_table{0}};
      REQUIRE(cursor.first());
      REQUIRE(cursor.next()); // The second one of raw.
      key = cursor.key();
      value = cursor.value();
    }
    lost = decode_head(value).value().rows;
    value[value.size() / 2] = static_cast<char>(value[value.size() / 2] ^ 4);
    txn.put(lmdb_table{0}, key, value);
    txn.commit();
  }
  x.reopen();
  CHECK_FALSE(x.uut->was_damaged());
  auto found = x.uut->query(id, 0, 2 * begin_ns, 10'000).value();
  CHECK(lost > 10);
  CHECK(found.size() == 3000 - lost);
  auto damaged = x.uut->damaged_spans();
  REQUIRE(damaged.size() == 1);
  CHECK(damaged[0].series == id);
  CHECK(damaged[0].tier == "raw");
  CHECK(damaged[0].first_start_ns > begin_ns);
  CHECK(damaged[0].first_start_ns < begin_ns + 3000 * second_ns);
  // Rollups have what it held, and writing goes on.
  totals minutes;
  auto rows = x.uut->query(id, 0, 2 * begin_ns, 40).value();
  for (const auto& row : rows)
    minutes.add(row);
  CHECK(minutes.count == 3000);
  x.commit({{0, make_window(begin_ns + 3000 * second_ns, second_ns, 1.0)}});
  REQUIRE(x.uut->flush(x.now_ns));
  CHECK(x.uut->query(id, 0, 2 * begin_ns, 10'000).value().size() == 3001 - lost);
}
