// SERIES LABELS: how names become labels, and what a selector asks for.
#include "analytics/query/series_labels.hpp"

#include "analytics/query/parser.hpp"

#include <catch2/catch.hpp>

using namespace weir::analytics;
using namespace weir::analytics::query;

namespace {

label_set labels(const std::string& canonical, const std::string& edge = "e1") {
  return labels_of(edge, parse_series(canonical).value());
}

std::string shown(const std::string& canonical) {
  return to_string(labels(canonical));
}

series_selector select(const std::string& text) {
  return series_selector{parse_selector(text).value().matchers};
}

bool passes(const std::string& selector_text, const std::string& canonical) {
  auto selector = select(selector_text);
  return selector.passes_metric(parse_series(canonical).value().metric)
         && selector.passes(labels(canonical), canonical);
}

std::vector<std::string> stats(const std::string& selector_text) {
  std::vector<std::string> result;
  auto selector = select(selector_text);
  for (const auto& x : selector.stats())
    result.push_back(x.text);
  return result;
}

} // namespace

TEST_CASE("metric, source, edge and dimensions are labels", "[query]") {
  CHECK(shown(R"(temperature{source="m-01",line="A",view="by-line"})")
        == R"(temperature{edge="e1", line="A", source="m-01", view="by-line"})");
  CHECK(shown(R"(by-line{source="",line="A"})") == R"(by_line{edge="e1", line="A"})");
  CHECK(shown(R"(x{source="a\"b"})") == R"(x{edge="e1", source="a\"b"})");
}

TEST_CASE("names become such as clients of Prometheus take", "[query]") {
  CHECK(to_metric_label("motor.temp") == "motor_temp");
  CHECK(to_metric_label("job:rate:5m") == "job:rate:5m");
  CHECK(to_metric_label("2nd") == "_2nd");
  CHECK(to_metric_label("t\u00e9mp") == "t__mp");
  CHECK(to_label_name("line.no") == "line_no");
  CHECK(to_label_name("a:b") == "a_b");
  CHECK(to_label_name("9") == "_9");
  for (auto taken : {"edge", "source", "stat", "series"})
    CHECK(to_label_name(taken) == "dim_" + std::string{taken});
  CHECK(to_label_name("__name__") == "dim___name__");
}

TEST_CASE("two dimensions that become one name are both there", "[query]") {
  CHECK(shown(R"(x{source="s",a-b="1",a.b="2",a_b="3"})")
        == R"(x{a_b="1", a_b_="2", a_b__="3", edge="e1", source="s"})");
  CHECK(shown(R"(x{source="s",dim_edge="1",edge="2"})")
        == R"(x{dim_edge="1", dim_edge_="2", edge="e1", source="s"})");
}

TEST_CASE("a metric is found by its exact and by its shown name", "[query]") {
  const auto* series = R"(motor.temp{source="m-01",line.no="3"})";
  CHECK(passes("motor_temp", series));
  CHECK(passes(R"({"motor.temp"})", series));
  CHECK(passes(R"({__name__=~"motor.+"})", series));
  CHECK_FALSE(passes("motor", series));
  CHECK_FALSE(passes(R"({__name__!="motor.temp", source="m-01"})", series));
  CHECK_FALSE(passes(R"({__name__!="motor_temp", source="m-01"})", series));
  CHECK(passes(R"({__name__!~"x.*", source="m-01"})", series));
}

TEST_CASE("labels are found by the dimension's key and by the shown name", "[query]") {
  const auto* series = R"(motor.temp{source="m-01",line.no="3"})";
  CHECK(passes(R"({line_no="3"})", series));
  CHECK(passes(R"({"line.no"="3"})", series));
  CHECK_FALSE(passes(R"({"line.no"="4"})", series));
  CHECK(passes(R"({edge="e1"})", series));
  CHECK_FALSE(passes(R"({edge!="e1", source="m-01"})", series));
  CHECK(passes(R"({source=~"m-.*", nothing=""})", series));
}

TEST_CASE("the canonical text finds its series", "[query]") {
  CHECK(passes(R"({series='x{source="a"}'})", R"(x{source="a"})"));
  CHECK_FALSE(passes(R"({series='x{source="a"}'})", R"(x{source="b"})"));
}

TEST_CASE("without a matcher on `stat` a selector asks for the mean", "[query]") {
  using texts = std::vector<std::string>;
  CHECK(stats("x") == texts{""});
  CHECK(select("x").stats()[0].spec.kind == aggregate_kind::mean);
  CHECK(stats(R"(x{stat="max"})") == texts{"max"});
  CHECK(stats(R"(x{stat="mean"})") == texts{"mean"});
  CHECK(stats(R"(x{stat=~"min|max"})") == texts{"max", "min"});
  CHECK(stats(R"(x{stat="p95"})") == texts{"p95"});
  CHECK(stats(R"(x{stat=~"p50|p99|min"})") == texts{"min", "p50", "p99"});
  CHECK(stats(R"(x{stat=~"s.*"})") == texts{"stddev", "sum"});
  CHECK(stats(R"(x{stat=~".+"})").size() == 10);
  CHECK(stats(R"(x{stat=~"m.*", stat!="max"})") == texts{"mean", "min"});
  CHECK(stats(R"(x{stat=""})") == texts{""});
  // No sample, no such value.
  CHECK(stats("x{stat='top(3,user)'}").empty());
  CHECK(stats(R"(x{stat="maximum"})").empty());
}

TEST_CASE("a selector says what a catalogue can look for", "[query]") {
  CHECK(select(R"(temperature{edge="e1"})").part() == "temperature");
  CHECK(select(R"(temperature{edge="e1"})").edge() == "e1");
  CHECK(select(R"(motor_temp{edge=~"e1"})").part() == ""); // May be motor.temp.
  CHECK(select(R"(motor_temp{edge=~"e1"})").edge() == "");
}
