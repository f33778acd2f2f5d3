// The edge's OUTBOX: numbering, budget, acknowledgement, and what survives a
// reopen.
#include "storage/outbox.hpp"

#include "storage/big_endian.hpp"
#include "storage/lmdb_env.hpp"
#include "tests/storage/temp_directory.hpp"

#include <catch2/catch.hpp>

#include <atomic>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

using namespace weir::storage;

namespace {

new_block make(std::size_t size, std::uint32_t count = 1,
               block_priority priority = block_priority::summary) {
  return {std::string(size, 'x'), count, priority};
}

struct fixture {
  weir::test::temp_directory directory;
  outbox_config config{directory / "outbox", 1 << 20};
  std::unique_ptr<outbox> uut;

  fixture() {
    reopen();
  }

  void reopen() {
    uut.reset();
    auto opened = outbox::open(config, 1);
    REQUIRE(opened);
    uut = std::move(*opened);
  }

  std::uint64_t append(const new_block& block) {
    auto first = uut->commit({&block, 1}, nullptr);
    REQUIRE(first);
    return *first;
  }

  /// All that waits, without being offered: read from a copy.
  std::vector<outbox_entry> look() {
    auto path = directory / "copy";
    std::filesystem::remove_all(path);
    std::filesystem::copy(config.directory, path);
    auto acknowledged = uut->stats().acknowledged_seq;
    return outbox::open({path}, 1).value()->read_after(acknowledged, 1 << 30).value();
  }

  std::vector<std::uint64_t> waiting() {
    std::vector<std::uint64_t> result;
    auto entries = look();
    for (const auto& x : entries)
      if (std::holds_alternative<stored_block>(x))
        result.push_back(first_seq_of(x));
    return result;
  }

  using range = std::tuple<std::uint64_t, std::uint64_t, hole_reason>;
  std::vector<range> holes() {
    std::vector<range> result;
    auto entries = look();
    for (const auto& entry : entries)
      if (const auto* x = std::get_if<hole>(&entry))
        result.emplace_back(x->first_seq, x->last_seq, x->reason);
    return result;
  }
};

using numbers = std::vector<std::uint64_t>;

/// Writes into the closed database behind the outbox's back.
void tamper(const outbox_config& config, std::size_t table, const std::string& key,
            const std::string& value) {
  lmdb_env env{{config.directory, 64 << 20, {"meta", "blocks", "chunks"}}, 1};
  lmdb_txn txn{env, true};
  txn.put(lmdb_table{table}, key, value);
  txn.commit();
}

} // namespace

TEST_CASE_METHOD(fixture, "records are numbered from 1 without holes", "[outbox]") {
  CHECK(uut->stats().next_seq == 1);
  CHECK(append(make(10, 5)) == 1);
  auto two = std::vector<new_block>{make(10, 2), make(10, 3)};
  CHECK(uut->commit(two, nullptr).value() == 6);
  CHECK(uut->stats().next_seq == 11);
  CHECK(waiting() == numbers{1, 6, 8});
  CHECK(uut->stats().records == 10);
  CHECK(uut->stats().size_bytes == 30);
}

TEST_CASE_METHOD(fixture, "blocks come back byte for byte", "[outbox]") {
  auto block = new_block{std::string("\0a\xff", 3), 4, block_priority::alert};
  append(block);
  auto found = uut->read_after(0, 1).value();
  REQUIRE(found.size() == 1);
  const auto& x = std::get<stored_block>(found[0]);
  CHECK(x.bytes == block.bytes);
  CHECK(x.record_count == 4);
  CHECK(x.seq_span == 4);
  CHECK(x.last_seq() == 4);
  CHECK(x.run == 1);
  CHECK(x.priority == block_priority::alert);
}

TEST_CASE_METHOD(fixture, "a read gives at least one block, then what fits",
                 "[outbox]") {
  for (int i = 0; i < 3; ++i)
    append(make(100));
  CHECK(uut->read_after(0, 1).value().size() == 1);
  CHECK(uut->read_after(0, 200).value().size() == 2);
  CHECK(first_seq_of(uut->read_after(1, 1000).value().front()) == 2);
  CHECK(uut->read_after(3, 1000).value().empty());
  CHECK(uut->read_after(~std::uint64_t{0}, 1000).value().empty());
}

