// KEY ROTATION over a real LMDB environment: killed at any batch, with writes in
// between, it ends with every value readable and under the new key.
#include "storage/failpoint.hpp"
#include "storage/lmdb_env.hpp"
#include "storage/sealing_rotation.hpp"

#include "tests/storage/temp_directory.hpp"

#include <catch2/catch.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <sstream>
#include <string>

using namespace weir::storage;
using weir::test::temp_directory;

namespace {

constexpr std::uint64_t store_id = 42;
constexpr lmdb_table meta{0};
const std::vector<std::string> sealed_names{"blocks", "names"};

lmdb_table table_of(const std::string& name) {
  return lmdb_table{name == "blocks" ? 1u : 2u};
}

place place_in(const std::string& table, std::string_view key) {
  return {table, key, 3};
}

/// As a store does it: one writing transaction.
class transaction : public sealed_tables {
public:
  explicit transaction(const lmdb_env& env) : txn_(env, true) {
  }

  bool visit_after(const std::string& table, std::string_view after,
                   std::size_t bytes_max, const visitor& visit) override {
    lmdb_cursor at{txn_, table_of(table)};
    auto more = after.empty() ? at.first() : at.seek(after);
    if (more && at.key() == after)
      more = at.next();
    for (std::size_t bytes = 0; more && bytes < bytes_max; more = at.next()) {
      bytes += at.value().size();
      std::string key{at.key()};
      if (const auto* fresh = visit(key, at.value()))
        at.put(key, *fresh);
    }
    return !more;
  }

  place place_of(const std::string& table, std::string_view key) const override {
    return place_in(table, key);
  }

  void commit(const std::string& progress) override {
    txn_.put(meta, "rotation", progress);
    txn_.commit();
  }

  lmdb_txn& txn() {
    return txn_;
  }

private:
  lmdb_txn txn_;
};

/// A store in small: opens its ring, knows its rotation.
struct small_store {
  small_store(const std::filesystem::path& directory, const master_key& master)
    : env({directory, 1 << 26, {"meta", "blocks", "names"}}, 1), master_(master) {
    transaction t{env};
    auto bytes = t.txn().get(meta, "ring");
    ring = bytes ? key_ring::open(*bytes, master, store_id).value()
                 : key_ring::create(store_id, 1);
    if (!bytes) {
      t.txn().put(meta, "ring", ring->wrap(master));
      t.txn().commit();
    } else if (auto progress = t.txn().get(meta, "rotation")) {
      rotating = rotation::decode(*progress).value();
    }
    seals = std::make_unique<sealer>(ring->make_sealer());
  }

  void put(const std::string& table, const std::string& key, std::string_view plain) {
    transaction t{env};
    std::string sealed;
    seals->seal(place_in(table, key), plain, sealed);
    t.txn().put(table_of(table), key, sealed);
    t.txn().commit();
  }

  void begin_rotation() {
    auto id = ring->add_data_key(2).value();
    rotating = rotation::begin(id, sealed_names);
    transaction t{env};
    t.txn().put(meta, "ring", ring->wrap(master_));
    t.commit(rotating->encode());
    seals = std::make_unique<sealer>(ring->make_sealer());
  }

  batch_report batch(std::size_t bytes_max) {
    transaction t{env};
    return reseal_batch(*rotating, *seals, t, bytes_max);
  }

  /// In one transaction: the old key and the progress go.
  std::size_t end_rotation() {
    auto retired = retire_old_keys(*rotating, *ring);
    transaction t{env};
    t.txn().put(meta, "ring", ring->wrap(master_));
    t.txn().erase(meta, "rotation");
    t.txn().commit();
    rotating.reset();
    seals = std::make_unique<sealer>(ring->make_sealer());
    return retired;
  }

  lmdb_env env;
  std::optional<key_ring> ring;
  std::optional<rotation> rotating;
  std::unique_ptr<sealer> seals;

private:
  const master_key& master_;
};

using plain_values = std::map<std::pair<std::string, std::string>, std::string>;

std::string key_of(std::uint64_t n) {
  auto text = std::to_string(n);
  return std::string(6 - text.size(), '0') + text;
}

struct rotation_fixture {
  temp_directory directory;
  master_key master = master_key::random();
  plain_values owed;
  std::mt19937 random{7};

  std::filesystem::path path() const {
    return directory / "store";
  }

  void put(small_store& store, const std::string& table, const std::string& key) {
    std::string plain(random() % 300, static_cast<char>('a' + random() % 26));
    store.put(table, key, plain);
    owed[{table, key}] = plain;
  }

