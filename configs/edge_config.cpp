#include "configs/edge_config.hpp"

#include "configs/mqtt_settings.hpp"
#include "transport/curve.hpp"
#include "transport/timestamp.hpp"

#include <utility>

namespace weir::configs {

namespace {

using std::chrono::milliseconds;
constexpr std::int64_t ms_ns = 1'000'000;
constexpr std::int64_t day_ms = 86'400'000;

transport::time_unit read_time_unit(table_reader& table) {
  auto text = table.one_of("time_unit", "auto", {"auto", "s", "ms", "us", "ns"});
  using unit = transport::time_unit;
  if (text == "s")
    return unit::seconds;
  if (text == "ms")
    return unit::milliseconds;
  if (text == "us")
    return unit::microseconds;
  return text == "ns" ? unit::nanoseconds : unit::automatic;
}

std::size_t read_size(table_reader& table, const std::string& key, std::size_t fallback,
                      std::int64_t min, std::int64_t max) {
  return static_cast<std::size_t>(
    table.integer(key, static_cast<std::int64_t>(fallback), min, max));
}

void apply_ingest(table_reader& root, actors::edge_node_config& node) {
  auto settings = read_ingest(root);
  node.ingest.limits = settings.limits;
  node.ingest.time_min_ns = settings.time_min_ns;
  node.ingest.future_tolerance_ns = settings.future_tolerance_ns;
  node.ingest.restamp_future = settings.restamp_future;
  node.series_max = settings.series_max;
  node.inbox.events_max = settings.inbox_events_max;
  node.linger = milliseconds{settings.linger_ms};
}

void read_clock(table_reader& root, actors::edge_node_config& node) {
  auto table = root.table("clock");
  auto after = table.text("trusted_after", "2025-01-01T00:00:00Z");
  if (auto parsed = transport::time_from_iso8601(after))
    node.clock.trusted_after_ns = *parsed;
  else
    table.fail("trusted_after", "\"" + after + "\"",
               "an ISO 8601 time such as \"2025-01-01T00:00:00Z\"");
  node.clock.jump_ns = table.integer("jump_ms", 2'000, 1, day_ms) * ms_ns;
  node.gate.held_events_max
    = read_size(table, "held_events_max", node.gate.held_events_max, 0, 100'000'000);
  if (auto good = analytics::validate(node.clock); !good)
    table.complain("trusted_after", good.error());
  table.finish();
}

/// What a source does where there is no room: true, it sheds.
bool read_overload(table_reader& table) {
  return table.one_of("on_overload", "wait", {"wait", "shed"}) == "shed";
}

void read_mqtt_sources(table_reader& source, const std::filesystem::path& base,
                       actors::edge_node_config& node) {
  for (auto& table : source.tables("mqtt")) {
    actors::mqtt_source_config result;
    result.name = table.required_text("name");
    result.mqtt = read_mqtt(table, base, "weir-" + node.name + "-" + result.name);
    result.topic_template = table.text("topic_template", "");
    result.mqtt.topics = table.texts("topics", {});
    result.unit = read_time_unit(table);
    result.sheds = read_overload(table);
    if (result.topic_template.empty() && result.mqtt.topics.empty())
      table.fail("topics", "nothing",
                 "topic filters, or a topic_template to make one from");
    table.finish();
    node.mqtt_sources.push_back(std::move(result));
  }
}

/// Reads `secret_key_file` and [[allowed]] of a CURVE server.
transport::curve_server_keys read_server_keys(table_reader& table,
                                              const std::filesystem::path& base,
                                              const std::string& peers_key) {
  transport::curve_server_keys result;
  auto file = resolve(base, table.text("secret_key_file", ""));
  if (!file.empty()) {
    if (auto keys = transport::read_secret_key(file))
      result.own = *keys;
    else
      table.fail("secret_key_file", "\"" + file.string() + "\"",
                 "a key file made by `weir keys new` (" + keys.error().message + ")");
  }
  for (auto& peer : table.tables(peers_key)) {
    result.allowed.push_back(
      {peer.required_text("name"), peer.required_text("public_key")});
    peer.finish();
  }
  return result;
}

void read_zmq_sources(table_reader& source, const std::filesystem::path& base,
                      actors::edge_node_config& node) {
  for (auto& table : source.tables("zmq")) {
    actors::zmq_source_config result;
    result.name = table.required_text("name");
    result.zmq.router_endpoint = table.text("router", "");
    result.zmq.pull_endpoint = table.text("pull", "");
    result.zmq.message_bytes_max = read_size(
      table, "message_bytes_max", result.zmq.message_bytes_max, 1024, 256 << 20);
    result.unit = read_time_unit(table);
    result.sheds = read_overload(table);
    result.zmq.keys = read_server_keys(table, base, "allowed");
    if (result.zmq.router_endpoint.empty() && result.zmq.pull_endpoint.empty())
      table.fail("router", "nothing",
                 "an endpoint for `router`, `pull` or both, such as "
                 "\"tcp://127.0.0.1:5560\"");
    table.finish();
    node.zmq_sources.push_back(std::move(result));
  }
}

void read_sources(table_reader& root, const std::filesystem::path& base,
                  actors::edge_node_config& node) {
  auto source = root.table("source");
  read_mqtt_sources(source, base, node);
  read_zmq_sources(source, base, node);
  auto host = source.table("host");
  node.host.enabled = host.boolean("enabled", false);
  node.host.interval = milliseconds{host.integer("interval_ms", 1000, 100, day_ms)};
  node.host.source = host.text("source", "");
  host.finish();
  source.finish();
}

void read_alerts(table_reader& root, const std::filesystem::path& base,
                 actors::edge_node_config& node) {
  auto table = root.table("alerts");
  node.alerts.enabled = table.boolean("enabled", false);
  node.alerts.topic = table.text("topic", node.alerts.topic);
  node.alerts.mqtt = read_mqtt(table, base, "weir-" + node.name + "-alerts");
  table.finish();
}

void read_duplicates(table_reader& root, actors::edge_node_config& node) {
  auto table = root.table("duplicates");
  node.gate.duplicates_enabled = table.boolean("enabled", true);
  node.gate.duplicates_horizon
    = read_size(table, "horizon_events", node.gate.duplicates_horizon, 1, 100'000'000);
  table.finish();
}

void read_journal(table_reader& root, const std::filesystem::path& base,
                  actors::edge_node_config& node) {
  auto table = root.table("journal");
  auto& journal = node.journal;
  journal.enabled = table.boolean("enabled", true);
  auto directory = table.text("directory", "");
  journal.files.directory = directory.empty()
                              ? node.outbox.directory.parent_path() / "journal"
                              : resolve(base, directory);
  journal.files.size_bytes_max = read_size(table, "size_mb_max", 64, 8, 100'000) << 20;
  journal.files.sync_each_append
    = table.one_of("sync", "interval", {"interval", "each_batch"}) == "each_batch";
  journal.sync_interval
    = milliseconds{table.integer("sync_interval_ms", 200, 10, 60'000)};
  table.finish();
}

void read_checkpoint(table_reader& root, actors::edge_node_config& node) {
  auto table = root.table("checkpoint");
  auto& writer = node.writer;
  writer.checkpoints = table.boolean("enabled", true);
  writer.checkpoint_interval
    = milliseconds{table.integer("interval_ms", 1000, 10, 600'000)};
  writer.cost_max
    = static_cast<double>(table.integer("cost_percent_max", 5, 1, 100)) / 100.0;
  writer.write_bytes_per_s_max = read_size(table, "write_mb_per_s_max", 8, 1, 100'000)
                                 << 20;
  table.finish();
}

void read_outbox(table_reader& root, actors::edge_node_config& node) {
  auto table = root.table("outbox");
  node.outbox.size_bytes_max = read_size(table, "size_mb_max", 256, 1, 1'000'000) << 20;
  node.outbox.coalesce_min_age_ns
    = table.integer("coalesce_min_age_s", 3600, 60, 31'536'000) * 1'000'000'000;
  node.writer.commit_interval
    = milliseconds{table.integer("commit_interval_ms", 10, 1, 10'000)};
  table.finish();
}

void read_uplink(table_reader& root, const std::filesystem::path& base,
                 actors::edge_node_config& node) {
  auto table = root.table("uplink");
  auto& uplink = node.uplink;
  node.uplink_enabled = table.boolean("enabled", true);
  uplink.endpoint = table.text("endpoint", uplink.endpoint);
  uplink.name = node.name;
  uplink.keys.server_public_key = table.text("server_public_key", "");
  auto file = resolve(base, table.text("secret_key_file", ""));
  if (node.uplink_enabled && !uplink.keys.server_public_key.empty()) {
    if (auto keys = transport::read_secret_key(file))
      uplink.keys.own = *keys;
    else
      table.fail("secret_key_file", "\"" + file.string() + "\"",
                 "this edge's key file, made by `weir keys new` ("
                   + keys.error().message + ")");
  }
  uplink.window_bytes_max
    = read_size(table, "window_bytes_max", uplink.window_bytes_max, 4096, 256 << 20);
  uplink.backlog
    = table.one_of("backlog", "live_first", {"live_first", "in_order"}) == "in_order"
        ? transport::backlog_mode::in_order
        : transport::backlog_mode::live_first;
  uplink.backlog_bytes_per_s_max
    = read_size(table, "backlog_kb_per_s_max", 0, 0, 10'000'000) << 10;
  uplink.heartbeat_interval
    = milliseconds{table.integer("heartbeat_interval_ms", 1000, 100, 60'000)};
  uplink.silence_max
    = milliseconds{table.integer("silence_max_ms", 5000, 500, 600'000)};
  uplink.backoff_min = milliseconds{table.integer("backoff_min_ms", 200, 10, 60'000)};
  uplink.backoff_max
    = milliseconds{table.integer("backoff_max_ms", 10'000, 100, 3'600'000)};
  table.finish();
}

} // namespace

expected<edge_config, config_errors>
load_edge_config(const std::filesystem::path& file) {
  auto tree = parse_toml(file);
  if (!tree)
    return unexpected(config_errors{tree.error()});
  config_errors errors;
  edge_config result;
  auto& node = result.node;
  auto base = file.parent_path();
  table_reader root{*tree, file.string(), "", errors};
  auto log = root.table("log");
  result.log_level
    = log.one_of("level", "info", {"trace", "debug", "info", "warn", "error", "off"});
  log.finish();
  auto table = root.table("node");
  node.name = table.text("name", node.name);
  node.outbox.directory = resolve(base, table.text("data_dir", "data")) / "outbox";
  node.shards = read_size(table, "shards", 0, 0, 64);
  node.memory_bytes_max = read_size(table, "memory_mb_max", 96, 16, 1'000'000) << 20;
  table.finish();
  read_clock(root, node);
  apply_ingest(root, node);
  read_sources(root, base, node);
  auto stream = read_stream_settings(root, base, file.string(), errors);
  node.stream = stream.config;
  read_alerts(root, base, node);
  read_duplicates(root, node);
  read_journal(root, base, node);
  read_checkpoint(root, node);
  read_outbox(root, node);
  read_uplink(root, base, node);
  root.finish();
  if (errors.empty())
    if (auto problem = actors::validate(node); !problem.empty())
      errors.push_back(file.string() + ": " + problem);
  if (!errors.empty())
    return unexpected(std::move(errors));
  result.reload
    = std::make_shared<stream_reload>(file, std::move(*tree), std::move(stream));
  return result;
}

} // namespace weir::configs