TEST_CASE_METHOD(fixture, "an acknowledgement removes whole blocks only", "[outbox]") {
  append(make(10, 5));
  append(make(10, 5));
  REQUIRE(uut->acknowledge(4));
  CHECK(waiting() == numbers{1, 6});
  REQUIRE(uut->acknowledge(9));
  CHECK(waiting() == numbers{6});
  CHECK(uut->stats().oldest_seq == 6);
  CHECK(uut->stats().acknowledged_seq == 9);
  REQUIRE(uut->acknowledge(3));
  CHECK(uut->stats().acknowledged_seq == 9);
}

TEST_CASE_METHOD(fixture, "what was never sent cannot be acknowledged", "[outbox]") {
  append(make(10, 5));
  REQUIRE(uut->acknowledge(1'000'000));
  CHECK(uut->stats().acknowledged_seq == 5);
  CHECK(append(make(10)) == 6);
  CHECK(waiting() == numbers{6});
}

TEST_CASE_METHOD(fixture, "a reopen keeps blocks, numbers and counters", "[outbox]") {
  append(make(10, 5));
  append(make(20, 2));
  REQUIRE(uut->acknowledge(5));
  auto before = uut->stats();
  auto epoch = uut->epoch();
  CHECK(epoch != 0);
  CHECK(uut->run() == 1);
  reopen();
  auto after = uut->stats();
  CHECK(uut->epoch() == epoch);
  CHECK(uut->run() == 1);
  CHECK_FALSE(uut->was_damaged());
  CHECK(after.blocks == 1);
  CHECK(after.records == 2);
  CHECK(after.size_bytes == before.size_bytes);
  CHECK(after.next_seq == 8);
  CHECK(after.acknowledged_seq == 5);
  REQUIRE(uut->acknowledge(7));
  reopen();
  CHECK(append(make(1)) == 8); // The number is not taken from what waits.
}

TEST_CASE_METHOD(fixture, "a new run is begun by the node alone", "[outbox]") {
  append(make(10, 5));
  reopen();
  REQUIRE(uut->begin_run());
  CHECK(uut->run() == 2);
  append(make(10, 5));
  reopen();
  CHECK(uut->run() == 2);
  auto entries = uut->read_after(0, 1000).value();
  CHECK(std::get<stored_block>(entries.at(0)).run == 1);
  CHECK(std::get<stored_block>(entries.at(1)).run == 2);
}

TEST_CASE_METHOD(fixture,
                 "a read never passes by a number that it was not asked to skip",
                 "[outbox]") {
  append(make(10, 5));
  append(make(10, 5));
  CHECK(first_seq_of(uut->read_after(4, 1000).value().front()) == 1);
  CHECK(first_seq_of(uut->read_after(5, 1000).value().front()) == 6);
  CHECK(first_seq_of(uut->read_after(9, 1000).value().front()) == 6);
  CHECK(uut->read_after(10, 1000).value().empty());
}

TEST_CASE_METHOD(fixture, "a lane is acknowledged beyond what is missing", "[outbox]") {
  for (int i = 0; i < 6; ++i)
    append(make(10, 5));
  auto left = [this] {
    numbers result;
    auto entries = uut->read_after(0, 1 << 20).value();
    for (const auto& x : entries)
      result.push_back(first_seq_of(x));
    return result;
  };
  REQUIRE(uut->acknowledge(5, 21, 25));
  CHECK(left() == numbers{6, 11, 16, 26});
  CHECK(uut->stats().acknowledged_seq == 5);
  REQUIRE(uut->acknowledge(10, 21, 29)); // 26 to 30 is not whole yet.
  CHECK(left() == numbers{11, 16, 26});
  reopen();
  CHECK(left() == numbers{11, 16, 26});
  REQUIRE(uut->acknowledge(30));
  CHECK(left().empty());
}

