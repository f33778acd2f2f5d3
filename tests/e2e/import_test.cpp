// History in and out of a running centre: weir import, weir export, and the same again.
#include "tests/e2e/system.hpp"

#include <catch2/catch.hpp>

#include <csignal>
#include <ctime>

using namespace std::chrono_literals;
using weir::test::child_process;
using weir::test::program;
using weir::test::read_text;
using weir::test::run_program;
using weir::test::temp_dir;
using weir::test::wait_until;
using weir::test::weir_system;

namespace {

// Recent, so that nothing is beyond its retention.
const std::int64_t start_s = std::time(nullptr) / 3600 * 3600 - 7200;

struct centre : weir_system {
  centre() {
    start_central();
    REQUIRE(wait_for_log("central.log", "takes edges on"));
  }

  std::vector<std::string> command(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), program("weir"));
    arguments.insert(arguments.end(),
                     {"--url", "http://127.0.0.1:" + std::to_string(web_port), "--data",
                      (dir / "central-data").string()});
    return arguments;
  }

  std::string weir(std::vector<std::string> arguments, int expected_status = 0) {
    int status = -1;
    auto text = run_program(command(std::move(arguments)), dir, &status);
    INFO(text);
    INFO(logs());
    CHECK(status == expected_status);
    return text;
  }

  std::string file(const std::string& name) const {
    return (dir / name).string();
  }

  std::string export_to(const std::string& name, const std::string& format) {
    weir({"export", "{__name__=~\".+\"}", "--format", format, "--from", "-1d",
          "--output", file(name)});
    return read_text(dir / name);
  }

  void write(const std::string& name, int seconds, int sources = 2) {
    std::ofstream out{dir / name};
    for (int i = 0; i < seconds; ++i)
      for (int source = 0; source < sources; ++source)
        out << "motor,host=m" << source << ",line=3 temp=" << 20 + (i * 7 % 11) / 3.0
            << ",rpm=" << i << "i,name=\"x\" " << start_s + i << "\n";
  }
};

} // namespace

TEST_CASE("imported history is exported, and imported elsewhere as it was", "[e2e]") {
  centre first;
  first.write("history.lp", 3600);
  auto arguments = std::vector<std::string>{
    "import", "--format", "influx", "--precision", "s", first.file("history.lp")};
  auto text = first.weir(arguments);
  CHECK(text.find("stored 1440 windows of 4 series; 0 were there")
        != std::string::npos);
  CHECK(text.find("14400 samples") != std::string::npos);
  auto csv = first.export_to("1.csv", "csv");
  CHECK(std::count(csv.begin(), csv.end(), '\n') == 1441);

  SECTION("the same file again changes nothing") {
    text = first.weir(arguments);
    CHECK(text.find("stored 0 windows of 4 series; 1440 were there") != text.npos);
    CHECK((first.export_to("2.csv", "csv") == csv));
    auto ledger = first.get("/api/v1/ledger");
    REQUIRE(ledger);
    CHECK((*ledger)["balanced"] == true);
    CHECK((*ledger)["positions"][0]["edge"] == "import");
    CHECK((*ledger)["positions"][0]["stored"] == 1440);
    // Another recipe is another file, and no alert that an edge counts anew.
    arguments.insert(arguments.end(), {"--window", "1m"});
    CHECK(first.weir(arguments).find("stored 240 windows") != text.npos);
    CHECK((*first.get("/api/v1/alerts"))["alerts"].empty());
  }

  SECTION("windows are those that a query finds") {
    auto answer = first.get(
      "/api/v1/query?query=sum(sum_over_time(motor_rpm%7Bstat%3D%22count%22%"
      "7D%5B1h%5D))&time="
      + std::to_string(start_s + 3600));
    REQUIRE(answer);
    CHECK((*answer)["data"]["result"][0]["value"][1] == "7200");
  }

  SECTION("round trip in each format") {
    auto format
      = GENERATE(std::string{"csv"}, std::string{"ndjson"}, std::string{"influx"});
    first.export_to("exported", format);
    centre second;
    text
      = second.weir({"import", "--format", format, "--strict", first.file("exported")});
    CHECK(text.find("stored 1440 windows of 4 series") != text.npos);
    // Not as texts: a failure would print both.
    CHECK((second.export_to("1.csv", "csv") == csv));
    CHECK(second.central->stop(5s) == 0);
  }
  CHECK(first.central->stop(5s) == 0);
}

TEST_CASE("an import that was killed goes on where it was", "[e2e]") {
  centre system;
  system.write("history.lp", 40'000, 4);
  auto arguments = std::vector<std::string>{
    "import", "--format", "influx", "--precision",
    "s",      "--width",  "1s",     system.file("history.lp")};
  child_process first{system.command(arguments), system.dir / "first.log"};
  // As soon as something is stored, long before all is.
  REQUIRE(wait_until(
    [&] {
      auto ledger = system.get("/api/v1/ledger");
      return ledger && !(*ledger)["positions"].empty()
             && (*ledger)["positions"][0]["stored"] > 0;
    },
    30s));
  first.signal(SIGKILL);
  first.wait(5s);
  auto text = system.weir(arguments);
  CAPTURE(text);
  CHECK(text.find(" 0 were there") == text.npos);
  CHECK(text.find("stored 0 windows") == text.npos);
  auto ledger = system.get("/api/v1/ledger");
  REQUIRE(ledger);
  CHECK((*ledger)["positions"][0]["stored"] == 320'000);
  CHECK((*ledger)["positions"][0]["missing"] == 0);
  CHECK((*ledger)["balanced"] == true);
  CHECK(system.central->stop(10s) == 0);
}

TEST_CASE("bad lines and bad requests are told, and store nothing by halves", "[e2e]") {
  centre system;
  std::ofstream{system.dir / "bad.lp"} << "cpu v=1 " << start_s << "\ncpu v=oops "
                                       << start_s << "\n";
  auto arguments = std::vector<std::string>{
    "import", "--format", "influx", "--precision", "s", system.file("bad.lp")};
  auto strict = arguments;
  strict.push_back("--strict");
  auto text = system.weir(strict, 1);
  CHECK(text.find("line 2, column 7") != text.npos);
  CHECK(text.find("nothing was imported") != text.npos);
  CHECK((*system.get("/api/v1/ledger"))["positions"].empty());
  auto dry = arguments;
  dry.push_back("--dry-run");
  CHECK(system.weir(dry).find("1 windows of 1 series would be stored") != text.npos);
  CHECK(system.weir(arguments).find("stored 1 windows") != text.npos);
  system.weir({"export", "nothing_like_this"}, 1);
  system.weir({"export", "sum(cpu)"}, 2);
  system.weir({"export", "cpu", "--columns", "mean,nonsense"}, 2);
  CHECK_FALSE(system.get("/api/v1/export?series=99&from_ns=0"));
  CHECK(system.central->stop(5s) == 0);
}
