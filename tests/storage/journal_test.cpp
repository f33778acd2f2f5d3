// JOURNAL: what was appended is there at the next start, in order, whatever the files
// have been through since.
#include "storage/journal.hpp"

#include "tests/storage/journal_fixture.hpp"

#include <catch2/catch.hpp>

#include <atomic>
#include <fstream>
#include <thread>

using namespace weir::storage;
using namespace weir::test;
namespace fs = std::filesystem;

TEST_CASE_METHOD(journal_fixture, "what was appended is replayed after a restart",
                 "[journal]") {
  auto uut = open();
  CHECK(uut->next_number() == 1);
  CHECK(uut->first_number() == 1);
  CHECK(replay(*uut).replayed == 0);
  std::string_view parts[] = {"one ", "", "record"};
  CHECK(uut->append(7, parts).value() == 1);
  CHECK(uut->append(8, {}).value() == 2);
  CHECK(uut->next_number() == 3);
  uut.reset();
  uut = open();
  CHECK(uut->next_number() == 3);
  CHECK(uut->first_number() == 1);
  auto report = replay(*uut);
  CHECK(report.replayed == 2);
  CHECK(report.missing == 0);
  REQUIRE(seen.size() == 2);
  CHECK(seen[0] == kept_record{1, 7, "one record"});
  CHECK(seen[1] == kept_record{2, 8, ""});
  CHECK(append(*uut, "third") == 3);
  uut = nullptr;
  uut = open();
  CHECK(replay(*uut, 3).replayed == 1);
  CHECK(seen.back().payload == "third");
}

TEST_CASE_METHOD(journal_fixture, "numbers and records go on over many segments",
                 "[journal]") {
  config.size_bytes_max = 8 * segment_bytes;
  auto uut = open();
  auto count = append_until(*uut, 3 * segment_bytes);
  CHECK(uut->stats().appended_records == count);
  uut.reset();
  uut = open();
  CHECK(uut->next_number() == count + 1);
  auto report = replay(*uut);
  CHECK(report.replayed == count);
  CHECK(report.missing == 0);
  CHECK(all_seen_are_right());
}

TEST_CASE_METHOD(journal_fixture, "a full journal says so, until a checkpoint frees it",
                 "[journal]") {
  auto uut = open();
  auto count = fill(*uut);
  auto files = files_bytes();
  CHECK(files == config.size_bytes_max);
  auto payload = payload_of(uut->next_number());
  std::string_view part = payload;
  for (int i = 0; i < 3; ++i) {
    auto refused = uut->append(1, {&part, 1});
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == errc::journal_full);
  }
  CHECK(uut->stats().refused_full == 4);
  CHECK(uut->next_number() == count + 1);
  CHECK(uut->stats().needed_bytes == config.size_bytes_max);
  uut->recycle(count + 1);
  CHECK(uut->stats().needed_bytes == 0);
  auto more = fill(*uut);
  CHECK(more > count);
  CHECK(files_bytes() == files);
  uut.reset();
  uut = open();
  CHECK(uut->next_number() == more + 1);
  auto report = replay(*uut, count + 1);
  CHECK(report.replayed == more - count);
  CHECK(report.missing == 0);
  CHECK(all_seen_are_right());
}

TEST_CASE_METHOD(journal_fixture, "a journal that was full when it ended opens again",
                 "[journal]") {
  auto count = fill(*open());
  auto uut = open();
  CHECK(replay(*uut).replayed == count);
  auto payload = payload_of(count + 1);
  std::string_view part = payload;
  CHECK_FALSE(uut->append(1, {&part, 1}));
  uut->recycle(uut->next_number());
  CHECK(append(*uut) == count + 1);
}

TEST_CASE_METHOD(
  journal_fixture,
  "records before the checkpoint stay readable until their place is taken",
  "[journal]") {
  auto uut = open();
  auto count = append_until(*uut, segment_bytes);
  uut->recycle(count + 1);
  CHECK(uut->first_number() == 1);
  uut = nullptr;
  uut = open();
  CHECK(uut->first_number() == 1);
  CHECK(replay(*uut, uut->first_number()).replayed == count);
  uut->recycle(uut->next_number());
  auto steps = 0;
  while (uut->first_number() == 1 && ++steps < 10'000) {
    append(*uut);
    uut->recycle(uut->next_number());
  }
  CHECK(uut->first_number() > 1);
  uut = nullptr;
  uut = open();
  seen.clear();
  auto first = uut->first_number();
  auto report = replay(*uut, 1);
  CHECK(report.missing == first - 1);
  CHECK(report.missing_first == 1);
  CHECK(report.missing_last == first - 1);
  CHECK(all_seen_are_right());
}

TEST_CASE_METHOD(journal_fixture,
                 "a journal that was lost goes on behind the checkpoint", "[journal]") {
  auto uut = open();
  append(*uut);
  uut = nullptr;
  fs::remove_all(config.directory);
  uut = open();
  uut->skip_to(500);
  CHECK(uut->next_number() == 500);
  CHECK(replay(*uut, 500).missing == 0);
  CHECK(append(*uut) == 500);
  uut->skip_to(3);
  CHECK(uut->next_number() == 501);
  uut = nullptr;
  uut = open();
  CHECK(uut->first_number() == 500);
  CHECK(uut->next_number() == 501);
}

