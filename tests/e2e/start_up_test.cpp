// Starting in every order, and the one clear line for what cannot work.
#include "tests/e2e/system.hpp"

#include <catch2/catch.hpp>

#include <sys/stat.h>

using namespace std::chrono_literals;
using weir::test::program;
using weir::test::run_program;
using weir::test::wait_until;
using weir::test::weir_system;

namespace {

bool has_series(weir_system& system) {
  auto list = system.get("/api/v1/series");
  return list && !(*list)["series"].empty();
}

std::size_t line_count(const std::string& text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

} // namespace

TEST_CASE("an edge that starts first works without broker and centre, and finds both",
          "[e2e]") {
  weir_system system{{.edge_extra = "[[rule]]\nname = \"r\"\nlimit = 0.0\n"}};
  system.broker.stop();
  system.start_edge();
  REQUIRE(system.wait_for_log("edge.log", "source mqtt is not connected"));
  REQUIRE(system.edge->running());
  system.broker.start();
  REQUIRE(system.wait_for_log("edge.log", "source mqtt is connected"));
  system.publish("plant/a/temperature", {"1.5"});
  system.start_central();
  INFO(system.logs());
  CHECK(wait_until([&] {
    auto alerts = system.get("/api/v1/alerts");
    return alerts && (*alerts)["alerts"].size() == 1;
  }));
}

TEST_CASE("a centre that is killed and started again takes up every edge", "[e2e]") {
  weir_system system{{.edge_extra = "[[rule]]\nname = \"r\"\nlimit = 0.0\n"}};
  system.start();
  system.publish("plant/a/temperature", {"1.5"});
  REQUIRE(wait_until([&] {
    return has_series(system) || system.get("/api/v1/alerts")->at("alerts").size() == 1;
  }));
  system.central->kill();
  system.publish("plant/b/temperature", {"2.5"});
  system.start_central();
  INFO(system.logs());
  CHECK(wait_until([&] {
    auto alerts = system.get("/api/v1/alerts");
    return alerts && (*alerts)["alerts"].size() == 2;
  }));
  auto ledger = system.get("/api/v1/ledger");
  REQUIRE(ledger);
  CHECK((*ledger)["positions"].size() == 1);
}

TEST_CASE("an edge whose key is not in the allow-list gets nothing in", "[e2e]") {
  weir_system system{{.listed = false}};
  system.start_central();
  system.start_edge();
  REQUIRE(system.wait_for_log("edge.log", "source mqtt is connected"));
  REQUIRE(system.wait_for_log("central.log", "uplink:"));
  auto ledger = system.get("/api/v1/ledger");
  REQUIRE(ledger);
  CHECK((*ledger)["positions"].empty());
  auto overview = system.get("/api/v1/overview");
  REQUIRE(overview);
  CHECK((*overview)["totals"]["up"] == 0);
}

TEST_CASE("what cannot start says why in one line", "[e2e]") {
  weir_system system;
  int status = 0;
  auto edge = [&](const std::string& file) {
    return run_program({program("weir-edge"), "--config", file}, system.dir, &status);
  };
  SECTION("no config") {
    auto text = edge("/no/such/edge.toml");
    CHECK(status == 2);
    CHECK(line_count(text) == 1);
    CHECK(text.find("/no/such/edge.toml") != std::string::npos);
  }
  SECTION("a port in use") {
    system.start();
    auto text = run_program(
      {program("weir-central"), "--config", (system.dir / "central.toml").string()},
      system.dir, &status);
    CHECK(status == 1);
    CHECK(line_count(text) == 1);
  }
  SECTION("a missing certificate") {
    std::ofstream{system.dir / "tls.toml"}
      << "[[source.mqtt]]\nname = \"a\"\nuri = \"mqtts://127.0.0.1:1\"\n"
         "topics = [\"x\"]\ntls = { ca_file = \"missing.pem\" }\n"
         "[uplink]\nenabled = false\n";
    auto text = edge((system.dir / "tls.toml").string());
    CHECK(status == 1);
    CHECK(text.find("missing.pem") != std::string::npos);
    CHECK(text.find("cannot start") != std::string::npos);
  }
  SECTION("an open address without keys") {
    std::ofstream{system.dir / "open.toml"}
      << "[uplink]\nendpoint = \"tcp://0.0.0.0:0\"\n[web]\nport = 0\n";
    auto text = run_program(
      {program("weir-central"), "--config", (system.dir / "open.toml").string()},
      system.dir, &status);
    CHECK(status == 1);
    CHECK(text.find("CURVE keys") != std::string::npos);
  }
}

TEST_CASE("the options check-config, version and help answer and exit", "[e2e]") {
  weir_system system;
  for (const auto* name : {"weir-edge", "weir-central"}) {
    int status = -1;
    auto config = std::string{name} == "weir-edge" ? "edge.toml" : "central.toml";
    run_program(
      {program(name), "--config", (system.dir / config).string(), "--check-config"},
      system.dir, &status);
    CHECK(status == 0);
    CHECK(run_program({program(name), "--version"}, system.dir, &status).find(name)
          == 0);
    CHECK(status == 0);
    CHECK(
      run_program({program(name), "--help"}, system.dir, &status).find("EXIT STATUS")
      != std::string::npos);
    CHECK(status == 0);
    run_program({program(name), "--no-such-option"}, system.dir, &status);
    CHECK(status == 2);
  }
}
