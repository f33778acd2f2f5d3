// AGGREGATES: what the configuration may say, what it needs, and what it comes to.
#include "analytics/aggregates.hpp"

#include "analytics/extended_aggregates.hpp"
#include "analytics/open_window.hpp"
#include "analytics/series.hpp"

#include <catch2/catch.hpp>

#include <cmath>
#include <string>
#include <vector>

using namespace weir::analytics;

namespace {

using texts = std::vector<std::string>;

std::string error_of(const texts& list) {
  auto plan = parse_aggregates(list);
  REQUIRE_FALSE(plan);
  return plan.error();
}

} // namespace

TEST_CASE("plain aggregates need nothing beside the summary", "[aggregates]") {
  auto plan = parse_aggregates({"count", "sum", "min", "max", "mean", "variance",
                                "stddev", "first", "last", "range"});
  REQUIRE(plan);
  CHECK(plan->is_plain());
  CHECK(plan->specs.size() == 10);
  CHECK(plan->specs[9].kind == aggregate_kind::range);
  CHECK(plan->specs[9].text == "range");
  CHECK(parse_aggregates({})->is_plain());
}

TEST_CASE("a plan says which parts are needed, each once", "[aggregates]") {
  auto plan
    = parse_aggregates({"p50", "p99.9", "quantile( 0.25 )", "rate",
                        "time_weighted_mean", " distinct(user) ", "distinct(shop)",
                        "top(3, product)", "top( 10 ,product)", "top(1,shop)"});
  REQUIRE(plan);
  CHECK_FALSE(plan->is_plain());
  CHECK(plan->quantiles);
  CHECK(plan->alpha == 0.01);
  CHECK(plan->rate);
  CHECK(plan->time_weighted);
  CHECK(plan->distinct == texts{"user", "shop"});
  REQUIRE(plan->top.size() == 2);
  CHECK(plan->top[0] == aggregate_plan::top_request{"product", 10});
  CHECK(plan->top[1] == aggregate_plan::top_request{"shop", 1});
  CHECK(plan->specs[1].q == Approx(0.999));
  CHECK(plan->specs[2].q == 0.25);
  CHECK(plan->specs[5].text == "distinct(user)");
  CHECK(parse_aggregate("median")->q == 0.5);
  CHECK(parse_aggregate("p95")->q == 0.95);
  CHECK(parse_aggregate("p0")->q == 0.0);
  CHECK(parse_aggregate("p100")->q == 1.0);
}

TEST_CASE("what is no aggregate is refused with the text and what would be right",
          "[aggregates]") {
  for (const auto* text : {"",
                           " ",
                           "Sum",
                           "avg",
                           "p",
                           "px",
                           "p101",
                           "p-1",
                           "p1e9",
                           "p50x",
                           "quantile",
                           "quantile()",
                           "quantile(1.1)",
                           "quantile(-0.1)",
                           "quantile(nan)",
                           "quantile(0.5",
                           "quantile 0.5",
                           "distinct",
                           "distinct()",
                           "distinct(a,b)",
                           "distinct((a))",
                           "distinct(a)b",
                           "top(5)",
                           "top(0, a)",
                           "top(101, a)",
                           "top(-1, a)",
                           "top(a, 5)",
                           "top(5, )",
                           "top(, a)",
                           "top(5, a, b)",
                           "topper(5, a)",
                           "count()",
                           "sum,min",
                           "distinct(\"a\")"}) {
    CAPTURE(text);
    auto result = parse_aggregate(text);
    REQUIRE_FALSE(result);
    CHECK(result.error().find("expected ") != std::string::npos);
  }
  CHECK_FALSE(parse_aggregate("distinct(" + std::string(129, 'a') + ")"));
  CHECK(parse_aggregate("distinct(" + std::string(128, 'a') + ")"));
}

