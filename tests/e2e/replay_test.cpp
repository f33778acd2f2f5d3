// `weir replay` of a CSV through broker, edge and centre.
#include "tests/e2e/system.hpp"

#include <catch2/catch.hpp>

using namespace std::chrono_literals;
using weir::test::program;
using weir::test::run_program;
using weir::test::wait_until;
using weir::test::weir_system;

namespace {

std::size_t summary_rows(weir_system& system, const std::string& search) {
  auto list = system.get("/api/v1/series?search=" + search);
  if (!list || (*list)["series"].empty())
    return 0;
  auto id = std::to_string((*list)["series"][0]["id"].get<int>());
  auto rows = system.get("/api/v1/query?series=" + id
                         + "&from=0&to=4000000000000&max_points=10000");
  return rows ? (*rows)["rows"].size() : 0;
}

} // namespace

TEST_CASE("a CSV file replays as events, each row in its window", "[e2e]") {
  weir_system system{{.edge_extra = "", .window_ms = 60'000}};
  system.start();
  {
    std::ofstream csv{system.dir / "flow.csv"};
    csv << "when,litres,\"note, quoted\"\n";
    for (int minute = 10; minute < 60; ++minute)
      csv << "2024-03-01T12:" << minute << ":00Z," << minute << ",x\r\n";
  }
  int status = 0;
  auto text = run_program(
    {program("weir"), "replay", (system.dir / "flow.csv").string(), "--time", "when",
     "--value", "litres", "--source", "pump", "--as-fast-as-possible", "--mqtt",
     system.broker.uri(), "--topic", "plant/{source}/{metric}"},
    system.dir, &status);
  CAPTURE(text);
  REQUIRE(status == 0);
  INFO(system.logs());
  // The last two minutes stay open: 12:59:00 less the allowance of half a second is
  // not yet the end of 12:58.
  CHECK(wait_until([&] { return summary_rows(system, "litres") == 48; }));
}

TEST_CASE("a real machine's temperatures replay to the end", "[e2e]") {
  auto data = std::filesystem::path{WEIR_SOURCE_DIR}
              / "../shared/data/streams/machine_temperature.csv";
  if (!std::filesystem::exists(data)) {
    WARN("skipped: no data");
    return;
  }
  weir_system system{{.edge_extra = "", .window_ms = 3'600'000}};
  system.start();
  int status = 0;
  auto text
    = run_program({program("weir"), "replay", data.string(), "--time", "timestamp",
                   "--value", "value", "--metric", "machine_temperature", "--source",
                   "oven", "--as-fast-as-possible", "--zmq", system.zmq_endpoint()},
                  system.dir, &status);
  CAPTURE(text);
  REQUIRE(status == 0);
  INFO(system.logs());
  // 22,695 rows of 5 minutes in hours, less the open one; gaps make it fewer.
  CHECK(wait_until([&] { return summary_rows(system, "oven") > 1800; }, 30s));
}
