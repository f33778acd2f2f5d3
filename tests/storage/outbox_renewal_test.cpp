// An outbox that was restored from a backup: the centre is ahead of it.
#include "storage/outbox.hpp"
#include "tests/storage/temp_directory.hpp"

#include <catch2/catch.hpp>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

using namespace weir::storage;
namespace fs = std::filesystem;

namespace {

struct fixture {
  weir::test::temp_directory directory;
  outbox_config config{directory / "outbox", 1000};
  std::unique_ptr<outbox> uut = outbox::open(config, 1).value();

  void append(const std::string& text, std::uint32_t count,
              block_priority priority = block_priority::summary) {
    auto block = new_block{text, count, priority};
    REQUIRE(uut->commit({&block, 1}, nullptr));
  }

  void reopen() {
    uut.reset();
    uut = outbox::open(config, 1).value();
  }

  /// "first+span text" of each block, "first+span !" of each hole.
  std::vector<std::string> waiting() {
    std::vector<std::string> result;
    auto entries = uut->read_after(0, ~std::size_t{0}).value();
    for (const auto& entry : entries) {
      auto first = first_seq_of(entry);
      auto text = std::to_string(first) + "+"
                  + std::to_string(last_seq_of(entry) - first + 1) + " ";
      const auto* block = std::get_if<stored_block>(&entry);
      result.push_back(text + (block ? block->bytes.substr(0, 3) : "!"));
    }
    return result;
  }
};

using texts = std::vector<std::string>;

} // namespace

TEST_CASE_METHOD(fixture,
                 "what was made since the backup was restored is kept, the rest "
                 "is known",
                 "[renewal]") {
  uut->note_contact();
  append("old", 10);
  append("old", 10);
  reopen(); // The backup starts: from here on numbers are given a second time.
  append("new", 5);
  append("al1", 1, block_priority::alert);
  REQUIRE(uut->begin_run());
  reopen(); // A later start changes nothing.
  append("new", 4);
  auto epoch = uut->epoch();
  auto report = uut->renew_epoch(500);
  REQUIRE(report);
  CHECK(report->epoch_before == epoch);
  CHECK(report->epoch == uut->epoch());
  CHECK(report->epoch != epoch);
  CHECK(report->known_numbers == 20);
  CHECK(report->kept_numbers == 10);
  CHECK(waiting() == texts{"1+5 new", "6+1 al1", "7+4 new"});
  CHECK(uut->stats().next_seq == 11);
  CHECK(uut->stats().acknowledged_seq == 0);
  CHECK(uut->stats().blocks == 3);
  reopen();
  CHECK(uut->epoch() == report->epoch);
  CHECK(uut->run() == 2);
  CHECK(waiting() == texts{"1+5 new", "6+1 al1", "7+4 new"});
  append("new", 1);
  CHECK(waiting().back() == "11+1 new");
  REQUIRE(uut->acknowledge(11));
  CHECK(waiting().empty());
}

TEST_CASE_METHOD(fixture, "what the centre does not have is kept, however old",
                 "[renewal]") {
  uut->note_contact();
  append("old", 10);
  append("old", 10);
  reopen();
  CHECK(uut->renew_epoch(10)->known_numbers == 10);
  CHECK(waiting() == texts{"1+10 old"});
}

TEST_CASE_METHOD(fixture, "holes and gaps are numbered anew too", "[renewal]") {
  uut->note_contact();
  append("old", 1, block_priority::alert);
  reopen();
  append("aaa" + std::string(400, ' '), 2);
  append("bbb" + std::string(400, ' '), 3);
  append("ccc" + std::string(400, ' '), 4); // aaa expires.
  append("ddd", 5, block_priority::alert);
  REQUIRE(uut->acknowledge(1, 4, 6)); // With bbb in the lane.
  CHECK(waiting() == texts{"2+2 !", "7+4 ccc", "11+5 ddd"});
  auto report = uut->renew_epoch(500).value();
  CHECK(report.kept_numbers == 11);
  CHECK(waiting() == texts{"1+2 !", "3+4 ccc", "7+5 ddd"});
  auto stats = uut->stats();
  CHECK(stats.expired_records == 2);
  CHECK(stats.next_seq == 12);
  CHECK(stats.records + stats.hole_numbers == stats.next_seq - 1);
  reopen();
  CHECK(waiting() == texts{"1+2 !", "3+4 ccc", "7+5 ddd"});
}

TEST_CASE_METHOD(fixture, "what the centre lacks before its lane is kept",
                 "[renewal]") {
  uut->note_contact();
  append("aaa", 10);
  append("bbb", 10);
  append("ccc", 10);
  append("ddd", 10);
  reopen();
  append("new", 10);
  auto report = uut->renew_epoch(10, 21, 60).value();
  CHECK(report.known_numbers == 30);
  CHECK(waiting() == texts{"1+10 bbb", "11+10 new"});
}

TEST_CASE_METHOD(fixture, "the checkpoint outlives the epoch", "[renewal]") {
  auto state = checkpoint{9, {{"node", "state"}}};
  auto packed = pack(state);
  REQUIRE(uut->commit({}, &packed));
  REQUIRE(uut->renew_epoch(100));
  CHECK(uut->load_checkpoint().value() == state);
}
