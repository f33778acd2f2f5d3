// From which number on nothing has ever left the database: by that a centre knows a
// restored copy from the database itself.
#include "storage/failpoint.hpp"
#include "storage/outbox.hpp"

#include "tests/storage/temp_directory.hpp"
#include "tests/support/write_recorder.hpp"

#include <catch2/catch.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <memory>
#include <string>

using namespace weir::storage;
using namespace weir::test;
namespace fs = std::filesystem;

namespace {

void append(outbox& box, std::uint32_t count) {
  auto block = new_block{std::string(100, 'b'), count};
  if (!box.commit({&block, 1}, nullptr))
    throw std::runtime_error("not committed");
}

/// The last number of what a reader gets, 0: nothing.
std::uint64_t read(outbox& box, std::uint64_t after_seq, std::size_t size_bytes_max) {
  auto entries = box.read_after(after_seq, size_bytes_max);
  return !entries || entries->empty() ? 0 : last_seq_of(entries->back());
}

struct fixture {
  temp_directory directory;
  outbox_config config{directory / "outbox", 1600}; // Marks run 100 bytes ahead.
  std::unique_ptr<outbox> uut = outbox::open(config, 1).value();

  std::uint64_t unsent() const {
    return uut->stats().unsent_seq;
  }

  /// As it stands in the files, without closing.
  std::uint64_t stored_unsent() const {
    fs::remove_all(directory / "copy");
    fs::copy(config.directory, directory / "copy");
    return outbox::open({directory / "copy", 1600}, 1).value()->stats().unsent_seq;
  }

  /// A process that does `what` with a copy and dies at the failpoint; what it leaves.
  template <class What>
  std::uint64_t unsent_after_death(const std::string& point, What what) {
    auto victim = outbox_config{directory / "victim", 1600};
    uut.reset();
    fs::remove_all(victim.directory);
    fs::copy(config.directory, victim.directory);
    auto child = ::fork();
    if (child == 0) {
      {
        auto box = outbox::open(victim, 1);
        if (!box)
          ::_exit(1);
        what(**box, point);
      }
      ::_exit(0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    REQUIRE(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == failpoint_exit_code);
    return outbox::open(victim, 1).value()->stats().unsent_seq;
  }
};

} // namespace

TEST_CASE_METHOD(fixture, "what nobody has read was never sent", "[unsent]") {
  CHECK(unsent() == 1);
  append(*uut, 10);
  append(*uut, 10);
  CHECK(unsent() == 1);
  CHECK(stored_unsent() == 1);
  uut.reset();
  uut = outbox::open(config, 1).value();
  CHECK(uut->stats().next_seq == 21);
  CHECK(unsent() == 1);
}

TEST_CASE_METHOD(fixture, "what a reader gets is marked in the files before",
                 "[unsent]") {
  for (int i = 0; i < 5; ++i)
    append(*uut, 10);
  CHECK(read(*uut, 0, 1) == 10);
  CHECK(unsent() == 21); // The mark runs ahead, but never above what there is.
  CHECK(stored_unsent() == 21);
  CHECK(read(*uut, 10, 10'000) == 50);
  CHECK(unsent() == 51);
  CHECK(stored_unsent() == 51);
  append(*uut, 3); // The reader takes it at once: marked with its commit.
  CHECK(unsent() == 54);
  CHECK(stored_unsent() == 54);
  append(*uut, 3); // Nobody came for the last one.
  CHECK(unsent() == 54);
  CHECK(stored_unsent() == 54);
}

TEST_CASE_METHOD(fixture, "what is acknowledged stays sent", "[unsent]") {
  append(*uut, 10);
  append(*uut, 10);
  append(*uut, 10);
  CHECK(read(*uut, 20, 1) == 30); // The live lane.
  REQUIRE(uut->acknowledge(0, 21, 30));
  append(*uut, 10);
  uut.reset();
  uut = outbox::open(config, 1).value();
  CHECK(unsent() >= 31);
  REQUIRE(uut->acknowledge(30));
  uut.reset();
  uut = outbox::open(config, 1).value();
  CHECK(unsent() >= 31);
  CHECK(unsent() <= uut->stats().next_seq);
}

TEST_CASE_METHOD(fixture, "a new epoch has sent nothing", "[unsent]") {
  append(*uut, 10);
  append(*uut, 10);
  CHECK(read(*uut, 0, 1000) == 20);
  REQUIRE(uut->renew_epoch(50));
  CHECK(unsent() == 1);
  CHECK(stored_unsent() == 1);
}

TEST_CASE_METHOD(fixture, "a death before a mark leaves nothing sent, one after it all",
                 "[unsent]") {
  append(*uut, 10);
  append(*uut, 10);
  append(*uut, 10);
  auto reads = [](outbox& box, const std::string& point) {
    set_failpoint(point + ":1");
    read(box, 0, 1);
  };
  CHECK(unsent_after_death("outbox.offer.before", reads) == 1);
  CHECK(unsent_after_death("outbox.offer.after", reads) == 21);
  auto commits = [](outbox& box, const std::string& point) {
    read(box, 0, 10'000);
    set_failpoint(point + ":1");
    append(box, 5);
  };
  CHECK(unsent_after_death("outbox.commit.before", commits) == 31);
  CHECK(unsent_after_death("outbox.commit.after", commits) == 36);
}

// Else a crash would make the edge look like a copy of itself, and send all again.
TEST_CASE_METHOD(
  fixture, "where the disk takes no mark, nothing leaves that would be sent twice",
  "[unsent]") {
  append(*uut, 10);
  auto code = GENERATE(ENOSPC, EIO);
  write_recorder recorder{config.directory};
  SECTION("the contact is not in the files either") {
    uut->note_contact();
    fail_writes({.code = code, .times = 1000});
    CHECK_FALSE(uut->read_after(0, 1000));
    CHECK_FALSE(uut->read_after(0, 1000));
    fail_writes({});
    CHECK(read(*uut, 0, 1000) == 10);
    CHECK(stored_unsent() == 11);
  }
  SECTION("the contact is: a copy would be told by what it has made since") {
    uut->note_contact();
    append(*uut, 10);
    fail_writes({.code = code, .times = 1});
    CHECK(read(*uut, 0, 1000) == 20);
    CHECK(unsent() == 21);
    CHECK(stored_unsent() == 1);
    fail_writes({});
    CHECK(read(*uut, 0, 1000) == 20); // The mark is made up for.
    CHECK(stored_unsent() == 21);
  }
}

TEST_CASE_METHOD(fixture, "a commit that fails marks nothing that is not there",
                 "[unsent]") {
  append(*uut, 10);
  CHECK(read(*uut, 0, 1000) == 10);
  {
    write_recorder recorder{config.directory};
    fail_writes({.code = EIO, .times = 1000});
    auto block = new_block{"lost", 500};
    CHECK_FALSE(uut->commit({&block, 1}, nullptr));
    fail_writes({});
  }
  REQUIRE(uut->acknowledge(10));
  uut.reset();
  uut = outbox::open(config, 1).value();
  CHECK(uut->stats().next_seq == 11);
  CHECK(unsent() == 11);
}
