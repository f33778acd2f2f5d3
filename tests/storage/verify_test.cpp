// Looking at databases, sound and damaged: what is wrong is found and named, and what is
// not wrong is still read.
#include "storage/verify.hpp"

#include "storage/block_table.hpp"
#include "storage/lmdb_env.hpp"
#include "storage/lmdb_layout.hpp"
#include "storage/recent_tables.hpp"
#include "storage/store_values.hpp"
#include "tests/storage/store_dump.hpp"
#include "tests/storage/temp_directory.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>

using namespace weir::storage;
using namespace weir::test;
namespace fs = std::filesystem;

namespace {

constexpr std::uint64_t commits = 150;
constexpr std::size_t page_bytes = 4096;

std::string read_file(const fs::path& file) {
  std::ifstream in{file, std::ios::binary};
  return {std::istreambuf_iterator<char>{in}, {}};
}

void write_file(const fs::path& file, const std::string& bytes) {
  std::ofstream{file, std::ios::binary} << bytes;
}

/// The file of a store with the made history. Made once.
const std::string& sound_file() {
  static const auto bytes = [] {
    temp_directory directory;
    auto made
      = store::open({.directory = directory / "store", .size_bytes_max = 1 << 30}, 1)
          .value();
    for (std::uint64_t n = 0; n < commits; ++n) {
      make_commit(*made, n);
      if (n + 1 == commits / 2)
        REQUIRE(made->flush(1)); // Half of it in blocks.
    }
    made.reset();
    return read_file(directory / "store" / "data.mdb");
  }();
  return bytes;
}

struct fixture {
  temp_directory directory;
  fs::path folder = directory / "store";
  fs::path file = folder / "data.mdb";

  fixture() {
    fs::create_directory(folder);
    write_file(file, sound_file());
  }

  database_state look(verify_depth depth = verify_depth::values) {
    auto state = look_at_database(folder, depth);
    REQUIRE(state);
    return std::move(*state);
  }

  /// Puts a value into a table, past the store.
  void put(const char* table, const std::string& key, const std::string& value) {
    lmdb_env env{{folder, 1 << 30, {table}}, 1};
    lmdb_txn txn{env, true};
    txn.put({0}, key, value);
    txn.commit();
  }

  static const table_state& table(const database_state& state, const char* name) {
    auto found
      = std::ranges::find_if(state.tables, [&](auto& x) { return x.name == name; });
    REQUIRE(found != state.tables.end());
    return *found;
  }

  static std::uint64_t entries(const database_state& state) {
    std::uint64_t sum = 0;
    for (const auto& x : state.tables)
      sum += x.entries;
    return sum;
  }
};

/// First byte of a page with so many windows of one series.
std::size_t find_summary_page(const std::string& bytes) {
  using namespace lmdb_layout;
  for (std::size_t at = 2 * page_bytes; at < bytes.size(); at += page_bytes) {
    auto header = load<page_header>(bytes.data() + at);
    if (header.number != at / page_bytes || header.flags != leaf)
      continue;
    auto page = std::string_view{bytes}.substr(at, page_bytes);
    auto first = read_node(header.number, page, header, 0);
    if (first.key.size() == recent_key_bytes && header.entries() > 3
        && first.data.size() > 100)
      return at;
  }
  return 0;
}

} // namespace

TEST_CASE_METHOD(fixture, "a sound store is told by tables, times and epochs",
                 "[verify]") {
  for (auto depth :
       {verify_depth::totals, verify_depth::entries, verify_depth::values}) {
    auto state = look(depth);
    CHECK(state.is_sound());
    CHECK(state.is_store);
    CHECK(state.format == 2);
    CHECK(state.store_id.size() == 16);
    CHECK(state.page_bytes == page_bytes);
    CHECK(state.tables.size() == 18);
    CHECK(table(state, "series").entries == 4);
    CHECK(table(state, "recent_a").entries + table(state, "recent_b").entries
          == commits * 8);
    CHECK(table(state, "blocks").entries > 4);
    CHECK(table(state, "anomalies").entries == commits * 2);
    CHECK(table(state, "alerts").entries == commits / 2);
    CHECK(table(state, "quarantine").entries == commits);
    REQUIRE(state.epochs.size() == 1);
    CHECK(state.epochs[0].edge == "north");
    CHECK(state.epochs[0].through_seq == commits * records_per_commit);
    std::uint64_t pages = 2 + state.free_pages; // With the pages of the free list.
    for (const auto& x : state.tables)
      pages += x.pages();
    CHECK(pages <= state.size_bytes / page_bytes);
    CHECK(pages + 20 > state.size_bytes / page_bytes);
    const auto& anomalies = table(state, "anomalies");
    if (depth == verify_depth::totals) {
      CHECK_FALSE(anomalies.oldest_ns);
      continue;
    }
    CHECK(anomalies.oldest_ns == 0);
    CHECK(anomalies.newest_ns == (commits - 1) * 10 * second_ns + 1);
    CHECK(anomalies.key_bytes == anomalies.entries * 20);
    CHECK(table(state, "recent_b").value_bytes > commits * 8 * 100);
  }
}

TEST_CASE_METHOD(fixture, "looking leaves nothing behind", "[verify]") {
  look();
  CHECK(read_file(file) == sound_file());
  CHECK(std::distance(fs::directory_iterator{folder}, {}) == 1);
}

