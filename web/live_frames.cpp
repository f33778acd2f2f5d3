#include "web/live_frames.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <bit>
#include <cassert>

namespace weir::web {

using nlohmann::json;

namespace {

constexpr std::size_t short_map_max = 15; // A msgpack map with a 1-byte head.

void append_double(std::vector<std::uint8_t>& out, double value) {
  auto bits = std::bit_cast<std::uint64_t>(value);
  for (int shift = 0; shift < 64; shift += 8)
    out.push_back(static_cast<std::uint8_t>(bits >> shift));
}

/// A column of doubles: little-endian bytes, or numbers where text is wanted.
template <class Get>
json column(wire_format format, const std::vector<analytics::summary>& points,
            Get get) {
  if (format == wire_format::json) {
    auto result = json::array();
    for (const auto& x : points)
      result.push_back(get(x));
    return result;
  }
  std::vector<std::uint8_t> bytes;
  bytes.reserve(points.size() * sizeof(double));
  for (const auto& x : points)
    append_double(bytes, get(x));
  return json::binary(std::move(bytes));
}

frame_body encode(wire_format format, const json& fields) {
  assert(fields.is_object() && !fields.empty() && fields.size() + 2 <= short_map_max);
  auto bytes = std::make_shared<std::string>();
  if (format == wire_format::json)
    *bytes = fields.dump(-1, ' ', false, json::error_handler_t::replace);
  else
    json::to_msgpack(fields, nlohmann::detail::output_adapter<char>{*bytes});
  bytes->erase(0, 1); // The map's head, or `{`: make_frame() writes it.
  return {fields.size(), std::move(bytes)};
}

json snapshot_series_json(wire_format format, const snapshot_series& x) {
  // Merged points are wider than the series' own.
  auto width_ns = x.about.width_ns;
  for (const auto& point : x.points)
    width_ns = std::max(width_ns, point.width_ns);
  using point = analytics::summary;
  return {{"id", x.about.id},
          {"edge", x.about.edge},
          {"text", x.about.text},
          {"width_ms", ms_json(width_ns)},
          {"n", x.points.size()},
          {"start_ms", column(format, x.points,
                              [](const point& p) {
                                return static_cast<double>(p.start_ns) / 1e6;
                              })},
          {"mean", column(format, x.points, [](const point& p) { return p.mean; })},
          {"min", column(format, x.points, [](const point& p) { return p.min; })},
          {"max", column(format, x.points, [](const point& p) { return p.max; })},
          {"count", column(format, x.points, [](const point& p) {
             return static_cast<double>(p.count);
           })}};
}

json anomalies_json(const std::vector<named_anomaly>& list) {
  auto result = json::array();
  for (const auto& x : list)
    result.push_back(anomaly_json(x));
  return result;
}

} // namespace

frame_body hello_body(wire_format format, std::int64_t now_ns,
                      std::string_view version) {
  return encode(format, {{"server_ms", ms_json(now_ns)},
                         {"version", std::string{version}},
                         {"heartbeat_ms", 1000}});
}

frame_body tick_body(wire_format format, std::int64_t now_ns,
                     const actors::fleet_view& fleet, const store_totals& store) {
  return encode(format, {{"server_ms", ms_json(now_ns)},
                         {"totals", totals_json(fleet.totals, store)},
                         {"edges", edges_json(fleet)}});
}

frame_body snap_body(wire_format format, std::int64_t now_ns,
                     const snapshot_content& content) {
  auto series = json::array();
  for (const auto& x : content.series)
    series.push_back(snapshot_series_json(format, x));
  return encode(format, {{"server_ms", ms_json(now_ns)},
                         {"id", content.subscription},
                         {"series", std::move(series)},
                         {"anomalies", anomalies_json(content.anomalies)},
                         {"missing", content.missing}});
}

frame_body delta_body(wire_format format, std::int64_t now_ns,
                      const live_delta& delta) {
  auto points = json::array();
  for (const auto& x : delta.points)
    points.push_back(
      json::array({x.series, ms_json(x.start_ns), ms_json(x.width_ns), x.mean, x.min,
                   x.max, x.count, x.revision, x.early ? 1 : 0}));
  auto alerts = json::array();
  for (const auto& x : delta.alerts)
    alerts.push_back(alert_json(x.edge, x.series_text, x.value));
  return encode(format, {{"server_ms", ms_json(now_ns)},
                         {"points", std::move(points)},
                         {"anomalies", anomalies_json(delta.anomalies)},
                         {"alerts", std::move(alerts)},
                         {"new_series", delta.new_series}});
}

frame_body error_body(wire_format format, std::optional<std::int64_t> id,
                      std::string_view code, std::string_view message) {
  return encode(format, {{"id", id ? json(*id) : json(nullptr)},
                         {"code", std::string{code}},
                         {"message", std::string{message}}});
}

ws_frame make_frame(wire_format format, std::string_view type,
                    std::optional<std::uint64_t> seq, const frame_body& body) {
  json head = {{"t", std::string{type}}};
  if (seq)
    head["seq"] = *seq;
  ws_frame result;
  result.body = body.bytes;
  result.text = format == wire_format::json;
  if (result.text) {
    result.head = head.dump();
    result.head.back() = ','; // In place of `}`.
    return result;
  }
  auto fields = head.size() + body.fields;
  json::to_msgpack(head, nlohmann::detail::output_adapter<char>{result.head});
  result.head.front() = static_cast<char>(0x80 | fields); // fixmap
  return result;
}

} // namespace weir::web
