// A centre that is set back to a backup meets its edge again: both go on, what the edge
// had let go stands in the ledger, nothing is doubled.
#include "tests/actors/edge_and_centre.hpp"

#include <catch2/catch.hpp>

#include <filesystem>
#include <optional>

using namespace weir;
using namespace weir::test;

namespace {

struct fixture {
  temp_directory directory;
  window_source windows;
  std::optional<centre> to{std::in_place, directory / "store"};
  edge from{directory / "edge", windows};

  /// A backup is the state of one commit: a copy of the folder while nothing commits.
  void back_up() {
    to.reset();
    fs::copy(directory / "store", directory / "backup");
    to.emplace(directory / "store");
  }

  void restore() {
    from.disconnect();
    to.reset();
    fs::remove_all(directory / "store");
    fs::copy(directory / "backup", directory / "store");
    to.emplace(directory / "store");
    to->time_ns = 1'000;
  }

  storage::epoch_ledger ledger() const {
    auto epochs = to->store->ledger(name).value();
    REQUIRE(epochs.size() == 1); // Nobody counts anew.
    return epochs[0];
  }

  /// Everything that was made is in the store once, but what was lost; the books say it.
  void check(int lost) {
    auto stored = windows.made - lost;
    CHECK(to->stored() == centre::contents{stored, stored});
    auto books = ledger();
    CHECK(books.violation.empty());
    CHECK(books.position.records_expired == static_cast<std::uint64_t>(lost));
    CHECK(books.position.records_stored == static_cast<std::uint64_t>(stored));
    CHECK(books.position.missing() == 0);
    CHECK(from.given_up == static_cast<std::uint64_t>(lost));
    CHECK(from.renewals == 0);
    CHECK(from.box->stats().blocks == 0);
  }
};

} // namespace

TEST_CASE_METHOD(fixture,
                 "what came after the backup and was let go is expired in the ledger",
                 "[restored]") {
  from.connect(*to);
  from.make(2, 10); // Numbers 1 to 20.
  from.disconnect();
  back_up();
  from.connect(*to);
  from.make(3, 10); // 21 to 50: acknowledged, so the edge has let them go.
  restore();
  SECTION("the edge has nothing else yet: then it is missing until it has") {
    from.connect(*to);
    CHECK(ledger().position.missing() == 30);
    CHECK(to->stored() == centre::contents{20, 20});
    from.make(1, 5);
  }
  SECTION("the edge has a backlog") {
    from.make(1, 5);
    from.connect(*to);
  }
  SECTION("the edge has so much that it sends what is new before it") {
    from.make(600, 3);
    from.connect(*to);
    from.make(1, 5);
  }
  check(30);
  auto ranges = ledger().ranges; // Newest first.
  REQUIRE(ranges.size() == 3);
  CHECK(ranges[1].fate == storage::range_fate::expired);
  CHECK(ranges[1].first_seq == 21);
  CHECK(ranges[1].last_seq == 50);
}

TEST_CASE_METHOD(fixture, "what the edge still has is sent again, and not lost",
                 "[restored]") {
  from.connect(*to);
  from.make(1, 10);
  from.disconnect();
  back_up();
  from.connect(*to);
  from.batches_left = 0; // Nothing arrives any more.
  from.make(1, 10);
  from.batches_left = 1'000'000;
  restore();
  from.connect(*to);
  from.make(1, 1);
  check(0);
}

TEST_CASE_METHOD(fixture,
                 "a backup that was made in the middle of a backlog is taken up",
                 "[restored]") {
  from.connect(*to);
  from.make(1, 20);
  from.disconnect();
  from.make(600, 2);
  from.loses_main_lane = true;
  from.connect(*to);
  from.make(1, 5); // In the lane, before the backlog.
  REQUIRE(to->position(from.box->epoch()) == uplink_position{20, 1221, 1225});
  from.disconnect();
  back_up();
  from.loses_main_lane = false;
  from.connect(*to); // The backlog arrives, all is let go.
  from.make(1, 3);
  REQUIRE(to->position(from.box->epoch()).through_seq == 1228);
  restore();
  from.connect(*to);
  from.make(1, 2);
  check(1203); // The backlog and the three.
}

TEST_CASE_METHOD(fixture, "a centre may be restored again and again", "[restored]") {
  from.connect(*to);
  from.make(1, 10);
  from.disconnect();
  back_up();
  for (int i = 0; i < 3; ++i) {
    from.connect(*to);
    from.make(1, 4);
    restore();
  }
  from.given_up = 0; // Each time anew: what the centre was told is gone with it.
  from.connect(*to);
  from.make(1, 1);
  check(12);
}
