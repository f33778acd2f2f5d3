// The rules of an edge's numbering: order, the live lane, gaps.
#include "storage/store_position.hpp"

#include <catch2/catch.hpp>

#include <limits>
#include <random>
#include <set>

using namespace weir::storage;

namespace {

struct fixture {
  edge_position position;

  commit_result in_order(std::uint64_t first, std::uint64_t last) {
    return place(position, {first, last}, false).result;
  }
  commit_result live(std::uint64_t first, std::uint64_t last) {
    return place(position, {first, last}, true).result;
  }
  bool stands_at(std::uint64_t through, std::uint64_t first = 0,
                 std::uint64_t lane_through = 0) const {
    return position.through_seq == through && position.lane_first == first
           && position.lane_through == lane_through;
  }
};

} // namespace

using enum commit_result;

TEST_CASE_METHOD(fixture, "in order, what continues is taken and a gap is refused",
                 "[store]") {
  CHECK(in_order(1, 3) == stored);
  CHECK(in_order(5, 6) == gap);
  CHECK(in_order(2, 3) == duplicate);
  CHECK(in_order(2, 4) == stored);
  CHECK(stands_at(4));
  CHECK(in_order(std::numeric_limits<std::uint64_t>::max() - 2,
                 std::numeric_limits<std::uint64_t>::max() - 1)
        == gap);
}

TEST_CASE_METHOD(fixture, "a live block opens one lane, which ends when the rest came",
                 "[store]") {
  CHECK(in_order(1, 3) == stored);
  CHECK(live(10, 12) == stored);
  CHECK(stands_at(3, 10, 12));
  CHECK(live(14, 15) == gap);
  CHECK(live(20, 21) == gap); // Only one lane.
  CHECK(live(8, 9) == gap);
  CHECK(live(13, 14) == stored);
  CHECK(live(11, 14) == duplicate);
  CHECK(in_order(12, 13) == duplicate);
  CHECK(in_order(15, 16) == gap);
  CHECK(in_order(4, 8) == stored);
  CHECK(stands_at(8, 10, 14));
  CHECK(in_order(9, 9) == stored);
  CHECK(stands_at(14));
  CHECK(live(15, 15) == stored);
  CHECK(stands_at(15));
}

TEST_CASE_METHOD(fixture,
                 "a block that reaches into the lane or over it gives the rest",
                 "[store]") {
  CHECK(live(10, 12) == stored);
  auto over = place(position, {1, 20}, false);
  CHECK(over.result == stored);
  REQUIRE(over.fresh_count == 2);
  CHECK(over.fresh[0] == seq_range{1, 9});
  CHECK(over.fresh[1] == seq_range{13, 20});
  CHECK(over.is_new(9));
  CHECK_FALSE(over.is_new(10));
  CHECK(over.new_numbers() == 17);
  CHECK(stands_at(20));
}

TEST_CASE_METHOD(fixture, "a live block at the position opens no lane", "[store]") {
  CHECK(live(1, 2) == stored);
  CHECK(live(3, 4) == stored);
  CHECK(stands_at(4));
}

TEST_CASE("whatever comes, each number is new once and the position is what came",
          "[store]") {
  for (unsigned seed = 1; seed <= 300; ++seed) {
    INFO("seed " << seed);
    auto random = std::mt19937{seed};
    edge_position position;
    std::set<std::uint64_t> came;
    for (int i = 0; i < 200; ++i) {
      auto first = 1 + random() % 60;
      auto range = seq_range{first, first + random() % 6};
      auto placed = place(position, range, random() % 2 == 0);
      std::uint64_t fresh = 0;
      for (auto seq = range.first; seq <= range.last; ++seq)
        if (placed.is_new(seq)) {
          CHECK(came.insert(seq).second);
          ++fresh;
        } else if (placed.result != gap) {
          CHECK(came.count(seq) == 1);
        }
      CHECK(fresh == placed.new_numbers());
      CHECK((placed.result == stored) == (fresh != 0));
      CHECK(position.covered() == came.size());
      CHECK(came.count(position.through_seq + 1) == 0);
      CHECK(
        (position.lane_first == 0 || position.lane_first > position.through_seq + 1));
    }
  }
}
