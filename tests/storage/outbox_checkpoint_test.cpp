// The CHECKPOINT in the outbox: replaced as a whole, written in part, and what happens
// when it is damaged.
#include "storage/outbox.hpp"

#include "storage/lmdb_env.hpp"
#include "storage/outbox_checkpoint.hpp"
#include "tests/storage/noise.hpp"
#include "tests/storage/temp_directory.hpp"

#include <catch2/catch.hpp>

#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

using namespace weir::storage;
using weir::test::noise;

namespace {

struct fixture {
  weir::test::temp_directory directory;
  outbox_config config{directory / "outbox", 1 << 20};
  std::unique_ptr<outbox> uut;

  fixture() {
    reopen();
  }

  void reopen() {
    uut.reset();
    uut = outbox::open(config, 1).value();
  }

  /// The bytes that the commit wrote.
  std::uint64_t commit(const checkpoint& state) {
    auto before = uut->stats().checkpoint_written_bytes;
    auto packed = pack(state);
    REQUIRE(uut->commit({}, &packed));
    return uut->stats().checkpoint_written_bytes - before;
  }

  checkpoint loaded() {
    auto result = uut->load_checkpoint();
    REQUIRE(result);
    REQUIRE(*result);
    return **result;
  }

  /// Changes one byte of the chunk that has `text` in its key, behind the outbox's back.
  void damage_chunk(const std::string& text) {
    uut.reset();
    lmdb_env env{{config.directory, 64 << 20, {"meta", "blocks", "chunks"}}, 1};
    std::string key;
    std::string value;
    {
      lmdb_txn txn{env, false};
      lmdb_cursor cursor{txn, lmdb_table{2}};
      for (bool more = cursor.first(); more; more = cursor.next())
        if (cursor.key().find(text) != std::string_view::npos) {
          key = cursor.key();
          value = cursor.value();
        }
    }
    REQUIRE(value.size() > 20);
    value[20] = static_cast<char>(value[20] ^ 1);
    lmdb_txn txn{env, true};
    txn.put(lmdb_table{2}, key, value);
    txn.commit();
  }
};

} // namespace

TEST_CASE_METHOD(fixture, "a checkpoint comes back whole, also after a reopen",
                 "[checkpoint]") {
  CHECK_FALSE(uut->load_checkpoint().value());
  auto state = checkpoint{42,
                          {{"node", "a"},
                           {"shard/0", noise(100'000, 1)},
                           {"empty", ""},
                           {"exact", noise(32'736, 2)}}};
  commit(state);
  CHECK(loaded() == state);
  CHECK(loaded() == state);
  CHECK(uut->stats().checkpoint_bytes == 132'737);
  reopen();
  CHECK(loaded() == state);
  CHECK(uut->stats().checkpoint_bytes == 132'737);
  state = {43, {}};
  commit(state);
  CHECK(loaded() == state);
}

TEST_CASE_METHOD(fixture, "only chunks that changed are written", "[checkpoint]") {
  auto state = checkpoint{1, {{"big", noise(1'000'000, 1)}, {"small", "x"}}};
  CHECK(commit(state) > 1'000'000);
  CHECK(commit(state) == 0);
  state.journal_number = 2;
  state.parts[0].bytes[500'000] ^= 1;
  auto written = commit(state);
  CHECK(written > 32'000);
  CHECK(written < 34'000);
  reopen();
  CHECK(commit(state) == 0); // The new process knows what is there.
  CHECK(loaded() == state);
  state.parts[0].bytes.resize(40'000);
  CHECK(commit(state) < 34'000);
  CHECK(loaded() == state);
}

TEST_CASE_METHOD(fixture, "any sequence of checkpoints reads back as the last one",
                 "[checkpoint]") {
  auto random = std::mt19937{99};
  checkpoint state;
  for (unsigned i = 0; i < 60; ++i) {
    state.journal_number = i + 1;
    std::map<std::string, std::string> parts;
    for (auto& x : state.parts)
      if (random() % 4 != 0)
        parts[x.name] = std::move(x.bytes);
    for (unsigned k = 0; k < random() % 4; ++k) {
      auto& bytes = parts["shard/" + std::to_string(random() % 6)];
      if (random() % 2 == 0)
        bytes = noise(random() % 150'000, i);
      else if (!bytes.empty())
        bytes[random() % bytes.size()] ^= 5;
    }
    state.parts.clear();
    for (auto& [name, bytes] : parts)
      state.parts.push_back({name, bytes});
    commit(state);
    if (random() % 8 == 0)
      reopen();
    REQUIRE(loaded() == state);
  }
  uut.reset();
  lmdb_env env{{config.directory, 64 << 20, {"meta", "blocks", "chunks"}}, 1};
  std::size_t chunks = 0;
  for (const auto& x : state.parts)
    chunks += (x.bytes.size() + 32'735) / 32'736;
  CHECK(lmdb_txn{env, false}.entries(lmdb_table{2}) == chunks); // Nothing is left over.
}

TEST_CASE_METHOD(fixture, "a damaged checkpoint is told, and set aside on demand",
                 "[checkpoint]") {
  auto state = checkpoint{7, {{"node", "n"}, {"shard/0", noise(100'000, 1)}}};
  auto block = new_block{"bytes", 1};
  auto packed = pack(state);
  REQUIRE(uut->commit({&block, 1}, &packed));
  damage_chunk("shard/0");
  reopen();
  auto found = uut->load_checkpoint();
  REQUIRE_FALSE(found);
  CHECK(found.error().code == errc::malformed);
  CHECK(found.error().message.find("shard/0") != std::string::npos);
  REQUIRE(uut->drop_checkpoint());
  CHECK_FALSE(uut->load_checkpoint().value());
  CHECK(uut->stats().blocks == 1); // The records are not affected.
  commit(state);
  CHECK(loaded() == state);
  reopen();
  CHECK(loaded() == state);
  REQUIRE(uut->drop_checkpoint());
  reopen();
  CHECK_FALSE(uut->load_checkpoint().value());
  commit(state);
  CHECK(loaded() == state);
}

TEST_CASE_METHOD(fixture, "parts without a name, or with the same, are refused",
                 "[checkpoint]") {
  for (const auto& parts : {std::vector<state_part>{{"", "x"}},
                            {{std::string(256, 'n'), "x"}},
                            {{"a", "x"}, {"a", "y"}}}) {
    auto state = pack({1, parts});
    auto block = new_block{"bytes", 1};
    CHECK(uut->commit({&block, 1}, &state).error().code == errc::malformed);
    CHECK(uut->stats().next_seq == 1);
  }
}

TEST_CASE("the hash of a chunk tells every single bit and the length", "[checkpoint]") {
  CHECK(chunk_hash("") != chunk_hash(std::string(1, '\0')));
  std::set<std::uint64_t> seen;
  for (std::size_t size : {1u, 7u, 8u, 31u, 32u, 33u, 64u, 100u}) {
    auto text = noise(size, 3);
    seen.insert(chunk_hash(text));
    for (std::size_t bit = 0; bit < 8 * size; ++bit) {
      text[bit / 8] ^= static_cast<char>(1 << (bit % 8));
      seen.insert(chunk_hash(text));
      text[bit / 8] ^= static_cast<char>(1 << (bit % 8));
    }
  }
  CHECK(seen.size() == 8 + 8 * (1 + 7 + 8 + 31 + 32 + 33 + 64 + 100));
  CHECK(chunk_hash("weir") == chunk_hash(std::string{"weir"}));
}
