// EDGE CONFIG: the example is complete and says the true defaults; errors are told.
#include "configs/edge_config.hpp"

#include "tests/support/temp_dir.hpp"

#include <catch2/catch.hpp>

#include <fstream>

using namespace weir::configs;

namespace {

struct fixture {
  weir::test::temp_dir dir;

  auto load_text(std::string_view text) {
    auto file = dir.path() / "edge.toml";
    std::ofstream{file} << text;
    return load_edge_config(file);
  }
};

} // namespace

TEST_CASE_METHOD(fixture, "the example config says the defaults", "[configs]") {
  auto example
    = load_edge_config(std::filesystem::path{WEIR_SOURCE_DIR} / "configs/edge.toml");
  REQUIRE(example);
  auto defaults = load_text("");
  REQUIRE(defaults);
  const auto& a = example->node;
  const auto& b = defaults->node;
  CHECK(a.name == b.name);
  CHECK(a.series_max == b.series_max);
  CHECK(a.memory_bytes_max == b.memory_bytes_max);
  CHECK(a.linger == b.linger);
  CHECK(a.inbox.events_max == b.inbox.events_max);
  CHECK(a.ingest.time_min_ns == b.ingest.time_min_ns);
  CHECK(a.ingest.future_tolerance_ns == b.ingest.future_tolerance_ns);
  CHECK(a.ingest.limits.payload_bytes_max == b.ingest.limits.payload_bytes_max);
  CHECK(a.ingest.restamp_future == b.ingest.restamp_future);
  CHECK(a.clock.trusted_after_ns == b.clock.trusted_after_ns);
  CHECK(a.clock.jump_ns == b.clock.jump_ns);
  CHECK(a.gate.held_events_max == b.gate.held_events_max);
  CHECK(a.gate.duplicates_horizon == b.gate.duplicates_horizon);
  CHECK(a.journal.files.directory.filename() == b.journal.files.directory.filename());
  CHECK(a.journal.files.size_bytes_max == b.journal.files.size_bytes_max);
  CHECK(a.journal.sync_interval == b.journal.sync_interval);
  CHECK(a.writer.checkpoint_interval == b.writer.checkpoint_interval);
  CHECK(a.writer.cost_max == b.writer.cost_max);
  CHECK(a.writer.write_bytes_per_s_max == b.writer.write_bytes_per_s_max);
  // The stream tables: tests/configs/stream_settings_test.cpp.
  REQUIRE((a.stream.window && b.stream.window));
  CHECK(state_fingerprint(*a.stream.window) == state_fingerprint(*b.stream.window));
  CHECK(a.alerts.topic == b.alerts.topic);
  CHECK(a.alerts.mqtt.client_id == b.alerts.mqtt.client_id);
  CHECK(a.outbox.size_bytes_max == b.outbox.size_bytes_max);
  CHECK(a.outbox.coalesce_min_age_ns == b.outbox.coalesce_min_age_ns);
  CHECK(a.uplink.backlog == b.uplink.backlog);
  CHECK(a.uplink.backlog_bytes_per_s_max == b.uplink.backlog_bytes_per_s_max);
  CHECK(a.uplink.window_bytes_max == b.uplink.window_bytes_max);
  CHECK(a.uplink.silence_max == b.uplink.silence_max);
  CHECK(a.uplink.backoff_max == b.uplink.backoff_max);
}

TEST_CASE_METHOD(fixture, "what the example shows commented out is accepted",
                 "[configs]") {
  // Uncomments each [[...]] block of the example and loads the whole.
  std::ifstream in{std::filesystem::path{WEIR_SOURCE_DIR} / "configs/edge.toml"};
  std::string text;
  bool in_block = false;
  for (std::string line; std::getline(in, line);) {
    if (line.rfind("# [[", 0) == 0)
      in_block = true;
    if (in_block && line.rfind("# ", 0) == 0)
      text += line.substr(2) + "\n";
    else
      text += line + "\n";
    if (line.empty())
      in_block = false;
  }
  std::ofstream{dir.path() / "devices.csv"} << "source,limit\npump-1,80\n";
  auto loaded = load_text(text);
  if (!loaded)
    for (const auto& x : loaded.error())
      UNSCOPED_INFO(x);
  REQUIRE(loaded);
  CHECK(loaded->node.mqtt_sources.size() == 1);
  CHECK(loaded->node.mqtt_sources[0].mqtt.client_id == "weir-edge-1-plant");
  CHECK(loaded->node.zmq_sources.size() == 1);
  const auto& stream = loaded->node.stream;
  REQUIRE(stream.rules.size() == 1);
  CHECK(stream.rules[0].clear_limit == 85.0);
  CHECK(stream.views.size() == 1);
  CHECK(stream.converts.size() == 1);
  CHECK(stream.filters.size() == 1);
  CHECK(stream.samples.size() == 1);
  CHECK(stream.derives.size() == 1);
  REQUIRE(stream.tables.size() == 1);
  CHECK(stream.tables[0].table->rows() == 1);
  REQUIRE(loaded->reload);
  CHECK(loaded->reload->poll(false).is_nothing());
}

