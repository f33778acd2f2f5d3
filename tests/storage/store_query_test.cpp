// Queries: ranges, widths, and points merged into buckets.
#include "storage/store.hpp"

#include "tests/storage/records.hpp"
#include "tests/storage/temp_directory.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <limits>
#include <memory>
#include <random>
#include <vector>

using namespace weir::storage;
using namespace weir::test;
using weir::analytics::summary;

namespace {

constexpr auto time_min = std::numeric_limits<std::int64_t>::min();
constexpr auto time_max = std::numeric_limits<std::int64_t>::max();
constexpr auto width_ns = 10 * second_ns;

struct fixture {
  temp_directory directory;
  std::unique_ptr<store> uut = store::open({directory / "store", 64 << 20}, 1).value();
  std::uint64_t next_seq = 1;

  void add(const std::vector<summary>& summaries) {
    auto block = make_block(next_seq);
    block.records.summaries = summaries;
    REQUIRE(uut->commit({&block, 1}).value().outcomes[0].result
            == commit_result::stored);
    next_seq += summaries.size();
  }

  std::vector<summary> query(std::int64_t from, std::int64_t to,
                             std::size_t points_max = 1000) {
    return uut->query(1, from, to, points_max).value();
  }
};

} // namespace

TEST_CASE_METHOD(fixture, "a range is closed below and open above", "[query]") {
  add({make_summary(-width_ns, 1), make_summary(0, 2), make_summary(width_ns, 3)});
  CHECK(query(time_min, time_max).size() == 3);
  CHECK(query(-width_ns, width_ns).size() == 2);
  CHECK(query(1, width_ns).empty());
  CHECK(query(width_ns, width_ns).empty());
  CHECK(query(time_max, time_min).empty());
  CHECK(query(time_min, time_max)[0].start_ns == -width_ns);
  CHECK(uut->query(2, 0, 1, 1).error().code == errc::not_found);
}

TEST_CASE_METHOD(fixture, "windows of an older width stay to be seen", "[query]") {
  auto wide = make_summary(0, 1);
  wide.width_ns = 6 * width_ns;
  add({wide, make_summary(6 * width_ns, 2), make_summary(7 * width_ns, 3)});
  auto found = query(time_min, time_max);
  REQUIRE(found.size() == 3);
  CHECK(found[0] == [&] {
    auto x = wide;
    x.series = 1;
    return x;
  }());
  CHECK(found[2].sum == 3.0);
  CHECK(query(6 * width_ns, time_max).size() == 2);
  CHECK(query(0, 6 * width_ns).size() == 1);
  CHECK(uut->series(1).value().width_ns == width_ns);
}

TEST_CASE_METHOD(fixture,
                 "where coalesced and fine windows share a span they are one, and "
                 "every event is counted once",
                 "[query]") {
  auto coalesced = make_summary(0, 1);
  coalesced.width_ns = 10 * width_ns;
  coalesced.count = 70;
  coalesced.sum = 700.0;
  auto sent_early = make_summary(3 * width_ns, 500);
  sent_early.early = true;
  add({make_summary(-width_ns, 1), make_summary(0, 2), make_summary(width_ns, 3),
       sent_early, make_summary(10 * width_ns, 4), coalesced});
  auto found = query(time_min, time_max);
  REQUIRE(found.size() == 3);
  CHECK(found[1].start_ns == 0);
  CHECK(found[1].width_ns == 10 * width_ns);
  CHECK(found[1].count == 72);
  CHECK(found[1].sum == 705.0);
  CHECK(found[2].sum == 4.0);
  auto one = query(time_min, time_max, 1);
  REQUIRE(one.size() == 1);
  CHECK(one[0].count == 74);
  CHECK(one[0].width_ns == 12 * width_ns);
}

