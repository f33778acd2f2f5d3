// Counters of the web server since start; they only grow, but for the `_now`
// ones. Written by its threads, read by /metrics.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

namespace weir::web {

struct web_counters {
  using counter = std::atomic<std::uint64_t>;

  counter connections_now{0};
  counter connections_total{0};
  counter connections_refused{0};             ///< Beyond connections_max.
  counter tls_failed{0};                      ///< Handshakes.
  counter accept_errors{0};                   ///< e.g. no file descriptors left.
  counter sockets_now{0};                     ///< WebSocket connections.
  std::array<counter, 5> requests_by_class{}; ///< 1xx to 5xx.
  counter queries_refused{0};                 ///< The query queue was full: 503.
  counter logins_failed{0};                   ///< Wrong token or key.
  counter logins_limited{0};                  ///< 429.
  counter frames_sent{0};
  counter frames_bytes{0};
  counter ticks_skipped{0};       ///< The client was behind; the next is newer.
  counter points_merged{0};       ///< Replaced by newer ones for a slow client.
  counter sockets_closed_slow{0}; ///< 1013.
  counter live_points_dropped{0}; ///< The inbox was full; led to a resync.
  counter live_events_dropped{0}; ///< Anomalies and alerts, the same.
  counter resyncs{0};
};

} // namespace weir::web