TEST_CASE_METHOD(
  fixture, "an acknowledgement holds at once and is durable after the next commit",
  "[outbox]") {
  append(make(10, 5));
  append(make(10, 5));
  REQUIRE(uut->acknowledge(5));
  CHECK(first_seq_of(uut->read_after(0, 1000).value().front()) == 6);
  CHECK(uut->stats().blocks == 1);
  CHECK(waiting() == numbers{6});
  append(make(10, 5));
  auto path = directory / "after kill";
  std::filesystem::copy(config.directory, path);
  auto copy = outbox::open({path}, 1).value();
  CHECK(copy->stats().acknowledged_seq == 5);
  CHECK(copy->stats().blocks == 2);
}

TEST_CASE_METHOD(fixture,
                 "over budget raw blocks go first, then the oldest summaries, "
                 "alerts stay",
                 "[outbox]") {
  config.size_bytes_max = 1000;
  reopen();
  append(make(300, 3));                        // 1
  append(make(300, 1, block_priority::alert)); // 4
  append(make(300, 2));                        // 5
  append(make(300, 4, block_priority::raw));   // 7: no room for itself.
  CHECK(waiting() == numbers{1, 4, 5});
  CHECK(holes() == std::vector<range>{{7, 10, hole_reason::expired}});
  append(make(300, 1)); // 11
  CHECK(waiting() == numbers{4, 5, 11});
  CHECK(uut->stats().expired_records == 7);
  CHECK(uut->stats().state == outbox_state::expiring);
  append(make(900, 1, block_priority::alert)); // 12
  CHECK(waiting() == numbers{4, 12});
  append(make(10, 1)); // 13. Alerts alone are over budget: it cannot stay.
  CHECK(waiting() == numbers{4, 12});
  auto expected = std::vector<range>{{1, 3, hole_reason::expired},
                                     {5, 11, hole_reason::expired},
                                     {13, 13, hole_reason::expired}};
  CHECK(holes() == expected);
  auto stats = uut->stats();
  CHECK(stats.next_seq == 14);
  CHECK(stats.expired_records == 11);
  CHECK(stats.records + stats.hole_numbers == 13);
  CHECK(stats.size_bytes_by_priority == std::array<std::uint64_t, 3>{0, 0, 1200});
  reopen();
  CHECK(uut->stats().expired_records == 11);
  CHECK(holes() == expected);
  REQUIRE(uut->acknowledge(11));
  CHECK(waiting() == numbers{12});
  CHECK(holes() == std::vector<range>{{13, 13, hole_reason::expired}});
}

TEST_CASE_METHOD(fixture,
                 "what may have been sent is expired last, and its hole stays apart",
                 "[outbox]") {
  config.size_bytes_max = 1000;
  reopen();
  append(make(300));
  append(make(300));
  CHECK(uut->read_after(0, ~std::size_t{0}).value().size() == 2);
  append(make(300)); // 3: the reader has read all, so it takes this one at once.
  append(make(10));  // 4: it has not.
  append(make(10));
  append(make(10));
  SECTION("at once") {
  }
  SECTION("after a restart") {
    reopen();
  }
  append(make(90)); // 7
  CHECK(waiting() == numbers{1, 2, 3, 6, 7});
  CHECK(holes() == std::vector<range>{{4, 5, hole_reason::expired}});
  append(make(100)); // 8
  CHECK(waiting() == numbers{1, 2, 3, 8});
  CHECK(holes() == std::vector<range>{{4, 7, hole_reason::expired}});
  append(make(700, 1, block_priority::alert)); // 9
  CHECK(waiting() == numbers{3, 9});
  append(make(900, 1, block_priority::alert)); // 10
  CHECK(waiting() == numbers{9, 10});
  CHECK(holes()
        == std::vector<range>{{1, 1, hole_reason::expired},
                              {2, 2, hole_reason::expired},
                              {3, 3, hole_reason::expired},
                              {4, 8, hole_reason::expired}});
}

