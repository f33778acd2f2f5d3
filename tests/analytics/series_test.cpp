// Walks SERIES: canonical text and back, interning, the resolver's cache.
#include "analytics/series.hpp"

#include <catch2/catch.hpp>

#include <atomic>
#include <chrono>
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

TEST_CASE("a retired name is unknown at once, its id comes back with release",
          "[analytics]") {
  series_table table{10, 2};
  std::vector<series_id> ids;
  for (int i = 0; i < 10; ++i)
    ids.push_back(*table.intern("m{source=\"" + std::to_string(i) + "\"}"));
  CHECK_FALSE(table.intern("m{source=\"new\"}"));
  auto epoch = table.retire(std::vector{ids[3], ids[4]});
  CHECK(table.size() == 8);
  CHECK(table.text(ids[3]) == "m{source=\"3\"}"); // Until it is released.
  auto again = table.intern("m{source=\"3\"}");
  REQUIRE(again);
  CHECK(*again != ids[3]);
  CHECK(table.passed(epoch)); // There are no readers.
  auto releases = table.releases();
  table.release(std::vector{ids[3], ids[4]});
  CHECK(table.releases() == releases + 1);
  for (int i = 0; i < 10; ++i)
    if (i != 3 && i != 4)
      CHECK(table.intern("m{source=\"" + std::to_string(i) + "\"}")
            == ids[static_cast<std::size_t>(i)]);
}

TEST_CASE("readers that are away or came after a retirement do not hold it up",
          "[analytics]") {
  series_table table{10};
  auto id = *table.intern("m{source=\"a\"}");
  series_table::reader inside{table};
  series_table::reader away{table};
  inside.enter();
  auto epoch = table.retire(std::vector{id});
  series_table::reader later{table};
  CHECK(later.enter() == epoch);
  CHECK_FALSE(table.passed(epoch));
  inside.leave();
  CHECK(table.passed(epoch));
  CHECK(inside.enter() == epoch);
  CHECK(table.passed(epoch));
}

TEST_CASE("an id never means two series to a reader that holds it", "[analytics]") {
  // Readers resolve names and look later, as if the events were on their way, whether
  // the id still has that name; one thread evicts all the time.
  series_table table{256, 2};
  constexpr int names = 600;
  std::atomic<bool> done{false};
  std::atomic<std::uint64_t> confusions{0};
  std::atomic<std::uint64_t> looks{0};
  auto name_of = [](int i) { return "m{source=\"" + std::to_string(i) + "\"}"; };
  auto read = [&](unsigned seed) {
    std::mt19937 random{seed};
    series_resolver resolver{table};
    std::vector<std::pair<series_id, int>> held;
    while (!done) {
      resolver.enter();
      for (int i = 0; i < 8; ++i) {
        auto number = static_cast<int>(random() % names);
        if (auto id = resolver.resolve({"m", std::to_string(number), {}}))
          held.emplace_back(*id, number);
        if (random() % 4 == 0)
          std::this_thread::yield();
      }
      for (auto [id, number] : held) {
        confusions += table.text(id) == name_of(number) ? 0 : 1;
        ++looks;
      }
      held.clear();
      resolver.leave();
      if (random() % 16 == 0)
        std::this_thread::yield();
    }
  };
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 3; ++t)
    threads.emplace_back(read, t);
  std::mt19937 random{99};
  std::size_t rounds = 0;
  std::set<series_id> taken;
  auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds{400};
  while (std::chrono::steady_clock::now() < deadline) {
    // A random part of what has a name now.
    std::set<series_id> ids;
    series_table::reader self{table};
    self.enter();
    for (int i = 0; i < 40; ++i)
      if (auto id = table.intern(name_of(static_cast<int>(random() % names))))
        ids.insert(*id);
    self.leave();
    std::vector<series_id> leaving{ids.begin(), ids.end()};
    auto epoch = table.retire(leaving);
    while (!table.passed(epoch))
      std::this_thread::yield();
    table.release(leaving);
    ++rounds;
  }
  done = true;
  for (auto& x : threads)
    x.join();
  CHECK(confusions == 0);
  CHECK(looks > 100);
  CHECK(rounds > 10);
  CHECK(table.size() <= 256);
}
