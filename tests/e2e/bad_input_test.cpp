// Bad input over the real broker: counted, shown by the API, and the stream goes on.
#include "tests/e2e/system.hpp"

#include <catch2/catch.hpp>

using weir::test::wait_until;
using weir::test::weir_system;

namespace {

nlohmann::json edge_of(weir_system& system) {
  auto overview = system.get("/api/v1/overview");
  if (!overview || (*overview)["edges"].empty())
    return {};
  return (*overview)["edges"][0];
}

} // namespace

TEST_CASE("bad payloads are counted by reason, kept for a person, and good ones "
          "between them arrive",
          "[e2e]") {
  weir_system system;
  system.start();
  INFO(system.logs());
  system.publish("plant/a/temperature",
                 {"{\"value\":", "{\"value\":\"hot\"}", "{\"value\":1.5}",
                  "{\"value\":1,\"timestamp\":5}",
                  "{\"value\":1,\"timestamp\":\"yesterday\"}", "{\"source\":\"x\"}",
                  "\xff\xfe\xfd", "[1,2]", "{\"value\":NaN}",
                  "{\"value\":2.5,\"unknown\":{\"field\":[1,2,3]}}"});
  // 10 MB in one message, and a topic that fits no template.
  {
    std::ofstream large{system.dir / "large"};
    large << "{\"value\":1,\"x\":\"" << std::string(10'000'000, 'x') << "\"}";
  }
  weir::test::run_program({"/usr/bin/mosquitto_pub", "-h", "127.0.0.1", "-p",
                           std::to_string(system.broker.port()), "-q", "1", "-t",
                           "plant/a/temperature", "-f",
                           (system.dir / "large").string()},
                          system.dir);
  system.publish("plant/a/temperature", {"3.5"});
  REQUIRE(wait_until([&] {
    auto edge = edge_of(system);
    return edge.is_object() && edge.value("events_total", 0) >= 3
           && edge.value("rejected_total", 0) >= 9;
  }));
  auto edge = edge_of(system);
  CAPTURE(edge.dump());
  CHECK(edge["events_total"] == 3);
  const auto& reasons = edge["rejected_by_reason"];
  CHECK(reasons["too_large"] == 1);
  CHECK(reasons["bad_time"] == 2);
  CHECK(reasons["wrong_type"].get<int>() >= 1);
  CHECK(reasons["missing_field"].get<int>() >= 1);
  CHECK(reasons["malformed"].get<int>() >= 2);
  CHECK(edge["rejected_by_source"]["mqtt"] == reasons);
  nlohmann::json samples;
  REQUIRE(wait_until([&] {
    auto quarantine = system.get("/api/v1/quarantine");
    if (!quarantine)
      return false;
    samples = (*quarantine)["rejections"];
    return samples.size() >= 9;
  }));
  for (const auto& x : samples) {
    CHECK(x["edge"] == "edge-1");
    CHECK(x["source"].get<std::string>().find("mqtt plant/a/temperature") == 0);
    CHECK_FALSE(x["detail"].get<std::string>().empty());
  }
  CHECK(system.edge->running());
}
