// Databases of earlier versions, kept as files: they are read as what they were.
#include "storage/outbox.hpp"
#include "tests/storage/records.hpp"
#include "tests/storage/temp_directory.hpp"
#include "transport/block_codec.hpp"

#include <catch2/catch.hpp>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

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
  CHECK(stats.unsent_seq == 51); // Nobody knows what it has sent.
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
    auto state = pack({1, {{"node", "new"}}});
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

TEST_CASE_METHOD(fixture, "an outbox of version 2 is read with all that it holds",
                 "[upgrade]") {
  auto uut = open("outbox_v2.mdb");
  CHECK_FALSE(uut->was_damaged());
  CHECK(uut->epoch() == 18056854881522553336u);
  CHECK(uut->run() == 2);
  auto stats = uut->stats();
  CHECK(stats.blocks == 8);
  CHECK(stats.records == 197);
  CHECK(stats.size_bytes_by_priority == std::array<std::uint64_t, 3>{175, 16'128, 406});
  CHECK(stats.holes == 4);
  CHECK(stats.hole_numbers == 443);
  CHECK(stats.next_seq == 821);
  CHECK(stats.unsent_seq == 821);
  CHECK(stats.expired_records == 413);
  CHECK(stats.coalesced_records == 180);
  CHECK(stats.shed_records == 30);

  std::vector<std::string> texts;
  std::uint64_t summaries = 0;
  auto entries = uut->read_after(0, 1 << 20).value();
  for (const auto& entry : entries) {
    const auto* x = std::get_if<stored_block>(&entry);
    auto text = std::to_string(first_seq_of(entry)) + "-"
                + std::to_string(last_seq_of(entry)) + " ";
    if (x == nullptr) {
      bool is_shed = std::get<hole>(entry).reason == hole_reason::shed;
      texts.push_back(text + (is_shed ? "shed" : "expired"));
      continue;
    }
    texts.push_back(text + std::to_string(x->record_count) + " run "
                    + std::to_string(x->run) + " priority "
                    + std::to_string(static_cast<int>(x->priority)));
    auto records = weir::transport::decode_block(x->bytes);
    REQUIRE(records);
    CHECK(records->record_count() == x->record_count);
    for (const auto& s : records->summaries)
      summaries += s.count;
  }
  CHECK(texts
        == std::vector<std::string>{
          "1-1 1 run 1 priority 2", "2-31 shed", "32-36 expired",
          "37-38 2 run 2 priority 2", "39-350 expired", "351-351 1 run 2 priority 2",
          "352-447 expired", "448-448 1 run 2 priority 2",
          "449-792 164 run 2 priority 1", "793-810 18 run 2 priority 1",
          "811-814 4 run 2 priority 0", "815-820 6 run 2 priority 1"});
  CHECK(summaries == 344 + 18 + 6);

  auto state = uut->load_checkpoint().value();
  REQUIRE(state);
  CHECK(state->journal_number == 77);
  CHECK(state->parts
        == std::vector<state_part>{
          {"node", "state of the node"},
          {"shard/0", std::string(33'000, 'a') + std::string(500, 'b')},
          {"empty", ""}});
  auto block = new_block{"new", 2};
  CHECK(uut->commit({&block, 1}, nullptr).value() == 821);
}

namespace {

/// Writes the fixture of the test below anew.
void make_outbox_v4(const fs::path& to) {
  weir::test::temp_directory directory;
  outbox_config config{directory / "outbox", 1 << 20};
  auto box = outbox::open(config, 1).value();
  auto add = [&](const weir::analytics::record_block& records,
                 const packed_checkpoint* state) {
    auto count = static_cast<std::uint32_t>(records.record_count());
    auto block = new_block{weir::transport::encode_block(records), count};
    REQUIRE(box->commit({&block, 1}, state));
  };
  weir::analytics::record_block records;
  records.series = {"t{source=\"a\"}"};
  for (std::int64_t i = 0; i < 5; ++i)
    records.summaries.push_back(weir::test::make_summary(i * 10'000'000'000, 0.25));
  auto state = pack({9, {{"node", "state"}, {"shard/0", std::string(500, 's')}}});
  add(records, &state);
  REQUIRE(box->read_after(0, 1).value().size() == 1);
  auto late = weir::test::make_summary(0, 7.0, 2);
  late.correction = true;
  auto early = weir::test::make_summary(400'000'000'000, 1.0);
  early.early = true;
  records.summaries = {late, early};
  add(records, nullptr);
  REQUIRE(box->acknowledge(5));
  add(records, nullptr);
  box.reset();
  fs::copy_file(config.directory / "data.mdb", to,
                fs::copy_options::overwrite_existing);
}

} // namespace

TEST_CASE_METHOD(
  fixture,
  "an outbox with counters of version 3 and corrections is read, also with "
  "a packed checkpoint",
  "[upgrade]") {
  if (std::getenv("WEIR_UPDATE_GOLDEN") != nullptr)
    make_outbox_v4(fs::path{WEIR_SOURCE_DIR} / "tests/storage/fixtures/outbox_v4.mdb");
  auto uut = open(GENERATE("outbox_v3.mdb", "outbox_v4.mdb"));
  CHECK_FALSE(uut->was_damaged());
  auto stats = uut->stats();
  CHECK(stats.next_seq == 10);
  CHECK(stats.acknowledged_seq == 5);
  CHECK(stats.unsent_seq == 8); // The first commit behind a reader is offered at once.
  std::uint64_t count = 0;
  std::uint64_t corrections = 0;
  std::uint64_t early = 0;
  auto entries = uut->read_after(0, 1 << 20).value();
  for (const auto& entry : entries) {
    auto records = weir::transport::decode_block(std::get<stored_block>(entry).bytes);
    REQUIRE(records);
    for (const auto& x : records->summaries) {
      ++count;
      corrections += x.correction && x.revision == 2 && x.sum == 7.0 ? 1 : 0;
      early += x.early ? 1 : 0;
    }
  }
  CHECK(count == 4);
  CHECK(corrections == 2);
  CHECK(early == 2);
  auto state = uut->load_checkpoint().value();
  REQUIRE(state);
  CHECK(state->journal_number == 9);
  CHECK(
    state->parts
    == std::vector<state_part>{{"node", "state"}, {"shard/0", std::string(500, 's')}});
}