TEST_CASE_METHOD(fixture,
                 "a damaged page costs its own windows, named by series and span",
                 "[verify]") {
  auto sound = look();
  auto bytes = sound_file();
  auto at = find_summary_page(bytes);
  REQUIRE(at != 0);
  auto page = std::string_view{bytes}.substr(at, page_bytes);
  auto header = lmdb_layout::load<lmdb_layout::page_header>(page.data());
  auto first
    = to_recent_window(lmdb_layout::read_node(header.number, page, header, 0).key);
  auto lost = header.entries();
  bytes.replace(at, page_bytes, std::string(page_bytes, '\xee'));
  write_file(file, bytes);
  auto state = look();
  CHECK(state.damaged_places == 1);
  REQUIRE(state.damaged.size() == 1);
  const auto& place = state.damaged[0];
  CHECK(place.table == "recent_b");
  REQUIRE(place.from);
  CHECK(place.from->series == first.series);
  CHECK(place.from->time_ns == first.start_ns);
  CHECK(place.from->edge == "north");
  CHECK(place.from->series_text.size() > 2);
  CHECK_FALSE(place.is_one_entry);
  CHECK(place.reason.find("page ") == 0);
  CHECK(entries(state) == entries(sound) - lost); // All others are read.
  CHECK(table(state, "recent_b").damaged_places == 1);
}

TEST_CASE_METHOD(fixture, "a value that no reader can read is named by its key",
                 "[verify]") {
  put("recent_a", recent_key({2, 10 * second_ns, 100 * second_ns}),
      std::string("\x03\x07nonsense"));
  put("blocks", to_key(block_key{{tier::raw, 3, 10 * second_ns}, 200 * second_ns}),
      std::string("\x01nonsense"));
  put("positions", position_key("south", 9), std::string("\x02"));
  put("anomalies_by_series", std::string(20, 'k'), "");
  auto state = look();
  REQUIRE(state.damaged.size() == 4);
  CHECK(state.damaged[0].table == "blocks");
  CHECK(state.damaged[0].is_one_entry);
  CHECK(state.damaged[0].from->series == 3);
  CHECK(state.damaged[0].from->time_ns == 200 * second_ns);
  CHECK(state.damaged[1].table == "positions");
  CHECK(state.damaged[1].from->edge == "south");
  CHECK(state.damaged[2].table == "recent_a");
  CHECK(state.damaged[2].is_one_entry);
  CHECK(state.damaged[2].from->series_text == "b{}");
  CHECK(state.damaged[2].from->time_ns == 100 * second_ns);
  CHECK(state.damaged[3].table == "anomalies");
  CHECK(state.damaged[3].reason.find("its index has") != std::string::npos);
  CHECK(look(verify_depth::entries).is_sound()); // It does not look into values.
}

TEST_CASE_METHOD(fixture, "any damage at all ends in an answer", "[verify]") {
  auto sound_entries = entries(look());
  auto random = std::mt19937{4720};
  int found = 0;
  for (int round = 0; round < 300; ++round) {
    INFO("round " << round);
    auto bytes = sound_file();
    auto blows = 1 + random() % 20;
    for (unsigned i = 0; i < blows; ++i)
      bytes[random() % bytes.size()] = static_cast<char>(random());
    if (round % 10 == 0)
      bytes.resize(random() % bytes.size());
    if (round % 7 == 0) { // Where all hangs on it.
      auto page = 2 + random() % 20;
      for (std::size_t i = 0; i < 64; ++i)
        bytes[std::min(bytes.size() - 1, page * page_bytes + i)]
          = static_cast<char>(random());
    }
    write_file(file, bytes);
    auto state = look();
    CHECK(entries(state) <= sound_entries);
    CHECK(state.damaged.size() <= state.damaged_places);
    found += state.is_sound() ? 0 : 1;
  }
  CHECK(found > 100); // Free pages and unused bytes are hit, too.
}

TEST_CASE_METHOD(fixture, "what is no database is told", "[verify]") {
  write_file(file, "");
  CHECK_FALSE(look().is_sound());
  write_file(file, std::string(3 * page_bytes, 'x'));
  auto state = look();
  REQUIRE(state.damaged.size() == 1);
  CHECK(state.damaged[0].reason.find("no LMDB database") != std::string::npos);
  fs::remove(file);
  auto missing = look_at_database(folder, verify_depth::values);
  REQUIRE_FALSE(missing);
  CHECK(missing.error().code == errc::cannot_open);
}

TEST_CASE_METHOD(fixture, "another database than the store's is looked at by its pages",
                 "[verify]") {
  temp_directory other;
  {
    lmdb_env env{{other.path(), 1 << 24, {"blocks", "meta"}}, 1};
    lmdb_txn txn{env, true};
    for (int i = 0; i < 100; ++i)
      txn.put({0}, "key " + std::to_string(i), std::string(100 * i, 'v'));
    txn.commit();
  }
  auto state = look_at_database(other.path(), verify_depth::values).value();
  CHECK(state.is_sound());
  CHECK_FALSE(state.is_store);
  CHECK(table(state, "blocks").entries == 100);
  CHECK(table(state, "blocks").value_bytes == 100u * 99 * 100 / 2);
  CHECK(table(state, "blocks").overflow_pages > 0);
}
