// SEQUENCE TRACKER: by hand, and against sets of numbers.
#include "analytics/sequence_tracker.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <numeric>
#include <random>
#include <set>
#include <string>

using namespace weir::analytics;
using verdict = sequence_tracker::verdict;

namespace {

std::vector<sequence_range> missing_of(const sequence_tracker& uut,
                                       std::string_view source) {
  for (const auto& x : uut.incomplete(1000))
    if (x.source == source)
      return x.missing;
  return {};
}

std::string saved(const sequence_tracker& uut) {
  std::string bytes;
  uut.save(bytes);
  return bytes;
}

} // namespace

TEST_CASE("numbers in order miss nothing", "[sequence]") {
  sequence_tracker uut;
  CHECK(uut.observe("a", 17) == verdict::first);
  for (std::uint64_t i = 18; i < 100; ++i)
    CHECK(uut.observe("a", i) == verdict::next);
  CHECK(uut.totals() == sequence_totals{});
  CHECK(uut.incomplete(10).empty());
}

TEST_CASE("what is skipped is missing until it comes", "[sequence]") {
  sequence_tracker uut;
  uut.observe("a", 5);
  CHECK(uut.observe("a", 10) == verdict::gap);
  CHECK(uut.totals().missing == 4);
  CHECK(missing_of(uut, "a") == std::vector<sequence_range>{{6, 9}});
  CHECK(uut.observe("a", 8) == verdict::recovered);
  CHECK(missing_of(uut, "a") == std::vector<sequence_range>{{6, 7}, {9, 9}});
  CHECK(uut.observe("a", 6) == verdict::recovered);
  CHECK(uut.observe("a", 9) == verdict::recovered);
  CHECK(missing_of(uut, "a") == std::vector<sequence_range>{{7, 7}});
  CHECK(uut.observe("a", 8) == verdict::duplicate);
  CHECK(uut.observe("a", 10) == verdict::duplicate);
  CHECK(uut.observe("a", 7) == verdict::recovered);
  CHECK(uut.totals() == sequence_totals{0, 4, 2, 0, 0});
}

TEST_CASE("the first numbers may come out of order", "[sequence]") {
  sequence_tracker uut;
  uut.observe("a", 50);
  CHECK(uut.observe("a", 49) == verdict::next);
  CHECK(uut.observe("a", 46) == verdict::gap);
  CHECK(missing_of(uut, "a") == std::vector<sequence_range>{{47, 48}});
  CHECK(uut.observe("a", 47) == verdict::recovered);
  CHECK(uut.totals() == sequence_totals{1, 1, 0, 0, 0});
}

TEST_CASE("a source that counts anew was restarted", "[sequence]") {
  sequence_tracker uut;
  uut.observe("a", 5);
  uut.observe("a", 8);
  auto anew = GENERATE(std::uint64_t{0}, std::uint64_t{1});
  CHECK(uut.observe("a", anew) == verdict::restarted);
  CHECK(uut.observe("a", anew + 1) == verdict::next);
  CHECK(uut.totals() == sequence_totals{2, 0, 0, 1, 0});
  CHECK(uut.incomplete(10).empty());
}

TEST_CASE("far back is a restart, near is a duplicate, very far ahead is a restart",
          "[sequence]") {
  constexpr auto back = sequence_tracker::back_max;
  sequence_tracker uut;
  for (std::uint64_t i = 5000; i <= 9000; ++i)
    uut.observe("a", i);
  CHECK(uut.observe("a", 9000 - back) == verdict::duplicate);
  CHECK(uut.observe("a", 9000 - back - 1) == verdict::restarted);
  CHECK(uut.observe("a", 9000 - back) == verdict::next);
  CHECK(uut.observe("a", 1ull << 40) == verdict::restarted);
  CHECK(uut.observe("a", ~std::uint64_t{0}) == verdict::restarted);
  CHECK(uut.observe("a", ~std::uint64_t{0}) == verdict::duplicate);
  CHECK(uut.observe("a", 0) == verdict::restarted);
  CHECK(uut.totals().missing == 0);
  CHECK(uut.totals().restarts == 4);
}

TEST_CASE("ranges beyond the limit are given up and stay missing", "[sequence]") {
  constexpr auto limit = sequence_tracker::ranges_max;
  sequence_tracker uut;
  for (std::uint64_t i = 0; i < 30; ++i)
    uut.observe("a", 10 + 2 * i);
  auto ranges = missing_of(uut, "a");
  REQUIRE(ranges.size() == limit);
  CHECK(ranges.back() == sequence_range{67, 67});
  CHECK(ranges.front() == sequence_range{37, 37});
  CHECK(uut.totals().missing == 29);
  CHECK(uut.observe("a", 11) == verdict::duplicate); // Nobody knows any more.
  CHECK(uut.totals().missing == 29);
  // A range that is split counts, too.
  uut.observe("b", 10);
  uut.observe("b", 100);
  for (std::uint64_t i = 11; i < 60; i += 2)
    CHECK(uut.observe("b", i) == verdict::recovered);
  CHECK(missing_of(uut, "b").size() <= limit);
  CHECK(uut.totals().missing == 29 + 89 - 25);
}

