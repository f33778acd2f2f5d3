// Databases of earlier versions, kept as files: they are read as what they were.
#include "storage/outbox.hpp"
#include "tests/storage/temp_directory.hpp"

#include <catch2/catch.hpp>

#include <filesystem>
#include <memory>
#include <string>

using namespace weir::storage;
namespace fs = std::filesystem;

namespace {

struct fixture {
  weir::test::temp_directory directory;
  outbox_config config{directory / "outbox", 1 << 20};

  std::unique_ptr<outbox> open(const char* name) {
    fs::create_directory(config.directory);
    fs::copy_file(fs::path{WEIR_SOURCE_DIR} / "tests/storage/fixtures" / name,
                  config.directory / "data.mdb");
    return reopen();
  }

  std::unique_ptr<outbox> reopen() {
    auto opened = outbox::open(config, 1);
    REQUIRE(opened);
    return std::move(*opened);
  }
};

} // namespace

TEST_CASE_METHOD(fixture, "an outbox of version 1 is taken over with all that waits",
                 "[upgrade]") {
  auto uut = open("outbox_v1.mdb");
  CHECK_FALSE(uut->was_damaged());
  CHECK(uut->epoch() == 16984590083346001695u);
  CHECK(uut->run() == 3);
  auto stats = uut->stats();
  CHECK(stats.blocks == 8);
  CHECK(stats.records == 38);
  CHECK(stats.size_bytes == 2354);
  CHECK(stats.next_seq == 51);
  CHECK(stats.acknowledged_seq == 12);
  REQUIRE(uut->begin_run());
  auto next = std::uint64_t{13};
  auto entries = uut->read_after(0, 1 << 20).value();
  for (const auto& entry : entries) {
    const auto& x = std::get<stored_block>(entry);
    CHECK(x.first_seq == next);
    CHECK(x.seq_span == x.record_count);
    CHECK(x.run == 3);
    CHECK((x.priority == block_priority::alert) == (x.record_count == 1));
    next += x.seq_span;
  }
  CHECK(next == 51);
  auto block = new_block{"new", 2};
  CHECK(uut->commit({&block, 1}, nullptr).value() == 51);
  uut.reset();
  uut = reopen();
  CHECK(uut->run() == 4);
  entries = uut->read_after(0, 1 << 20).value();
  REQUIRE(entries.size() == 9);
  CHECK(std::get<stored_block>(entries.front()).run == 3);
  CHECK(std::get<stored_block>(entries.back()).run == 4);
  REQUIRE(uut->acknowledge(52));
  CHECK(uut->stats().blocks == 0);
}

TEST_CASE_METHOD(fixture, "the state of version 1 is offered until the first commit",
                 "[upgrade]") {
  auto uut = open("outbox_v1.mdb");
  CHECK(uut->legacy_state().value() == "the state of a version 1 node");
  CHECK_FALSE(uut->load_checkpoint().value());
  uut.reset();
  uut = reopen();
  CHECK(uut->legacy_state().value() == "the state of a version 1 node");
  SECTION("of a checkpoint") {
    auto state = checkpoint{1, {{"node", "new"}}};
    REQUIRE(uut->commit({}, &state));
  }
  SECTION("of a block") {
    auto block = new_block{"new", 2};
    REQUIRE(uut->commit({&block, 1}, nullptr));
  }
  SECTION("or until it is dropped") {
    REQUIRE(uut->drop_checkpoint());
  }
  CHECK_FALSE(uut->legacy_state().value());
  uut.reset();
  CHECK_FALSE(reopen()->legacy_state().value());
}
