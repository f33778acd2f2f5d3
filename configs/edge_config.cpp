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

analytics::severity read_severity(table_reader& table, const std::string& key,
                                  const std::string& fallback) {
  auto text = table.one_of(key, fallback, {"low", "medium", "high", "critical"});
  if (text == "low")
    return analytics::severity::low;
  if (text == "medium")
    return analytics::severity::medium;
  return text == "high" ? analytics::severity::high : analytics::severity::critical;
}

std::size_t read_size(table_reader& table, const std::string& key, std::size_t fallback,
                      std::int64_t min, std::int64_t max) {
  return static_cast<std::size_t>(
    table.integer(key, static_cast<std::int64_t>(fallback), min, max));
}

void read_ingest(table_reader& root, actors::edge_node_config& node) {
  auto table = root.table("ingest");
  auto& ingest = node.ingest;
  auto time_min = table.text("time_min", "2000-01-01T00:00:00Z");
  if (auto parsed = transport::time_from_iso8601(time_min))
    ingest.time_min_ns = *parsed;
  else
    table.fail("time_min", "\"" + time_min + "\"",
               "an ISO 8601 time such as \"2000-01-01T00:00:00Z\"");
  ingest.future_tolerance_ns
    = table.integer("future_tolerance_ms", 300'000, 0, 3650 * day_ms) * ms_ns;
  auto& limits = ingest.limits;
  limits.payload_bytes_max
    = read_size(table, "payload_bytes_max", limits.payload_bytes_max, 64, 64 << 20);
  limits.events_max
    = read_size(table, "events_per_payload_max", limits.events_max, 1, 10'000'000);
  limits.dimensions_max
    = read_size(table, "dimensions_max", limits.dimensions_max, 0, 64);
  limits.text_bytes_max
    = read_size(table, "text_bytes_max", limits.text_bytes_max, 8, 4096);
  node.series_max = read_size(table, "series_max", node.series_max, 1, 10'000'000);
  node.inbox.events_max
    = read_size(table, "inbox_events_max", node.inbox.events_max, 1024, 10'000'000);
  node.linger = milliseconds{table.integer("linger_ms", 2, 0, 1000)};
  table.finish();
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

void read_windows(table_reader& root, analytics::shard_config& shard) {
  auto window = root.table("window");
  shard.window.width_ns = window.integer("width_ms", 10'000, 1, 366 * day_ms) * ms_ns;
  shard.window.out_of_orderness_ns
    = window.integer("out_of_orderness_ms", 2'000, 0, 366 * day_ms) * ms_ns;
  shard.window.idle_close_ns
    = window.integer("idle_close_ms", 15'000, 100, 366 * day_ms) * ms_ns;
  window.finish();
  auto table = root.table("detector");
  auto& detector = shard.detector;
  detector.enabled = table.boolean("enabled", true);
  shard.detector_ignores = table.texts("ignore", {});
  detector.warmup_events = static_cast<std::uint32_t>(
    table.integer("warmup_events", detector.warmup_events, 2, 1'000'000));
  detector.memory_events
    = table.number("memory_events", detector.memory_events, 1.0, 1e9);
  detector.threshold = table.number("threshold", detector.threshold, 0.1, 1e6);
  detector.clip = table.number("clip", detector.clip, 0.1, 1e6);
  detector.calm_events = static_cast<std::uint32_t>(
    table.integer("calm_events", detector.calm_events, 1, 200));
  detector.spread_min_relative
    = table.number("spread_min_relative", detector.spread_min_relative, 0.0, 1.0);
  detector.spread_min = table.number("spread_min", detector.spread_min, 1e-300, 1e300);
  table.finish();
}

void read_rules(table_reader& root, analytics::shard_config& shard) {
  for (auto& table : root.tables("rule")) {
    analytics::rule_config rule;
    rule.name = table.required_text("name");
    rule.metric = table.text("metric", "*");
    rule.source = table.text("source", "*");
    auto condition = table.one_of("condition", "above", {"above", "below", "anomaly"});
    using kind = analytics::rule_condition;
    rule.condition = condition == "above"   ? kind::above
                     : condition == "below" ? kind::below
                                            : kind::anomaly;
    auto limit = table.optional_number("limit");
    if (!limit && rule.condition != kind::anomaly)
      table.fail("limit", "nothing", "a number: the limit of the rule");
    rule.limit = limit.value_or(0.0);
    rule.clear_limit = table.optional_number("clear_limit");
    rule.hold_ns = table.integer("hold_ms", 0, 0, 366 * day_ms) * ms_ns;
    rule.recover_ns = table.integer("recover_ms", 0, 0, 366 * day_ms) * ms_ns;
    rule.severity = read_severity(table, "severity", "medium");
    rule.anomaly_min = read_severity(table, "anomaly_min", "high");
    table.finish();
    shard.rules.push_back(std::move(rule));
  }
}

void read_alerts(table_reader& root, const std::filesystem::path& base,
                 actors::edge_node_config& node) {
  auto table = root.table("alerts");
  node.alerts.enabled = table.boolean("enabled", false);
  node.alerts.topic = table.text("topic", node.alerts.topic);
  node.alerts.mqtt = read_mqtt(table, base, "weir-" + node.name + "-alerts");
  table.finish();
}

void read_outbox(table_reader& root, actors::edge_node_config& node) {
  auto table = root.table("outbox");
  node.outbox.size_bytes_max = read_size(table, "size_mb_max", 256, 1, 1'000'000) << 20;
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
  table.finish();
  read_ingest(root, node);
  read_sources(root, base, node);
  read_windows(root, node.shard);
  read_rules(root, node.shard);
  read_alerts(root, base, node);
  read_outbox(root, node);
  read_uplink(root, base, node);
  root.finish();
  if (errors.empty())
    if (auto problem = actors::validate(node); !problem.empty())
      errors.push_back(file.string() + ": " + problem);
  if (!errors.empty())
    return unexpected(std::move(errors));
  return result;
}

} // namespace weir::configs
