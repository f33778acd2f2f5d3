// An edge that is restored from a backup meets its centre again: the edge's outbox and
// session and the centre's store together, without sockets, threads or time.
#include "tests/actors/edge_and_centre.hpp"

#include <catch2/catch.hpp>

#include <filesystem>
#include <optional>
#include <random>

using namespace weir;
using namespace weir::test;

namespace {

struct fixture {
  temp_directory directory;
  window_source windows;
  centre to{directory / "store"};

  void copy(const char* from, const char* into) {
    fs::remove_all(directory / into);
    fs::copy(directory / from, directory / into);
  }
};

} // namespace

TEST_CASE_METHOD(fixture,
                 "an edge restored from an old backup loses nothing, however many "
                 "records it makes before it meets the centre",
                 "[restored]") {
  auto waits_in_backup = GENERATE(0, 10);
  std::uint64_t old_epoch = 0;
  {
    auto original = edge{directory / "original", windows};
    old_epoch = original.box->epoch();
    original.connect(to);
    original.make(2, 10); // Numbers 1 to 20.
    original.disconnect();
    original.make(1, waits_in_backup);
  }
  copy("original", "restored");
  {
    auto original = edge{directory / "original", windows};
    original.connect(to);
    original.make(3, 10);
    CHECK(original.renewals == 0);
    CHECK(original.box->stats().blocks == 0);
  }
  auto before = 50 + waits_in_backup;
  REQUIRE(to.stored() == centre::contents{before, before});

  auto made = GENERATE(0, 1, 29, 30, 31, 100);
  INFO(made << " made after the restoration");
  {
    auto restored = edge{directory / "restored", windows};
    restored.make(1, made / 2);
  }
  auto restored = edge{directory / "restored", windows};
  restored.make(1, made - made / 2);
  restored.connect(to);
  CHECK(restored.renewals == 1);
  CHECK(restored.box->epoch() != old_epoch);
  CHECK(restored.box->stats().blocks == 0);
  CHECK(to.stored() == centre::contents{windows.made, windows.made});
  CHECK(windows.made == before + made);
  restored.make(1, 3); // And goes on.
  CHECK(to.stored() == centre::contents{windows.made, windows.made});

  auto old = to.store->position(name, old_epoch).value();
  CHECK(old->behind_seq >= 20);
  CHECK(old->behind_seq <= 20u + static_cast<unsigned>(waits_in_backup));
  CHECK(old->missing() == 0);
  CHECK(old->records_duplicate == 0);
  auto events = to.store->ledger_events(name).value();
  REQUIRE(events.size() == 1);
  CHECK(events[0].cause == storage::epoch_cause::renewed);
}

TEST_CASE_METHOD(fixture,
                 "a backlog that was in the backup, and not yet at the centre, "
                 "is sent by the restored edge",
                 "[restored]") {
  {
    auto original = edge{directory / "original", windows};
    original.connect(to);
    original.make(1, 20);
  }
  {
    auto original = edge{directory / "original", windows};
    original.make(600, 2);
    copy("original", "restored");
    original.loses_main_lane = true;
    original.connect(to);
    original.make(1, 5); // They arrive before the backlog.
    REQUIRE(to.position(original.box->epoch()) == uplink_position{20, 1221, 1225});
  }
  auto restored = edge{directory / "restored", windows};
  restored.make(1, 50);
  restored.connect(to);
  CHECK(restored.renewals == 1);
  CHECK(restored.box->stats().blocks == 0);
  CHECK(to.stored() == centre::contents{windows.made, windows.made});
}

// Nobody can know whether they were made before the backup or after the restoration.
TEST_CASE_METHOD(fixture,
                 "what was in the backup from a life that never met the centre is sent "
                 "once more rather than lost",
                 "[restored]") {
  {
    auto original = edge{directory / "original", windows};
    original.connect(to);
    original.make(1, 20);
  }
  {
    auto original = edge{directory / "original", windows};
    original.make(1, 10);
    copy("original", "restored");
    original.connect(to);
    original.make(1, 5);
  }
  auto restored = edge{directory / "restored", windows};
  restored.make(1, 50);
  restored.connect(to);
  CHECK(restored.renewals == 1);
  CHECK(to.stored() == centre::contents{windows.made, windows.made + 10});
}

TEST_CASE_METHOD(fixture,
                 "an edge that is killed again and again is not taken for a "
                 "restored one",
                 "[restored]") {
  auto random = std::mt19937{7};
  auto life = std::make_optional<edge>(directory / "a", windows);
  auto epoch = life->box->epoch();
  for (int i = 0; i < 60; ++i) {
    life->batches_left = static_cast<int>(random() % 4);
    if (random() % 4 != 0)
      life->connect(to);
    life->make(static_cast<int>(1 + random() % 400), static_cast<int>(random() % 6));
    copy("a", "b"); // What a kill leaves: nothing is closed.
    CHECK(life->renewals == 0);
    life.reset();
    copy("b", "a");
    life.emplace(directory / "a", windows);
  }
  life->connect(to);
  CHECK(life->renewals == 0);
  CHECK(life->box->epoch() == epoch);
  CHECK(life->box->stats().blocks == 0);
  CHECK(to.stored() == centre::contents{windows.made, windows.made});
  CHECK(to.store->position(name, epoch).value()->behind_seq == 0);
}
