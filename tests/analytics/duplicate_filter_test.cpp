// DUPLICATE FILTER against a set that forgets nothing, and its memory.
#include "analytics/duplicate_filter.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <chrono>
#include <deque>
#include <random>
#include <set>
#include <string>
#include <vector>

using namespace weir::analytics;

TEST_CASE("a fingerprint is new once", "[duplicates]") {
  duplicate_filter uut;
  CHECK(uut.insert(1));
  CHECK(uut.insert(0));
  CHECK(uut.insert(~std::uint64_t{0}));
  for (std::uint64_t x : {std::uint64_t{0}, std::uint64_t{1}, ~std::uint64_t{0}}) {
    CHECK_FALSE(uut.insert(x));
    CHECK(uut.contains(x));
  }
  CHECK_FALSE(uut.contains(2));
  uut.clear();
  CHECK(uut.insert(1));
}

TEST_CASE(
  "the last fingerprints up to the horizon are always known, twice as many never",
  "[duplicates]") {
  auto horizon = GENERATE(std::size_t{1}, std::size_t{2}, std::size_t{7},
                          std::size_t{100}, std::size_t{1024});
  CAPTURE(horizon);
  duplicate_filter uut{horizon};
  CHECK(uut.horizon() == horizon);
  std::mt19937_64 random{4711};
  std::size_t different = 0; // Different fingerprints, each counted at its newest step.
  std::deque<std::uint64_t> recent; // In order of last sight, each once.
  std::size_t duplicates = 0;
  for (std::size_t step = 0; step < 10 * horizon + 100; ++step) {
    auto repeat = !recent.empty() && random() % 4 == 0;
    auto x = repeat ? recent[random() % recent.size()] : random();
    auto known = !uut.insert(x);
    auto found = std::find(recent.rbegin(), recent.rend(), x);
    if (found != recent.rend()) {
      auto age
        = static_cast<std::size_t>(found - recent.rbegin()); // Different ones since.
      if (age < horizon)
        CHECK(known);
      if (age >= 2 * horizon)
        CHECK_FALSE(known);
      recent.erase(std::next(found).base());
      duplicates += known ? 1u : 0u;
    } else {
      CHECK_FALSE(known);
      ++different;
    }
    recent.push_back(x);
    if (recent.size() > 3 * horizon)
      recent.pop_front();
  }
  CHECK(different > horizon);
  CHECK(duplicates > 0);
}

TEST_CASE("memory of the duplicate filter grows on demand up to its stated bound",
          "[duplicates]") {
  constexpr std::size_t horizon = 10'000;
  duplicate_filter uut{horizon};
  CHECK(uut.size_bytes() < 1000);
  std::mt19937_64 random{1};
  for (int i = 0; i < 100; ++i)
    uut.insert(random());
  CHECK(uut.size_bytes() < 5000);
  for (std::size_t i = 0; i < 5 * horizon; ++i) {
    uut.insert(random());
    REQUIRE(uut.size_bytes() <= 32 * horizon);
  }
  CHECK(uut.size_bytes() > 16 * horizon);
  uut.clear();
  CHECK(uut.size_bytes() < 1000);
}

TEST_CASE("fingerprints tell apart what differs in one bit", "[duplicates]") {
  std::set<std::uint64_t> seen;
  std::size_t made = 0;
  auto add = [&](std::uint64_t x) {
    seen.insert(x);
    ++made;
  };
  for (std::uint64_t series = 0; series < 20; ++series)
    for (std::int64_t time = -10; time < 10; ++time)
      for (int value = -10; value < 10; ++value)
        add(fingerprint_of(series, time, value / 8.0));
  for (std::uint64_t series = 0; series < 20; ++series)
    for (int i = 0; i < 2000; ++i)
      add(fingerprint_of(series, std::to_string(i)));
  for (std::size_t size = 0; size <= 40; ++size) { // Lengths around the steps of 8.
    add(fingerprint_of(1, std::string(size, '\0')));
    for (std::size_t i = 0; i < size; ++i) {
      auto id = std::string(size, 'x');
      id[i] = 'y';
      add(fingerprint_of(1, id));
    }
  }
  CHECK(seen.size() == made);
  CHECK(fingerprint_of(1, 2, 3.0) == fingerprint_of(1, 2, 3.0));
  CHECK(fingerprint_of(1, "abc") == fingerprint_of(1, "abc"));
}

TEST_CASE("fingerprints of neighbouring times spread over the table", "[duplicates]") {
  // The upper bits choose the place: regular input must not crowd there.
  std::vector<int> buckets(1024);
  for (std::int64_t i = 0; i < 102'400; ++i)
    ++buckets[fingerprint_of(42, i * 1'000'000'000, 20.5) >> 54];
  CHECK(*std::min_element(buckets.begin(), buckets.end()) > 50);
  CHECK(*std::max_element(buckets.begin(), buckets.end()) < 160);
}

TEST_CASE("speed of the duplicate filter", "[.bench]") {
  duplicate_filter uut;
  std::vector<std::uint64_t> input(4'000'000);
  for (std::size_t i = 0; i < input.size(); ++i)
    input[i] = fingerprint_of(i % 1000, static_cast<std::int64_t>(i), 1.0);
  for (std::size_t ahead : {0u, 8u, 16u}) {
    uut.clear();
    std::size_t fresh = 0;
    auto begin = std::chrono::steady_clock::now();
    for (std::size_t i = 0; i < input.size(); ++i) {
      if (ahead > 0 && i + ahead < input.size())
        uut.prefetch(input[i + ahead]);
      fresh += uut.insert(input[i]) ? 1u : 0u;
    }
    std::chrono::duration<double, std::nano> time
      = std::chrono::steady_clock::now() - begin;
    CHECK(fresh == input.size());
    WARN(ahead << " ahead: " << time.count() / static_cast<double>(input.size())
               << " ns, " << uut.size_bytes() << " bytes");
  }
}
