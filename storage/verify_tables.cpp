#include "storage/verify_tables.hpp"

#include "storage/big_endian.hpp"
#include "storage/block_table.hpp"
#include "storage/failure.hpp"
#include "storage/recent_tables.hpp"
#include "storage/store_value_io.hpp"
#include "storage/store_values.hpp"

#include <algorithm>
#include <array>

namespace weir::storage {

namespace {

// -- where a key stands -------------------------------------------------------

key_meaning of_series_key(std::string_view key) {
  key_meaning result;
  auto in = byte_reader{key};
  auto id = in.take<std::uint32_t>();
  if (in.ok())
    result.series = id;
  return result;
}

key_meaning of_window_key(std::string_view key) {
  auto result = of_series_key(key);
  if (key.size() >= window_key_bytes)
    result.time_ns = unbiased(get_be<std::uint64_t>(key.data() + 12));
  return result;
}

key_meaning of_series_time_key(std::string_view key) {
  auto result = of_series_key(key);
  if (key.size() >= 12)
    result.time_ns = unbiased(get_be<std::uint64_t>(key.data() + 4));
  return result;
}

key_meaning of_time_key(std::string_view key) {
  key_meaning result;
  if (key.size() >= 8)
    result.time_ns = unbiased(get_be<std::uint64_t>(key.data()));
  return result;
}

key_meaning of_time_series_key(std::string_view key) {
  auto result = of_time_key(key);
  if (key.size() >= 12)
    result.series = get_be<std::uint32_t>(key.data() + 8);
  return result;
}

/// The name's size comes first.
key_meaning of_edge_key(std::string_view key) {
  key_meaning result;
  if (!key.empty())
    result.edge = key.substr(1, static_cast<unsigned char>(key.front()));
  return result;
}

key_meaning of_position_key(std::string_view key) {
  key_meaning result;
  if (key.size() > 8)
    result.edge = key.substr(0, key.size() - 8);
  return result;
}

key_meaning of_name_key(std::string_view key) {
  key_meaning result;
  result.edge = key;
  return result;
}

key_meaning of_block_key(std::string_view key) {
  key_meaning result;
  if (key.size() >= 21) {
    result.series = get_be<std::uint32_t>(key.data() + 1);
    result.time_ns = unbiased(get_be<std::uint64_t>(key.data() + 13));
  }
  return result;
}

key_meaning of_horizon_key(std::string_view key) {
  return of_series_key(key.substr(std::min<std::size_t>(key.size(), 1)));
}

// -- whether a value can be read ------------------------------------------------

void check_window(std::string_view key, std::string_view value) {
  static_cast<void>(to_window(to_window_key(key), value));
}

void check_recent(std::string_view key, std::string_view value) {
  static_cast<void>(to_window(to_recent_window(key), value));
}

void check_block(std::string_view key, std::string_view value) {
  auto first_ns = to_block_key(key).first_start_ns;
  row_set rows;
  if (auto done = decode_rows(value, rows); !done)
    throw failure(done.error());
  if (rows.rows.front().start_ns != first_ns)
    malformed("a block that stands at another time than it begins");
}

void check_series(std::string_view key, std::string_view value) {
  static_cast<void>(to_series(key, value));
}

void check_tail(std::string_view key, std::string_view value) {
  if (key.size() != sizeof(stored_series_id))
    malformed("a series' key");
  stored_series into;
  read_tail(into, value);
}

void check_position(std::string_view key, std::string_view value) {
  auto position = to_position(key, value);
  if (position.accounted() != position.covered())
    malformed("a position whose fates do not add up");
}

void check_range(std::string_view key, std::string_view value) {
  static_cast<void>(to_range(key, value));
}

void check_event(std::string_view key, std::string_view value) {
  static_cast<void>(to_event(key, value));
}

void check_counters(std::string_view key, std::string_view value) {
  static_cast<void>(to_counters(key, value));
}

void check_anomaly(std::string_view key, std::string_view value) {
  static_cast<void>(to_anomaly(to_anomaly_key(key), value));
}

void check_anomaly_index(std::string_view key, std::string_view value) {
  static_cast<void>(to_anomaly_series_key(key));
  if (!value.empty())
    malformed("an entry of an index with a value");
}

void check_alert(std::string_view, std::string_view value) {
  static_cast<void>(to_alert(value));
}

void check_rejection(std::string_view key, std::string_view value) {
  if (key.size() != sizeof(std::uint64_t))
    malformed("a sample's key");
  static_cast<void>(to_rejection(value));
}

constexpr std::array<table_rule, 17> rules{{
  {"alerts", of_edge_key, check_alert},
  {"alerts_closed", of_time_key, nullptr},
  {"alerts_open", of_time_key, nullptr},
  {"anomalies", of_time_series_key, check_anomaly},
  {"anomalies_by_series", of_series_time_key, check_anomaly_index},
  {"blocks", of_block_key, check_block},
  {"edge_counters", of_name_key, check_counters},
  {"horizons", of_horizon_key, nullptr},
  {"ledger", of_edge_key, check_range},
  {"ledger_events", of_edge_key, check_event},
  {"positions", of_position_key, check_position},
  {"quarantine", nullptr, check_rejection},
  {"recent_a", of_time_series_key, check_recent},
  {"recent_b", of_time_series_key, check_recent},
  {"series", of_series_key, check_series},
  {"summaries", of_window_key, check_window},
  {"tails", of_series_key, check_tail},
}};

} // namespace

const table_rule* find_table_rule(std::string_view table) {
  const auto* found
    = std::ranges::find_if(rules, [&](const auto& x) { return x.table == table; });
  return found == rules.end() ? nullptr : found;
}

const std::vector<table_balance>& table_balances() {
  static const std::vector<table_balance> result{
    {"anomalies", {"anomalies_by_series"}},
    {"alerts", {"alerts_open", "alerts_closed"}},
  };
  return result;
}

} // namespace weir::storage
