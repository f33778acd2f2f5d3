// What puts events in order and folds them: REORDER BUFFER, SLIDING AGGREGATE and the
// CHUNKED VECTOR that they stand in, each against its plainest form.
#include "analytics/chunked_vector.hpp"
#include "analytics/ordered_windows.hpp"
#include "analytics/reorder_buffer.hpp"
#include "analytics/sliding_aggregate.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <cmath>
#include <deque>
#include <random>
#include <set>

using namespace weir::analytics;

namespace {

keyed_event at(std::int64_t time_ns, double value = 0.0) {
  return {time_ns, value, 0, 0};
}

} // namespace

TEST_CASE("a reorder buffer is a stable sort by time", "[analytics]") {
  for (std::uint32_t seed = 0; seed < 200; ++seed) {
    INFO("seed " << seed);
    std::mt19937 random{seed};
    reorder_buffer uut;
    std::vector<keyed_event> naive;
    for (int i = 0; i < 300; ++i) {
      if (random() % 3 != 0 || naive.empty()) {
        auto x = at(static_cast<std::int64_t>(random() % 50) - 25, i);
        uut.push(x);
        naive.insert(std::upper_bound(naive.begin(), naive.end(), x,
                                      [](const auto& a, const auto& b) {
                                        return a.time_ns < b.time_ns;
                                      }),
                     x);
      } else {
        CHECK(uut.front().value == naive.front().value);
        uut.pop();
        naive.erase(naive.begin());
      }
      REQUIRE(uut.size() == naive.size());
      CHECK(uut.empty() == naive.empty());
      CHECK(std::equal(uut.begin(), uut.end(), naive.begin(), naive.end(),
                       [](const auto& a, const auto& b) {
                         return a.time_ns == b.time_ns && a.value == b.value;
                       }));
    }
  }
}

TEST_CASE("a reorder queue lets nothing through before its time, and nothing after",
          "[analytics]") {
  reorder_queue uut;
  std::vector<std::int64_t> seen;
  auto release = [&](std::int64_t until_ns) {
    uut.release(until_ns, [&](const keyed_event& x) { seen.push_back(x.time_ns); });
  };
  CHECK(uut.released_until_ns() == time_never);
  CHECK(uut.push(at(5)) == reorder_queue::taken::yes);
  CHECK(uut.push(at(3)) == reorder_queue::taken::yes);
  CHECK(uut.push(at(7)) == reorder_queue::taken::yes);
  release(5); // Not what is at 5 itself.
  CHECK(seen == std::vector<std::int64_t>{3});
  CHECK(uut.push(at(4)) == reorder_queue::taken::late);
  CHECK(uut.push(at(5)) == reorder_queue::taken::yes);
  release(4); // Never goes back.
  CHECK(uut.released_until_ns() == 5);
  CHECK(uut.past_oldest_ns() == 6);
  CHECK(uut.past_newest_ns() == 8);
  release(uut.past_newest_ns());
  CHECK(seen == std::vector<std::int64_t>{3, 5, 5, 7});
  CHECK(uut.empty());
  CHECK(uut.push(at(7)) == reorder_queue::taken::late);
}

TEST_CASE("a saved reorder queue goes on, and a damaged one fails", "[analytics]") {
  reorder_queue uut;
  for (auto t : {9, 3, 7})
    uut.push(at(t, t));
  uut.release(4, [](const keyed_event&) {});
  std::string bytes;
  byte_writer out{bytes};
  uut.save(out);
  reorder_queue next;
  byte_reader in{bytes};
  auto same = [](const keyed_event& x) { return x; };
  next.load(in, same);
  CHECK(in.ok());
  CHECK(in.at_end());
  CHECK(next.released_until_ns() == 4);
  CHECK(next.push(at(3)) == reorder_queue::taken::late);
  std::vector<double> values;
  next.release(100, [&](const keyed_event& x) { values.push_back(x.value); });
  CHECK(values == std::vector<double>{7.0, 9.0});
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    reorder_queue other;
    byte_reader cut{std::string_view{bytes}.substr(0, size)};
    other.load(cut, same);
    CHECK_FALSE(cut.ok());
  }
}