  void fill(small_store& store, std::uint64_t count) {
    for (std::uint64_t i = 0; i < count; ++i)
      put(store, sealed_names[i % 2], key_of(i));
  }

  /// All values are there, with their bytes, and only under `key_id`.
  void check_all(small_store& store, std::uint32_t key_id) {
    lmdb_txn txn{store.env, false};
    std::size_t found = 0;
    for (const auto& table : sealed_names) {
      lmdb_cursor at{txn, table_of(table)};
      for (bool more = at.first(); more; more = at.next(), ++found) {
        std::string plain;
        std::string key{at.key()};
        REQUIRE(sealer::key_id_of(at.value()) == key_id);
        REQUIRE(store.seals->open(place_in(table, key), at.value(), plain));
        REQUIRE(owed.at({table, key}) == plain);
      }
    }
    CHECK(found == owed.size());
  }

  /// Rotates until it dies at the failpoint (then true) or has finished.
  bool dies(const std::string& failpoint_text) {
    auto child = ::fork();
    if (child == 0) {
      try {
        small_store store{path(), master};
        if (!set_failpoint(failpoint_text))
          ::_exit(1);
        while (!store.rotating->finished)
          store.batch(1'000);
      } catch (...) {
        ::_exit(2);
      }
      ::_exit(0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    REQUIRE(WIFEXITED(status));
    REQUIRE((WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == failpoint_exit_code));
    return WEXITSTATUS(status) == failpoint_exit_code;
  }
};

} // namespace

TEST_CASE_METHOD(rotation_fixture, "a rotation brings every value under the new key",
                 "[rotation]") {
  small_store store{path(), master};
  fill(store, 500);
  check_all(store, 1);
  store.begin_rotation();
  std::size_t batches = 0;
  for (; !store.rotating->finished; ++batches)
    REQUIRE(store.batch(2'000).values < 50);
  CHECK(batches > 20);
  CHECK(store.rotating->pass == 2); // The second one finds nothing.
  CHECK(store.rotating->resealed() == 500);
  check_all(store, 2);
  CHECK(store.end_rotation() == 1);
  check_all(store, 2);
  CHECK(store.ring->keys().size() == 1);
}

TEST_CASE_METHOD(rotation_fixture, "a rotation survives 100 kills with writes between",
                 "[rotation][failpoint]") {
  {
    small_store store{path(), master};
    fill(store, 400);
    store.begin_rotation();
  }
  int kills = 0;
  int rotations = 0;
  for (int attempt = 0; kills < 100 && attempt < 300; ++attempt) {
    auto when = random() % 2 == 0 ? "rotation.batch.before:" : "rotation.batch.after:";
    kills += dies(when + std::to_string(1 + random() % 6)) ? 1 : 0;
    small_store store{path(), master};
    REQUIRE(store.rotating);
    for (int i = 0; i < 5; ++i) // New ones, and others anew, before and behind.
      put(store, sealed_names[random() % 2], key_of(random() % 600));
    if (!store.rotating->finished)
      continue;
    check_all(store, store.ring->current_key_id());
    REQUIRE(store.end_rotation() == 1);
    check_all(store, store.ring->current_key_id());
    store.begin_rotation();
    ++rotations;
  }
  CHECK(kills == 100);
  CHECK(rotations >= 1);
  small_store store{path(), master};
  while (!store.rotating->finished)
    store.batch(5'000);
  REQUIRE(store.end_rotation() == 1);
  check_all(store, store.ring->current_key_id());
}

TEST_CASE_METHOD(rotation_fixture,
                 "a value that a late writer put under the old key is found",
                 "[rotation]") {
  small_store store{path(), master};
  fill(store, 100);
  auto old = store.ring->make_sealer();
  store.begin_rotation();
  while (!store.rotating->tables[0].done)
    store.batch(1'000);
  std::string sealed;
  old.seal(place_in("blocks", key_of(0)), "late", sealed);
  {
    transaction t{store.env};
    t.txn().put(table_of("blocks"), key_of(0), sealed);
    t.txn().commit();
  }
  owed[{"blocks", key_of(0)}] = "late";
  while (!store.rotating->finished)
    store.batch(1'000);
  CHECK(store.rotating->pass == 3);
  check_all(store, 2);
}

TEST_CASE_METHOD(rotation_fixture, "a damaged value is named, and nothing waits for it",
                 "[rotation]") {
  small_store store{path(), master};
  fill(store, 60);
  store.begin_rotation();
  {
    transaction t{store.env};
    std::string damaged{t.txn().get(table_of("blocks"), key_of(10)).value()};
    damaged.back() = static_cast<char>(damaged.back() ^ 1);
    t.txn().put(table_of("blocks"), key_of(10), damaged);
    t.txn().commit();
  }
  std::vector<unreadable_value> named;
  while (!store.rotating->finished)
    for (auto& x : store.batch(1'000).first_unreadable)
      named.push_back(x);
  REQUIRE(named.size() == 2); // In each of two passes.
  CHECK(named[0].table == "blocks");
  CHECK(named[0].key == key_of(10));
  CHECK(named[0].why.code == errc::malformed);
  CHECK(store.rotating->unreadable() == 1);
  CHECK(store.rotating->resealed() == 59);
  CHECK(retire_old_keys(*store.rotating, *store.ring) == 0);
  CHECK(retire_old_keys(*store.rotating, *store.ring, true) == 1);
}

TEST_CASE_METHOD(rotation_fixture, "a second rotation takes over from the first",
                 "[rotation]") {
  small_store store{path(), master};
  fill(store, 100);
  store.begin_rotation();
  store.batch(2'000);
  auto first = *store.rotating;
  store.begin_rotation();
  store.rotating = first; // As if only the ring had been told.
  CHECK(retire_old_keys(first, *store.ring) == 0);
  while (!store.rotating->finished)
    store.batch(2'000);
  CHECK(store.rotating->target_key_id == 3);
  CHECK(store.end_rotation() == 2);
  check_all(store, 3);
}

TEST_CASE_METHOD(rotation_fixture, "a rotation of an empty store ends at once",
                 "[rotation]") {
  small_store store{path(), master};
  store.begin_rotation();
  store.batch(1);
  store.batch(1);
  CHECK(store.rotating->finished);
  CHECK(store.batch(1).values == 0);
}

TEST_CASE_METHOD(rotation_fixture, "a batch that fails leaves the progress as it was",
                 "[rotation]") {
  struct failing : transaction {
    using transaction::transaction;
    void commit(const std::string&) override {
      throw failure{errc::disk_full, "no space"};
    }
  };
  small_store store{path(), master};
  fill(store, 20);
  store.begin_rotation();
  auto before = *store.rotating;
  {
    failing t{store.env};
    CHECK_THROWS_AS(reseal_batch(*store.rotating, *store.seals, t, 1'000), failure);
  }
  CHECK(*store.rotating == before);
  while (!store.rotating->finished)
    store.batch(1'000);
  check_all(store, 2);
}

TEST_CASE_METHOD(rotation_fixture, "no planted marker is in the database's file",
                 "[rotation][sealing]") {
  {
    small_store store{path(), master};
    for (int round = 0; round < 2; ++round) { // The second frees pages of the first.
      for (int i = 0; i < 1'000; ++i) {
        auto name = "marker-name-" + std::to_string(i);
        auto hash = store.seals->hash_name(name);
        store.put("names", {hash.begin(), hash.end()}, "marker-value " + name);
      }
      store.begin_rotation();
      while (!store.rotating->finished)
        store.batch(10'000);
      REQUIRE(store.end_rotation() == 1);
      lmdb_txn txn{store.env, false};
      CHECK(txn.entries(table_of("names")) == 1'000);
    }
  }
  std::ostringstream file;
  file << std::ifstream{path() / "data.mdb", std::ios::binary}.rdbuf();
  auto bytes = file.str();
  CHECK(bytes.size() > 1'000 * 45);
  CHECK(bytes.find("blocks") != bytes.npos); // What is in clear would be found.
  CHECK(bytes.find("marker") == bytes.npos);
  CHECK(bytes.find(std::string{master.key().bytes()}) == bytes.npos);
}

TEST_CASE("the progress of a rotation comes back from its bytes", "[rotation]") {
  auto progress = rotation::begin(7, {"blocks", "names"});
  progress.pass = 3;
  progress.resealed_in_pass = 99;
  progress.tables[0] = {"blocks", std::string{"\0key", 4}, true, 5, 4, 1};
  auto bytes = progress.encode();
  auto back = rotation::decode(bytes);
  REQUIRE(back);
  CHECK(*back == progress);
  CHECK(back->resealed() == 4);
  CHECK(back->unreadable() == 1);
  for (std::size_t size = 0; size < bytes.size(); ++size)
    CHECK_FALSE(rotation::decode(bytes.substr(0, size)));
  CHECK_FALSE(rotation::decode(bytes + "x"));
  bytes[0] = 2;
  CHECK(rotation::decode(bytes).error().code == errc::unsupported);
}