TEST_CASE_METHOD(fixture, "the clock and the future are settings", "[configs]") {
  auto loaded = load_text("[clock]\ntrusted_after = \"2026-01-01T00:00:00Z\"\n"
                          "jump_ms = 500\nheld_events_max = 7\n"
                          "[ingest]\nfuture = \"restamp\"\n");
  REQUIRE(loaded);
  CHECK(loaded->node.clock.trusted_after_ns == 1'767'225'600'000'000'000);
  CHECK(loaded->node.clock.jump_ns == 500'000'000);
  CHECK(loaded->node.gate.held_events_max == 7);
  CHECK(loaded->node.ingest.restamp_future);
  auto wrong = load_text("[clock]\ntrusted_after = \"yesterday\"\n");
  REQUIRE_FALSE(wrong);
  CHECK(wrong.error().at(0).find("clock.trusted_after: found \"yesterday\"")
        != std::string::npos);
}

TEST_CASE_METHOD(fixture, "journal, checkpoint and duplicates are settings",
                 "[configs]") {
  auto loaded
    = load_text("[node]\ndata_dir = \"d\"\n"
                "[journal]\nenabled = false\nsize_mb_max = 16\n"
                "sync = \"each_batch\"\ndirectory = \"/run/j\"\n"
                "[checkpoint]\nenabled = false\ninterval_ms = 5000\n"
                "cost_percent_max = 10\nwrite_mb_per_s_max = 1\n"
                "[duplicates]\nenabled = false\nhorizon_events = 10\n"
                "[uplink]\nbacklog = \"in_order\"\nbacklog_kb_per_s_max = 64\n");
  REQUIRE(loaded);
  const auto& node = loaded->node;
  CHECK_FALSE(node.journal.enabled);
  CHECK(node.journal.files.sync_each_append);
  CHECK(node.journal.files.size_bytes_max == 16u << 20);
  CHECK(node.journal.files.directory == "/run/j");
  CHECK_FALSE(node.writer.checkpoints);
  CHECK(node.writer.checkpoint_interval == std::chrono::seconds{5});
  CHECK(node.writer.cost_max == 0.1);
  CHECK(node.writer.write_bytes_per_s_max == 1u << 20);
  CHECK_FALSE(node.gate.duplicates_enabled);
  CHECK(node.gate.duplicates_horizon == 10);
  CHECK(node.uplink.backlog == weir::transport::backlog_mode::in_order);
  CHECK(node.uplink.backlog_bytes_per_s_max == 65'536);
  auto beside_data = load_text("[node]\ndata_dir = \"d\"\n");
  REQUIRE(beside_data);
  CHECK(beside_data->node.journal.files.directory == dir.path() / "d" / "journal");
  CHECK_FALSE(load_text("[journal]\nsync = \"sometimes\"\n"));
}

TEST_CASE_METHOD(fixture, "wrong settings are told, all of them", "[configs]") {
  auto loaded = load_text("[node]\nname = \"no spaces please\"\n"
                          "[windw]\nwidth_ms = 5\n"
                          "[[source.mqtt]]\nuri = 5\n"
                          "[[rule]]\nname = \"r\"\ncondition = \"above\"\n");
  REQUIRE_FALSE(loaded);
  std::string all;
  for (const auto& x : loaded.error())
    all += x + "\n";
  CAPTURE(all);
  CHECK(all.find("windw: unknown key, did you mean \"window\"?") != std::string::npos);
  CHECK(all.find("source.mqtt[0].name: found nothing") != std::string::npos);
  CHECK(all.find("source.mqtt[0].uri: found 5") != std::string::npos);
  CHECK(all.find("source.mqtt[0].topics") != std::string::npos);
  CHECK(all.find("rule[0].limit: found nothing") != std::string::npos);
}

TEST_CASE_METHOD(fixture, "a name that cannot be one is told", "[configs]") {
  auto loaded = load_text("[node]\nname = \"no spaces please\"\n");
  REQUIRE_FALSE(loaded);
  CHECK(loaded.error().at(0).find("node.name") != std::string::npos);
}

TEST_CASE_METHOD(fixture, "a missing key file is told with how to make one",
                 "[configs]") {
  auto keys = weir::transport::make_curve_keys();
  auto loaded = load_text("[uplink]\nserver_public_key = '" + keys.public_key
                          + "'\nsecret_key_file = \"none.key\"\n");
  REQUIRE_FALSE(loaded);
  CHECK(loaded.error().at(0).find("weir keys new") != std::string::npos);
}
