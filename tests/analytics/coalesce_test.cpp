// COALESCING: what is merged, what stays, and that no event is lost or counted twice.
#include "analytics/coalesce.hpp"

#include "analytics/aggregates.hpp"
#include "analytics/extended_aggregates.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <limits>
#include <map>
#include <random>
#include <string>
#include <tuple>
#include <vector>

using namespace weir::analytics;

namespace {

constexpr std::int64_t second = 1'000'000'000;
constexpr std::int64_t always = std::numeric_limits<std::int64_t>::max();

/// A window with one event in each second of [from_s, from_s + events).
summary make(std::int64_t start_s, std::int64_t width_s = 10, std::uint64_t events = 1,
             std::uint32_t revision = 0) {
  summary x;
  x.start_ns = start_s * second;
  x.width_ns = width_s * second;
  x.count = events;
  x.min = static_cast<double>(start_s);
  x.max = x.min + static_cast<double>(events - 1);
  x.sum = (x.min + x.max) / 2 * static_cast<double>(events);
  x.mean = x.sum / static_cast<double>(events);
  x.first = x.min;
  x.last = x.max;
  x.first_ns = x.start_ns;
  x.last_ns = x.start_ns + static_cast<std::int64_t>(events - 1) * second;
  x.revision = revision;
  return x;
}

summary early(summary x) {
  x.early = true;
  return x;
}

/// Count, sum, smallest, largest.
using totals = std::tuple<std::uint64_t, double, double, double>;

void add(totals& to, const summary& x) {
  auto& [count, sum, min, max] = to;
  min = count == 0 ? x.min : std::min(min, x.min);
  max = count == 0 ? x.max : std::max(max, x.max);
  count += x.count;
  sum += x.sum;
}

summary correction(summary x) {
  x.correction = true;
  return x;
}

record_block block(std::vector<summary> summaries) {
  record_block x;
  x.series = {"a", "b", "c", "d"};
  x.summaries = std::move(summaries);
  return x;
}

/// "start+width:count" in seconds.
std::vector<std::string> texts(const record_block& x) {
  std::vector<std::string> result;
  for (const auto& s : x.summaries)
    result.push_back((s.early ? "early " : "") + std::to_string(s.start_ns / second)
                     + "+" + std::to_string(s.width_ns / second) + ":"
                     + std::to_string(s.count)
                     + (s.revision > 0 ? " r" + std::to_string(s.revision) : ""));
  return result;
}

using list = std::vector<std::string>;

struct fixture {
  width_ladder ladder;

  coalesce_result run(std::vector<summary> summaries, std::int64_t keep_from_s = 0,
                      bool is_front = false) {
    auto input = block(std::move(summaries));
    return coalesce({&input, 1},
                    {keep_from_s == 0 ? always : keep_from_s * second, is_front},
                    ladder);
  }
};

} // namespace

TEST_CASE_METHOD(fixture, "neighbours become one wide window once it is complete",
                 "[coalesce]") {
  std::vector<summary> input;
  for (int i = 0; i < 13; ++i)
    input.push_back(make(i * 10, 10, 3));
  auto result = run(input);
  CHECK(texts(result.merged) == list{"0+100:30"});
  CHECK(texts(result.rest) == list{"100+10:3", "110+10:3", "120+10:3"});
  CHECK(result.windows_merged == 10);
  const auto& x = result.merged.summaries.at(0);
  CHECK(x.min == 0.0);
  CHECK(x.max == 92.0);
  CHECK(x.first == 0.0);
  CHECK(x.last == 92.0);
  CHECK(x.sum == Approx(1380.0));
  CHECK(x.mean == Approx(46.0));
}

TEST_CASE_METHOD(fixture,
                 "wide windows begin at multiples of their width, before 1970 too",
                 "[coalesce]") {
  CHECK(
    texts(run({make(-20), make(-10), make(0), make(90), make(100), make(200)}).merged)
    == list{"-100+100:2", "0+100:2", "100+100:1"});
  // With an offset of 5 s all of them have it.
  CHECK(texts(run({make(15), make(25), make(105), make(215)}).merged)
        == list{"5+100:2", "105+100:1"});
}

