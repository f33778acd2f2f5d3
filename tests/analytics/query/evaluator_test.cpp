// Limits, order and windows of the evaluator. That its answers are right is shown in
// promtool_test.cpp.
#include "analytics/query/evaluator.hpp"

#include "memory_source.hpp"

#include <catch2/catch.hpp>

#include <random>
#include <string>

using namespace weir::analytics::query;

namespace {

constexpr std::int64_t second_ms = 1000;

memory_source three_sites() {
  memory_source result;
  result.add("t{site=\"a\"}", "1+1x100", 10 * second_ms);
  result.add("t{site=\"b\"}", "50-1x100", 10 * second_ms);
  result.add("t{site=\"c\"}", "NaNx100", 10 * second_ms);
  return result;
}

std::string sites_at(std::string_view text, std::int64_t time_ms) {
  auto source = three_sites();
  auto found = evaluate_at(parse(text).value(), time_ms, source, {});
  std::string result;
  for (const auto& x : found.value().series)
    result += x.labels.get("site");
  return result;
}

query_error error_at(std::string_view text, const evaluation_options& options) {
  auto source = three_sites();
  auto found = evaluate_at(parse(text).value(), 500 * second_ms, source, options);
  REQUIRE_FALSE(found);
  return found.error();
}

query_error range_error(std::string_view text, const time_range& range,
                        const evaluation_options& options = {}) {
  auto source = three_sites();
  auto found = evaluate_range(parse(text).value(), range, source, options);
  REQUIRE_FALSE(found);
  return found.error();
}

/// Fails as a disk does.
struct broken_source : series_source {
  result<std::vector<series_columns>> select(const selection&) override {
    return weir::unexpected(query_error{query_errc::source, "the block is damaged"});
  }
};

/// Keeps what it was asked.
struct asking_source : series_source {
  std::vector<selection> asked;

  result<std::vector<series_columns>> select(const selection& what) override {
    asked.push_back(what);
    return std::vector<series_columns>{};
  }
};

} // namespace

TEST_CASE("sort and topk order the series of an instant, NaN at the end",
          "[query][evaluator]") {
  CHECK(sites_at("t", 100 * second_ms) == "abc");
  CHECK(sites_at("sort(t)", 100 * second_ms) == "abc");
  CHECK(sites_at("sort_desc(t)", 100 * second_ms) == "bac");
  CHECK(sites_at("topk(2, t)", 100 * second_ms) == "ba");
  CHECK(sites_at("bottomk(3, t)", 100 * second_ms) == "abc");
}

