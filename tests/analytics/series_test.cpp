// Walks SERIES: canonical text and back, interning, the resolver's cache.
#include "analytics/series.hpp"

#include <catch2/catch.hpp>

#include <random>
#include <set>
#include <thread>

using namespace weir::analytics;

namespace {

std::string canonical(std::string_view metric, std::string_view source,
                      std::vector<dimension> dimensions = {}) {
  std::string text;
  append_canonical(text, {metric, source, dimensions});
  return text;
}

} // namespace

TEST_CASE("canonical text names metric, source and dimensions by key", "[analytics]") {
  CHECK(canonical("temperature", "m-01") == "temperature{source=\"m-01\"}");
  CHECK(canonical("sold", "shop", {{"site", "B"}, {"category", "books"}})
        == "sold{source=\"shop\",category=\"books\",site=\"B\"}");
}

TEST_CASE("canonical text reads back, whatever stands in the values", "[analytics]") {
  std::mt19937 random{42};
  for (int round = 0; round < 2000; ++round) {
    auto text = [&random](int size_max) {
      std::string result;
      auto size = 1 + random() % static_cast<unsigned>(size_max);
      for (unsigned i = 0; i < size; ++i)
        result.push_back(static_cast<char>(1 + random() % 255));
      return result;
    };
    auto source = text(20);
    auto v1 = text(10);
    auto v2 = text(10);
    std::vector<dimension> dimensions{{"b", v1}, {"a", v2}};
    auto parsed = parse_series(canonical("m", source, dimensions));
    REQUIRE(parsed);
    CHECK(parsed->metric == "m");
    CHECK(parsed->source == source);
    REQUIRE(parsed->dimensions.size() == 2);
    CHECK(parsed->dimensions[0].second == v2);
    CHECK(parsed->dimensions[1].second == v1);
  }
}

TEST_CASE("what would break the text in a metric or key becomes an underscore",
          "[analytics]") {
  auto text = canonical("a{b}=\"c\",d e", "s", {{"k=,\"", "v"}});
  CHECK(text == "a_b___c__d_e{source=\"s\",k___=\"v\"}");
  CHECK(parse_series(text));
}

TEST_CASE("text that is no series says where it goes wrong", "[analytics]") {
  CHECK(parse_series("temperature").error().find("character 1") != std::string::npos);
  for (auto text : {"", "m", "m{", "m{source}", "m{source=x}", "m{source=\"x\"",
                    "m{source=\"x\"} ", "m{source=\"\\q\"}", "m{=\"x\"}",
                    "m{source=\"x\"k=\"v\"}", "m{source=\"\\u00f", "m{source=\"\\"})
    CHECK_FALSE(parse_series(text));
}

TEST_CASE("a table gives the same id for the same text and refuses beyond its "
          "limit",
          "[analytics]") {
  series_table table{2};
  CHECK(table.intern("a") == 0u);
  CHECK(table.intern("b") == 1u);
  CHECK(table.intern("a") == 0u);
  CHECK_FALSE(table.intern("c"));
  CHECK(table.refused() == 1);
  CHECK(table.text(1) == "b");
}

TEST_CASE("threads that intern at once agree on the ids", "[analytics]") {
  series_table table{1000};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&table] {
      series_resolver resolver{table};
      for (int round = 0; round < 3; ++round)
        for (int i = 0; i < 500; ++i)
          resolver.resolve({"m", std::to_string(i), {}});
    });
  for (auto& x : threads)
    x.join();
  CHECK(table.size() == 500);
  std::set<std::string> texts;
  for (series_id id = 0; id < 500; ++id)
    texts.insert(table.text(id));
  CHECK(texts.size() == 500);
}

TEST_CASE("a resolver tells apart what only differs in where it is cut",
          "[analytics]") {
  series_table table{100'000};
  series_resolver resolver{table};
  CHECK(resolver.resolve({"ab", "c", {}}) != resolver.resolve({"a", "bc", {}}));
  std::vector<dimension> ab{{"a", "1"}, {"b", "2"}};
  std::vector<dimension> ba{{"b", "2"}, {"a", "1"}};
  CHECK(resolver.resolve({"m", "s", ab}) == resolver.resolve({"m", "s", ba}));
  // Beyond its first size it grows and still finds everything.
  std::vector<series_id> ids;
  for (int i = 0; i < 5000; ++i)
    ids.push_back(*resolver.resolve({"m", std::to_string(i), {}}));
  for (int i = 0; i < 5000; ++i)
    CHECK(resolver.resolve({"m", std::to_string(i), {}})
          == ids[static_cast<std::size_t>(i)]);
}

TEST_CASE("the stable hash never changes", "[analytics]") {
  // Alert ids are made from it: another value would rename every alert.
  CHECK(stable_hash("") == 0xf52a15e9a9b5e89bull);
  CHECK(stable_hash("temperature{source=\"m-01\"}")
        != stable_hash("temperature{source=\"m-02\"}"));
}
