// INTERNAL: keys and values of the store's tables; the grammar is in FORMAT.md.
// Decoders throw `failure`: unsupported for a newer version, malformed
// otherwise.
#pragma once

#include "analytics/records.hpp"
#include "storage/failure.hpp"
#include "storage/store.hpp"
#include "storage/store_window.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace weir::storage {

inline constexpr std::size_t edge_name_bytes_max = 255;
inline constexpr std::size_t alert_id_bytes_max = 128;

// Years 1897 to 2116, and windows of up to a year: sums of these never
// overflow.
inline constexpr std::int64_t start_ns_min = -(std::int64_t{1} << 61);
inline constexpr std::int64_t start_ns_max = std::int64_t{1} << 62;
inline constexpr std::int64_t width_ns_max = std::int64_t{1} << 55;

struct window_key {
  stored_series_id series = 0;
  std::int64_t width_ns = 0;
  std::int64_t start_ns = 0;

  auto operator<=>(const window_key&) const = default;
};
std::string to_key(const window_key& key);
window_key to_window_key(std::string_view key);

/// The same into a buffer of window_key_bytes.
inline constexpr std::size_t window_key_bytes = 20;
void write_key(char* to, const window_key& key);

std::string to_value(const stored_window& window);
/// Replaces `out` by the value of a window that has one version: what to_value() gives
/// after add_version() into an empty one.
void write_first_version(std::string& out, const version_origin& origin,
                         const analytics::summary& x);
/// `key` gives series, width and start.
stored_window to_window(const window_key& key, std::string_view value);

std::string series_key(stored_series_id id);
std::string to_value(const stored_series& series); ///< Edge and text.
std::string to_tail(const stored_series& series);  ///< Newest width and start.
stored_series to_series(std::string_view key, std::string_view value);
void read_tail(stored_series& series, std::string_view value);

/// The key is the edge's name, then the epoch in 8 bytes.
std::string position_key(std::string_view edge, std::uint64_t epoch);
std::string to_value(const edge_position& position);
edge_position to_position(std::string_view key, std::string_view value);

/// Keys that begin with an edge's name: its size comes first, so that no name's keys
/// lie among those of another.
std::string edge_prefix(std::string_view edge);

/// The edge's name, the epoch, the first number.
std::string range_key(std::string_view edge, std::uint64_t epoch,
                      std::uint64_t first_seq);
/// First number of a key that begins with an edge's name and an epoch.
std::uint64_t range_first_seq(std::string_view key);
std::string to_value(const ledger_range& range);
ledger_range to_range(std::string_view key, std::string_view value);

/// The edge's name, a number of the order in which they happened.
std::string event_key(std::string_view edge, std::uint64_t number);
std::uint64_t event_number(std::string_view key);
std::string to_value(const ledger_event& event);
ledger_event to_event(std::string_view key, std::string_view value);

/// The key is the edge's name.
std::string to_value(const edge_counters& counters);
edge_counters to_counters(std::string_view key, std::string_view value);

/// Time, series, number; and the index by series: series, time, number.
struct anomaly_key {
  std::int64_t time_ns = 0;
  stored_series_id series = 0;
  std::uint64_t number = 0;
};
std::string to_key(const anomaly_key& key);
std::string to_series_key(const anomaly_key& key);
anomaly_key to_anomaly_key(std::string_view key);
anomaly_key to_anomaly_series_key(std::string_view key);
std::string to_value(const analytics::anomaly& value);
analytics::anomaly to_anomaly(const anomaly_key& key, std::string_view value);

std::string alert_key(std::string_view edge, std::string_view id);
std::string alert_time_key(std::int64_t updated_ns, std::string_view alert_key);
std::string to_value(const stored_alert& alert);
stored_alert to_alert(std::string_view value);

std::string number_key(std::uint64_t number);
std::string to_value(const stored_rejection& rejection);
stored_rejection to_rejection(std::string_view value);

} // namespace weir::storage