TEST_CASE("the series of a range are sorted by their labels and have no gaps filled",
          "[query][evaluator]") {
  memory_source source;
  source.add("m{z=\"1\"}", "1 _ 3 stale _ 6", 60'000);
  source.add("m{a=\"1\"}", "1x5", 60'000);
  auto found = evaluate_range(parse("m").value(), {0, 300'000, 30'000}, source, {});
  REQUIRE(found);
  REQUIRE(found->type == value_type::matrix);
  REQUIRE(found->series.size() == 2);
  CHECK(to_string(found->series[0].labels) == "m{a=\"1\"}");
  CHECK(
    found->series[1].times_ms
    == std::vector<std::int64_t>{0, 30'000, 60'000, 90'000, 120'000, 150'000, 300'000});
  CHECK(found->series[1].values == std::vector<double>{1, 1, 1, 1, 3, 3, 6});
}

TEST_CASE("a query gives scalars, texts and the samples of a range",
          "[query][evaluator]") {
  auto source = three_sites();
  auto scalar = evaluate_at(parse("1 + 2").value(), 0, source, {}).value();
  CHECK(scalar.type == value_type::scalar);
  CHECK(scalar.series.at(0).values == std::vector<double>{3});
  auto text = evaluate_at(parse("(\"x\")").value(), 0, source, {}).value();
  CHECK(text.type == value_type::text);
  CHECK(text.text == "x");
  auto matrix
    = evaluate_at(parse("t{site=\"a\"}[20s]").value(), 100 * second_ms, source, {});
  CHECK(matrix->type == value_type::matrix);
  CHECK(matrix->series.at(0).values == std::vector<double>{9, 10, 11});
  auto range = evaluate_range(parse("2 * time()").value(), {0, 2000, 1000}, source, {});
  CHECK(range->series.at(0).values == std::vector<double>{0, 2, 4});
}

TEST_CASE("a query stops at its limits with an error that says which",
          "[query][evaluator]") {
  evaluation_options options;
  options.series_max = 2;
  CHECK(error_at("t", options).code == query_errc::limit);
  options = {};
  options.samples_max = 20;
  CHECK(error_at("rate(t[5m])", options).code == query_errc::limit);
  CHECK(error_at("t{site=\"a\"} + t{site=\"a\"}", options).message.find("samples")
        != std::string::npos);
  options = {};
  options.points_max = 1000;
  CHECK(range_error("t", {0, 1000 * second_ms, second_ms}, options).code
        == query_errc::limit);
  CHECK(error_at("sum_over_time(vector(time())[1d:1s])", options).code
        == query_errc::limit);
  CHECK(range_error("t", {0, 11'000 * second_ms, second_ms}).code == query_errc::limit);
  options = {};
  options.series_max = 5;
  CHECK(
    range_error("count_values(\"v\", t)", {0, 400 * second_ms, 10 * second_ms}, options)
      .code
    == query_errc::limit);
  options = {};
  options.points_max = 500;
  CHECK(
    range_error("count_values(\"v\", t)", {0, 400 * second_ms, 10 * second_ms}, options)
      .message.find("points")
    != std::string::npos);
  // A subquery of a century at a millisecond is refused before it is begun.
  CHECK(error_at("sum_over_time(vector(1)[99y:1ms])", {}).code == query_errc::limit);
}

TEST_CASE("a range that is none is refused", "[query][evaluator]") {
  CHECK(range_error("t", {0, 10, 0}).code == query_errc::execution);
  CHECK(range_error("t", {10, 0, 1}).code == query_errc::execution);
  CHECK(range_error("t[5m]", {0, 10, 1}).code == query_errc::execution);
  CHECK(range_error("t", {0, query_time_ms_max + 1, 1}).code == query_errc::execution);
}

TEST_CASE("a query can be stopped, and passes on what its source says",
          "[query][evaluator]") {
  evaluation_options options;
  int asked = 0;
  options.should_stop = [&asked] { return ++asked == 3; };
  CHECK(error_at("t + t + t", options).code == query_errc::cancelled);
  broken_source broken;
  auto found = evaluate_at(parse("sum(rate(t[5m]))").value(), 0, broken, {});
  REQUIRE_FALSE(found);
  CHECK(found.error() == query_error{query_errc::source, "the block is damaged"});
}

TEST_CASE("a long window is stopped on its way", "[query][evaluator]") {
  memory_source source;
  source.add("m{a=\"1\"}", "1+1x20000", 1000);
  int asked = 0;
  evaluation_options options;
  options.should_stop = [&asked] { return ++asked == 5; };
  auto tree = parse("stddev_over_time(m[5h])");
  auto found = evaluate_range(*tree, {0, 20'000'000, 10'000}, source, options);
  REQUIRE_FALSE(found);
  CHECK(found.error().code == query_errc::cancelled);
  CHECK(asked == 5);
}

TEST_CASE("a source is asked for no more than is needed, and told what for",
          "[query][evaluator]") {
  asking_source source;
  auto range = time_range{1'000'000, 1'600'000, 60'000};
  CHECK(evaluate_range(parse("rate(t[2m] offset 1m) + t").value(), range, source, {}));
  REQUIRE(source.asked.size() == 2);
  CHECK(source.asked[0].from_ms == 1'000'000 - 60'000 - 120'000);
  CHECK(source.asked[0].until_ms == 1'600'000 - 60'000);
  CHECK(source.asked[0].range_ms == 120'000);
  CHECK(source.asked[0].step_ms == 60'000);
  CHECK(source.asked[0].function == "rate");
  CHECK(source.asked[1].from_ms == 700'000);
  CHECK(source.asked[1].range_ms == 300'000);
  CHECK(source.asked[1].function == "");
}

TEST_CASE("two series that become one are an error, unless they never meet",
          "[query][evaluator]") {
  CHECK(error_at("label_replace(t, \"site\", \"\", \"site\", \".*\")", {}).code
        == query_errc::execution);
  memory_source source;
  source.add("m{part=\"1\"}", "1 1 stale", 60'000);
  source.add("m{part=\"2\"}", "_x3 5 5", 60'000);
  auto tree = parse("label_replace(m, \"part\", \"\", \"part\", \".*\")");
  auto found = evaluate_range(*tree, {0, 240'000, 60'000}, source, {});
  REQUIRE(found);
  REQUIRE(found->series.size() == 1);
  CHECK(found->series[0].values == std::vector<double>{1, 1, 5, 5});
}

TEST_CASE("windows that move along give what windows by themselves give",
          "[query][evaluator]") {
  std::mt19937_64 random{7};
  std::string values;
  for (int i = 0; i < 400; ++i) {
    auto x = random() % 100;
    values += x < 5    ? "NaN "
              : x < 25 ? "_ "
              : x < 27 ? "stale "
              : x < 29 ? "1e17 "
                       : std::to_string(double(x) * 0.37) + " ";
  }
  memory_source source;
  source.add("m{a=\"1\"}", values, 10 * second_ms);
  for (auto function :
       {"rate", "increase", "delta", "irate", "idelta", "changes", "resets",
        "avg_over_time", "sum_over_time", "min_over_time", "max_over_time",
        "count_over_time", "last_over_time", "stddev_over_time", "deriv"})
    for (auto window : {"15s", "1m", "7m"}) {
      auto text = std::string{function} + "(m[" + window + "])";
      auto tree = parse(text);
      auto moved = evaluate_range(*tree, {0, 4'200'000, 17'000}, source, {}).value();
      std::vector<std::int64_t> times_ms;
      for (std::int64_t time_ms = 0; time_ms <= 4'200'000; time_ms += 17'000) {
        auto alone = evaluate_at(*tree, time_ms, source, {}).value();
        if (alone.series.empty())
          continue;
        times_ms.push_back(time_ms);
        auto expected_value = alone.series[0].values[0];
        auto found = moved.series.at(0).values.at(times_ms.size() - 1);
        CAPTURE(text, time_ms, found, expected_value);
        auto both_nan = std::isnan(found) && std::isnan(expected_value);
        REQUIRE(
          (both_nan
           || std::abs(found - expected_value) <= 1e-13 * std::abs(expected_value)));
      }
      CHECK(moved.series.at(0).times_ms == times_ms);
    }
}
