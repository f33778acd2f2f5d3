// A centre that is set back to a backup, with the real programs: it and its edge go on,
// what is lost stands in the ledger, and nothing is doubled.
#include "storage/store.hpp"
#include "tests/e2e/system.hpp"

#include <catch2/catch.hpp>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

using namespace std::chrono_literals;
using weir::test::program;
using weir::test::run_program;
using weir::test::wait_until;
using weir::test::weir_system;
namespace fs = std::filesystem;

namespace {

constexpr std::int64_t start_s = 1'760'000'000;

/// One event in each second's window, of the value of its second.
void publish_seconds(weir_system& system, int first, int last) {
  std::vector<std::string> lines;
  for (int i = first; i <= last; ++i)
    lines.push_back(R"({"timestamp":)" + std::to_string(start_s + i) + R"(,"value":)"
                    + std::to_string(i) + "}");
  system.publish("plant/a/temperature", lines);
}

/// Of the one epoch that there is; an empty object before.
nlohmann::json position(weir_system& system) {
  auto ledger = system.get("/api/v1/ledger");
  if (!ledger || (*ledger)["positions"].size() != 1)
    return nlohmann::json::object();
  return (*ledger)["positions"][0];
}

bool has_stored(weir_system& system, std::uint64_t records) {
  return wait_until([&] { return position(system).value("stored", 0u) >= records; },
                    30s);
}

/// How often each second was counted, at most 1 of each in a sound store.
std::map<std::int64_t, std::uint64_t> stored_seconds(const fs::path& folder) {
  std::map<std::int64_t, std::uint64_t> result;
  auto opened = weir::storage::store::open({.directory = folder}, 1);
  REQUIRE(opened);
  auto all = (*opened)->find_series({}).value();
  for (const auto& series : all) {
    auto rows = (*opened)->query(series.id, 0, INT64_MAX, 1'000'000).value();
    for (const auto& x : rows)
      result[x.start_ns / 1'000'000'000 - start_s] += x.count;
  }
  return result;
}

} // namespace

TEST_CASE("a centre restored from a backup goes on with its edge, the gap is in the "
          "ledger and nothing is doubled",
          "[e2e]") {
  weir_system system;
  auto store = system.dir / "central-data/store";
  auto backup = (system.dir / "backup").string();
  system.start();
  publish_seconds(system, 0, 100); // The last windows stay open.
  INFO(system.logs());
  REQUIRE(has_stored(system, 95));

  int status = -1;
  INFO(run_program({program("weir"), "backup", "--from",
                    (system.dir / "central-data").string(), "--to", backup},
                   system.dir, &status));
  REQUIRE(status == 0); // While it runs.
  publish_seconds(system, 101, 200);
  REQUIRE(has_stored(system, 195));
  auto before = position(system);

  system.central->kill();
  publish_seconds(system, 201, 250); // The edge goes on alone.
  fs::rename(store, system.dir / "old-store");
  INFO(
    run_program({program("weir"), "restore", "--from", backup, "--to", store.string()},
                system.dir, &status));
  REQUIRE(status == 0);
  system.start_central();
  publish_seconds(system, 251, 300);
  CHECK(system.wait_for_log("edge.log", "the centre does not have them any more"));
  REQUIRE(wait_until(
    [&] {
      auto x = position(system);
      return x.value("sent", 0u) >= 295u && x.value("missing", 1u) == 0u;
    },
    30s));
  auto after = position(system);
  CHECK(after["epoch"] == before["epoch"]);
  CHECK(after["balanced"] == true);
  CHECK(after["violations"] == 0);
  CHECK(after["sent"].get<std::uint64_t>()
        == after["stored"].get<std::uint64_t>()
             + after["expired"].get<std::uint64_t>());
  auto lost = after["expired"].get<std::uint64_t>();
  CHECK(lost >= 90);
  CHECK(lost <= 105);

  CHECK(system.edge->stop(10s) == 0);
  CHECK(system.central->stop(10s) == 0);
  auto seconds = stored_seconds(store);
  for (const auto& [second, count] : seconds) {
    CAPTURE(second);
    CHECK(count == 1);
  }
  std::uint64_t gone = 0;
  for (int i = 0; i <= 290; ++i) {
    bool is_there = seconds.count(i) == 1;
    CAPTURE(i);
    if (i <= 90 || i > 201) // In the backup, or made after the centre had ended.
      CHECK(is_there);
    gone += is_there ? 0 : 1;
  }
  CHECK(gone == lost); // The ledger's number is the true one.
}
