// Stores of older formats are taken over whole.
#include "storage/lmdb_env.hpp"
#include "storage/store.hpp"
#include "storage/store_values.hpp"
#include "tests/storage/temp_directory.hpp"

#include <catch2/catch.hpp>

#include <filesystem>
#include <map>
#include <vector>

using namespace weir::storage;
namespace fs = std::filesystem;

namespace {

/// What the program before blocks wrote: 600 windows of three series, each a row.
const fs::path fixture_v1
  = fs::path{WEIR_SOURCE_DIR} / "tests/storage/fixtures/store_v1.mdb";

using windows = std::map<stored_series_id, std::vector<weir::analytics::summary>>;

windows read_old_rows(const fs::path& directory) {
  lmdb_env env{{directory, 64 << 20, {"summaries"}}, 1};
  lmdb_txn txn{env, false};
  lmdb_cursor cursor{txn, lmdb_table{0}};
  windows result;
  for (bool more = cursor.first(); more; more = cursor.next()) {
    auto key = to_window_key(cursor.key());
    result[key.series].push_back(merged(to_window(key, cursor.value())));
  }
  return result;
}

void check(const store& uut, const windows& expected) {
  CHECK(uut.stats().summaries == 600);
  CHECK(uut.position("north", 7).value()->through_seq == 600);
  for (const auto& [series, rows] : expected)
    CHECK(uut.query(series, 0, start_ns_max, 1000).value() == rows);
}

} // namespace

TEST_CASE("a store of format 1 is taken over, window by window", "[upgrade]") {
  weir::test::temp_directory directory;
  store_config config{.directory = directory / "store", .size_bytes_max = 64 << 20};
  fs::create_directory(config.directory);
  fs::copy_file(fixture_v1, config.directory / "data.mdb");
  auto expected = read_old_rows(config.directory);
  REQUIRE(expected.size() == 3);
  // As many as fit stay rows for now; or most of them go into blocks at once.
  config.recent_rows_max = GENERATE(std::size_t{10'000}, std::size_t{100});
  auto uut = store::open(config, 1).value();
  CHECK_FALSE(uut->was_damaged());
  check(*uut, expected);
  REQUIRE(uut->flush(1));
  check(*uut, expected);
  uut.reset();
  uut = store::open(config, 1).value();
  check(*uut, expected);
  CHECK(uut->stats().recent == 0);
}
