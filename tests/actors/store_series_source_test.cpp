// STORE SERIES SOURCE: windows of a real store as the samples of queries.
#include "actors/store_series_source.hpp"

#include "analytics/query/evaluator.hpp"
#include "analytics/query/parser.hpp"
#include "tests/support/temp_dir.hpp"

#include <catch2/catch.hpp>

#include <map>
#include <memory>

using namespace weir;
using namespace weir::analytics::query;
using weir::actors::store_series_source;
using weir::analytics::summary;

namespace {

constexpr std::int64_t second_ns = 1'000'000'000;
constexpr std::int64_t base_s = 1'700'000'000;
constexpr std::int64_t base_ms = base_s * 1000;

/// A window that begins `start_s` after the base; min and max are 1 off the mean.
summary window(analytics::series_id series, std::int64_t start_s, std::int64_t width_s,
               double mean) {
  summary x;
  x.series = series;
  x.start_ns = (base_s + start_s) * second_ns;
  x.width_ns = width_s * second_ns;
  x.count = 2;
  x.sum = 2 * mean;
  x.min = mean - 1;
  x.max = mean + 1;
  x.mean = mean;
  x.m2 = 2.0;
  x.first = x.min;
  x.last = x.max;
  x.first_ns = x.start_ns;
  x.last_ns = x.start_ns + second_ns / 2;
  return x;
}

struct fixture {
  test::temp_dir dir;
  std::unique_ptr<storage::store> store
    = storage::store::open({.directory = dir.path()}, base_s* second_ns).value();
  std::map<std::string, std::uint64_t> next_seq;

  void put(const std::vector<std::string>& names, std::vector<summary> windows,
           const std::string& edge = "e1") {
    storage::incoming_block block;
    block.edge = edge;
    block.epoch = 1;
    block.run = 1;
    auto& seq = next_seq[edge];
    block.first_seq = seq + 1;
    seq += windows.size();
    block.records.series = names;
    block.records.summaries = std::move(windows);
    auto report = store->commit({&block, 1});
    REQUIRE(report);
    REQUIRE(report->outcomes[0].result == storage::commit_result::stored);
  }

  /// Of an instant query: "labels time:value ...", one line for each series.
  std::string ask(const std::string& text, std::int64_t at_s,
                  std::function<bool()> should_stop = {}) {
    store_series_source source{*store, std::move(should_stop)};
    auto found = evaluate_at(parse(text).value(), base_ms + at_s * 1000, source, {});
    return found ? written(*found) : found.error().message;
  }

  std::string ask_range(const std::string& text, std::int64_t from_s, std::int64_t to_s,
                        std::int64_t step_s) {
    store_series_source source{*store};
    auto found = evaluate_range(
      parse(text).value(),
      {base_ms + from_s * 1000, base_ms + to_s * 1000, step_s * 1000}, source, {});
    return found ? written(*found) : found.error().message;
  }

  static std::string written(const answer& x) {
    std::string result;
    for (const auto& series : x.series) {
      result += to_string(series.labels);
      for (std::size_t i = 0; i < series.values.size(); ++i) {
        auto value = std::to_string(series.values[i]);
        value.erase(value.find_last_not_of('0') + 1);
        result
          += " " + std::to_string((series.times_ms[i] - base_ms) / 1000) + ":" + value;
      }
      result += "\n";
    }
    return result;
  }
};

const std::string temperature = R"(temperature{source="m-01"})";

} // namespace

TEST_CASE_METHOD(fixture, "a window is a sample at its end", "[actors]") {
  put({temperature}, {window(0, 0, 10, 1.5), window(0, 10, 10, 2.5)});
  CHECK(ask("temperature[1h]", 20)
        == "temperature{edge=\"e1\", source=\"m-01\"} 10:1.5 20:2.5\n");
  CHECK(ask("temperature", 19) == "temperature{edge=\"e1\", source=\"m-01\"} 19:1.5\n");
  CHECK(ask("temperature", 9).empty());
  // Both ends of a range belong to it.
  CHECK(ask("temperature[10s]", 20)
        == "temperature{edge=\"e1\", source=\"m-01\"} 10:1.5 20:2.5\n");
  CHECK(ask("temperature", 320) != "");
  CHECK(ask("temperature", 321).empty());
}