TEST_CASE_METHOD(fixture, "windows that end when they like are all given in order",
                 "[query]") {
  std::vector<summary> sessions;
  auto random = std::mt19937{1};
  std::int64_t time = 0;
  for (int i = 0; i < 500; ++i) {
    auto x = make_summary(time, i);
    x.width_ns = 1 + static_cast<std::int64_t>(random() % 1'000'000);
    time += x.width_ns + 1 + static_cast<std::int64_t>(random() % 1000);
    sessions.push_back(x);
  }
  add(sessions);
  auto found = query(time_min, time_max);
  REQUIRE(found.size() == sessions.size());
  for (std::size_t i = 0; i < found.size(); ++i)
    CHECK(found[i].sum == static_cast<double>(i));
  std::uint64_t count = 0;
  auto few = query(time_min, time_max, 20);
  CHECK(few.size() <= 20);
  for (const auto& x : few)
    count += x.count;
  CHECK(count == sessions.size());
}

TEST_CASE_METHOD(fixture, "buckets keep count, sum, minimum and maximum", "[query]") {
  auto seed = GENERATE(range(1u, 31u));
  INFO("seed " << seed);
  auto random = std::mt19937{seed};
  auto count = 2 + random() % 300;
  auto hole = 1 + random() % 5;
  std::vector<summary> points;
  auto time = -static_cast<std::int64_t>(random() % 1000) * width_ns;
  for (unsigned i = 0; i < count; ++i) {
    points.push_back(make_summary(time, static_cast<double>(random() % 1000)));
    time += width_ns * static_cast<std::int64_t>(1 + random() % hole);
  }
  add(points);
  auto points_max = 1 + random() % count;
  auto merged = query(time_min, time_max, points_max);
  CHECK(merged.size() <= points_max);
  std::size_t next = 0;
  for (const auto& bucket : merged) {
    auto expected = points[next];
    while (++next < points.size()
           && points[next].start_ns < bucket.start_ns + bucket.width_ns)
      weir::analytics::merge(expected, points[next]);
    CHECK(bucket.start_ns <= expected.start_ns);
    CHECK(bucket.width_ns % width_ns == 0);
    CHECK(bucket.count == expected.count);
    CHECK(bucket.sum == expected.sum);
    CHECK(bucket.min == expected.min);
    CHECK(bucket.max == expected.max);
    CHECK(bucket.first == expected.first);
    CHECK(bucket.last == expected.last);
    CHECK(bucket.width_ns == merged[0].width_ns);
  }
  CHECK(next == points.size());
}

TEST_CASE_METHOD(fixture, "few points in a long range are not merged", "[query]") {
  add({make_summary(0, 1), make_summary(1'000'000 * width_ns, 2)});
  CHECK(query(time_min, time_max, 2).size() == 2);
  auto one = query(time_min, time_max, 1);
  REQUIRE(one.size() == 1);
  CHECK(one[0].count == 2);
  CHECK(one[0].width_ns == 1'000'001 * width_ns);
  CHECK(query(time_min, time_max, 0).size() == 1);
}

TEST_CASE_METHOD(fixture, "buckets stay where they are when the range moves",
                 "[query]") {
  std::vector<summary> points;
  for (int i = 0; i < 400; ++i)
    points.push_back(make_summary(i * width_ns, i));
  add(points);
  auto before = query(0, 300 * width_ns, 30);
  auto after = query(3 * width_ns, 303 * width_ns, 30);
  REQUIRE(before.size() > 20);
  CHECK(before[5] == after[5]);
}

TEST_CASE_METHOD(fixture, "the ends of accepted time do not overflow", "[query]") {
  auto early = make_summary(-(std::int64_t{1} << 61), 1);
  auto late = make_summary(std::int64_t{1} << 62, 2);
  early.width_ns = late.width_ns = std::int64_t{1} << 55;
  auto middle = early;
  middle.start_ns = 0;
  add({early, middle, late});
  for (std::size_t points_max : {1u, 2u, 3u}) {
    auto found = query(time_min, time_max, points_max);
    CHECK(found.size() <= points_max);
    CHECK_FALSE(found.empty());
  }
}
