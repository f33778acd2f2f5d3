// A full disk: a small file system in memory is filled, then freed. Needs the
// right to mount; without it the tests say so and end.
#include "storage/outbox.hpp"
#include "storage/store.hpp"

#include "tests/storage/records.hpp"
#include "tests/storage/temp_directory.hpp"

#include <catch2/catch.hpp>

#include <sys/mount.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>

using namespace weir::storage;
using namespace weir::test;
namespace fs = std::filesystem;

namespace {

class small_disk {
public:
  small_disk() {
    fs::create_directory(path());
    mounted_ = ::mount("weir-test", path().c_str(), "tmpfs", 0, "size=3m") == 0;
    if (!mounted_)
      WARN("skipped: mounting a small file system is not permitted here ("
           << std::strerror(errno) << ")");
  }
  ~small_disk() {
    if (mounted_)
      ::umount(path().c_str());
  }

  fs::path path() const {
    return directory_ / "disk";
  }
  bool mounted() const {
    return mounted_;
  }

  /// Leaves no byte free.
  void fill() const {
    std::ofstream file{path() / "filler", std::ios::binary};
    auto chunk = std::string(4096, 'f');
    while (file.write(chunk.data(), 4096).flush())
      continue;
  }
  void free() const {
    fs::remove(path() / "filler");
  }

private:
  temp_directory directory_;
  bool mounted_ = false;
};

} // namespace

TEST_CASE("a full disk is reported, and the outbox goes on when there is space",
          "[disk]") {
  small_disk disk;
  if (!disk.mounted())
    return;
  auto config = outbox_config{disk.path() / "outbox", 64 << 20};
  auto uut = outbox::open(config, 1).value();
  auto block = new_block{std::string(20'000, 'd'), 1, block_priority::summary};
  REQUIRE(uut->append({&block, 1}));
  disk.fill();
  auto failed = uut->append({&block, 1});
  for (int i = 0; failed && i < 100; ++i)
    failed = uut->append({&block, 1});
  REQUIRE_FALSE(failed);
  CHECK(failed.error().code == errc::disk_full);
  CHECK(failed.error().message.find("Free some space") != std::string::npos);
  auto stats = uut->stats();
  auto waiting = uut->read_after(0, ~std::size_t{0}).value();
  CHECK(waiting.size() == stats.blocks);
  disk.free();
  CHECK(uut->append({&block, 1}).value() == stats.next_seq);
  CHECK(uut->acknowledge(stats.next_seq));
  uut.reset();
  CHECK(outbox::open(config, 1).value()->stats().acknowledged_seq == stats.next_seq);
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