TEST_CASE_METHOD(fixture, "`stat` gives other values of the windows", "[actors]") {
  put({temperature}, {window(0, 0, 10, 1.5)});
  CHECK(ask(R"({source="m-01", stat=~"min|max|count|stddev"})", 10)
        == R"(temperature{edge="e1", source="m-01", stat="count"} 10:2.)"
           "\n"
           R"(temperature{edge="e1", source="m-01", stat="max"} 10:2.5)"
           "\n"
           R"(temperature{edge="e1", source="m-01", stat="min"} 10:0.5)"
           "\n"
           R"(temperature{edge="e1", source="m-01", stat="stddev"} 10:1.)"
           "\n");
  CHECK(ask(R"(temperature{stat="max"} - ignoring(stat) temperature)", 10)
        == R"({edge="e1", source="m-01"} 10:1.)"
           "\n");
  // The window keeps no quantiles: no samples rather than wrong ones.
  CHECK(ask(R"(temperature{stat="p95"})", 10).empty());
}

TEST_CASE_METHOD(fixture, "a correction is in its window's sample, not beside it",
                 "[actors]") {
  put({temperature}, {window(0, 0, 10, 1.0), window(0, 10, 10, 2.0)});
  auto late = window(0, 0, 10, 4.0);
  late.correction = true;
  late.revision = 1;
  put({temperature}, {late});
  CHECK(ask("temperature[1h]", 20)
        == "temperature{edge=\"e1\", source=\"m-01\"} 10:2.5 20:2.\n");
  CHECK(ask(R"(sum_over_time(temperature{stat="count"}[1h]))", 20)
        == "{edge=\"e1\", source=\"m-01\", stat=\"count\"} 20:6.\n");
}

TEST_CASE_METHOD(fixture, "an open window is a sample at its newest event",
                 "[actors]") {
  auto open = window(0, 10, 3600, 5.0);
  open.early = true;
  open.last_ns = open.start_ns + 20 * second_ns;
  put({temperature}, {window(0, 0, 10, 1.0), open});
  CHECK(ask("temperature[1h]", 40)
        == "temperature{edge=\"e1\", source=\"m-01\"} 10:1. 30:5.\n");
  auto closed = window(0, 10, 3600, 6.0);
  put({temperature}, {closed});
  CHECK(ask("temperature[2h]", 3610)
        == "temperature{edge=\"e1\", source=\"m-01\"} 10:1. 3610:6.\n");
}

TEST_CASE_METHOD(fixture, "the same series of two edges are two", "[actors]") {
  put({temperature}, {window(0, 0, 10, 1.0)}, "e1");
  put({temperature}, {window(0, 0, 10, 3.0)}, "e2");
  CHECK(ask("temperature", 10)
        == "temperature{edge=\"e1\", source=\"m-01\"} 10:1.\n"
           "temperature{edge=\"e2\", source=\"m-01\"} 10:3.\n");
  CHECK(ask(R"(temperature{edge="e2"})", 10)
        == "temperature{edge=\"e2\", source=\"m-01\"} 10:3.\n");
  CHECK(ask("avg without (edge) (temperature)", 10) == "{source=\"m-01\"} 10:2.\n");
}

TEST_CASE_METHOD(fixture, "series that would have the same labels are told apart",
                 "[actors]") {
  put({R"(motor.temp{source="a"})", R"(motor_temp{source="a"})"},
      {window(0, 0, 10, 1.0), window(1, 0, 10, 2.0)});
  CHECK(
    ask("motor_temp", 10)
    == R"(motor_temp{edge="e1", source="a"} 10:1.)"
       "\n"
       R"(motor_temp{edge="e1", series="motor_temp{source=\"a\"}", source="a"} 10:2.)"
       "\n");
  CHECK(ask(R"({"motor.temp"})", 10)
        == "motor_temp{edge=\"e1\", source=\"a\"} 10:1.\n");
}

