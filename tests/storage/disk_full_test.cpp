// A full disk: a small file system in memory is filled, then freed. Needs the
// right to mount; without it the tests say so and end.
#include "storage/outbox.hpp"
#include "storage/store.hpp"

#include "tests/storage/records.hpp"
#include "tests/storage/small_disk.hpp"
#include "tests/storage/temp_directory.hpp"

#include <catch2/catch.hpp>

#include <unistd.h>

#include <filesystem>
#include <string>

using namespace weir::storage;
using namespace weir::test;
namespace fs = std::filesystem;

TEST_CASE("on a full disk the outbox sheds its oldest, and goes on when there is space",
          "[disk]") {
  small_disk disk;
  if (!disk.mounted())
    return;
  auto config = outbox_config{disk.path() / "outbox", 64 << 20};
  auto uut = outbox::open(config, 1).value();
  CHECK(uut->stats().reserved_bytes > 0);
  auto block = new_block{std::string(20'000, 'd'), 1, block_priority::summary};
  for (int i = 0; i < 20; ++i)
    REQUIRE(uut->commit({&block, 1}, nullptr));
  disk.fill();
  for (int i = 0; i < 100; ++i) {
    INFO("commit " << i);
    auto done = uut->commit({&block, 1}, nullptr);
    REQUIRE(done);
  }
  auto stats = uut->stats();
  CHECK(stats.state == outbox_state::disk_full);
  CHECK(stats.shed_records > 50);
  CHECK(stats.expired_records == 0);
  CHECK(stats.records + stats.shed_records == 120);
  CHECK(stats.holes == 1);
  disk.free();
  CHECK(uut->commit({&block, 1}, nullptr).value() == stats.next_seq);
  CHECK(uut->stats().state == outbox_state::ok);
  CHECK(uut->stats().shed_records == stats.shed_records);
}

TEST_CASE("alerts alone on a full disk are an error until there is space again",
          "[disk]") {
  small_disk disk;
  if (!disk.mounted())
    return;
  auto config = outbox_config{disk.path() / "outbox", 64 << 20};
  auto uut = outbox::open(config, 1).value();
  auto block = new_block{std::string(20'000, 'd'), 1, block_priority::alert};
  for (int i = 0; i < 20; ++i)
    REQUIRE(uut->commit({&block, 1}, nullptr));
  disk.fill();
  auto failed = uut->commit({&block, 1}, nullptr);
  for (int i = 0; failed && i < 200; ++i)
    failed = uut->commit({&block, 1}, nullptr);
  REQUIRE_FALSE(failed);
  CHECK(failed.error().code == errc::disk_full);
  CHECK(failed.error().message.find("Free some space") != std::string::npos);
  auto stats = uut->stats();
  CHECK(stats.state == outbox_state::disk_full);
  CHECK(uut->read_after(0, ~std::size_t{0}).value().size() == stats.blocks);
  SECTION("what is acknowledged makes room, though the disk stays full") {
    REQUIRE(uut->acknowledge(stats.next_seq - 1));
    for (unsigned i = 0; i < 5; ++i) {
      auto done = uut->commit({&block, 1}, nullptr);
      INFO((done ? std::string{} : done.error().message));
      REQUIRE(done);
      CHECK(*done == stats.next_seq + i);
    }
  }
  SECTION("space on the disk makes room") {
    disk.free();
    CHECK(uut->commit({&block, 1}, nullptr).value() == stats.next_seq);
    CHECK(uut->acknowledge(stats.next_seq));
    uut.reset();
    CHECK(outbox::open(config, 1).value()->stats().acknowledged_seq == stats.next_seq);
  }
}

TEST_CASE("a read-only disk is an error of its own, and memory is offered instead",
          "[disk]") {
  small_disk disk;
  if (!disk.mounted())
    return;
  disk.make_read_only();
  auto config = outbox_config{disk.path() / "outbox", 1 << 20};
  auto opened = outbox::open(config, 1);
  REQUIRE_FALSE(opened);
  CHECK(opened.error().code == errc::read_only);
  CHECK(opened.error().message.find("mounted for writing") != std::string::npos);
  auto name = "weir-test-" + std::to_string(::getpid());
  auto memory = memory_directory(name);
  REQUIRE(memory);
  CHECK(memory->filename() == name);
  CHECK(memory_directory(name).value() == *memory); // Ours already.
  config.directory = *memory / "outbox";
  CHECK(outbox::open(config, 1));
  fs::permissions(*memory, fs::perms::all); // As somebody else's might be: not used.
  CHECK(memory_directory(name).value().filename() == name + "-1");
  fs::remove_all(*memory);
  fs::remove_all(memory->string() + "-1");
}

TEST_CASE("a full disk is reported, and the store goes on when there is space",
          "[disk]") {
  small_disk disk;
  if (!disk.mounted())
    return;
  auto config
    = store_config{.directory = disk.path() / "store", .size_bytes_max = 64 << 20};
  auto uut = store::open(config, 1).value();
  std::uint64_t next = 1;
  auto commit = [&] {
    auto block = make_block(next);
    for (unsigned i = 0; i < 500; ++i)
      block.records.summaries.push_back(
        make_summary(static_cast<std::int64_t>(next + i) * 10 * second_ns, 1.0));
    auto report = uut->commit({&block, 1});
    if (report)
      next += 500;
    return report;
  };
  REQUIRE(commit());
  disk.fill();
  auto failed = commit();
  for (int i = 0; failed && i < 100; ++i)
    failed = commit();
  REQUIRE_FALSE(failed);
  CHECK(failed.error().code == errc::disk_full);
  CHECK(uut->position("north", 7).value()->through_seq == next - 1);
  CHECK(uut->stats().summaries == next - 1);
  disk.free();
  REQUIRE(commit());
  CHECK(uut->stats().summaries == next - 1);
}

TEST_CASE("a start on a full disk is refused with the reason", "[disk]") {
  small_disk disk;
  if (!disk.mounted())
    return;
  auto config = outbox_config{disk.path() / "outbox", 1 << 20};
  disk.fill();
  auto opened = outbox::open(config, 1);
  REQUIRE_FALSE(opened);
  CHECK(opened.error().code == errc::disk_full);
  disk.free();
  CHECK(outbox::open(config, 1));
}