TEST_CASE("a plan's limits are kept", "[aggregates]") {
  CHECK(error_of({"p50", "median"}).find("twice") != std::string::npos);
  CHECK(error_of({"sum", "sum"}).find("twice") != std::string::npos);
  CHECK(error_of(
          {"distinct(a)", "distinct(b)", "distinct(c)", "distinct(d)", "distinct(e)"})
          .find("at most 4")
        != std::string::npos);
  CHECK(error_of({"top(1,a)", "top(1,b)", "top(1,c)", "top(1,d)", "top(1,e)"})
          .find("at most 4")
        != std::string::npos);
  texts many;
  for (int i = 0; i < 33; ++i)
    many.push_back("p" + std::to_string(i));
  CHECK(error_of(many).find("at most 32") != std::string::npos);
  CHECK(error_of({"sum", "nonsense"}).find("nonsense") != std::string::npos);
}

TEST_CASE("aggregates of a summary come to what its events say", "[aggregates]") {
  texts list{
    "count",          "sum",   "min",    "max",   "mean",        "variance",
    "stddev",         "first", "last",   "range", "rate",        "time_weighted_mean",
    "distinct(user)", "p0",    "median", "p100",  "top(3, user)"};
  auto plan = parse_aggregates(list).value();
  open_window window;
  extended_aggregates extended{plan};
  const std::vector<double> values{3.0, 5.0, 1.0, 7.0};
  for (std::size_t i = 0; i < values.size(); ++i) {
    auto time_ns = static_cast<std::int64_t>(i) * 2'000'000'000;
    const auto hash = stable_hash(i == 0 ? "a" : "b");
    const std::string_view user = i == 0 ? "a" : "b";
    window.begin_or_add(time_ns, values[i]);
    extended.add(time_ns, values[i], {&hash, 1}, {&user, 1});
  }
  auto x = window.close(10'000'000'000);
  extended.encode(x.extended);
  std::vector<double> results;
  for (const auto& spec : plan.specs)
    results.push_back(value_of(x, spec));
  CHECK(results[0] == 4.0);
  CHECK(results[1] == 16.0);
  CHECK(results[2] == 1.0);
  CHECK(results[3] == 7.0);
  CHECK(results[4] == 4.0);
  CHECK(results[5] == 5.0);
  CHECK(results[6] == Approx(std::sqrt(5.0)));
  CHECK(results[7] == 3.0);
  CHECK(results[8] == 7.0);
  CHECK(results[9] == 6.0);
  CHECK(results[10] == Approx(9.0 / 6.0)); // +2, a restart at 1, +6 in 6 s
  CHECK(results[11] == Approx(3.0));       // 3, 5 and 1 for 2 s each
  CHECK(results[12] == 2.0);
  CHECK(results[13] == 1.0); // Clamped: exact at the ends.
  CHECK(results[14] == Approx(3.0).epsilon(0.01));
  CHECK(results[15] == 7.0);
  CHECK(std::isnan(results[16])); // A list.
  CHECK(extended_aggregates::decode(x.extended)->top("user")->top(1)
        == std::vector<top_value>{{"b", 3.0, 0.0}});
}

TEST_CASE("aggregates that are undefined are NaN", "[aggregates]") {
  summary x;
  auto value = [&](const char* text) { return value_of(x, *parse_aggregate(text)); };
  CHECK(value("count") == 0.0);
  for (const auto* text : {"sum", "min", "mean", "stddev", "rate", "p50"})
    CHECK(std::isnan(value(text)));
  x.count = 1;
  CHECK(value("sum") == 0.0);
  for (const auto* text : {"rate", "p50", "distinct(a)", "time_weighted_mean"})
    CHECK(std::isnan(value(text)));
  x.extended = "damaged";
  CHECK(std::isnan(value("p50")));
  extended_aggregates one{*parse_aggregates({"rate", "time_weighted_mean"})};
  one.add(5, 3.0);
  x.extended.clear();
  one.encode(x.extended);
  CHECK(std::isnan(value("rate")));
  CHECK(value("time_weighted_mean") == 3.0);
  CHECK(std::isnan(value("p50")));
}
