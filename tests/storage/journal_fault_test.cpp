// JOURNAL: disks that fail, fill up and come back, and processes that are killed.
#include "storage/failpoint.hpp"
#include "storage/journal.hpp"

#include "tests/storage/journal_fixture.hpp"
#include "tests/storage/small_disk.hpp"
#include "tests/support/write_recorder.hpp"

#include <catch2/catch.hpp>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <random>
#include <string>

using namespace weir::storage;
using namespace weir::test;

namespace {

struct fault_fixture : journal_fixture {
  weir::expected<std::uint64_t, error> try_append(journal& to) {
    auto payload = payload_of(to.next_number());
    std::string_view part = payload;
    return to.append(1, {&part, 1});
  }

  /// Numbers without a gap, and nothing damaged.
  void check_whole(std::uint64_t last) {
    auto uut = open();
    CHECK(uut->stats().damaged_regions == 0);
    CHECK(uut->stats().segments_set_aside == 0);
    CHECK(uut->next_number() == last + 1);
    auto report = replay(*uut);
    CHECK(report.replayed == last);
    CHECK(report.missing == 0);
    CHECK(all_seen_are_right());
  }
};

} // namespace

TEST_CASE_METHOD(fault_fixture, "a write that fails is told, and the next one works",
                 "[journal]") {
  auto uut = open();
  for (int i = 0; i < 10; ++i)
    append(*uut);
  write_recorder recorder{config.directory};
  auto code = GENERATE(ENOSPC, EIO, EROFS);
  auto half = GENERATE(false, true);
  fail_writes({.code = code, .short_first = half});
  auto failed = try_append(*uut);
  REQUIRE_FALSE(failed);
  CHECK(failed.error().code
        == (code == ENOSPC  ? errc::disk_full
            : code == EROFS ? errc::read_only
                            : errc::io));
  CHECK(uut->stats().write_errors == 1);
  CHECK(uut->next_number() == 11);
  CHECK(append(*uut) == 11);
  CHECK(append(*uut) == 12);
  uut = nullptr;
  check_whole(12);
}

TEST_CASE_METHOD(fault_fixture,
                 "a disk that fails for long is used again when it works",
                 "[journal]") {
  auto uut = open();
  for (int i = 0; i < 10; ++i)
    append(*uut);
  write_recorder recorder{config.directory};
  fail_writes({.code = EIO, .times = 1000});
  for (int i = 0; i < 100; ++i)
    REQUIRE_FALSE(try_append(*uut));
  fail_writes({});
  for (int i = 0; i < 10; ++i)
    append(*uut);
  uut = nullptr;
  check_whole(20);
}

TEST_CASE_METHOD(fault_fixture, "failing writes at any place lose no confirmed record",
                 "[journal]") {
  config.size_bytes_max = 16 * segment_bytes;
  auto uut = open();
  write_recorder recorder{config.directory};
  std::mt19937 random{4711};
  int failed = 0;
  for (int i = 0; i < 600; ++i) {
    if (random() % 10 == 0)
      fail_writes({.code = random() % 2 == 0 ? EIO : ENOSPC,
                   .passes = static_cast<int>(random() % 5),
                   .times = static_cast<int>(1 + random() % 3),
                   .short_first = random() % 2 == 0});
    if (random() % 15 == 0)
      static_cast<void>(uut->sync()); // Its header may be what fails.
    failed += try_append(*uut) ? 0 : 1;
  }
  CHECK(failed > 20);
  auto last = uut->next_number() - 1;
  CHECK(last == 600u - static_cast<unsigned>(failed));
  uut = nullptr;
  check_whole(last);
}

TEST_CASE_METHOD(fault_fixture,
                 "after a sync that failed nothing counts as synced until a checkpoint",
                 "[journal]") {
  auto uut = open();
  append(*uut);
  REQUIRE(uut->sync());
  append(*uut);
  write_recorder recorder{config.directory};
  fail_syncs({.code = EIO});
  auto failed = uut->sync();
  REQUIRE_FALSE(failed);
  CHECK(failed.error().code == errc::io);
  CHECK(uut->stats().sync_errors == 1);
  append(*uut);
  failed = uut->sync();
  REQUIRE_FALSE(failed);
  CHECK(failed.error().message.find("checkpoint") != std::string::npos);
  CHECK(uut->stats().synced_number == 1);
  uut->recycle(3);
  CHECK(uut->sync());
  CHECK(uut->stats().synced_number == 3);
}