TEST_CASE_METHOD(fixture, "a window wider than the look-back is found until the next",
                 "[actors]") {
  put({temperature}, {window(0, 0, 3600, 1.0), window(0, 3600, 3600, 2.0)});
  CHECK(ask("temperature", 3600)
        == "temperature{edge=\"e1\", source=\"m-01\"} 3600:1.\n");
  CHECK(ask("temperature", 5000)
        == "temperature{edge=\"e1\", source=\"m-01\"} 5000:1.\n");
  CHECK(ask("temperature", 7199)
        == "temperature{edge=\"e1\", source=\"m-01\"} 7199:1.\n");
  CHECK(ask("temperature", 7200)
        == "temperature{edge=\"e1\", source=\"m-01\"} 7200:2.\n");
  CHECK(ask("temperature", 10'800) != "");
  CHECK(ask("temperature", 11'200).empty()); // The next one is overdue.
  CHECK(ask("temperature", 3599).empty());
  // A step for each ten minutes: no holes. Ranges and times are those of the windows.
  CHECK(ask_range("temperature", 3600, 7200, 600)
        == "temperature{edge=\"e1\", source=\"m-01\"} 3600:1. 4200:1. 4800:1. 5400:1. "
           "6000:1. 6600:1. 7200:2.\n");
  CHECK(ask("count_over_time(temperature[2h])", 7200)
        == "{edge=\"e1\", source=\"m-01\"} 7200:2.\n");
  CHECK(ask("timestamp(temperature)", 3700)
        == "{edge=\"e1\", source=\"m-01\"} 3700:1700003600.\n");
}

TEST_CASE_METHOD(fixture, "what is left out for long steps changes no answer",
                 "[actors]") {
  std::vector<summary> windows;
  for (int i = 0; i < 2'000; ++i)
    if (i % 7 != 0 && (i < 700 || i > 1'300)) // Holes, and one beyond the look-back.
      windows.push_back(window(0, i, 1, i));
  put({temperature}, std::move(windows));
  for (std::int64_t step_s : {1, 3, 7, 60, 299, 300, 301, 500}) {
    auto answer = ask_range("temperature", -10, 2'200, step_s);
    // An instant query has no steps: each time is asked for by itself.
    std::string expected;
    for (std::int64_t at_s = -10; at_s <= 2'200; at_s += step_s) {
      auto one = ask("last_over_time(temperature[5m])", at_s);
      if (!one.empty())
        expected += one.substr(one.find('}') + 1, one.size() - one.find('}') - 2);
    }
    INFO(step_s);
    CHECK(answer == "temperature{edge=\"e1\", source=\"m-01\"}" + expected + "\n");
  }
}

TEST_CASE_METHOD(fixture, "limits end the reading, and a stop ends the query",
                 "[actors]") {
  put({temperature, R"(temperature{source="m-02"})"},
      {window(0, 0, 10, 1.0), window(0, 10, 10, 2.0), window(1, 0, 10, 3.0)});
  store_series_source source{*store};
  auto matchers = parse_selector("temperature").value().matchers;
  selection what{
    .matchers = matchers, .from_ms = base_ms, .until_ms = base_ms + 60'000};
  what.series_max = 10;
  what.samples_max = 10;
  CHECK(source.select(what).value().size() == 2);
  what.samples_max = 1;
  CHECK(source.select(what).value().size() == 1); // More than allowed: that will do.
  CHECK(ask("temperature", 10, [] { return true; }) == "the query was stopped");
}

TEST_CASE_METHOD(fixture, "series are found without their samples", "[actors]") {
  put({temperature, R"(pressure{source="m-01"})"},
      {window(0, 0, 10, 1.0), window(1, 1000, 10, 2.0)});
  store_series_source source{*store};
  auto all = source.find({}, -query_time_ms_max, 100).value();
  REQUIRE(all.size() == 2);
  CHECK(to_string(all[0]) == "temperature{edge=\"e1\", source=\"m-01\"}");
  CHECK(source.find({}, base_ms + 900'000, 100).value().size() == 1);
  CHECK(source.find({}, -query_time_ms_max, 1).value().size() == 1);
  auto stats = parse_selector(R"({__name__="pressure", stat=~"min|max"})").value();
  CHECK(source.find(stats.matchers, -query_time_ms_max, 100).value().size() == 2);
}

TEST_CASE_METHOD(fixture, "times beyond those of the store are no overflow",
                 "[actors]") {
  put({temperature}, {window(0, 0, 10, 1.0)});
  CHECK(ask("temperature[100y]", 10) != "");
  CHECK(ask("temperature @ 1e10", 10).empty());
  CHECK(ask("temperature @ -1e10", 10).empty());
  CHECK(ask("temperature offset -100y", 10).empty());
}