TEST_CASE("the source seen longest ago gives way", "[sequence]") {
  sequence_tracker uut{3};
  uut.observe("a", 1);
  uut.observe("b", 1);
  uut.observe("c", 1);
  uut.observe("a", 5);
  uut.observe("d", 1); // In place of b.
  CHECK(uut.sources() == 3);
  CHECK(uut.observe("a", 6) == verdict::next);
  CHECK(uut.observe("b", 9) == verdict::first);
  CHECK(uut.totals() == sequence_totals{3, 0, 0, 0, 2});
  REQUIRE(uut.incomplete(5).size() == 1);
  CHECK(uut.incomplete(0).empty());
}

TEST_CASE("loss, delay and duplication of numbered events are counted exactly",
          "[sequence]") {
  std::mt19937 random{4711};
  for (int round = 0; round < 50; ++round) {
    sequence_tracker uut;
    std::set<std::uint64_t> lost;
    std::uint64_t duplicates = 0;
    std::uint64_t late = 0;
    std::uint64_t held = 0; // A number on its way, to come some events later.
    std::uint64_t release = 0;
    std::uint64_t highest = 100;
    uut.observe("a", 100);
    for (std::uint64_t n = 101; n < 1000; ++n) {
      if (held != 0 && n >= release) {
        uut.observe("a", held);
        late += held < highest ? 1u : 0u; // Else it just came in order.
        highest = std::max(highest, held);
        held = 0;
      }
      auto fate = random() % 100;
      if (fate < 1 && lost.size() < 10 && n < 999) {
        lost.insert(n);
        continue;
      }
      if (fate < 10 && held == 0 && n < 980) {
        held = n;
        release = n + 1 + random() % 10;
        continue;
      }
      uut.observe("a", n);
      highest = n;
      if (fate > 95) {
        uut.observe("a", n);
        ++duplicates;
      }
    }
    CHECK(uut.totals() == sequence_totals{lost.size(), late, duplicates, 0, 0});
    std::set<std::uint64_t> ranges;
    for (auto range : missing_of(uut, "a"))
      for (auto n = range.first; n <= range.last; ++n)
        ranges.insert(n);
    CHECK(ranges == lost);
  }
}

TEST_CASE("a tracker that was saved goes on as if nothing had happened", "[sequence]") {
  std::mt19937 random{1};
  sequence_tracker uut{20};
  sequence_tracker restored{20};
  auto step = [&](sequence_tracker& x, std::uint32_t r) {
    auto source = "source-" + std::to_string(r % 25);
    return x.observe(source, (r >> 8) % 50 + (r % 7 == 0 ? 5000 : 0));
  };
  for (int i = 0; i < 2000; ++i)
    step(uut, static_cast<std::uint32_t>(random()));
  REQUIRE(restored.restore(saved(uut)));
  CHECK(saved(restored) == saved(uut));
  for (int i = 0; i < 2000; ++i) {
    auto r = static_cast<std::uint32_t>(random());
    REQUIRE(step(uut, r) == step(restored, r));
  }
  CHECK(saved(restored) == saved(uut));
  CHECK(restored.totals() == uut.totals());
}

TEST_CASE("a smaller tracker keeps the sources seen last", "[sequence]") {
  sequence_tracker uut;
  for (int i = 0; i < 10; ++i)
    uut.observe("s" + std::to_string(i), 1);
  sequence_tracker small{4};
  REQUIRE(small.restore(saved(uut)));
  CHECK(small.sources() == 4);
  CHECK(small.totals().forgotten == 6);
  CHECK(small.observe("s9", 2) == verdict::next);
  CHECK(small.observe("s5", 2) == verdict::first);
}

TEST_CASE("bytes that are no saved tracker are refused, whatever they are",
          "[sequence]") {
  sequence_tracker uut;
  for (std::uint64_t i = 1; i < 40; i += 3)
    uut.observe("a", i), uut.observe("b", i * 1000);
  auto good = saved(uut);
  sequence_tracker other;
  for (std::size_t size = 0; size < good.size(); ++size) {
    CAPTURE(size);
    CHECK_FALSE(other.restore(good.substr(0, size)));
    CHECK(other.sources() == 0);
    CHECK(other.totals() == sequence_totals{});
  }
  CHECK_FALSE(other.restore(good + 'x'));
  std::mt19937 random{4711};
  for (int i = 0; i < 5000; ++i) {
    auto bytes = good;
    bytes[random() % bytes.size()] = static_cast<char>(random());
    if (other.restore(bytes)) { // Another tracker, then: it works, and saves as such.
      CHECK(saved(other) == bytes);
      other.observe("a", random() % 100);
      other.observe("b", random());
    }
  }
}
