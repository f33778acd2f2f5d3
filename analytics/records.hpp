// What a shard makes of events, and what crosses the link to the centre: summaries,
// anomalies, alerts and rejections. Plain data; see "Vocabulary" in
// docs/architecture.md for the words.
#pragma once

#include "analytics/event.hpp"

#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace weir::analytics {

/// What a closed window [start_ns, start_ns + width_ns) leaves. Summaries merge.
struct summary {
  series_id series = 0; ///< In a record_block: index into its `series`.
  std::int64_t start_ns = 0;
  std::int64_t width_ns = 0;
  std::uint64_t count = 0; ///< Never 0 in a summary that was sent.
  double sum = 0.0;
  double min = 0.0;
  double max = 0.0;
  double mean = 0.0;
  double m2 = 0.0;    ///< Sum of squared deviations from the mean.
  double first = 0.0; ///< The value with the smallest time (earliest arrival wins).
  double last = 0.0;  ///< The value with the largest time (latest arrival wins).
  std::int64_t first_ns = 0;
  std::int64_t last_ns = 0;
  std::uint32_t late_count = 0; ///< Events of this series that came too late since
                                ///< its previous summary; they are in no window.
  std::uint32_t revision = 0; ///< Late events that came after it had been sent, so far.
  bool early = false; ///< The window is still open; anything that is not early, or
                      ///< comes later, replaces it.

  /// Holds only late events that came since the window was sent, and adds to what was
  /// sent: so in any order, and whatever was merged meanwhile, each event counts once.
  bool correction = false;

  /// What the window's further aggregates (sketches, rate, ...) left, encoded; see
  /// analytics/extended_aggregates.hpp. Empty where only the fields above were asked.
  std::string extended{};

  /// Population variance.
  double variance() const {
    return count == 0 ? 0.0 : m2 / static_cast<double>(count);
  }
  bool operator==(const summary&) const = default;
};

/// Folds `other` into `into` (Chan, Golub, LeVeque 1979). Both must be of one
/// series; the result keeps `into`'s start, covers both, is early if one is, and a
/// correction if both are.
/// `extended` merges as in analytics/extended_aggregates.hpp; of a side whose
/// `extended` cannot be read, that of the other side stands.
void merge(summary& into, const summary& other);

enum class severity : std::uint8_t { low = 0, medium = 1, high = 2, critical = 3 };
std::string_view to_string(severity x);

/// A value that its series' past does not explain.
struct anomaly {
  series_id series = 0; ///< In a record_block: index into its `series`.
  std::int64_t time_ns = 0;
  double value = 0.0;
  double expected = 0.0;  ///< What the detector would have expected.
  double deviation = 0.0; ///< (value - expected) in robust standard deviations.
  double score = 0.0;     ///< In [0,1].
  analytics::severity severity = analytics::severity::low;
  std::string model; ///< Detector and version, e.g. "ewma/1".

  bool operator==(const anomaly&) const = default;
};

enum class alert_state : std::uint8_t {
  inactive = 0,
  pending = 1,
  firing = 2,
  recovering = 3,
  resolved = 4
};
std::string_view to_string(alert_state x);

/// One transition of a rule's state machine for one series.
struct alert {
  /// 16 hex digits, a function of (rule, series text, start): the edge and the
  /// centre always name the same alert the same.
  std::string id;
  std::string rule;
  series_id series = 0; ///< In a record_block: index into its `series`.
  alert_state state = alert_state::firing;
  analytics::severity severity = analytics::severity::medium;
  std::int64_t start_ns = 0;   ///< Event time at which the condition began.
  std::int64_t updated_ns = 0; ///< Event time of this transition.
  double value = 0.0;
  double limit = 0.0;
  std::string message; ///< One sentence for the operator.

  bool operator==(const alert&) const = default;
};

std::string make_alert_id(std::string_view rule, std::string_view series_text,
                          std::int64_t start_ns);

/// Why an event or a payload was not taken.
enum class reject_reason : std::uint8_t {
  malformed = 0,     ///< Not valid JSON or msgpack, or ends too early.
  wrong_type = 1,    ///< A field has another type than the format says.
  missing_field = 2, ///< No value, or no metric from payload or topic.
  not_finite = 3,    ///< NaN or infinity.
  bad_time = 4,      ///< Unreadable, or outside the accepted span.
  too_large = 5,     ///< Payload, text or nesting beyond the limit.
  not_utf8 = 6,
  series_limit = 7,  ///< The node already has `series_max` series.
  unknown_topic = 8, ///< The topic does not fit the template.
  late = 9,          ///< Behind the watermark by more than the allowed lateness.
};
inline constexpr std::size_t reject_reason_count = 10;
std::string_view to_string(reject_reason x);

/// A sample of what was rejected; the counters count every case, this shows some.
struct rejection {
  std::int64_t time_ns = 0; ///< Arrival.
  std::string source;       ///< Ingest source and topic or client.
  reject_reason reason = reject_reason::malformed;
  std::string detail;      ///< What, where, what would be right.
  std::string first_bytes; ///< At most 256 bytes of the payload, any bytes.

  bool operator==(const rejection&) const = default;
};

/// A run of records that travels as one: in the outbox, on the link, in one
/// transaction of the centre. Record i of the order summaries, anomalies, alerts,
/// rejections has the sequence number `first sequence + i`.
struct record_block {
  std::vector<std::string> series; ///< Canonical texts; records point into it.
  std::vector<summary> summaries;
  std::vector<anomaly> anomalies;
  std::vector<alert> alerts;
  std::vector<rejection> rejections;

  std::size_t record_count() const {
    return summaries.size() + anomalies.size() + alerts.size() + rejections.size();
  }
  bool operator==(const record_block&) const = default;
};

} // namespace weir::analytics