TEST_CASE_METHOD(fault_fixture, "a disk that fills up later does not stop the journal",
                 "[journal][disk]") {
  small_disk disk;
  if (!disk.mounted())
    return;
  config.directory = disk.path() / "journal";
  auto uut = open();
  append(*uut);
  disk.fill();
  for (int i = 0; i < 2000; ++i) {
    append(*uut);
    uut->recycle(uut->next_number() - 20);
    if (i % 10 == 0)
      REQUIRE(uut->sync());
  }
  uut = nullptr;
  uut = open();
  CHECK(uut->next_number() == 2002);
  CHECK(replay(*uut, 1980).missing == 0);
}

TEST_CASE_METHOD(fault_fixture, "a disk that is not mounted for writing is told",
                 "[journal][disk]") {
  small_disk disk;
  if (!disk.mounted())
    return;
  config.directory = disk.path() / "journal";
  append(*open());
  disk.make_read_only();
  auto opened = journal::open(config, 1);
  REQUIRE_FALSE(opened);
  CHECK(opened.error().code == errc::read_only);
  CHECK(opened.error().message.find("mounted for writing") != std::string::npos);
  config.directory = disk.path() / "new";
  CHECK(journal::open(config, 1).error().code == errc::read_only);
}

TEST_CASE_METHOD(fault_fixture,
                 "a nearly full disk gives a smaller journal, which grows",
                 "[journal][disk]") {
  small_disk disk;
  if (!disk.mounted())
    return;
  config = {.directory = disk.path() / "journal",
            .size_bytes_max = 4 << 20,
            .segment_bytes = 512 << 10};
  disk.fill();
  auto none = journal::open(config, 1);
  REQUIRE_FALSE(none);
  CHECK(none.error().code == errc::disk_full);
  disk.free();
  auto uut = open(); // 3 MB are less than it wants.
  CHECK(uut->stats().size_bytes < config.size_bytes_max);
  CHECK(uut->stats().size_bytes >= 2 * config.segment_bytes);
  auto payload = std::string(100'000, 'p');
  std::string_view part = payload;
  auto result = uut->append(1, {&part, 1});
  for (int i = 0; result && i < 100; ++i)
    result = uut->append(1, {&part, 1});
  REQUIRE_FALSE(result);
  CHECK(result.error().code == errc::disk_full);
  uut->recycle(uut->next_number());
  CHECK(uut->append(1, {&part, 1}));
}

TEST_CASE_METHOD(fault_fixture,
                 "a process killed at any failpoint keeps what it confirmed",
                 "[journal][failpoint]") {
  config.size_bytes_max = 6 * segment_bytes;
  for (auto name : failpoint_names) {
    if (!name.starts_with("journal."))
      continue;
    for (int pass : {1, 2, 5}) {
      CAPTURE(name, pass);
      std::filesystem::remove_all(config.directory);
      int ends[2] = {-1, -1};
      REQUIRE(::pipe(ends) == 0);
      auto child = ::fork();
      if (child == 0) {
        if (!set_failpoint(std::string{name} + ':' + std::to_string(pass)))
          ::_exit(1);
        auto uut = open();
        for (std::uint64_t n = 1; n < 10'000; ++n) {
          append(*uut);
          if (::write(ends[1], &n, sizeof(n)) != sizeof(n))
            ::_exit(3);
          if (n % 10 == 0 && !uut->sync())
            ::_exit(4);
          if (n > 50)
            uut->recycle(n - 50);
        }
        ::_exit(0);
      }
      ::close(ends[1]);
      std::uint64_t confirmed = 0;
      for (std::uint64_t n = 0; ::read(ends[0], &n, sizeof(n)) == sizeof(n);)
        confirmed = n;
      ::close(ends[0]);
      int status = 0;
      ::waitpid(child, &status, 0);
      REQUIRE(WIFEXITED(status));
      CHECK(WEXITSTATUS(status) == failpoint_exit_code);
      auto uut = open();
      CHECK(uut->stats().damaged_regions == 0);
      CHECK(uut->stats().torn_tails == 0);
      CHECK(uut->next_number() >= confirmed + 1);
      CHECK(uut->next_number() <= confirmed + 2);
      auto from = confirmed > 50 ? confirmed - 50 : 1;
      CHECK(replay(*uut, from).missing == 0);
      CHECK(all_seen_are_right());
    }
  }
}
