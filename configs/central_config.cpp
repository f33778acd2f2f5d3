#include "configs/central_config.hpp"

#include "configs/mqtt_settings.hpp"

#include <set>
#include <utility>

namespace weir::configs {

namespace {

using std::chrono::milliseconds;

/// The defaults are those of `otherwise`.
storage::retention read_retention(table_reader& table,
                                  const storage::retention& otherwise) {
  constexpr auto day_ns = storage::retention::day_ns;
  auto days = [&](const char* key, std::int64_t fallback_ns) {
    return table.integer(key, fallback_ns / day_ns, 0, 36'500) * day_ns;
  };
  return {days("raw_days", otherwise.raw_ns), days("minute_days", otherwise.minute_ns),
          days("hour_days", otherwise.hour_ns),
          days("day_days", otherwise.day_tier_ns)};
}

void read_store(table_reader& root, central_config& config) {
  auto table = root.table("store");
  auto& store = config.node.store;
  store.directory = config.data_dir / "store";
  store.size_bytes_max
    = static_cast<std::size_t>(table.integer("size_mb_max", 8192, 16, 16 << 20)) << 20;
  auto count = [&table](const char* key, std::size_t fallback) {
    return static_cast<std::size_t>(
      table.integer(key, static_cast<std::int64_t>(fallback), 10, 1'000'000'000));
  };
  store.quarantine_max = count("quarantine_max", store.quarantine_max);
  store.anomalies_max = count("anomalies_max", store.anomalies_max);
  store.alerts_max = count("alerts_max", store.alerts_max);
  store.recent_rows_max = static_cast<std::size_t>(
    table.integer("recent_rows_max", static_cast<std::int64_t>(store.recent_rows_max),
                  1000, 10'000'000));
  store.recent_age_ns_max
    = table.integer("recent_age_s", store.recent_age_ns_max / 1'000'000'000, 10, 86'400)
      * 1'000'000'000;
  auto keep = table.table("keep");
  store.keep = read_retention(keep, store.keep);
  keep.finish();
  for (auto& rule : table.tables("keep_of")) {
    auto metric = rule.required_text("metric");
    store.keep_rules.push_back({metric, read_retention(rule, store.keep)});
    rule.finish();
  }
  config.node.writer.commit_interval
    = milliseconds{table.integer("commit_interval_ms", 5, 1, 10'000)};
  table.finish();
}

void read_uplink(table_reader& root, const std::filesystem::path& base,
                 central_config& config) {
  auto table = root.table("uplink");
  auto& uplink = config.node.uplink;
  uplink.endpoint = table.text("endpoint", uplink.endpoint);
  uplink.message_bytes_max = static_cast<std::size_t>(table.integer(
    "message_bytes_max", static_cast<std::int64_t>(uplink.message_bytes_max), 1 << 20,
    256 << 20));
  uplink.credit_bytes_total
    = static_cast<std::size_t>(table.integer("credit_mb", 64, 1, 100'000)) << 20;
  uplink.heartbeat_interval
    = milliseconds{table.integer("heartbeat_interval_ms", 1000, 100, 60'000)};
  auto file = resolve(base, table.text("secret_key_file", ""));
  if (!file.empty()) {
    if (auto keys = transport::read_secret_key(file))
      uplink.keys.own = *keys;
    else
      table.fail("secret_key_file", "\"" + file.string() + "\"",
                 "the centre's key file, made by `weir keys new` ("
                   + keys.error().message + ")");
  }
  std::set<std::string> names;
  for (auto& edge : table.tables("edge")) {
    transport::allowed_peer peer{edge.required_text("name"),
                                 edge.required_text("public_key")};
    if (!peer.name.empty() && !transport::is_peer_name(peer.name))
      edge.fail("name", "\"" + peer.name + "\"", "1 to 64 of A-Z a-z 0-9 . _ -");
    if (!names.insert(peer.name).second)
      edge.fail("name", "\"" + peer.name + "\" a second time",
                "a name of its own for each edge");
    if (!peer.public_key.empty() && !transport::is_curve_key(peer.public_key))
      edge.fail("public_key", "\"" + peer.public_key + "\"",
                "the 40 characters that `weir keys show` prints");
    edge.finish();
    uplink.keys.allowed.push_back(std::move(peer));
  }
  table.finish();
}

void read_alerts(table_reader& root, const std::filesystem::path& base,
                 central_config& config) {
  auto table = root.table("alerts");
  auto& alerts = config.node.alerts;
  alerts.enabled = table.boolean("enabled", false);
  alerts.manager.topic = table.text("topic", alerts.manager.topic);
  alerts.manager.edge_silent_after
    = milliseconds{table.integer("edge_silent_after_ms", 15'000, 2000, 86'400'000)};
  alerts.mqtt = read_mqtt(table, base, "weir-central-alerts");
  table.finish();
}

void read_web(table_reader& root, const std::filesystem::path& base,
              central_config& config) {
  auto table = root.table("web");
  auto& web = config.web;
  web.bind = table.text("bind", web.bind);
  web.port = static_cast<std::uint16_t>(table.integer("port", web.port, 0, 65'535));
  web.tls_certificate = resolve(base, table.text("tls_certificate", ""));
  web.tls_key = resolve(base, table.text("tls_key", ""));
  web.allowed_origins = table.texts("allowed_origins", {});
  web.connections_max = static_cast<std::size_t>(table.integer(
    "connections_max", static_cast<std::int64_t>(web.connections_max), 1, 100'000));
  web.data_dir = config.data_dir;
  table.finish();
}

} // namespace

expected<central_config, config_errors>
load_central_config(const std::filesystem::path& file) {
  auto tree = parse_toml(file);
  if (!tree)
    return unexpected(config_errors{tree.error()});
  config_errors errors;
  central_config result;
  auto base = file.parent_path();
  table_reader root{*tree, file.string(), "", errors};
  auto log = root.table("log");
  result.log_level
    = log.one_of("level", "info", {"trace", "debug", "info", "warn", "error", "off"});
  log.finish();
  auto node = root.table("node");
  result.data_dir = resolve(base, node.text("data_dir", "data"));
  node.finish();
  read_store(root, result);
  read_uplink(root, base, result);
  read_alerts(root, base, result);
  read_web(root, base, result);
  root.finish();
  if (!errors.empty())
    return unexpected(std::move(errors));
  return result;
}

} // namespace weir::configs