TEST_CASE_METHOD(fixture, "a full map is an error, never a dead end", "[outbox]") {
  config.size_bytes_max = 1000; // The map then has about 64 MB.
  reopen();
  auto alert = make(1 << 20, 1, block_priority::alert);
  int stored = 0;
  auto result = uut->commit({&alert, 1}, nullptr);
  for (; result && stored < 100; result = uut->commit({&alert, 1}, nullptr))
    ++stored;
  REQUIRE_FALSE(result);
  CHECK(result.error().code == errc::map_full);
  CHECK(result.error().message.find("limit") != std::string::npos);
  CHECK(uut->stats().blocks == static_cast<std::uint64_t>(stored));
  REQUIRE(uut->acknowledge(uut->stats().next_seq - 1));
  CHECK(uut->stats().blocks == 0);
  CHECK(uut->commit({&alert, 1}, nullptr));
}

TEST_CASE_METHOD(fixture, "days of outage at the budget never fill the map",
                 "[outbox]") {
  auto random = std::mt19937{20'261};
  auto size = std::uniform_int_distribution<std::size_t>{100, 9000};
  for (int i = 0; i < 4000; ++i) {
    auto block = make(size(random), 1);
    REQUIRE(uut->commit({&block, 1}, nullptr));
    REQUIRE(uut->stats().size_bytes <= config.size_bytes_max);
  }
  auto file = std::filesystem::file_size(config.directory / "data.mdb");
  CHECK(file < 4 * config.size_bytes_max);
}

TEST_CASE_METHOD(fixture, "a block without records is refused", "[outbox]") {
  auto block = make(10, 0);
  CHECK(uut->commit({&block, 1}, nullptr).error().code == errc::malformed);
  CHECK(uut->commit({}, nullptr).value() == 1);
  CHECK(uut->stats().next_seq == 1);
}

TEST_CASE_METHOD(fixture, "a database of a newer version is refused, not set aside",
                 "[outbox]") {
  append(make(10));
  uut.reset();
  std::string key;
  SECTION("in its format number") {
    put_be(key, std::uint32_t{3});
    tamper(config, 0, "format", key);
  }
  SECTION("in one block") {
    put_be(key, std::uint64_t{1});
    tamper(config, 1, key, "\x03zzzzzz");
  }
  auto opened = outbox::open(config, 1);
  REQUIRE_FALSE(opened);
  CHECK(opened.error().code == errc::unsupported);
  CHECK(opened.error().message.find("newer") != std::string::npos);
  CHECK(std::filesystem::exists(config.directory / "data.mdb"));
}

TEST_CASE_METHOD(fixture, "a block that cannot be read sets the database aside",
                 "[outbox]") {
  append(make(10));
  auto epoch = uut->epoch();
  uut.reset();
  std::string key;
  put_be(key, std::uint64_t{1});
  tamper(config, 1, key, "\x01\x09");
  reopen();
  CHECK(uut->was_damaged());
  CHECK(uut->epoch() != epoch);
  CHECK(uut->run() == 1);
  CHECK(std::filesystem::exists(directory / "outbox.damaged-0/data.mdb"));
  CHECK(uut->files_set_aside() == 1);
  CHECK(append(make(10)) == 1);
}

TEST_CASE_METHOD(fixture, "one thread appends while another sends", "[outbox]") {
  constexpr std::uint64_t total = 500;
  auto writer = std::thread{[this] {
    for (std::uint64_t i = 0; i < total; ++i) {
      auto block = make(50);
      static_cast<void>(uut->commit({&block, 1}, nullptr));
    }
  }};
  std::uint64_t seen = 0;
  bool in_order = true;
  auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{20};
  while (seen < total && std::chrono::steady_clock::now() < deadline) {
    auto blocks = uut->read_after(seen, 1000).value();
    for (const auto& block : blocks) {
      in_order = in_order && first_seq_of(block) == seen + 1;
      seen = first_seq_of(block);
    }
    static_cast<void>(uut->acknowledge(seen));
    static_cast<void>(uut->stats());
  }
  writer.join();
  CHECK(seen == total);
  CHECK(in_order);
  CHECK(uut->stats().blocks == 0);
}