TEST_CASE_METHOD(fixture, "a series that ended waits for no more than time itself",
                 "[coalesce]") {
  auto ended = make(0);
  auto goes_on = make(200);
  goes_on.series = 1;
  auto before = make(190);
  before.series = 1;
  auto result = run({ended, make(10), before, goes_on});
  CHECK(texts(result.merged) == list{"0+100:2", "100+100:1"});
}

TEST_CASE_METHOD(fixture, "what is young stays as it is", "[coalesce]") {
  auto result = run({make(0), make(10), make(100), make(110), make(200)}, 105);
  CHECK(texts(result.merged) == list{"100+10:1", "110+10:1", "200+10:1"});
  CHECK(texts(result.rest) == list{"0+10:1", "10+10:1"});
}

TEST_CASE_METHOD(fixture, "at the front windows stay up to the next whole one",
                 "[coalesce]") {
  std::vector<summary> input;
  for (int i = 7; i < 22; ++i)
    input.push_back(make(i * 10));
  CHECK(texts(run(input, 0, true).merged)
        == list{"70+10:1", "80+10:1", "90+10:1", "100+100:10"});
  CHECK(texts(run(input, 0, false).merged) == list{"0+100:3", "100+100:10"});
}

TEST_CASE_METHOD(fixture,
                 "hopping windows are not merged, nor others of that width later",
                 "[coalesce]") {
  std::vector<summary> input;
  for (int i = 0; i < 50; ++i)
    input.push_back(make(i * 10, 60));
  auto result = run(input);
  CHECK(result.merged.summaries == input);
  CHECK(run({make(0, 60), make(60, 60), make(6000, 60)}).windows_merged == 0);
}

