// Opening: the directory's mode, its lock, and what happens to damaged files.
#include "storage/database_directory.hpp"

#include "storage/outbox.hpp"
#include "storage/store.hpp"
#include "tests/storage/temp_directory.hpp"

#include <catch2/catch.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <string>

using namespace weir::storage;
namespace fs = std::filesystem;

namespace {

void write_file(const fs::path& file, const std::string& bytes) {
  std::ofstream{file, std::ios::binary} << bytes;
}

struct fixture {
  weir::test::temp_directory directory;
  outbox_config config{directory / "outbox"};
};

} // namespace

TEST_CASE_METHOD(fixture, "the directory is made for its owner only", "[storage]") {
  config.directory = directory / "a/b/outbox/";
  REQUIRE(outbox::open(config, 1));
  auto mode = fs::status(directory / "a/b/outbox").permissions();
  CHECK(mode == fs::perms::owner_all);
}

TEST_CASE_METHOD(fixture, "a directory that is in use is refused by name",
                 "[storage]") {
  auto first = outbox::open(config, 1);
  REQUIRE(first);
  auto second = outbox::open(config, 1);
  REQUIRE_FALSE(second);
  CHECK(second.error().code == errc::cannot_open);
  auto owner = "process " + std::to_string(::getpid());
  CHECK(second.error().message.find(owner) != std::string::npos);
  first->reset();
  CHECK(outbox::open(config, 1));
}

TEST_CASE_METHOD(fixture, "a second process is refused", "[storage]") {
  auto first = outbox::open(config, 1);
  REQUIRE(first);
  auto child = ::fork();
  if (child == 0) {
    auto opened = outbox::open(config, 1);
    ::_exit(!opened && opened.error().code == errc::cannot_open ? 7 : 1);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WEXITSTATUS(status) == 7);
}

TEST_CASE_METHOD(fixture, "what is not a directory cannot be opened", "[storage]") {
  write_file(directory / "outbox", "a file");
  auto opened = outbox::open(config, 1);
  REQUIRE_FALSE(opened);
  CHECK(opened.error().code == errc::cannot_open);
  CHECK(opened.error().message.find("not a directory") != std::string::npos);
  CHECK(outbox::open({}, 1).error().code == errc::cannot_open);
}

TEST_CASE_METHOD(fixture, "a damaged file is set aside under a free name",
                 "[storage]") {
  auto seconds_ns = std::int64_t{1'000'000'000};
  for (int round = 0; round < 3; ++round) {
    fs::create_directories(config.directory);
    write_file(config.directory / "data.mdb", std::string(10'000, 'z'));
    auto opened = outbox::open(config, 1700 * seconds_ns);
    REQUIRE(opened);
    CHECK((*opened)->was_damaged());
    auto block = new_block{"bytes", 1, block_priority::summary};
    CHECK((*opened)->commit({&block, 1}, nullptr));
  }
  CHECK(fs::file_size(directory / "outbox.damaged-1700/data.mdb") == 10'000);
  CHECK(fs::exists(directory / "outbox.damaged-1701/data.mdb"));
  CHECK(fs::exists(directory / "outbox.damaged-1702/data.mdb"));
}

TEST_CASE_METHOD(fixture, "a damaged store is set aside too", "[storage]") {
  store_config store_at{directory / "store"};
  fs::create_directories(store_at.directory);
  write_file(store_at.directory / "data.mdb", "short");
  auto opened = store::open(store_at, 0);
  REQUIRE(opened);
  CHECK((*opened)->was_damaged());
  CHECK((*opened)->positions().value().empty());
  CHECK(fs::exists(directory / "store.damaged-0/data.mdb"));
}

TEST_CASE_METHOD(fixture, "a damaged or missing lock file does no harm", "[storage]") {
  auto block = new_block{"bytes", 1, block_priority::summary};
  auto bytes
    = GENERATE(std::string{}, std::string(100, '\xff'), std::string(50'000, '\x7f'));
  REQUIRE(outbox::open(config, 1).value()->commit({&block, 1}, nullptr));
  write_file(config.directory / "lock.mdb", bytes);
  auto opened = outbox::open(config, 1);
  REQUIRE(opened);
  CHECK_FALSE((*opened)->was_damaged());
  CHECK((*opened)->stats().blocks == 1);
  CHECK((*opened)->commit({&block, 1}, nullptr));
}