TEST_CASE_METHOD(journal_fixture, "a fresh segment alone keeps the number",
                 "[journal]") {
  auto uut = open();
  uut->skip_to(77);
  append(*uut);
  REQUIRE(uut->sync()); // Gets a segment ready.
  for (const auto& file : segment_files())
    if (file_holds(file, payload_of(77)))
      fs::remove(file);
  uut = nullptr;
  uut = open();
  CHECK(uut->next_number() == 78);
  CHECK(replay(*uut, 77).missing == 1);
}

TEST_CASE_METHOD(journal_fixture, "a record larger than a segment is refused alone",
                 "[journal]") {
  auto uut = open();
  auto largest = std::string(uut->record_bytes_max(), 'l');
  auto larger = largest + 'l';
  std::string_view part = larger;
  CHECK(uut->append(1, {&part, 1}).error().code == errc::malformed);
  part = largest;
  CHECK(uut->append(1, {&part, 1}).value() == 1);
  CHECK(append(*uut) == 2);
  uut = nullptr;
  uut = open();
  CHECK(replay(*uut).replayed == 2);
  CHECK(seen[0].payload == largest);
}

TEST_CASE_METHOD(journal_fixture, "a journal is for one process at a time",
                 "[journal]") {
  auto uut = open();
  auto second = journal::open(config, 1);
  REQUIRE_FALSE(second);
  CHECK(second.error().code == errc::cannot_open);
  CHECK(second.error().message.find("is in use by process") != std::string::npos);
}

TEST_CASE_METHOD(journal_fixture, "a journal takes over files of another size",
                 "[journal]") {
  config.size_bytes_max = 8 * segment_bytes;
  auto uut = open();
  auto count = append_until(*uut, 3 * segment_bytes);
  uut = nullptr;
  config.segment_bytes = 2 * segment_bytes;
  config.size_bytes_max = 4 * segment_bytes;
  uut = open();
  CHECK(replay(*uut).replayed == count);
  uut->recycle(count + 1); // All of the smaller budget is in use.
  auto end = append(*uut, std::string(segment_bytes + 100, 'w'));
  CHECK(end == count + 1);
  for (int i = 0; i < 1000; ++i) {
    append(*uut);
    uut->recycle(uut->next_number());
  }
  CHECK(files_bytes() == config.size_bytes_max);
  uut = nullptr;
  uut = open();
  CHECK(uut->next_number() == end + 1001);
  CHECK(replay(*uut, end + 1001).missing == 0);
}

TEST_CASE_METHOD(journal_fixture, "sync says what is on the disk", "[journal]") {
  auto uut = open();
  append(*uut);
  append(*uut);
  CHECK(uut->stats().synced_number == 0);
  REQUIRE(uut->sync());
  CHECK(uut->stats().synced_number == 2);
  CHECK(uut->stats().syncs == 1);
  REQUIRE(uut->sync());
  CHECK(uut->stats().syncs == 1); // Nothing new.
  uut = nullptr;
  config.sync_each_append = true;
  uut = open();
  append(*uut);
  CHECK(uut->stats().synced_number == 3);
}

TEST_CASE_METHOD(journal_fixture,
                 "threads append, sync and recycle at once without losing a record",
                 "[journal]") {
  config.sync_each_append = GENERATE(false, true);
  config.size_bytes_max = 16 * segment_bytes; // What is needed fills 3 at most.
  auto uut = open();
  std::atomic<bool> ends = false;
  std::atomic<std::uint64_t> appended = 0;
  auto syncer = std::thread{[&] {
    while (!ends)
      if (!uut->sync())
        ends = true;
  }};
  auto writers = std::vector<std::thread>{};
  for (int i = 0; i < 3; ++i)
    writers.emplace_back([&, i] {
      auto payload = std::string(100, static_cast<char>('a' + i));
      std::string_view part = payload;
      for (int k = 0; k < 2000 && !ends;) {
        auto number = uut->append(static_cast<std::uint8_t>(i), {&part, 1});
        if (number) {
          ++k;
          ++appended;
          if (*number > 200)
            uut->recycle(*number - 200); // Others are less than that behind.
        } else {
          std::this_thread::yield(); // Full until the others have gone on.
        }
      }
    });
  for (auto& x : writers)
    x.join();
  ends = true;
  syncer.join();
  CHECK(appended == 6000);
  CHECK(uut->next_number() == appended + 1);
  REQUIRE(uut->sync());
  CHECK(uut->stats().synced_number == appended);
  uut = nullptr;
  uut = open();
  auto report = replay(*uut, 6000 - 200);
  CHECK(report.replayed == 201);
  CHECK(report.missing == 0);
  for (const auto& x : seen)
    CHECK(x.payload == std::string(100, static_cast<char>('a' + x.kind)));
}
