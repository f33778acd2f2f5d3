// weir backup, restore, verify and store stats: the real program on real stores.
#include "cli/backup_folder.hpp"
#include "cli/database_tables.hpp"
#include "storage/store.hpp"
#include "tests/storage/store_dump.hpp"
#include "tests/support/child_process.hpp"
#include "tests/support/temp_dir.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

using namespace weir::test;
using weir::cli::backup_name;
using weir::cli::damage_text;
using weir::cli::surplus_backups;
namespace fs = std::filesystem;
namespace storage = weir::storage;

namespace {

struct outcome {
  int code = -1;
  std::string output; ///< Standard output and error.
};

bool has(const outcome& x, const std::string& part) {
  return x.output.find(part) != std::string::npos;
}

struct fixture {
  temp_dir directory;
  int runs = 0;

  outcome run(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), WEIR_PROGRAM);
    auto output = directory / ("out-" + std::to_string(++runs));
    child_process process{std::move(arguments), output};
    auto code = process.wait(std::chrono::seconds{20});
    return {code.value_or(-1), read_file(output)};
  }

  std::string path(const char* name) {
    return (directory / name).string();
  }

  std::unique_ptr<storage::store> open(const char* name) {
    return std::move(*storage::store::open(
      {.directory = directory / name, .size_bytes_max = 1 << 28}, 1));
  }

  /// As weir-central has it: a data_dir with a store in it.
  void fill() {
    fs::create_directory(directory / "data");
    auto made = open("data/store");
    for (std::uint64_t n = 0; n < 30; ++n)
      make_commit(*made, n);
  }
};

} // namespace

TEST_CASE_METHOD(fixture, "a store goes through backup, verify and restore", "[cli]") {
  fill();
  auto made = run({"backup", "--from", path("data"), "--to", path("b")});
  CHECK(made.code == 0);
  CHECK(has(made, "store "));
  auto good = run({"verify", path("b")});
  INFO(good.output);
  CHECK(good.code == 0);
  CHECK(has(good, "its checksum is right"));
  CHECK(has(good, "sound: "));
  auto restored = run({"restore", "--from", path("b"), "--to", path("r")});
  CHECK(restored.code == 0);
  CHECK(has(restored, "restored, made 20"));
  CHECK(dump(*open("r")) == dump(*open("data/store")));

  auto again = run({"backup", "--from", path("data"), "--to", path("b")});
  CHECK(again.code == 1);
  CHECK(has(again, "no backup was made: "));
  CHECK(has(again, "is there already"));
  auto used = run({"restore", "--from", path("b"), "--to", path("r")});
  CHECK(used.code == 1);
  CHECK(has(used, "not empty"));
}

TEST_CASE_METHOD(fixture,
                 "a store in use by another process is backed up and looked at",
                 "[cli]") {
  fill();
  auto in_use = open("data/store");
  CHECK(run({"backup", "--from", path("data/store"), "--to", path("b")}).code == 0);
  CHECK(run({"verify", path("data")}).code == 0);
  CHECK(run({"store", "stats", path("data")}).code == 0);
  make_commit(*in_use, 30); // And goes on.
  CHECK(run({"restore", "--from", path("b"), "--to", path("data/store")}).code == 1);
  CHECK(commits_in(*in_use) == 31);
}

TEST_CASE_METHOD(fixture, "damage is named, with exit status 1", "[cli]") {
  fill();
  REQUIRE(run({"backup", "--from", path("data"), "--to", path("b")}).code == 0);
  auto file = directory / "b/data.mdb";
  auto bytes = read_file(file);
  bytes.replace(5 * 4096, 64, 64, '\x11');
  std::ofstream{file, std::ios::binary} << bytes;
  auto verdict = run({"verify", path("b")});
  INFO(verdict.output);
  CHECK(verdict.code == 1);
  CHECK(has(verdict, "does not have the checksum"));
  CHECK(has(verdict, "page "));
  auto as_json = run({"verify", path("b"), "--json"});
  CHECK(as_json.code == 1);
  auto answer = nlohmann::json::parse(as_json.output);
  CHECK(answer["sound"] == false);
  CHECK(answer["damaged"].size() >= 1);
  auto restored = run({"restore", "--from", path("b"), "--to", path("r")});
  CHECK(restored.code == 1);
  CHECK(has(restored, "nothing was restored: "));
  CHECK_FALSE(fs::exists(directory / "r"));
}