TEST_CASE_METHOD(fixture, "windows with several offsets, single ones and days stay",
                 "[coalesce]") {
  auto days = std::vector{make(0, 86'400), make(86'400, 86'400), make(864'000, 86'400)};
  CHECK(run(days).merged.summaries == days);
  auto sessions = std::vector{make(0, 33), make(40, 57), make(200, 12), make(1000, 99)};
  CHECK(run(sessions).merged.summaries == sessions);
  auto offsets = std::vector{make(0), make(13), make(1000)};
  CHECK(run(offsets).merged.summaries == offsets);
}

TEST_CASE_METHOD(fixture, "of several revisions the highest counts", "[coalesce]") {
  auto result = run({make(0, 10, 3), make(10, 10, 3), make(0, 10, 4, 1),
                     make(0, 10, 5, 2), make(100), make(200)});
  CHECK(texts(result.merged) == list{"0+100:8", "100+100:1"});
  CHECK(result.records_superseded == 2);
  CHECK(result.merged.summaries[0].revision == 0);
}

TEST_CASE_METHOD(fixture, "a window that was forgotten and came again counts with both",
                 "[coalesce]") {
  auto again = make(0, 10, 2);
  again.first_ns += 5 * second;
  again.last_ns += 5 * second;
  CHECK(texts(run({make(0, 10, 3), again, make(100), make(200)}).merged)
        == list{"0+100:5", "100+100:1"});
  // Where it stays as it is, all of its revisions stay.
  CHECK(run({make(0, 10, 3), again}, -1).merged.summaries.size() == 2);
}

TEST_CASE_METHOD(fixture, "corrections add, with what they correct or without it",
                 "[coalesce]") {
  auto late = correction(make(0, 10, 2, 3));
  auto result = run({make(0, 10, 3), late, make(10), make(100), late, make(200)});
  CHECK(texts(result.merged) == list{"0+100:8", "100+100:1"});
  CHECK_FALSE(result.merged.summaries[0].correction);
  // What it corrects was merged before, or has been sent.
  auto later = run({late, make(210), make(300), make(400)});
  CHECK(texts(later.merged) == list{"0+100:2", "200+100:1", "300+100:1"});
  CHECK_FALSE(later.merged.summaries[0].correction);
  // Where it stays as it is, it stays a correction.
  CHECK(run({make(0, 10, 3), late}, -1).merged.summaries.back().correction);
}

TEST_CASE_METHOD(fixture, "a whole revision without the first one is not merged",
                 "[coalesce]") {
  auto result = run({make(0, 10, 4, 1), make(10), make(100), make(200)});
  CHECK(texts(result.merged) == list{"0+10:4 r1", "0+100:1", "100+100:1"});
}

TEST_CASE_METHOD(fixture, "early summaries go when the final one is there",
                 "[coalesce]") {
  auto result = run({early(make(0)), early(make(0, 10, 2)), make(0, 10, 3), make(10),
                     make(100), early(make(200)), early(make(200, 10, 2))});
  CHECK(texts(result.merged) == list{"0+100:4", "100+100:1"});
  CHECK(texts(result.rest) == list{"early 200+10:2"});
  CHECK(result.records_superseded == 3);
}

TEST_CASE_METHOD(fixture, "a window whose early summary may be elsewhere is not merged",
                 "[coalesce]") {
  auto result
    = run({make(0), make(10), early(make(20)), make(20), make(100), make(200)});
  CHECK(texts(result.merged) == list{"0+10:1", "0+100:1", "10+10:1", "100+100:1"});
}

TEST_CASE_METHOD(fixture, "anomalies, alerts and rejections stay as they are",
                 "[coalesce]") {
  record_block one = block({make(0)});
  one.anomalies.resize(2);
  one.anomalies[1].series = 3;
  one.alerts.resize(1);
  one.alerts[0].series = 2;
  one.rejections.resize(3);
  record_block two = block({make(10), make(100), make(200)});
  two.series = {"b", "x"};
  two.alerts.resize(1);
  two.alerts[0].series = 1;
  auto input = std::vector{one, two};
  auto result = coalesce(input, {always, false}, ladder);
  CHECK(result.merged.anomalies.size() == 2);
  CHECK(result.merged.series[result.merged.anomalies[1].series] == "d");
  CHECK(result.merged.alerts.size() == 2);
  CHECK(result.merged.series[result.merged.alerts[0].series] == "c");
  CHECK(result.merged.series[result.merged.alerts[1].series] == "x");
  CHECK(result.merged.rejections.size() == 3);
}

TEST_CASE_METHOD(fixture, "windows of extreme times are left alone", "[coalesce]") {
  auto x = make(0);
  x.start_ns = std::numeric_limits<std::int64_t>::max() - 5;
  auto y = make(0);
  y.start_ns = std::numeric_limits<std::int64_t>::min();
  auto z = make(0);
  z.width_ns = std::numeric_limits<std::int64_t>::max();
  auto result = run({x, y, z, make(0), make(10)});
  CHECK(result.merged.summaries.size() + result.rest.summaries.size() == 5);
  CHECK(middle_end_ns(block({x, y, z})) < 0);
}

TEST_CASE_METHOD(fixture, "any input keeps its totals and extremes over any passes",
                 "[coalesce]") {
  for (unsigned seed = 0; seed < 100; ++seed) {
    INFO("seed " << seed);
    ladder = {};
    auto random = std::mt19937{seed};
    bool whole_revisions = seed % 2 == 0; // As edges sent them before corrections.
    std::vector<summary> input;
    std::multimap<std::size_t, summary> corrections; // By where they come.
    std::map<series_id, totals> want;
    for (series_id series = 0; series < 4; ++series)
      for (int i = 0; i < 1500; ++i) {
        if (random() % 4 == 0)
          continue;
        auto x = make(i * 10, 10, 1 + random() % 9);
        x.series = series;
        if (random() % 8 == 0)
          input.push_back(early(x));
        if (whole_revisions && random() % 8 == 0) {
          auto first = x;
          first.count -= first.count > 1 ? 1 : 0;
          input.push_back(first);
          x.revision = 1;
        }
        input.push_back(x);
        if (!whole_revisions && random() % 4 == 0) { // Perhaps much later or before.
          auto late = correction(make(i * 10, 10, 1 + random() % 3, 1));
          late.series = series;
          corrections.emplace(random() % 4000, late); // Order does not matter.
          add(want[series], late);
        }
        add(want[series], x);
      }
    std::stable_sort(input.begin(), input.end(), [](const auto& l, const auto& r) {
      return l.start_ns < r.start_ns;
    });
    for (const auto& [at, x] : corrections)
      input.insert(input.begin() + static_cast<std::ptrdiff_t>(at), x);
    auto before = input.size();
    for (int pass = 0; pass < 4; ++pass) { // In two steps each, as the outbox does.
      auto half = input.begin() + static_cast<std::ptrdiff_t>(input.size() / 2);
      auto one = run({input.begin(), half});
      auto two_input = one.rest.summaries;
      two_input.insert(two_input.end(), half, input.end());
      auto two = run(two_input);
      input = one.merged.summaries;
      for (const auto* x : {&two.merged, &two.rest})
        input.insert(input.end(), x->summaries.begin(), x->summaries.end());
    }
    CHECK(input.size() < before / 20);
    decltype(want) got;
    std::map<std::tuple<series_id, std::int64_t>, std::int64_t> ends;
    for (const auto& x : input) {
      if (x.early)
        continue;
      add(got[x.series], x);
    }
    for (const auto& [series, x] : want) {
      CHECK(std::get<0>(got[series]) == std::get<0>(x));
      CHECK(std::get<1>(got[series]) == Approx(std::get<1>(x)).epsilon(1e-12));
      CHECK(std::get<2>(got[series]) == std::get<2>(x));
      CHECK(std::get<3>(got[series]) == std::get<3>(x));
    }
  }
}

TEST_CASE("widths climb to a day and never meet", "[coalesce]") {
  width_ladder uut;
  for (std::int64_t width : {1, 7, 10, 20, 60, 3600})
    uut.take(width * second);
  std::map<std::int64_t, std::int64_t> from;
  for (std::int64_t width : {1, 7, 10, 20, 60, 3600}) {
    int rungs = 0;
    for (auto at = width * second; at != 0; ++rungs) {
      auto wide = uut.coarser(at);
      CHECK(uut.coarser(at) == wide);
      if (wide != 0) {
        CHECK(wide % at == 0);
        CHECK(wide <= width_ladder::width_ns_max);
        CHECK(from.emplace(wide, at).second); // Of no other width.
        CHECK(uut.steps().at(at) == wide);
      }
      at = wide;
    }
    CHECK(rungs > 1);
    CHECK(rungs < 12);
  }
  CHECK(uut.coarser(10 * second) == 100 * second);
  CHECK(uut.coarser(second) == 9 * second); // 10 s are taken.
  width_ladder again;
  for (auto [width, step] : uut.steps())
    again.restore(width, step);
  CHECK(again == uut);
}

TEST_CASE("a ladder that is full says no", "[coalesce]") {
  width_ladder uut;
  for (std::int64_t i = 0; i < 1000; ++i)
    uut.take(1'000'003 + i);
  CHECK(uut.steps().size() == width_ladder::widths_max);
  CHECK(uut.coarser(10 * second) == 0);
}

TEST_CASE("a block is cut where it gets too large, with the series that each needs",
          "[coalesce]") {
  record_block whole;
  for (int i = 0; i < 50; ++i)
    whole.series.push_back("series " + std::to_string(i));
  for (unsigned i = 0; i < 1000; ++i) {
    auto x = make(i * 10);
    x.series = i / 20;
    x.extended = std::string(i % 100, 'x');
    whole.summaries.push_back(x);
  }
  whole.anomalies.resize(30);
  whole.alerts.resize(20);
  whole.alerts[7].series = 49;
  whole.rejections.resize(10);
  auto pieces = split(whole, 10'000);
  CHECK(pieces.size() > 10);
  std::size_t summaries = 0;
  std::size_t alerts = 0;
  std::size_t records = 0;
  for (const auto& x : pieces) {
    CHECK(x.series.size() <= 10);
    CHECK(x.record_count() > 0);
    for (const auto& s : x.summaries) {
      CHECK(x.series.at(s.series) == whole.series[whole.summaries[summaries].series]);
      CHECK(s.start_ns == whole.summaries[summaries++].start_ns);
    }
    for (const auto& a : x.alerts)
      CHECK(x.series.at(a.series) == whole.series[whole.alerts[alerts++].series]);
    records += x.record_count();
  }
  CHECK(records == whole.record_count());
  CHECK(split({}, 1000).empty());
}