TEST_CASE("a full reorder buffer lets its oldest events go, and says how many",
          "[analytics]") {
  session_windows uut{{1'000'000'000, 1'000'000'000'000}, {}, nullptr};
  uut.open(0, 0);
  std::vector<summary> out;
  // Nothing is sure: the watermark never comes.
  constexpr std::size_t more = 10;
  for (std::size_t i = 0; i < ordered_events_max + more; ++i)
    CHECK(uut.add(0, at(static_cast<std::int64_t>(i)), {}, out));
  CHECK(uut.counters().forced == more);
  // What is older than an event that has gone is late.
  CHECK_FALSE(uut.add(0, at(0), {}, out));
  CHECK(uut.counters().late == 1);
  uut.close(0, true, out);
  REQUIRE(out.size() == 1);
  CHECK(out[0].count == ordered_events_max + more);
  CHECK(out[0].late_count == 1);
}

TEST_CASE("a sliding aggregate is that of the events in it, at every step",
          "[analytics]") {
  for (std::uint32_t seed = 0; seed < 200; ++seed) {
    INFO("seed " << seed);
    std::mt19937 random{seed};
    sliding_aggregate<keyed_event> uut;
    std::deque<keyed_event> naive;
    std::int64_t time_ns = 0;
    auto keeps = 1 + random() % 40;
    for (int i = 0; i < 400; ++i) {
      if (naive.empty() || (random() % 2 == 0 && naive.size() < keeps)) {
        time_ns += random() % 3;
        auto x = at(time_ns, static_cast<double>(random() % 1000) / 8.0 + 1e6);
        uut.push(x);
        naive.push_back(x);
      } else {
        uut.pop();
        naive.pop_front();
      }
      REQUIRE(uut.size() == naive.size());
      CHECK(uut.empty() == naive.empty());
      if (naive.empty())
        continue;
      CHECK(uut.front().value == naive.front().value);
      CHECK(uut.back().value == naive.back().value);
      auto sum = 0.0;
      auto low = naive.front().value;
      auto high = low;
      for (const auto& x : naive) {
        sum += x.value;
        low = std::min(low, x.value);
        high = std::max(high, x.value);
      }
      auto mean = sum / static_cast<double>(naive.size());
      auto m2 = 0.0;
      for (const auto& x : naive)
        m2 += (x.value - mean) * (x.value - mean);
      auto found = uut.whole().close(1);
      REQUIRE(found.count == naive.size());
      CHECK(found.sum == Approx(sum));
      CHECK(found.min == low);
      CHECK(found.max == high);
      CHECK(found.first == naive.front().value);
      CHECK(found.last == naive.back().value);
      CHECK(found.first_ns == naive.front().time_ns);
      CHECK(found.last_ns == naive.back().time_ns);
      CHECK(found.m2 == Approx(m2).margin(1e-3));
    }
  }
}

TEST_CASE("elements of a chunked vector never move, and the new ones are empty",
          "[analytics]") {
  struct element {
    std::uint64_t number = 7;
    std::string text;
  };
  chunked_vector<element> uut;
  CHECK(uut.size() == 0);
  uut.grow(1);
  auto* first = &uut[0];
  std::vector<element*> places;
  for (std::size_t n = 1; n < 40'000; n += 1 + n / 3) {
    uut.grow(n);
    REQUIRE(uut.size() == n);
    for (auto i = places.size(); i < n; ++i) {
      places.push_back(&uut[i]);
      CHECK(uut[i].number == 7);
      CHECK(uut[i].text.empty());
      uut[i].number = i;
      uut[i].text
        = "a text that is too long to stand in the string itself " + std::to_string(i);
    }
  }
  CHECK(&uut[0] == first);
  uut.grow(3); // Never shrinks.
  CHECK(uut.size() == places.size());
  CHECK(std::set<element*>(places.begin(), places.end()).size() == places.size());
  for (std::size_t i = 0; i < places.size(); ++i) {
    CHECK(places[i] == &uut[i]);
    CHECK(uut[i].number == i);
  }
  std::size_t seen = 0;
  uut.for_each_run([&](const element* run, std::size_t n) {
    for (std::size_t i = 0; i < n; ++i)
      CHECK(run[i].number == seen++);
  });
  CHECK(seen == uut.size());
  CHECK(uut.size_bytes() >= uut.size() * sizeof(element));
  uut.clear();
  CHECK(uut.size() == 0);
  uut.grow(5);
  CHECK(uut[4].text.empty());
}
