#include "configs/ingest_settings.hpp"

#include "transport/timestamp.hpp"

#include <string>

namespace weir::configs {

namespace {

constexpr std::int64_t ms_ns = 1'000'000;
constexpr std::int64_t day_ms = 86'400'000;

/// Windows, lateness and the like must find room before an event's time.
constexpr std::int64_t year_1700_ns = -8'520'336'000'000'000'000;

std::size_t read_size(table_reader& table, const std::string& key, std::size_t fallback,
                      std::int64_t min, std::int64_t max) {
  return static_cast<std::size_t>(
    table.integer(key, static_cast<std::int64_t>(fallback), min, max));
}

} // namespace

ingest_settings read_ingest(table_reader& root) {
  auto table = root.table("ingest");
  ingest_settings result;
  auto time_min = table.text("time_min", "2000-01-01T00:00:00Z");
  auto parsed = transport::time_from_iso8601(time_min);
  if (parsed && *parsed >= year_1700_ns)
    result.time_min_ns = *parsed;
  else
    table.fail("time_min", "\"" + time_min + "\"",
               "an ISO 8601 time from 1700 on, such as \"2000-01-01T00:00:00Z\"");
  result.future_tolerance_ns
    = table.integer("future_tolerance_ms", 300'000, 0, 3650 * day_ms) * ms_ns;
  result.restamp_future
    = table.one_of("future", "quarantine", {"quarantine", "restamp"}) == "restamp";
  auto& limits = result.limits;
  limits.payload_bytes_max
    = read_size(table, "payload_bytes_max", limits.payload_bytes_max, 64, 64 << 20);
  limits.events_max
    = read_size(table, "events_per_payload_max", limits.events_max, 1, 10'000'000);
  limits.dimensions_max
    = read_size(table, "dimensions_max", limits.dimensions_max, 0, 64);
  limits.text_bytes_max
    = read_size(table, "text_bytes_max", limits.text_bytes_max, 8, 4096);
  result.series_max = read_size(table, "series_max", result.series_max, 1, 10'000'000);
  result.inbox_events_max
    = read_size(table, "inbox_events_max", result.inbox_events_max, 1024, 10'000'000);
  result.linger_ms = table.integer("linger_ms", result.linger_ms, 0, 1000);
  table.finish();
  return result;
}

} // namespace weir::configs
