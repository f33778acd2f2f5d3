// CENTRAL CONFIG: the example is complete and says the true defaults; the allow-list
// is checked.
#include "configs/central_config.hpp"

#include "tests/support/temp_dir.hpp"
#include "transport/curve.hpp"

#include <catch2/catch.hpp>

#include <fstream>

using namespace weir::configs;

namespace {

struct fixture {
  weir::test::temp_dir dir;

  auto load_text(std::string_view text) {
    auto file = dir.path() / "central.toml";
    std::ofstream{file} << text;
    return load_central_config(file);
  }
};

} // namespace

TEST_CASE_METHOD(fixture, "the example of the centre says the defaults", "[configs]") {
  auto example = load_central_config(std::filesystem::path{WEIR_SOURCE_DIR}
                                     / "configs/central.toml");
  REQUIRE(example);
  auto defaults = load_text("");
  REQUIRE(defaults);
  const auto& a = *example;
  const auto& b = *defaults;
  CHECK(a.web.bind == b.web.bind);
  CHECK(a.web.port == b.web.port);
  CHECK(a.web.connections_max == b.web.connections_max);
  CHECK(a.node.store.size_bytes_max == b.node.store.size_bytes_max);
  CHECK(a.node.store.quarantine_max == b.node.store.quarantine_max);
  CHECK(a.node.store.alerts_max == b.node.store.alerts_max);
  CHECK(a.node.writer.commit_interval == b.node.writer.commit_interval);
  CHECK(a.node.uplink.message_bytes_max == b.node.uplink.message_bytes_max);
  CHECK(a.node.alerts.manager.topic == b.node.alerts.manager.topic);
  CHECK(a.node.alerts.mqtt.client_id == b.node.alerts.mqtt.client_id);
}

TEST_CASE_METHOD(fixture, "edges are read from the allow-list", "[configs]") {
  auto keys = weir::transport::make_curve_keys();
  auto loaded = load_text("[[uplink.edge]]\nname = \"north\"\npublic_key = '"
                          + keys.public_key + "'\n");
  REQUIRE(loaded);
  REQUIRE(loaded->node.uplink.keys.allowed.size() == 1);
  CHECK(loaded->node.uplink.keys.allowed[0].name == "north");
}

TEST_CASE_METHOD(fixture, "a wrong, double or nameless edge is told", "[configs]") {
  auto keys = weir::transport::make_curve_keys();
  auto loaded = load_text("[[uplink.edge]]\nname = \"a\"\npublic_key = \"short\"\n"
                          "[[uplink.edge]]\nname = \"a\"\npublic_key = '"
                          + keys.public_key + "'\n[[uplink.edge]]\nname = \"b c\"\n");
  REQUIRE_FALSE(loaded);
  CHECK(loaded.error().size() == 4);
}