TEST_CASE_METHOD(fixture, "stats say what takes the space", "[cli]") {
  fill();
  auto text = run({"store", "stats", path("data")});
  INFO(text.output);
  CHECK(text.code == 0);
  for (const auto* part : {"recent_a", "BYTES/ENTRY", "free pages", "north", "OLDEST"})
    CHECK(has(text, part));
  auto answer
    = nlohmann::json::parse(run({"store", "stats", path("data"), "--json"}).output);
  CHECK(answer["tables"].size() == 18);
  CHECK(answer["epochs"][0]["edge"] == "north");
  CHECK(answer["epochs"][0]["through_seq"] == 30 * records_per_commit);
  auto quick = nlohmann::json::parse(
    run({"store", "stats", path("data"), "--json", "--quick"}).output);
  CHECK(quick["size_bytes"] == answer["size_bytes"]);
  for (std::size_t i = 0; i < 14; ++i)
    CHECK(quick["tables"][i]["entries"] == answer["tables"][i]["entries"]);
}

TEST_CASE_METHOD(fixture, "backups named by time are kept up to a number", "[cli]") {
  fill();
  fs::create_directory(directory / "all");
  auto old = [&](const char* name) { return (directory / "all" / name).string(); };
  for (const auto* name : {"weir-20200101T000000Z", "weir-20210101T000000Z", "mine"})
    REQUIRE(run({"backup", "--from", path("data"), "--to", old(name)}).code == 0);
  fs::create_directory(directory / "all/weir-20190101T000000Z"); // No backup.
  auto made
    = run({"backup", "--from", path("data"), "--into", path("all"), "--keep", "2"});
  INFO(made.output);
  CHECK(made.code == 0);
  CHECK(has(made, "removed " + old("weir-20200101T000000Z")));
  CHECK_FALSE(fs::exists(old("weir-20200101T000000Z")));
  for (const auto* name : {"weir-20210101T000000Z", "mine", "weir-20190101T000000Z"})
    CHECK(fs::exists(old(name)));
  CHECK(surplus_backups(directory / "all", 1).size() == 1);
  CHECK(surplus_backups(directory / "all", 2).empty());
  CHECK(surplus_backups(directory / "none", 0).empty());
}

TEST_CASE_METHOD(fixture, "a backup that takes too long leaves nothing", "[cli]") {
  fill();
  auto slow = run({"backup", "--from", path("data"), "--to", path("b"),
                   "--rate-mb-per-s", "0.2", "--seconds-max", "0.1"});
  CHECK(slow.code == 1);
  CHECK(has(slow, "longer than --seconds-max"));
  CHECK_FALSE(fs::exists(directory / "b"));
  CHECK_FALSE(fs::exists(directory / "b.partial"));
}

TEST_CASE_METHOD(fixture, "wrong command lines of backup and its kin return 2",
                 "[cli]") {
  for (const auto& x : std::vector<std::vector<std::string>>{
         {"backup", "--from", "a"},
         {"backup", "--to", "a"},
         {"backup", "--from", "a", "--to", "b", "--into", "c"},
         {"backup", "--from", "a", "--to", "b", "--keep", "3"},
         {"restore", "--from", "a"},
         {"verify"},
         {"store"},
         {"store", "stats"}})
    CHECK(run(x).code == 2);
  CHECK(run({"verify", path("nothing")}).code == 1);
}

TEST_CASE("the name of a backup is its time", "[cli]") {
  CHECK(backup_name(1'760'000'000'123'000'000) == "weir-20251009T085320Z");
}

TEST_CASE("damage is told in words, and no byte of it steers a terminal", "[cli]") {
  storage::key_meaning from{3, "t{source=\"a\"}", "north", 1'760'000'000'000'000'000};
  auto until = from;
  until.time_ns = 1'760'000'010'000'000'000;
  CHECK(damage_text({"summaries", from, until, false, "page 7: gone"})
        == "summaries: t{source=\"a\"} of edge north, from 2025-10-09T08:53:20.000Z to "
           "2025-10-09T08:53:30.000Z: page 7: gone");
  CHECK(damage_text({"summaries", from, {}, true, "bad"})
        == "summaries: t{source=\"a\"} of edge north at 2025-10-09T08:53:20.000Z: bad");
  auto other = until;
  other.series_text.clear();
  other.series = 4;
  CHECK(
    damage_text({"summaries", from, other, false, "bad"})
    == "summaries: from t{source=\"a\"} of edge north at 2025-10-09T08:53:20.000Z to "
       "series 4 of edge north at 2025-10-09T08:53:30.000Z: bad");
  CHECK(damage_text({"alerts", {}, {}, false, "bad"}) == "alerts: bad");
  CHECK(damage_text({"a\x1b[2J", {}, {}, false, "\n"}) == "a?[2J: ?");
}
