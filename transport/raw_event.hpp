// The border between bytes and events: decoders read payloads and call an
// event_sink once per event or rejection. Strings are borrowed from the payload and
// live only during the call.
#pragma once

#include "analytics/records.hpp"
#include "analytics/series.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace weir::transport {

struct raw_event {
  analytics::series_view series;
  double value = 0.0;                  ///< Finite.
  std::optional<std::int64_t> time_ns; ///< Nothing: the sender gave no time.
  std::string_view id;                 ///< The sender's event id; empty if none.

  /// The sender's own count of its events ("seq"), one of its source: shows what was
  /// lost before it came here. Nothing: the sender does not count.
  std::optional<std::uint64_t> sequence;
};

class event_sink {
public:
  virtual ~event_sink() = default;
  virtual void on_event(const raw_event& event) = 0;

  /// One event, or a whole payload, could not be taken. `bytes` is what could not
  /// be read, uncut.
  virtual void on_reject(analytics::reject_reason reason, std::string_view detail,
                         std::string_view bytes)
    = 0;
};

/// How timestamps are written. `automatic` recognises seconds, milliseconds,
/// microseconds and nanoseconds by magnitude (|t| < 1e11 s, < 1e14 ms, < 1e17 us,
/// else ns) and ISO 8601 by being text.
enum class time_unit : std::uint8_t {
  automatic,
  seconds,
  milliseconds,
  microseconds,
  nanoseconds
};

/// What a payload does not say itself. Fields found in the payload win.
struct decode_context {
  std::string_view metric = {}; ///< From the topic; empty if none.
  std::string_view source = {}; ///< From the topic or the client; empty if none.
  std::span<const analytics::dimension> dimensions = {}; ///< From the topic.
  time_unit unit = time_unit::automatic;
};

/// Limits on one payload. Beyond any of them the payload (or event) is rejected.
struct decode_limits {
  std::size_t payload_bytes_max = 1 << 20;
  std::size_t events_max = 100'000;
  std::size_t dimensions_max = 16;
  std::size_t text_bytes_max = 256; ///< Any one name, key, value or id.
  std::size_t depth_max = 8;
};

} // namespace weir::transport
