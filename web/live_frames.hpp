// The server's WebSocket frames (web/API.md), in msgpack or JSON. A frame is a
// head of the connection's own (`t`, `seq`) and a body that many may share.
// Pure.
#pragma once

#include "web/http_message.hpp"
#include "web/json_views.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::web {

enum class wire_format : std::uint8_t { msgpack, json };

struct live_point {
  storage::stored_series_id series = 0;
  std::int64_t start_ns = 0;
  std::int64_t width_ns = 0;
  double mean = 0.0;
  double min = 0.0;
  double max = 0.0;
  std::uint64_t count = 0;
  std::uint32_t revision = 0;
  bool early = false; ///< Its window is still open.

  bool operator==(const live_point&) const = default;
};

/// What came to the store since the last one.
struct live_delta {
  std::vector<live_point> points;
  std::vector<named_anomaly> anomalies;
  std::vector<storage::committed_alert> alerts;
  std::uint64_t new_series = 0;

  bool empty() const {
    return points.empty() && anomalies.empty() && alerts.empty() && new_series == 0;
  }
};

/// What a snapshot read from the store.
struct snapshot_series {
  storage::stored_series about;
  std::vector<analytics::summary> points;
};
struct snapshot_content {
  std::int64_t subscription = 0;
  std::vector<snapshot_series> series;
  std::vector<named_anomaly> anomalies;
  std::vector<storage::stored_series_id> missing;
};

/// The fields of a frame but for `t` and `seq`, encoded.
struct frame_body {
  std::size_t fields = 0;
  std::shared_ptr<const std::string> bytes;
};

frame_body hello_body(wire_format format, std::int64_t now_ns,
                      std::string_view version);
frame_body tick_body(wire_format format, std::int64_t now_ns,
                     const actors::fleet_view& fleet, const store_totals& store);
frame_body snap_body(wire_format format, std::int64_t now_ns,
                     const snapshot_content& content);
frame_body delta_body(wire_format format, std::int64_t now_ns, const live_delta& delta);
frame_body error_body(wire_format format, std::optional<std::int64_t> id,
                      std::string_view code, std::string_view message);

/// `seq` is left out of frames that are not numbered (`hello`, `error`).
ws_frame make_frame(wire_format format, std::string_view type,
                    std::optional<std::uint64_t> seq, const frame_body& body);

} // namespace weir::web
